// A walk over batches whose bytes end before they should: it says where, and always comes to an end (L2, N8).

import { walkBatches, walkBatchesAsync, type WalkedBytes } from '../src/batch-walk.ts';
import { batch } from './batches.ts';

/** More reads than any of these walks needs. */
const MAX_READS = 20;

/** Bytes of which a file should have `sizeBytes` and has less. */
class ShortFile implements WalkedBytes {
  readonly sizeBytes: number;
  readonly #bytes: Buffer;
  #reads = 0;

  constructor(bytes: Buffer, sizeBytes: number) {
    this.#bytes = bytes;
    this.sizeBytes = sizeBytes;
  }

  read(position: number, lengthBytes: number): Buffer {
    if (++this.#reads > MAX_READS) throw new Error('the walk goes on and on');
    return this.#bytes.subarray(position, position + lengthBytes);
  }

  readAsync(position: number, lengthBytes: number): Promise<Buffer> {
    return Promise.resolve(this.read(position, lengthBytes));
  }
}

const small = batch(0, ['a']);
const large = batch(1, ['v'.repeat(600_000)]);
const whole = Buffer.concat([small, large, batch(2, ['b'])]);

/** Where the last of the batches that are there as a whole ends, in a file of so many bytes. */
function endOfWhole(sizeBytes: number): number {
  const ends = [0, small.length, small.length + large.length, whole.length];
  return ends.findLast((end) => end <= sizeBytes)!;
}

test.each([
  ['nothing', 0],
  ['part of the first header', 30],
  ['the first batch', small.length],
  ['part of the header of the next', small.length + 30],
  ['less of the large batch than one step reads', small.length + 100_000],
  ['more of the large batch than one step reads', small.length + 400_000],
  ['all of the large batch but a byte', small.length + large.length - 1],
  ['part of the last header', small.length + large.length + 60],
])('L2: a file that has %s only is suspect from where the batches end', async (_, sizeBytes) => {
  const passed: number[] = [];
  const visit = (_bytes: Buffer, _at: number, position: number, size: number): void =>
    void passed.push(position + size);
  const source = (): ShortFile => new ShortFile(whole.subarray(0, sizeBytes), whole.length);
  expect(walkBatches(source(), 0, visit)).toBe(endOfWhole(sizeBytes));
  expect(passed.at(-1) ?? 0).toBe(endOfWhole(sizeBytes));
  expect(await walkBatchesAsync(source(), 0, visit, () => false)).toBe(endOfWhole(sizeBytes));
});

test('a file that has all is suspect nowhere', async () => {
  let visited = 0;
  const visit = (): void => void visited++;
  expect(walkBatches(new ShortFile(whole, whole.length), 0, visit)).toBe(Infinity);
  expect(await walkBatchesAsync(new ShortFile(whole, whole.length), 0, visit, () => false)).toBe(Infinity);
  expect(visited).toBe(6);
});
