// What a batch from outside must satisfy before anything else reads it. The checks go from cheap to dear, and none
// allocates.

import { BrokerError } from '@robustmq/errors';
import { batchHeader } from './header.ts';
import { BATCH_HEADER_BYTES, CODECS, LOG_OVERHEAD_BYTES, MAGIC_V2, maxRecordsIn } from './layout.ts';
import { RecordsCheck, impossibleTimestamp } from './records-check.ts';

/** Limits and expectations of {@link validateBatch}. */
export interface BatchLimits {
  readonly maxBatchBytes: number;
  /** Accept batches that lost records to compaction or picking; producers must send dense ones. Default false. */
  readonly sparse?: boolean;
}

function corrupt(message: string): BrokerError {
  return new BrokerError('corrupt', message);
}

/**
 * Size of the batch at `start`, or 0 when `buffer[start, limit)` ends before it does. Checks nothing else: for walking
 * over batches that were validated before.
 */
export function completeBatchBytes(buffer: Buffer, start: number, limit: number): number {
  if (limit - start < LOG_OVERHEAD_BYTES) return 0;
  const sizeBytes = batchHeader.batchSizeBytes(buffer, start);
  return sizeBytes < BATCH_HEADER_BYTES || sizeBytes > limit - start ? 0 : sizeBytes;
}

/**
 * Checks lengths, magic, codec, CRC-32C and counts of the batch at `start` and returns its size.
 * @throws BrokerError corrupt, too_large (above `maxBatchBytes`) or unsupported (other magic or codec).
 */
export function validateBatch(buffer: Buffer, start: number, limit: number, limits: BatchLimits): number {
  const availableBytes = limit - start;
  // Older formats have their magic at the same place, so they are told apart from damage.
  if (availableBytes < LOG_OVERHEAD_BYTES + 5) throw corrupt('batch header is cut off');
  const magic = batchHeader.magic(buffer, start);
  if (magic !== MAGIC_V2) {
    throw magic > MAGIC_V2 + 1
      ? corrupt('no record batch')
      : new BrokerError('unsupported', `magic ${magic}`);
  }
  if (availableBytes < BATCH_HEADER_BYTES) throw corrupt('batch header is cut off');
  const sizeBytes = batchHeader.batchSizeBytes(buffer, start);
  if (sizeBytes < BATCH_HEADER_BYTES) throw corrupt('batch length is too small');
  if (sizeBytes > limits.maxBatchBytes) {
    throw new BrokerError(
      'too_large',
      `batch of ${sizeBytes} bytes is over the limit of ${limits.maxBatchBytes}`,
      {
        details: { sizeBytes, limitBytes: limits.maxBatchBytes },
      },
    );
  }
  if (sizeBytes > availableBytes) throw corrupt('batch is cut off');
  if (batchHeader.computeCrc(buffer, start) !== batchHeader.crc(buffer, start))
    throw corrupt('batch CRC-32C does not match');
  if (batchHeader.codec(buffer, start) >= CODECS.length)
    throw new BrokerError('unsupported', 'unknown compression codec');
  validateCounts(buffer, start, sizeBytes, limits.sparse ?? false);
  return sizeBytes;
}

function validateCounts(buffer: Buffer, start: number, sizeBytes: number, sparse: boolean): void {
  const recordCount = batchHeader.recordCount(buffer, start);
  const offsetCount = batchHeader.lastOffsetDelta(buffer, start) + 1;
  if (offsetCount <= 0 || recordCount < 0) throw corrupt('negative record count');
  if (sparse ? recordCount > offsetCount : recordCount !== offsetCount) {
    throw corrupt(`batch of ${offsetCount} offsets holds ${recordCount} records`);
  }
  if (recordCount > maxRecordsIn(batchHeader.codec(buffer, start), sizeBytes - BATCH_HEADER_BYTES)) {
    throw corrupt('more records than bytes for them');
  }
  validateIntegers(buffer, start);
  const producerId = batchHeader.producerId(buffer, start);
  if (producerId < -1 || !Number.isSafeInteger(producerId)) throw corrupt('impossible producer id');
  // KIP-98: an idempotent producer numbers its batches and has an epoch. Control batches carry no sequence.
  if (producerId >= 0 && batchHeader.producerEpoch(buffer, start) < 0)
    throw corrupt('producer id without epoch');
  if (batchHeader.baseSequence(buffer, start) < -1) throw corrupt('impossible base sequence');
}

function validateIntegers(buffer: Buffer, start: number): void {
  try {
    batchHeader.baseOffset(buffer, start);
  } catch (error) {
    throw new BrokerError('corrupt', 'batch header holds an unsafe integer', { cause: error });
  }
  try {
    batchHeader.baseTimestampMs(buffer, start);
    batchHeader.maxTimestampMs(buffer, start);
  } catch (error) {
    throw impossibleTimestamp(error);
  }
}

/**
 * Checks that the batch claims no more records than its bytes can hold: before anything is sized by the count (N1).
 * @throws BrokerError corrupt.
 */
export function checkRecordCount(buffer: Buffer, batchStart: number): void {
  const count = batchHeader.recordCount(buffer, batchStart);
  const bytes = batchHeader.batchSizeBytes(buffer, batchStart) - BATCH_HEADER_BYTES;
  if (count < 0 || count > maxRecordsIn(0, bytes)) throw corrupt('more records than bytes for them');
}

const check = new RecordsCheck();

/**
 * Walks every record and header of a valid, uncompressed batch at once: offset deltas are 0..n-1 (in sparse batches
 * ascending up to the last), lengths fit and nothing is left over. {@link RecordsCheck} does the same in steps.
 * @throws BrokerError corrupt; unsupported for a compressed batch.
 */
export function validateRecords(buffer: Buffer, batchStart: number, sparse = false): void {
  check.begin(buffer, batchStart, sparse).step(Infinity);
}
