// Frames of a fetch's answer (rules I8, N13): none is larger than a channel carries, and laid end to end they are what was read.

import { create } from '@bufbuild/protobuf';
import { FetchOutcomeSchema, type FetchResultFrame } from '@robustmq/rpc';
import { Random } from '@robustmq/testkit';
import {
  cutIntoFrames,
  MAX_FETCH_FRAME_BYTES,
  MAX_FETCH_FRAME_OUTCOMES,
  type FetchAnswerFrame,
  type FetchedSection,
} from '../src/read/fetch-frames.ts';

function section(shard: number, bytes: Buffer): FetchedSection {
  return { bytes, outcome: (sizeBytes) => create(FetchOutcomeSchema, { shard, sizeBytes }) };
}

function valueOf({ frame }: FetchAnswerFrame): FetchResultFrame {
  if (frame.case !== 'fetch') throw new Error('another frame');
  return frame.value;
}

/** Outcome sizes per shard, summed over the frames. */
function sizes(frames: readonly FetchAnswerFrame[]): Map<number, number> {
  const found = new Map<number, number>();
  for (const frame of frames) {
    for (const { shard, sizeBytes } of valueOf(frame).outcomes)
      found.set(shard, (found.get(shard) ?? 0) + sizeBytes);
  }
  return found;
}

test('I8: forty sections that each fit into a frame are not laid into one', () => {
  const sections = Array.from({ length: 40 }, (_, shard) => section(shard, Buffer.alloc(430 * 1024)));
  const frames = cutIntoFrames(7n, sections);
  for (const frame of frames) expect(frame.bytes).toBeLessThanOrEqual(MAX_FETCH_FRAME_BYTES);
  expect([...sizes(frames).values()]).toEqual(sections.map(({ bytes }) => bytes.length));
  expect(frames.map((frame) => valueOf(frame).complete)).toEqual(
    frames.map((_, index) => index === frames.length - 1),
  );
});

test('N13: a hundred thousand empty sections come in many frames', () => {
  const sections = Array.from({ length: 100_000 }, (_, shard) => section(shard, Buffer.alloc(0)));
  const frames = cutIntoFrames(7n, sections);
  for (const frame of frames)
    expect(valueOf(frame).outcomes.length).toBeLessThanOrEqual(MAX_FETCH_FRAME_OUTCOMES);
  expect(sizes(frames).size).toBe(100_000);
});

test('an answer without sections is one frame that completes it', () => {
  const frames = cutIntoFrames(7n, []);
  expect(frames.map((frame) => valueOf(frame))).toMatchObject([
    { requestId: 7n, complete: true, outcomes: [] },
  ]);
});

test('every section is there in whole, whatever the sizes', () => {
  const random = new Random(20);
  for (let round = 0; round < 50; round++) {
    const sections = Array.from({ length: 1 + random.below(9) }, (_, shard) => {
      const exact = random.below(4) === 0 ? MAX_FETCH_FRAME_BYTES : random.below(2 * MAX_FETCH_FRAME_BYTES);
      return section(shard, Buffer.alloc(exact));
    });
    const frames = cutIntoFrames(1n, sections);
    expect([...sizes(frames).values()]).toEqual(sections.map(({ bytes }) => bytes.length));
    for (const frame of frames) {
      const outcomes = valueOf(frame).outcomes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      expect(outcomes).toBe(frame.bytes);
      expect(frame.bytes).toBeLessThanOrEqual(MAX_FETCH_FRAME_BYTES);
    }
  }
});
