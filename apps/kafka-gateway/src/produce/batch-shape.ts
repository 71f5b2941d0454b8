// What bytes of a partition are no single record batch, and what Apache Kafka calls that: the order is that of its own checks, so
// that a client hears the same of a batch that is wrong in several ways (ProduceRequest.validateRecords, UnifiedLog).
import { batchHeader } from '@robustmq/record-batch';
import type { NamedError } from '../named-error.ts';

const SIZE_AT = 8;
/** Base offset and size: what every format begins with. */
const OVERHEAD_BYTES = 12;
/** As far as the magic, which every format has at the same place. */
const UP_TO_MAGIC_BYTES = 17;
/** The smallest message of the oldest format, by its own size. */
const OLDEST_MESSAGE_BYTES = 14;
const MAGIC_V2 = 2;

/** Why the bytes do not begin with one batch of this format, or hold another; else undefined. Only what every format has is looked at. */
export function shapeProblem(records: Buffer): NamedError | undefined {
  const sizeBytes = sizeAt(records, 0);
  if (typeof sizeBytes !== 'number') return sizeBytes;
  if (sizeBytes === 0 || sizeBytes > records.length)
    return invalid('a partition without a whole record batch');
  if (batchHeader.magic(records, 0) !== MAGIC_V2) return invalid('a record batch of an older format');
  if (sizeBytes < records.length) {
    const next = sizeAt(records, sizeBytes);
    if (typeof next !== 'number') return next;
    if (next > 0 && sizeBytes + next <= records.length)
      return invalid('a partition with more than one record batch');
  }
  // Before what else may be wrong with it, its length and CRC included.
  const hasNoOffset = records.readInt32BE(0) === 0 && records.readInt32BE(4) === 0;
  return hasNoOffset ? undefined : invalid('a producer gives the base offset 0');
}

/** Size of the batch at `start`, as it says; 0 when there are too few bytes to say. */
function sizeAt(records: Buffer, start: number): number | NamedError {
  const leftBytes = records.length - start;
  if (leftBytes < OVERHEAD_BYTES) return 0;
  const sizeBytes = records.readInt32BE(start + SIZE_AT);
  if (sizeBytes < OLDEST_MESSAGE_BYTES) return corrupt('a record batch of an impossible size');
  if (leftBytes < UP_TO_MAGIC_BYTES) return 0;
  const magic = batchHeader.magic(records, start);
  if (magic < 0 || magic > MAGIC_V2) return corrupt('no record batch');
  return OVERHEAD_BYTES + sizeBytes;
}

const invalid = (message: string): NamedError => ({ name: 'INVALID_RECORD', message });
const corrupt = (message: string): NamedError => ({ name: 'CORRUPT_MESSAGE', message });
