// Whole batches: the records section inflated or deflated, everything else as it was, with a new CRC.

import { assert, BrokerError } from '@robustmq/errors';
import { BATCH_HEADER_BYTES, batchHeader, CODECS, type Codec } from '@robustmq/record-batch';
import { lz4Codec } from './lz4-codec.ts';
import type { SectionCodec, Turn } from './section-codec.ts';
import { snappyCodec } from './snappy-codec.ts';
import { gzipCodec, zstdCodec } from './zlib-codecs.ts';

/** The compressions of a records section by name. */
export const SECTION_CODECS: Readonly<Record<Exclude<Codec, 'none'>, SectionCodec>> = {
  gzip: gzipCodec,
  snappy: snappyCodec,
  lz4: lz4Codec,
  zstd: zstdCodec,
};

/** Bytes that are copied between two looks at the clock. */
const COPY_BYTES = 256 * 1024;

/** The codec named in a batch's attributes; null for an uncompressed batch. */
function sectionCodecOf(buffer: Buffer, batchStart: number): SectionCodec | null {
  const name = CODECS[batchHeader.codec(buffer, batchStart)];
  if (name === undefined) throw new BrokerError('unsupported', 'unknown compression codec');
  return name === 'none' ? null : SECTION_CODECS[name];
}

function batchAt(buffer: Buffer, batchStart: number): Buffer {
  return buffer.subarray(batchStart, batchStart + batchHeader.batchSizeBytes(buffer, batchStart));
}

function sectionOf(buffer: Buffer, batchStart: number): Buffer {
  return batchAt(buffer, batchStart).subarray(BATCH_HEADER_BYTES);
}

function headerOf(buffer: Buffer, batchStart: number): Buffer {
  return buffer.subarray(batchStart, batchStart + BATCH_HEADER_BYTES);
}

/** Room for the records when the whole batch may take `maxBatchBytes`. */
function roomFor(maxBatchBytes: number): number {
  return Math.max(1, maxBatchBytes - BATCH_HEADER_BYTES);
}

/** What {@link inflateSmall} answers is here: garbage outside the heap would cost more than the inflating. */
let small = Buffer.alloc(0);

/**
 * The validated small batch at `batchStart` without compression, for who only reads its records: a view, which the next call
 * may overwrite. The CRC of the result is that of the compressed batch, so that nobody spends time on a new one (N8). Records
 * are not looked at: walk the result with `RecordsCheck` when they come from outside.
 * @throws BrokerError too_large when it would pass `maxBatchBytes`, or be long on the loop; corrupt; unsupported.
 */
export function inflateSmall(buffer: Buffer, batchStart: number, maxBatchBytes: number): Buffer {
  const codec = sectionCodecOf(buffer, batchStart);
  if (codec === null) return batchAt(buffer, batchStart);
  const section = codec.inflate(sectionOf(buffer, batchStart), roomFor(maxBatchBytes));
  const sizeBytes = BATCH_HEADER_BYTES + section.length;
  if (small.length < sizeBytes) small = Buffer.allocUnsafeSlow(sizeBytes);
  headerOf(buffer, batchStart).copy(small);
  section.copy(small, BATCH_HEADER_BYTES);
  return readable(buffer, batchStart, small.subarray(0, sizeBytes));
}

/**
 * As {@link inflateSmall}, for a batch of any size: on the thread pool, and in slices where the loop is needed. The bytes must
 * not change until it ends.
 */
export async function inflateForReading(
  buffer: Buffer,
  batchStart: number,
  maxBatchBytes: number,
  turn: Turn,
): Promise<Buffer> {
  const codec = sectionCodecOf(buffer, batchStart);
  if (codec === null) return batchAt(buffer, batchStart);
  const parts = await codec.inflateInTurns(sectionOf(buffer, batchStart), roomFor(maxBatchBytes), turn);
  return readable(buffer, batchStart, await joined([headerOf(buffer, batchStart), ...parts], turn));
}

function readable(buffer: Buffer, batchStart: number, inflated: Buffer): Buffer {
  const recordCount = batchHeader.recordCount(buffer, batchStart);
  batchHeader.rewriteSection(inflated, 0, inflated.length, { codec: 0, recordCount, forReadingOnly: true });
  return inflated;
}

/** The parts in one buffer: copies of megabytes are done in slices, since new memory is slow to touch. */
async function joined(parts: readonly Buffer[], turn: Turn): Promise<Buffer> {
  let sizeBytes = 0;
  for (const part of parts) sizeBytes += part.length;
  const whole = Buffer.allocUnsafeSlow(sizeBytes);
  let at = 0;
  for (const part of parts) {
    for (let from = 0; from < part.length; from += COPY_BYTES) {
      if (turn.isSpent) await turn.yield();
      at += part.copy(whole, at, from, from + COPY_BYTES);
    }
  }
  return whole;
}

/** The uncompressed batch at `batchStart` with its records compressed by `codec`: a new buffer. */
export function deflateBatch(buffer: Buffer, batchStart: number, codec: keyof typeof SECTION_CODECS): Buffer {
  assert(batchHeader.codec(buffer, batchStart) === 0, 'batch is uncompressed');
  const section = SECTION_CODECS[codec].deflate(sectionOf(buffer, batchStart));
  const batch = Buffer.concat([headerOf(buffer, batchStart), section]);
  const recordCount = batchHeader.recordCount(buffer, batchStart);
  batchHeader.rewriteSection(batch, 0, batch.length, { codec: CODECS.indexOf(codec), recordCount });
  return batch;
}
