import fc from 'fast-check';
import { retentionStart } from '../src/retention.ts';
import { LeaderEpochs } from '../src/leader-epochs.ts';
import { decodeTransactions, encodeTransactions } from '../src/transaction-index.ts';
import { OffsetIndex, soundOffsetEntries } from '../src/offset-index.ts';
import { TimeIndex } from '../src/time-index.ts';

describe('leader epochs (KIP-101, KIP-279)', () => {
  const epochs = new LeaderEpochs([
    { leaderEpoch: 2, startOffset: 10 },
    { leaderEpoch: 5, startOffset: 20 },
    { leaderEpoch: 6, startOffset: 30 },
  ]);

  test.each([
    [6, 6, 40],
    [5, 5, 30],
    [4, 2, 20],
    [2, 2, 20],
    [1, 1, 10],
    [7, -1, -1],
    [-1, -1, -1],
  ])('epoch %i ends as %i at %i', (asked, leaderEpoch, endOffset) => {
    expect(epochs.endOffsetFor(asked, 40)).toEqual({ leaderEpoch, endOffset });
  });

  test('offsets know their epoch', () => {
    expect([9, 10, 19, 20, 99].map((offset) => epochs.at(offset))).toEqual([-1, 2, 2, 5, 6]);
  });

  test('an epoch without records leaves no trace', () => {
    const log = new LeaderEpochs();
    for (const [epoch, start] of [
      [1, 0],
      [2, 5],
      [3, 5],
      [3, 9],
    ] as const)
      log.assign(epoch, start);
    expect(log.list()).toEqual([
      { leaderEpoch: 1, startOffset: 0 },
      { leaderEpoch: 3, startOffset: 5 },
    ]);
    expect(() => log.assign(2, 9)).toThrow('never go back');
  });

  test('truncation and deletion keep what is left', () => {
    const log = new LeaderEpochs(epochs.list());
    log.truncateTo(30);
    expect(log.latest).toBe(5);
    log.advanceStart(25);
    expect(log.list()).toEqual([{ leaderEpoch: 5, startOffset: 20 }]);
  });

  test('the file reads back; damage is told', () => {
    expect(epochs.encode().toString()).toBe('0\n3\n2 10\n5 20\n6 30\n');
    expect(LeaderEpochs.decode(epochs.encode().toString()).list()).toEqual(epochs.list());
    for (const text of ['', '1\n0\n', '0\n2\n1 1\n', '0\n1\nx y\n']) {
      expect(() => LeaderEpochs.decode(text)).toThrow(expect.objectContaining({ code: 'corrupt' }));
    }
  });
});

describe('retention (L4)', () => {
  const segments = [
    { baseOffset: 0, lengthBytes: 100, timeMs: 1000 },
    { baseOffset: 10, lengthBytes: 100, timeMs: 3000 },
    { baseOffset: 20, lengthBytes: 100, timeMs: 2000 },
    { baseOffset: 30, lengthBytes: 50, timeMs: 9000 },
  ];

  test.each([
    ['nothing configured', -1, -1, 99, 0],
    ['time takes from the front while they are old', 6500, -1, 99, 30],
    ['a young segment protects the older one behind it', 7500, -1, 99, 10],
    ['all but the active', 0, -1, 99, 30],
    ['size', -1, 200, 99, 10],
    ['size keeps at least what is asked', -1, 251, 99, 0],
    ['never above HW', 0, 0, 25, 20],
  ])('%s', (_name, retentionMs, retentionBytes, limit, expected) => {
    expect(retentionStart(segments, { retentionMs, retentionBytes }, 10_000, limit)).toBe(expected);
  });

  test('an empty list starts at 0', () => {
    expect(retentionStart([], { retentionMs: 0, retentionBytes: 0 }, 0, 0)).toBe(0);
  });
});

test('aborted transactions read back in Kafka’s layout', () => {
  const transactions = [
    { producerId: 9, firstOffset: 1, lastOffset: 5, lastStableOffset: 1 },
    { producerId: 2 ** 40, firstOffset: 7, lastOffset: 8, lastStableOffset: 7 },
  ];
  const bytes = encodeTransactions(transactions);
  expect(bytes.length).toBe(68);
  expect(decodeTransactions(bytes)).toEqual(transactions);
  expect(() => decodeTransactions(bytes.subarray(1))).toThrow(expect.objectContaining({ code: 'corrupt' }));
  bytes[1] = 1;
  expect(() => decodeTransactions(bytes)).toThrow(expect.objectContaining({ code: 'corrupt' }));
});

const ascending = fc
  .uniqueArray(fc.integer({ min: 0, max: 10_000 }), { maxLength: 60 })
  .map((numbers) => numbers.sort((a, b) => a - b));

test('the offset index finds the last entry at or below', () => {
  fc.assert(
    fc.property(ascending, fc.integer({ min: 0, max: 10_000 }), (offsets, wanted) => {
      const index = new OffsetIndex();
      offsets.forEach((offset, i) => index.append(offset, 10 * i));
      const expected = offsets.findLastIndex((offset) => offset <= wanted);
      expect(index.floor(wanted)).toBe(expected);
      const stored = Buffer.from(index.bytes);
      expect(soundOffsetEntries(stored, 1_000_000).equals(stored)).toBe(true);
    }),
  );
});

test('a torn index file is cut where it stops to make sense', () => {
  const index = new OffsetIndex();
  for (let i = 0; i < 10; i++) index.append(i * 5, i * 100);
  const bytes = Buffer.from(index.bytes);
  bytes.fill(0, 40);
  expect(soundOffsetEntries(bytes, 1000).length).toBe(40);
  expect(soundOffsetEntries(bytes, 250).length).toBe(24);
  expect(soundOffsetEntries(bytes.subarray(0, 13), 1000).length).toBe(8);
});

test('the time index never skips a record with that time', () => {
  const batches = fc.array(fc.record({ time: fc.nat(500), size: fc.integer({ min: 1, max: 5 }) }), {
    minLength: 1,
    maxLength: 40,
  });
  fc.assert(
    fc.property(batches, fc.nat(600), (list, wanted) => {
      const index = new TimeIndex();
      let next = 0;
      let first = Infinity;
      for (const { time, size } of list) {
        next += size;
        if (time >= wanted) first = Math.min(first, next - 1);
        index.append(time, next - 1);
      }
      expect(index.searchStart(wanted)).toBeLessThanOrEqual(first);
      const again = TimeIndex.decode(index.encode(), next);
      expect([again.count, again.searchStart(wanted)]).toEqual([index.count, index.searchStart(wanted)]);
      index.truncate(0);
      expect([index.count, index.maxTimestampMs]).toEqual([0, -1]);
    }),
  );
});
