// What a shard holds while HW rests (rule I8): senders that wait are never let go, batches that only delivery waits for are.

import type { AppendOrigin, AppendRequest, PendingBatch } from '../src/shard/pending.ts';
import { Uncommitted } from '../src/shard/uncommitted.ts';

const KIB = 1024;

function request(deadlineMs = Infinity): AppendRequest {
  return {
    origin: {} as AppendOrigin,
    correlation: 1,
    streamId: 1,
    shard: 0,
    leaderEpoch: -1,
    acks: 1,
    acknowledgeInMemory: false,
    minRevision: 0,
    traceparent: '',
    deadlineMs,
    bytes: Buffer.alloc(0),
  };
}

function batch(offset: number, sizeBytes = KIB): PendingBatch {
  return {
    request: request(),
    bytes: Buffer.alloc(sizeBytes),
    baseOffset: offset,
    lastOffset: offset,
    logAppendTimeMs: -1,
    span: null,
    answered: false,
    expired: false,
    topics: undefined,
  };
}

const offsets = (batches: readonly PendingBatch[]): number[] => batches.map(({ baseOffset }) => baseOffset);

test('I8: 80,000 answered batches whose HW rests take a bounded memory', () => {
  const uncommitted = new Uncommitted();
  let mostBytes = 0;
  for (let offset = 0; offset < 80_000; offset++) {
    const added = batch(offset);
    uncommitted.add(added);
    uncommitted.answered(added);
    if (offset % 1_000 === 0) mostBytes = Math.max(mostBytes, uncommitted.sizeBytes);
  }
  expect(mostBytes).toBeLessThanOrEqual(4 * KIB * KIB);
  expect(uncommitted.takeLetGoBytes() + uncommitted.sizeBytes).toBe(80_000 * KIB);
  expect(uncommitted.takeLetGoBytes()).toBe(0);
});

test('I1: who waits for an answer is kept, in order, whatever is let go around it', () => {
  const uncommitted = new Uncommitted();
  for (let offset = 0; offset < 40_000; offset++) {
    const added = batch(offset);
    uncommitted.add(added);
    if (offset % 1_000 !== 0) uncommitted.answered(added);
  }
  const waiting = offsets([...uncommitted]).filter((offset) => offset % 1_000 === 0);
  expect(waiting).toEqual(Array.from({ length: 40 }, (_, index) => index * 1_000));
  const taken = offsets(uncommitted.takeBelow(20_001));
  expect(taken).toEqual([...taken].sort((left, right) => left - right));
  expect(taken.filter((offset) => offset % 1_000 === 0)).toHaveLength(21);
  expect(offsets(uncommitted.takeAll().batches).filter((offset) => offset % 1_000 === 0)).toHaveLength(19);
});

test('what HW passes no longer counts', () => {
  const uncommitted = new Uncommitted();
  for (let offset = 0; offset < 10_000; offset++) {
    const added = batch(offset);
    uncommitted.add(added);
    uncommitted.answered(added);
    expect(uncommitted.takeBelow(offset + 1)).toHaveLength(1);
  }
  expect([uncommitted.size, uncommitted.takeLetGoBytes()]).toEqual([0, 0]);
});

test('R6, N7: a repeat waits for HW, and no longer than its deadline', () => {
  const uncommitted = new Uncommitted();
  uncommitted.addRepeat({ request: request(100), baseOffset: 5, lastOffset: 6 });
  uncommitted.addRepeat({ request: request(200), baseOffset: 7, lastOffset: 7 });
  expect(uncommitted.takeRepeatsBelow(6)).toEqual([]);
  expect(uncommitted.takeExpiredRepeats(99)).toEqual([]);
  expect(uncommitted.takeExpiredRepeats(100)).toMatchObject([{ baseOffset: 5 }]);
  expect(uncommitted.takeRepeatsBelow(8)).toMatchObject([{ baseOffset: 7 }]);
  expect(uncommitted.takeAll()).toEqual({ batches: [], repeats: [] });
});
