// The ring of a shard's newest batches (I8).

import fc from 'fast-check';
import { ShardTail, shardKeyOf, type RingBatch } from '../src/delivery/shard-tail.ts';

describe('ShardTail', () => {
  const batch = (fromOffset: number, nextOffset: number, sizeBytes: number): RingBatch => ({
    buffer: Buffer.alloc(0),
    batchStart: 0,
    fromOffset,
    nextOffset,
    sizeBytes,
    isTrusted: true,
    recordCount: 0,
    recordStarts: new Int32Array(0),
    offsetDeltas: new Int32Array(0),
    routes: [],
  });

  test('I8: the ring is bounded, keeps its newest batch, and finds the batch of every offset it has', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 50 })), {
          maxLength: 200,
        }),
        (sizes) => {
          const tail = new ShardTail(1, 0, 1, 0);
          for (const [count, bytes] of sizes) {
            const from = tail.nextOffset;
            tail.nextOffset += count;
            tail.push(batch(from, tail.nextOffset, bytes), 100);
            expect(tail.sizeBytes).toBeLessThanOrEqual(100);
            for (let offset = tail.ringStart; offset < tail.nextOffset; offset++) {
              const found = tail.batchAt(offset)!;
              expect(found.fromOffset <= offset && offset < found.nextOffset).toBe(true);
            }
            expect(tail.batchAt(tail.nextOffset)).toBeUndefined();
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  test('a jump of the tail empties the ring', () => {
    const tail = new ShardTail(2, 3, 1, 0);
    tail.nextOffset = 5;
    tail.push(batch(0, 5, 10), 100);
    tail.restartAt(40);
    expect([tail.ringStart, tail.nextOffset, tail.sizeBytes]).toEqual([40, 40, 0]);
    expect(tail.key).toBe(shardKeyOf(2, 3));
  });
});
