// The 61-byte header of a Kafka record batch, magic 2, as functions on (buffer, batchStart): batches are passed through and
// stamped where they lie, never turned into objects. docs/en/formats/record-batch.md has the table.

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
import {
  ATTRIBUTE_CONTROL,
  ATTRIBUTE_LOG_APPEND_TIME,
  ATTRIBUTE_TRANSACTIONAL,
  LOG_OVERHEAD_BYTES,
  MAGIC_V2,
} from './layout.ts';

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

/**
 * Reads and stamps the header of the batch at `batchStart`. Readers check nothing: whoever takes a batch from outside calls
 * validateBatch first.
 */
export const batchHeader = {
  baseOffset(buffer: Buffer, batchStart: number): number {
    return readInt64(buffer, batchStart);
  },

  /** Size of the whole batch, header included. */
  batchSizeBytes(buffer: Buffer, batchStart: number): number {
    return readInt32(buffer, batchStart + BATCH_LENGTH) + LOG_OVERHEAD_BYTES;
  },

  leaderEpoch(buffer: Buffer, batchStart: number): number {
    return readInt32(buffer, batchStart + LEADER_EPOCH);
  },

  magic(buffer: Buffer, batchStart: number): number {
    return buffer[batchStart + MAGIC]!;
  },

  /** Whether it is of the only format that this system stores. */
  isMagicV2(buffer: Buffer, batchStart: number): boolean {
    return buffer[batchStart + MAGIC] === MAGIC_V2;
  },

  /** The CRC-32C stored in the header, unsigned. */
  crc(buffer: Buffer, batchStart: number): number {
    return readInt32(buffer, batchStart + CRC) >>> 0;
  },

  attributes(buffer: Buffer, batchStart: number): number {
    return readInt16(buffer, batchStart + ATTRIBUTES);
  },

  /** Index into {@link CODECS}; 0 is uncompressed. Numbers past the list are unknown codecs. */
  codec(buffer: Buffer, batchStart: number): number {
    return buffer[batchStart + ATTRIBUTES + 1]! & CODEC_MASK;
  },

  isLogAppendTime(buffer: Buffer, batchStart: number): boolean {
    return (buffer[batchStart + ATTRIBUTES + 1]! & ATTRIBUTE_LOG_APPEND_TIME) !== 0;
  },

  isTransactional(buffer: Buffer, batchStart: number): boolean {
    return (buffer[batchStart + ATTRIBUTES + 1]! & ATTRIBUTE_TRANSACTIONAL) !== 0;
  },

  /** Whether the batch holds transaction markers: they take offsets but are never delivered. */
  isControl(buffer: Buffer, batchStart: number): boolean {
    return (buffer[batchStart + ATTRIBUTES + 1]! & ATTRIBUTE_CONTROL) !== 0;
  },

  lastOffsetDelta(buffer: Buffer, batchStart: number): number {
    return readInt32(buffer, batchStart + LAST_OFFSET_DELTA);
  },

  /** Offset of the batch's last record, also when a sparse batch no longer holds it. */
  lastOffset(buffer: Buffer, batchStart: number): number {
    return batchHeader.baseOffset(buffer, batchStart) + batchHeader.lastOffsetDelta(buffer, batchStart);
  },

  /** Milliseconds since the epoch, or -1 when the producer gave none. */
  baseTimestampMs(buffer: Buffer, batchStart: number): number {
    return readInt64(buffer, batchStart + BASE_TIMESTAMP);
  },

  maxTimestampMs(buffer: Buffer, batchStart: number): number {
    return readInt64(buffer, batchStart + MAX_TIMESTAMP);
  },

  /** -1 when the producer is not idempotent. */
  producerId(buffer: Buffer, batchStart: number): number {
    return readInt64Rounded(buffer, batchStart + PRODUCER_ID);
  },

  producerEpoch(buffer: Buffer, batchStart: number): number {
    return readInt16(buffer, batchStart + PRODUCER_EPOCH);
  },

  baseSequence(buffer: Buffer, batchStart: number): number {
    return readInt32(buffer, batchStart + BASE_SEQUENCE);
  },

  /** Sequence of the last record; sequences wrap from 2^31 - 1 to 0 (KIP-98). */
  lastSequence(buffer: Buffer, batchStart: number): number {
    const base = batchHeader.baseSequence(buffer, batchStart);
    if (base < 0) return base;
    return (base + batchHeader.lastOffsetDelta(buffer, batchStart)) % 2 ** 31;
  },

  recordCount(buffer: Buffer, batchStart: number): number {
    return readInt32(buffer, batchStart + RECORD_COUNT);
  },

  /** Whether the CRC-32C in the header is that of the content. */
  crcMatches(buffer: Buffer, batchStart: number): boolean {
    return batchHeader.computeCrc(buffer, batchStart) === batchHeader.crc(buffer, batchStart);
  },

  /** The CRC-32C that the content has: from the attributes to the end of the batch. */
  computeCrc(buffer: Buffer, batchStart: number): number {
    return crc32c(
      buffer,
      batchStart + ATTRIBUTES,
      batchStart + batchHeader.batchSizeBytes(buffer, batchStart),
    );
  },

  /** Sets the base offset; it lies outside of the CRC, so that a leader can stamp without reading the records. */
  stampBaseOffset(buffer: Buffer, batchStart: number, baseOffset: number): void {
    writeInt64(buffer, batchStart, baseOffset);
  },

  /** Sets the leader epoch; it lies outside of the CRC. */
  stampLeaderEpoch(buffer: Buffer, batchStart: number, leaderEpoch: number): void {
    writeInt32(buffer, batchStart + LEADER_EPOCH, leaderEpoch);
  },

  /** Turns the batch to LogAppendTime at `timestampMs` and writes its new CRC. */
  stampLogAppendTime(buffer: Buffer, batchStart: number, timestampMs: number): void {
    buffer[batchStart + ATTRIBUTES + 1]! |= ATTRIBUTE_LOG_APPEND_TIME;
    writeInt64(buffer, batchStart + MAX_TIMESTAMP, timestampMs);
    batchHeader.stampCrc(buffer, batchStart);
  },

  /** Corrects the latest timestamp that the header claims and writes the new CRC. */
  stampMaxTimestamp(buffer: Buffer, batchStart: number, maxTimestampMs: number): void {
    writeInt64(buffer, batchStart + MAX_TIMESTAMP, maxTimestampMs);
    batchHeader.stampCrc(buffer, batchStart);
  },

  /** Sets producer id, epoch and base sequence of a batch that is sent again under other numbers, and writes its new CRC. */
  stampProducer(
    buffer: Buffer,
    batchStart: number,
    producerId: number,
    producerEpoch: number,
    baseSequence: number,
  ): void {
    writeInt64(buffer, batchStart + PRODUCER_ID, producerId);
    writeInt16(buffer, batchStart + PRODUCER_EPOCH, producerEpoch);
    writeInt32(buffer, batchStart + BASE_SEQUENCE, baseSequence);
    batchHeader.stampCrc(buffer, batchStart);
  },

  /** Writes the CRC that the content has now. */
  stampCrc(buffer: Buffer, batchStart: number): void {
    writeInt32(buffer, batchStart + CRC, batchHeader.computeCrc(buffer, batchStart));
  },

  /** Writes a whole header with length and CRC over records that already lie behind it and end at `batchEnd`. */
  write(buffer: Buffer, batchStart: number, batchEnd: number, header: BatchHeader): void {
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
    batchHeader.stampCrc(buffer, batchStart);
  },

  /**
   * Rewrites length, codec, record count, maximal timestamp and CRC of a copied header whose records section was
   * replaced; all other fields stay. For picking records and for (de)compression. `forReadingOnly` leaves the CRC as it
   * was: over megabytes it costs more of the loop than a turn may take (N8), and who only reads never asks for it.
   */
  rewriteSection(
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
    if (change.forReadingOnly !== true) batchHeader.stampCrc(buffer, batchStart);
  },
} as const;
