// Questions for offsets (rule N8; Kafka's ListOffsets): the newest record that consumers see, and many questions at once.

import fc from 'fast-check';
import { create } from '@bufbuild/protobuf';
import { fromFailure, ListOffsetsRequestSchema } from '@robustmq/rpc';
import { systemTimers } from '@robustmq/runtime';
import { JournalCalls } from '../src/process/calls.ts';
import type { Journal } from '../src/journal.ts';
import { offsetFor } from '../src/read/offset-queries.ts';
import { ReadTurns } from '../src/shard/read-turns.ts';
import type { Shard } from '../src/shard/shard.ts';

const MAX_TIMESTAMP = -3;
let workedMs = 0;
let searches = 0;

/** A log whose record at offset n has times[n], in segments of three. */
function shardOf(times: readonly number[], logStartOffset: number, highWatermark: number): Shard {
  const segments: { baseOffset: number; maxTimestampMs: number }[] = [];
  for (let at = 0; at === 0 || at < times.length; at += 3)
    segments.push({ baseOffset: at, maxTimestampMs: Math.max(-1, ...times.slice(at, at + 3)) });
  return {
    leaderEpoch: 0,
    highWatermark,
    lastStableOffset: highWatermark,
    leader: { latestOffsetAvailable: true },
    leaderFor: () => undefined,
    log: {
      logStartOffset,
      leaderEpochs: [{ leaderEpoch: 0, startOffset: 0 }],
      describeSegments: () => segments,
      offsetForTimestamp: (timestampMs: number, end: number) => {
        workedMs += 0.2;
        searches++;
        const offset = times.findIndex((time, at) => at >= logStartOffset && at < end && time >= timestampMs);
        const hit = { offset, timestampMs: times[offset], compressed: false };
        return Promise.resolve(offset < 0 ? undefined : hit);
      },
    },
  } as unknown as Shard;
}

test('the newest record is the newest that consumers see, wherever the newest of all lies', async () => {
  const time = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 2 ** 45 }));
  await fc.assert(
    fc.asyncProperty(
      fc.array(time, { maxLength: 12 }),
      fc.nat(12),
      fc.nat(12),
      async (times, start, hidden) => {
        const end = Math.max(0, times.length - hidden);
        const logStart = Math.min(start, end);
        const visible = times.slice(logStart, end);
        const newest = Math.max(-1, ...visible);
        const found = await offsetFor(shardOf(times, logStart, end), MAX_TIMESTAMP, false);
        expect(found).toMatchObject({
          timestampMs: newest,
          offset: newest < 0 ? -1 : logStart + visible.indexOf(newest),
        });
      },
    ),
    { numRuns: 500 },
  );
});

function callsOn(shard: Shard): JournalCalls {
  return new JournalCalls({
    turns: new ReadTurns({ monotonicMs: () => workedMs }, systemTimers),
    waits: { wait: (_until: () => boolean, callback: () => void) => callback() },
    shardOf: () => shard,
    readFailed: () => undefined,
  } as unknown as Journal);
}

const asked = (times: readonly number[]) =>
  create(ListOffsetsRequestSchema, {
    entries: times.map((time) => ({
      streamId: 1,
      shard: 0,
      currentLeaderEpoch: -1,
      timestampMs: BigInt(time),
    })),
  });

test('N8: ten thousand questions leave the loop to others, and one asked twice is answered once', async () => {
  const calls = callsOn(shardOf([1, 2, 3], 0, 3));
  let longest = 0;
  let isOver = false;
  let before = (workedMs = searches = 0);
  const turn = (): void => {
    longest = Math.max(longest, workedMs - before);
    before = workedMs;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const times = Array.from({ length: 10_000 }, (_, at) => at % 5_000);
  const { outcomes } = await calls.listOffsets(asked(times));
  isOver = true;
  expect(outcomes.map(({ offset }) => Number(offset)).slice(4_999, 5_004)).toEqual([-1, 0, 0, 1, 2]);
  expect([outcomes.length, searches]).toEqual([10_000, 5_000]);
  expect(longest).toBeLessThanOrEqual(5.3);
});

test('more questions than the bound are refused as a whole', async () => {
  const calls = callsOn(shardOf([1], 0, 1));
  const times = Array.from({ length: 100_001 }, () => 1);
  await expect(calls.listOffsets(asked(times))).rejects.toMatchObject({ code: 'quota_exceeded' });
});

test('an unknown special time is told in its own outcome', async () => {
  const { outcomes } = await callsOn(shardOf([1], 0, 1)).listOffsets(asked([-9, -2]));
  expect(outcomes.map(({ failure }) => fromFailure(failure)?.code)).toEqual(['unsupported', undefined]);
});
