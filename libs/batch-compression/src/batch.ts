// Whole batches: the records section inflated or deflated, everything else as it was, with a new CRC.

import { assert, BrokerError } from '@robustmq/errors';
import {
  BATCH_HEADER_BYTES,
  CODECS,
  batchSizeBytesOf,
  codecOf,
  recordCountOf,
  rewriteSection,
  type Codec,
} from '@robustmq/record-batch';
import { lz4Codec } from './lz4-codec.ts';
import type { SectionCodec } from './section-codec.ts';
import { snappyCodec } from './snappy-codec.ts';
import { gzipCodec, zstdCodec } from './zlib-codecs.ts';

/** The compressions of a records section by name. */
export const SECTION_CODECS: Readonly<Record<Exclude<Codec, 'none'>, SectionCodec>> = {
  gzip: gzipCodec,
  snappy: snappyCodec,
  lz4: lz4Codec,
  zstd: zstdCodec,
};

/** The codec named in a batch's attributes; null for an uncompressed batch. */
function sectionCodecOf(buffer: Buffer, batchStart: number): SectionCodec | null {
  const name = CODECS[codecOf(buffer, batchStart)];
  if (name === undefined) throw new BrokerError('unsupported', 'unknown compression codec');
  return name === 'none' ? null : SECTION_CODECS[name];
}

function batchAt(buffer: Buffer, batchStart: number): Buffer {
  return buffer.subarray(batchStart, batchStart + batchSizeBytesOf(buffer, batchStart));
}

function sectionOf(buffer: Buffer, batchStart: number): Buffer {
  return batchAt(buffer, batchStart).subarray(BATCH_HEADER_BYTES);
}

function withSection(
  buffer: Buffer,
  batchStart: number,
  section: Buffer,
  codec: number,
  forReadingOnly = false,
): Buffer {
  const header = buffer.subarray(batchStart, batchStart + BATCH_HEADER_BYTES);
  const batch = Buffer.concat([header, section]);
  rewriteSection(batch, 0, batch.length, {
    codec,
    recordCount: recordCountOf(buffer, batchStart),
    forReadingOnly,
  });
  return batch;
}

/** Room for the records when the whole batch may take `maxBatchBytes`. */
function roomFor(maxBatchBytes: number): number {
  return Math.max(1, maxBatchBytes - BATCH_HEADER_BYTES);
}

/**
 * The validated batch at `batchStart` without compression: a new buffer, or a view when it has none.
 * Records are not looked at: call `validateRecords` on the result when they come from outside.
 * @throws BrokerError too_large when it would pass `maxBatchBytes`; corrupt; unsupported.
 */
export function inflateBatch(buffer: Buffer, batchStart: number, maxBatchBytes: number): Buffer {
  const codec = sectionCodecOf(buffer, batchStart);
  if (codec === null) return batchAt(buffer, batchStart);
  return withSection(
    buffer,
    batchStart,
    codec.inflate(sectionOf(buffer, batchStart), roomFor(maxBatchBytes)),
    0,
  );
}

/** As {@link inflateBatch}, on the thread pool; the bytes must not change until it ends. */
export async function inflateBatchAsync(
  buffer: Buffer,
  batchStart: number,
  maxBatchBytes: number,
): Promise<Buffer> {
  const codec = sectionCodecOf(buffer, batchStart);
  if (codec === null) return batchAt(buffer, batchStart);
  const section = await codec.inflateAsync(sectionOf(buffer, batchStart), roomFor(maxBatchBytes));
  return withSection(buffer, batchStart, section, 0);
}

/**
 * As {@link inflateBatchAsync}, for who only reads the records: the CRC of the result is that of the compressed batch, so
 * that no turn of the loop is spent on a new one (N8).
 */
export async function inflateForReading(
  buffer: Buffer,
  batchStart: number,
  maxBatchBytes: number,
): Promise<Buffer> {
  const codec = sectionCodecOf(buffer, batchStart);
  if (codec === null) return batchAt(buffer, batchStart);
  const section = await codec.inflateAsync(sectionOf(buffer, batchStart), roomFor(maxBatchBytes));
  return withSection(buffer, batchStart, section, 0, true);
}

/** The uncompressed batch at `batchStart` with its records compressed by `codec`: a new buffer. */
export function deflateBatch(buffer: Buffer, batchStart: number, codec: keyof typeof SECTION_CODECS): Buffer {
  assert(codecOf(buffer, batchStart) === 0, 'batch is uncompressed');
  const section = SECTION_CODECS[codec].deflate(sectionOf(buffer, batchStart));
  return withSection(buffer, batchStart, section, CODECS.indexOf(codec));
}

/** As {@link deflateBatch}, on the thread pool; the bytes must not change until it ends. */
export async function deflateBatchAsync(
  buffer: Buffer,
  batchStart: number,
  codec: keyof typeof SECTION_CODECS,
): Promise<Buffer> {
  assert(codecOf(buffer, batchStart) === 0, 'batch is uncompressed');
  const section = await SECTION_CODECS[codec].deflateAsync(sectionOf(buffer, batchStart));
  return withSection(buffer, batchStart, section, CODECS.indexOf(codec));
}
