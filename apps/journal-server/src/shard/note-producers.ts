// Brings the state of producers up to date with batches that are in the log already: replayed, or read from it again.

import {
  baseOffsetOf,
  baseSequenceOf,
  completeBatchBytes,
  lastOffsetOf,
  lastSequenceOf,
  producerEpochOf,
  producerIdOf,
} from '@robustmq/record-batch';
import type { ProducerState } from '@robustmq/producer-state';

/** Notes all batches that are whole; their producers count as heard from at `nowMs`. */
export function noteProducers(producers: ProducerState, batches: Buffer, nowMs: number): void {
  for (let at = 0; at < batches.length;) {
    const sizeBytes = completeBatchBytes(batches, at, batches.length);
    if (sizeBytes === 0) return;
    const producerId = producerIdOf(batches, at);
    if (producerId >= 0 && baseSequenceOf(batches, at) >= 0) {
      const batch = {
        producerId,
        producerEpoch: producerEpochOf(batches, at),
        baseSequence: baseSequenceOf(batches, at),
        lastSequence: lastSequenceOf(batches, at),
      };
      producers.appended(batch, baseOffsetOf(batches, at), lastOffsetOf(batches, at), nowMs);
    }
    at += sizeBytes;
  }
}
