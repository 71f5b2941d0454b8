// Brings the state of producers up to date with batches that are in the log already: replayed, or read from it again.

import { batchHeader, completeBatchBytes } from '@robustmq/record-batch';
import type { ProducerState } from '@robustmq/producer-state';

/** Notes all batches that are whole; their producers count as heard from at `nowMs`. */
export function noteProducers(producers: ProducerState, batches: Buffer, nowMs: number): void {
  for (let at = 0; at < batches.length;) {
    const sizeBytes = completeBatchBytes(batches, at, batches.length);
    if (sizeBytes === 0) return;
    const producerId = batchHeader.producerId(batches, at);
    if (producerId >= 0 && batchHeader.baseSequence(batches, at) >= 0) {
      const batch = {
        producerId,
        producerEpoch: batchHeader.producerEpoch(batches, at),
        baseSequence: batchHeader.baseSequence(batches, at),
        lastSequence: batchHeader.lastSequence(batches, at),
      };
      producers.appended(
        batch,
        batchHeader.baseOffset(batches, at),
        batchHeader.lastOffset(batches, at),
        nowMs,
      );
    }
    at += sizeBytes;
  }
}
