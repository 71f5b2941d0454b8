// What a pass sends (rules X5, I8): an elided section never comes after its outcome was forgotten, and no frame outgrows a
// channel.

import { create } from '@bufbuild/protobuf';
import { AppendOutcomeSchema, TailKind, type ExchangeResponse } from '@robustmq/rpc';
import { FrameOut } from '../src/exchange/frame-out.ts';
import type { Shard } from '../src/shard/shard.ts';

const SHARD = {
  streamId: 1,
  shard: 0,
  leaderEpoch: 0,
  highWatermark: 9,
  lastStableOffset: 9,
  log: { logStartOffset: 0 },
} as unknown as Shard;

let frames: ExchangeResponse['frame'][];
let out: FrameOut;

beforeEach(() => {
  frames = [];
  out = new FrameOut((frame) => frames.push(frame));
});

function outcome(correlation: number): void {
  out.outcome(create(AppendOutcomeSchema, { correlation: BigInt(correlation) }));
}

/** Correlations of outcomes per frame; undefined for a frame that could not hold any. */
function outcomesPerFrame(): (number[] | undefined)[] {
  return frames.map((frame) =>
    frame.case === 'append' || frame.case === 'tail'
      ? frame.value.outcomes.map(({ correlation }) => Number(correlation))
      : undefined,
  );
}

test('X5: the outcomes of a pass that needs two frames leave with the last of them', () => {
  outcome(1);
  out.section(SHARD, TailKind.BATCHES, { from: 0, next: 1 }, Buffer.alloc(700 * 1024));
  outcome(2);
  out.section(SHARD, TailKind.ELIDED, { from: 1, next: 2, correlation: 1 }, undefined);
  out.flush();
  expect(frames.map((frame) => frame.case)).toEqual(['tail', 'tail']);
  expect(outcomesPerFrame()).toEqual([[], [1, 2]]);
});

test('a pass without a tail is one frame of outcomes, an empty one none', () => {
  out.flush();
  outcome(1);
  out.flush();
  out.flush();
  expect(frames.map((frame) => frame.case)).toEqual(['append']);
});

test('X5, I8: with more outcomes than one frame takes, all sections come before the first of them', () => {
  const count = 10_000;
  for (let correlation = 1; correlation <= count; correlation++) outcome(correlation);
  out.section(SHARD, TailKind.ELIDED, { from: 0, next: 1, correlation: 1 }, undefined);
  out.flush();
  expect(frames[0]?.case).toBe('tail');
  const sent = outcomesPerFrame();
  expect(Math.max(...sent.map((each) => each?.length ?? Infinity))).toBeLessThanOrEqual(4_096);
  expect(sent.flat()).toEqual(Array.from({ length: count }, (_, index) => index + 1));
});

test('I8: sections without data fill a frame too', () => {
  for (let at = 0; at < 10_000; at++)
    out.section(SHARD, TailKind.ELIDED, { from: at, next: at + 1, correlation: at + 1 }, undefined);
  out.flush();
  const perFrame = frames.map((frame) => (frame.case === 'tail' ? frame.value.sections.length : -1));
  expect(Math.max(...perFrame)).toBeLessThanOrEqual(4_096);
  expect(perFrame.reduce((sum, each) => sum + each, 0)).toBe(10_000);
});
