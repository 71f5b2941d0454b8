// The order and the cost of checks: first in, first out per connection, and never long on the loop (rule K1, N8).
import { setImmediate } from 'node:timers/promises';
import { deflateBatch } from '@robustmq/batch-compression/testing';
import { systemClock, systemTimers, TurnShare, type Timers } from '@robustmq/runtime';
import { RecordBatchBuilder } from '@robustmq/record-batch';
import { MemoryBudget } from '../src/memory-budget.ts';
import { BatchLine } from '../src/produce/batch-line.ts';
import { CheckShare } from '../src/produce/check-share.ts';
import { batchOf, zstdBatch } from './fakes/batches.ts';

const RULES = { maxBatchBytes: 8 * 1024 * 1024, apiVersion: 9, timestamps: undefined, nowMs: 0 };

/** A batch of many records, so that its check is long. */
function manyRecords(count: number): Buffer {
  const builder = new RecordBatchBuilder({ maxBatchBytes: 16 * 1024 * 1024 });
  for (let index = 0; index < count; index += 1) builder.append(1_000, null, null);
  return builder.finishCopy({});
}

function shareOf(timers: Timers = systemTimers, monotonicMs = () => systemClock.monotonicMs()): CheckShare {
  return new CheckShare(new TurnShare({ monotonicMs }, timers), new MemoryBudget(64 * 1024 * 1024));
}

/** A share whose turns are never spent, however slow the machine is. */
const timeless = (): CheckShare => shareOf(systemTimers, () => 0);

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await setImmediate();
}

test('a small batch is checked in the turn in which it came', () => {
  const line = new BatchLine(timeless());
  const heard: unknown[] = [];
  line.check(batchOf(['a']), RULES, (problem) => heard.push(problem));
  line.check(zstdBatch(['b']), RULES, (problem) => heard.push(problem));
  expect(heard).toEqual([undefined, undefined]);
});

test('K1: a batch never overtakes another of its connection, whatever each costs', async () => {
  const line = new BatchLine(timeless());
  const large = deflateBatch(manyRecords(200_000), 0, 'gzip');
  const batches = [
    batchOf(['a']),
    large,
    batchOf(['b']),
    zstdBatch(['c']),
    manyRecords(60_000),
    batchOf(['d']),
  ];
  const order: number[] = [];
  batches.forEach((batch, index) => line.check(batch, RULES, () => order.push(index)));
  expect(order).toEqual([0]);
  await until(() => order.length === batches.length);
  expect(order).toEqual([0, 1, 2, 3, 4, 5]);
});

test('a refused batch holds up nobody behind it', async () => {
  const line = new BatchLine(shareOf());
  const heard: (string | undefined)[] = [];
  const cut = Buffer.from(deflateBatch(manyRecords(100_000), 0, 'zstd'));
  cut.writeInt32BE(7, 57);
  line.check(cut, RULES, (problem) => heard.push(problem?.name));
  line.check(batchOf(['a']), RULES, (problem) => heard.push(problem?.name));
  await until(() => heard.length === 2);
  expect(heard[1]).toBeUndefined();
  expect(heard[0]).not.toBeUndefined();
});

test('N8: a turn of the loop takes 5 ms of checks at most, over all connections', async () => {
  // Each look at the clock is worth 1 ms, so a slice has five units of work at most.
  let nowMs = 0;
  let turns = 0;
  const timers: Timers = {
    ...systemTimers,
    soon: (action) =>
      systemTimers.soon(() => {
        turns += 1;
        action();
      }),
  };
  const share = shareOf(timers, () => nowMs++);
  const lines = Array.from({ length: 10 }, () => new BatchLine(share));
  let done = 0;
  for (const line of lines) line.check(manyRecords(40_000), RULES, () => (done += 1));
  expect(done).toBe(0);
  await until(() => done === lines.length);
  // 10 × 80,000 records and ends of records in steps of 1,000.
  expect(turns).toBeGreaterThan((10 * 80_000) / 1_000 / 6);
});

test('N8: connections take turns, so that a long check does not starve a short one', async () => {
  let nowMs = 0;
  const share = shareOf(systemTimers, () => nowMs++);
  const order: string[] = [];
  new BatchLine(share).check(manyRecords(300_000), RULES, () => order.push('long'));
  new BatchLine(share).check(manyRecords(40_000), RULES, () => order.push('short'));
  await until(() => order.length === 2);
  expect(order).toEqual(['short', 'long']);
});

test('I8: four batches are inflated at once, the others wait in order', async () => {
  const share = shareOf();
  const large = deflateBatch(manyRecords(100_000), 0, 'gzip');
  let done = 0;
  let most = 0;
  for (let connection = 0; connection < 12; connection += 1) {
    new BatchLine(share).check(Buffer.from(large), RULES, () => (done += 1));
    most = Math.max(most, share.inflatingCount);
  }
  await until(() => {
    most = Math.max(most, share.inflatingCount);
    return done === 12;
  });
  expect(most).toBe(4);
  await until(() => share.inflatingCount === 0);
});

test('I8: what waits for its check counts in the memory for requests until it is done', async () => {
  const share = shareOf();
  const line = new BatchLine(share);
  const large = Buffer.from(deflateBatch(manyRecords(100_000), 0, 'gzip'));
  let done = 0;
  line.check(large, RULES, () => (done += 1));
  line.check(large, RULES, () => (done += 1));
  expect(share.memory.usedBytes).toBe(2 * large.length);
  await until(() => done === 2);
  expect(share.memory.usedBytes).toBe(0);
});
