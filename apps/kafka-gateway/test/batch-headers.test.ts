// Headers are found wherever the journal has cut its answer.
import { batchHeader } from '@robustmq/record-batch';
import fc from 'fast-check';
import { batchHeaders } from '../src/batch-headers.ts';
import { batchOf, zstdBatch } from './fakes/batches.ts';

const batches = [batchOf(['a'.repeat(300)]), zstdBatch(['b'.repeat(3_000)]), batchOf(['']), batchOf(['c'])];
batches.forEach((batch, index) => batchHeader.stampBaseOffset(batch, 0, index));
const content = Buffer.concat(batches);

test('every header is found once, in order, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(content.length), { maxLength: 12 }), (cuts) => {
      const edges = [0, ...cuts.sort((a, b) => a - b), content.length];
      const pieces = edges.slice(1).map((end, index) => content.subarray(edges[index], end));
      const found = [...batchHeaders(pieces)].map((header) => [
        batchHeader.baseOffset(header, 0),
        batchHeader.codec(header, 0),
      ]);
      expect(found).toEqual([
        [0, 0],
        [1, 4],
        [2, 0],
        [3, 0],
      ]);
    }),
  );
});

test('what is no batch ends the walk', () => {
  const damaged = Buffer.concat([batchOf(['a']), Buffer.alloc(200)]);
  expect([...batchHeaders([damaged])]).toHaveLength(2);
  expect([...batchHeaders([content.subarray(0, 20)])]).toHaveLength(0);
});
