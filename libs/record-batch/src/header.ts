// The 61-byte header of a Kafka record batch, magic 2, as free functions on (buffer, batchStart): batches are passed
// through and stamped where they lie, never turned into objects. docs/en/formats/record-batch.md has the table.
// Accessors check nothing; whoever takes a batch from outside calls validateBatch first.

import {
  crc32c,
  readInt16,
  readInt32,
  readInt64,
  readInt64Rounded,
  writeInt16,
  writeInt32,
  writeInt64,
} from '@robustmq/bytes';

/** Bytes before the batch length starts to count: base offset and the length itself. */
export const LOG_OVERHEAD_BYTES = 12;
/** Bytes before the first record. */
export const BATCH_HEADER_BYTES = 61;
/**
 * Largest batch that this system takes from anybody: one number for gateways, topics' `max.message.bytes` and journals
 * (N13). A batch has to fit one frame between the services.
 */
export const MAX_BATCH_BYTES = 8 * 1024 * 1024;
/** The only record batch format that this system stores. */
export const MAGIC_V2 = 2;

const BATCH_LENGTH = 8;
const LEADER_EPOCH = 12;
const MAGIC = 16;
const CRC = 17;
const ATTRIBUTES = 21;
const LAST_OFFSET_DELTA = 23;
const BASE_TIMESTAMP = 27;
const MAX_TIMESTAMP = 35;
const PRODUCER_ID = 43;
const PRODUCER_EPOCH = 51;
const BASE_SEQUENCE = 53;
const RECORD_COUNT = 57;

const CODEC_MASK = 0x07;
/** Attribute bit: timestamps are those of the append (LogAppendTime). */
export const ATTRIBUTE_LOG_APPEND_TIME = 0x08;
/** Attribute bit: part of a transaction. */
export const ATTRIBUTE_TRANSACTIONAL = 0x10;
/** Attribute bit: a control batch (transaction marker), never shown to consumers. */
export const ATTRIBUTE_CONTROL = 0x20;

/** Compression of a batch's records section, by its number in the attributes. */
export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Codec = (typeof CODECS)[number];

/**
 * Bytes that any batch of a client may inflate to (N1). One number for whoever refuses larger ones on the way in, inflates
 * them on the way out, or bounds by it what a batch can hold (N13).
 */
export const MAX_INFLATED_BATCH_BYTES = 16 * 1024 * 1024;

/**
 * The most bytes that one byte of a codec's input can become, per index of {@link CODECS}: a deflate match of 258 bytes from
 * 2 bits, a snappy copy of 64 from 3 bytes, an lz4 length byte of 255, a zstd block of 128 KiB from 4 bytes.
 */
const MAX_INFLATION = [1, 1_032, 22, 255, 32_768] as const;

/** Smallest record: length, attributes, two deltas, two null lengths and no headers. */
const MIN_RECORD_BYTES = 7;

/**
 * Records that the records section of a batch can hold at most, told from its codec and size alone: what a header may claim
 * before anybody has inflated it (N1).
 */
export function maxRecordsIn(codec: number, sectionBytes: number): number {
  const bytes = Math.min(
    sectionBytes * (MAX_INFLATION[codec] ?? 1),
    Math.max(sectionBytes, MAX_INFLATED_BATCH_BYTES),
  );
  return Math.floor(bytes / MIN_RECORD_BYTES);
}

export function baseOffsetOf(buffer: Buffer, batchStart: number): number {
  return readInt64(buffer, batchStart);
}

/** Size of the whole batch, header included. */
export function batchSizeBytesOf(buffer: Buffer, batchStart: number): number {
  return readInt32(buffer, batchStart + BATCH_LENGTH) + LOG_OVERHEAD_BYTES;
}

export function leaderEpochOf(buffer: Buffer, batchStart: number): number {
  return readInt32(buffer, batchStart + LEADER_EPOCH);
}

export function magicOf(buffer: Buffer, batchStart: number): number {
  return buffer[batchStart + MAGIC]!;
}

/** The CRC-32C stored in the header, unsigned. */
export function crcOf(buffer: Buffer, batchStart: number): number {
  return readInt32(buffer, batchStart + CRC) >>> 0;
}

export function attributesOf(buffer: Buffer, batchStart: number): number {
  return readInt16(buffer, batchStart + ATTRIBUTES);
}

/** Index into {@link CODECS}; 0 is uncompressed. Numbers past the list are unknown codecs. */
export function codecOf(buffer: Buffer, batchStart: number): number {
  return buffer[batchStart + ATTRIBUTES + 1]! & CODEC_MASK;
}

export function isLogAppendTime(buffer: Buffer, batchStart: number): boolean {
  return (buffer[batchStart + ATTRIBUTES + 1]! & ATTRIBUTE_LOG_APPEND_TIME) !== 0;
}

export function isTransactional(buffer: Buffer, batchStart: number): boolean {
  return (buffer[batchStart + ATTRIBUTES + 1]! & ATTRIBUTE_TRANSACTIONAL) !== 0;
}

/** Whether the batch holds transaction markers: they take offsets but are never delivered. */
export function isControl(buffer: Buffer, batchStart: number): boolean {
  return (buffer[batchStart + ATTRIBUTES + 1]! & ATTRIBUTE_CONTROL) !== 0;
}

export function lastOffsetDeltaOf(buffer: Buffer, batchStart: number): number {
  return readInt32(buffer, batchStart + LAST_OFFSET_DELTA);
}

/** Offset of the batch's last record, also when a sparse batch no longer holds it. */
export function lastOffsetOf(buffer: Buffer, batchStart: number): number {
  return baseOffsetOf(buffer, batchStart) + lastOffsetDeltaOf(buffer, batchStart);
}

/** Milliseconds since the epoch, or -1 when the producer gave none. */
export function baseTimestampOf(buffer: Buffer, batchStart: number): number {
  return readInt64(buffer, batchStart + BASE_TIMESTAMP);
}

export function maxTimestampOf(buffer: Buffer, batchStart: number): number {
  return readInt64(buffer, batchStart + MAX_TIMESTAMP);
}

/** -1 when the producer is not idempotent. */
export function producerIdOf(buffer: Buffer, batchStart: number): number {
  return readInt64Rounded(buffer, batchStart + PRODUCER_ID);
}

export function producerEpochOf(buffer: Buffer, batchStart: number): number {
  return readInt16(buffer, batchStart + PRODUCER_EPOCH);
}

export function baseSequenceOf(buffer: Buffer, batchStart: number): number {
  return readInt32(buffer, batchStart + BASE_SEQUENCE);
}

/** Sequence of the last record; sequences wrap from 2^31 - 1 to 0 (KIP-98). */
export function lastSequenceOf(buffer: Buffer, batchStart: number): number {
  const base = baseSequenceOf(buffer, batchStart);
  if (base < 0) return base;
  return (base + lastOffsetDeltaOf(buffer, batchStart)) % 2 ** 31;
}

export function recordCountOf(buffer: Buffer, batchStart: number): number {
  return readInt32(buffer, batchStart + RECORD_COUNT);
}

/** Whether the CRC-32C in the header is that of the content. */
export function crcMatches(buffer: Buffer, batchStart: number): boolean {
  return computeCrc(buffer, batchStart) === crcOf(buffer, batchStart);
}

/** The CRC-32C that the content has: from the attributes to the end of the batch. */
export function computeCrc(buffer: Buffer, batchStart: number): number {
  return crc32c(buffer, batchStart + ATTRIBUTES, batchStart + batchSizeBytesOf(buffer, batchStart));
}

/** Sets the base offset; it lies outside of the CRC, so that a leader can stamp without reading the records. */
export function stampBaseOffset(buffer: Buffer, batchStart: number, baseOffset: number): void {
  writeInt64(buffer, batchStart, baseOffset);
}

/** Sets the leader epoch; it lies outside of the CRC. */
export function stampLeaderEpoch(buffer: Buffer, batchStart: number, leaderEpoch: number): void {
  writeInt32(buffer, batchStart + LEADER_EPOCH, leaderEpoch);
}

/** Turns the batch to LogAppendTime at `timestampMs` and writes its new CRC. */
export function stampLogAppendTime(buffer: Buffer, batchStart: number, timestampMs: number): void {
  buffer[batchStart + ATTRIBUTES + 1]! |= ATTRIBUTE_LOG_APPEND_TIME;
  writeInt64(buffer, batchStart + MAX_TIMESTAMP, timestampMs);
  stampCrc(buffer, batchStart);
}

/** Corrects the latest timestamp that the header claims and writes the new CRC. */
export function stampMaxTimestamp(buffer: Buffer, batchStart: number, maxTimestampMs: number): void {
  writeInt64(buffer, batchStart + MAX_TIMESTAMP, maxTimestampMs);
  stampCrc(buffer, batchStart);
}

/** Sets producer id, epoch and base sequence of a batch that is sent again under other numbers, and writes its new CRC. */
export function stampProducer(
  buffer: Buffer,
  batchStart: number,
  producerId: number,
  producerEpoch: number,
  baseSequence: number,
): void {
  writeInt64(buffer, batchStart + PRODUCER_ID, producerId);
  writeInt16(buffer, batchStart + PRODUCER_EPOCH, producerEpoch);
  writeInt32(buffer, batchStart + BASE_SEQUENCE, baseSequence);
  stampCrc(buffer, batchStart);
}

/** Writes the CRC that the content has now. */
export function stampCrc(buffer: Buffer, batchStart: number): void {
  writeInt32(buffer, batchStart + CRC, computeCrc(buffer, batchStart));
}

/** Every field of a header but length and CRC, which follow from the content. */
export interface BatchHeader {
  readonly baseOffset: number;
  readonly leaderEpoch: number;
  readonly attributes: number;
  readonly lastOffsetDelta: number;
  readonly baseTimestampMs: number;
  readonly maxTimestampMs: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

/** Writes a whole header with length and CRC over records that already lie behind it and end at `batchEnd`. */
export function writeBatchHeader(
  buffer: Buffer,
  batchStart: number,
  batchEnd: number,
  header: BatchHeader,
): void {
  writeInt64(buffer, batchStart, header.baseOffset);
  writeInt32(buffer, batchStart + BATCH_LENGTH, batchEnd - batchStart - LOG_OVERHEAD_BYTES);
  writeInt32(buffer, batchStart + LEADER_EPOCH, header.leaderEpoch);
  buffer[batchStart + MAGIC] = MAGIC_V2;
  writeInt16(buffer, batchStart + ATTRIBUTES, header.attributes);
  writeInt32(buffer, batchStart + LAST_OFFSET_DELTA, header.lastOffsetDelta);
  writeInt64(buffer, batchStart + BASE_TIMESTAMP, header.baseTimestampMs);
  writeInt64(buffer, batchStart + MAX_TIMESTAMP, header.maxTimestampMs);
  writeInt64(buffer, batchStart + PRODUCER_ID, header.producerId);
  writeInt16(buffer, batchStart + PRODUCER_EPOCH, header.producerEpoch);
  writeInt32(buffer, batchStart + BASE_SEQUENCE, header.baseSequence);
  writeInt32(buffer, batchStart + RECORD_COUNT, header.recordCount);
  stampCrc(buffer, batchStart);
}

/**
 * Rewrites length, codec, record count, maximal timestamp and CRC of a copied header whose records section was
 * replaced; all other fields stay. For picking records and for (de)compression. `forReadingOnly` leaves the CRC as it
 * was: over megabytes it costs more of the loop than a turn may take (N8), and who only reads never asks for it.
 */
export function rewriteSection(
  buffer: Buffer,
  batchStart: number,
  batchEnd: number,
  change: {
    readonly codec: number;
    readonly recordCount: number;
    readonly maxTimestampMs?: number;
    readonly forReadingOnly?: boolean;
  },
): void {
  writeInt32(buffer, batchStart + BATCH_LENGTH, batchEnd - batchStart - LOG_OVERHEAD_BYTES);
  const low = buffer[batchStart + ATTRIBUTES + 1]!;
  buffer[batchStart + ATTRIBUTES + 1] = (low & ~CODEC_MASK) | change.codec;
  writeInt32(buffer, batchStart + RECORD_COUNT, change.recordCount);
  if (change.maxTimestampMs !== undefined)
    writeInt64(buffer, batchStart + MAX_TIMESTAMP, change.maxTimestampMs);
  if (change.forReadingOnly !== true) stampCrc(buffer, batchStart);
}
