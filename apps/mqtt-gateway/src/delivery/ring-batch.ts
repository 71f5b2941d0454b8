// A batch as the ring of its shard keeps it for sessions that are a little behind.

import { batchHeader } from '@robustmq/record-batch';
import type { RingBatch } from './shard-tail.ts';
import type { TopicRoute } from './topic-route.ts';

/** What a record costs the ring beside its bytes: two positions and a route. */
const RING_BYTES_PER_RECORD = 16;

/** An empty entry of the ring for a batch whose record count was checked. */
export function ringBatch(buffer: Buffer, start: number, fromOffset: number, isTrusted: boolean): RingBatch {
  const count = batchHeader.recordCount(buffer, start);
  return {
    buffer,
    batchStart: start,
    fromOffset,
    nextOffset: fromOffset,
    sizeBytes: batchHeader.batchSizeBytes(buffer, start) + count * RING_BYTES_PER_RECORD,
    isTrusted,
    recordCount: 0,
    recordStarts: new Int32Array(count),
    offsetDeltas: new Int32Array(count),
    routes: new Array<TopicRoute | null>(count).fill(null),
  };
}
