// N12: a batch that is cut off or not the only one is called what Apache Kafka calls it, whatever else is wrong with it: clients
// send CORRUPT_MESSAGE again and give up on the others. The expected names are those of Kafka 4.3.1's own classes.
import { shapeProblem } from '../src/produce/batch-shape.ts';
import { headerProblem } from '../src/produce/batch-check.ts';
import { batchOf } from './fakes/batches.ts';

const SIZE_AT = 8;
const MAGIC_AT = 16;
const CRC_AT = 17;
const RULES = { maxBatchBytes: 1_000, apiVersion: 9, timestamps: undefined, nowMs: 0 };

const good = batchOf(['value']);
const nameOf = (records: Buffer, maxBatchBytes = RULES.maxBatchBytes): string =>
  headerProblem(records, { ...RULES, maxBatchBytes })?.name ?? 'NONE';
const changed = (batch: Buffer, change: (copy: Buffer) => void): Buffer => {
  const copy = Buffer.from(batch);
  change(copy);
  return copy;
};

test('cut at any length it is no batch, also one that would be too large', () => {
  for (let length = 0; length < good.length; length += 1)
    for (const max of [1_000, 20])
      expect([length, nameOf(good.subarray(0, length), max)]).toEqual([length, 'INVALID_RECORD']);
  expect([nameOf(good), nameOf(good, 20)]).toEqual(['NONE', 'MESSAGE_TOO_LARGE']);
});

test.each([255, 0, 1, 3, 4])(
  'magic %d: damage if nobody knows it, whether the batch is whole or cut',
  (magic) => {
    const expected = magic <= 1 ? 'INVALID_RECORD' : 'CORRUPT_MESSAGE';
    const batch = changed(good, (copy) => (copy[MAGIC_AT] = magic));
    expect([nameOf(batch), nameOf(batch.subarray(0, 20))]).toEqual([expected, expected]);
    // Where the magic has not come yet, nobody can say.
    expect(nameOf(batch.subarray(0, MAGIC_AT))).toBe('INVALID_RECORD');
  },
);

test.each([
  [-1, 'CORRUPT_MESSAGE', 'CORRUPT_MESSAGE'],
  [0, 'CORRUPT_MESSAGE', 'CORRUPT_MESSAGE'],
  [13, 'CORRUPT_MESSAGE', 'CORRUPT_MESSAGE'],
  [14, 'CORRUPT_MESSAGE', 'INVALID_RECORD'],
  [48, 'CORRUPT_MESSAGE', 'INVALID_RECORD'],
  [49, 'CORRUPT_MESSAGE', 'INVALID_RECORD'],
  [1_000, 'INVALID_RECORD', 'INVALID_RECORD'],
  [2 ** 31 - 1, 'INVALID_RECORD', 'INVALID_RECORD'],
])('a size of %d: %s, and %s when no more than that has come', (size, whole, cut) => {
  const batch = changed(good, (copy) => copy.writeInt32BE(size, SIZE_AT));
  expect([nameOf(batch), nameOf(batch.subarray(0, 12)), nameOf(batch.subarray(0, 17))]).toEqual([
    whole,
    cut,
    cut,
  ]);
});

test('a second batch is one too many, and damage behind the first is damage', () => {
  expect(nameOf(Buffer.concat([good, good]))).toBe('INVALID_RECORD');
  expect(nameOf(Buffer.concat([good, Buffer.alloc(20)]))).toBe('CORRUPT_MESSAGE');
  const badMagic = changed(Buffer.concat([good, good.subarray(0, 20)]), (copy) => {
    copy[good.length + MAGIC_AT] = 9;
  });
  expect(nameOf(badMagic)).toBe('CORRUPT_MESSAGE');
  // Kafka takes the first one and drops the rest without a word: here nothing is taken in part.
  for (const more of [1, 11, 12, 16, 17, 60])
    expect(nameOf(Buffer.concat([good, good.subarray(0, more)]))).toBe('INVALID_RECORD');
});

test('a base offset is told before a wrong CRC and before a size that is too large', () => {
  const batch = changed(good, (copy) => {
    copy.writeBigInt64BE(5n, 0);
    copy[CRC_AT]! ^= 1;
  });
  expect([nameOf(batch), nameOf(batch, 20)]).toEqual(['INVALID_RECORD', 'INVALID_RECORD']);
  for (const offset of [-1n, 2n ** 32n, 2n ** 62n])
    expect(nameOf(changed(good, (copy) => copy.writeBigInt64BE(offset, 0)))).toBe('INVALID_RECORD');
  expect(nameOf(changed(good, (copy) => (copy[CRC_AT]! ^= 1)))).toBe('CORRUPT_MESSAGE');
});

test('nothing is thrown, whatever the bytes are', () => {
  for (let at = 0; at < good.length; at += 1)
    for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
      const batch = changed(good, (copy) => (copy[at] = value));
      expect(() => shapeProblem(batch)).not.toThrow();
    }
});
