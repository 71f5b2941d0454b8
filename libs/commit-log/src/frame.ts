// The byte layout of a frame (docs/en/formats/commit-log.md, rule L1): fixed header, section table, section bytes.

import { BrokerError } from '@robustmq/errors';
import { crc32c, readInt32, readInt64, writeInt32, writeInt64, writeInt16, readInt16 } from '@robustmq/bytes';

/** Frames begin at multiples of this, so a torn write of one frame never shares a sector or page with another. */
export const BLOCK_BYTES = 4096;
export const HEADER_BYTES = 64;
export const TABLE_ENTRY_BYTES = 20;
export const IDENTITY_BYTES = 8;

/** "RMCL" */
const MAGIC = 0x524d434c;
const VERSION = 1;
const HEADER_CRC_AT = 60;

/** A section to append: opaque bytes under a two-part key. */
export interface Section {
  /** What the bytes mean to their writer; 0–65,535. */
  readonly kind: number;
  /** Stream id (journal) or group id (meta); unsigned 32-bit. */
  readonly key: number;
  /** Shard index (journal) or 0 (meta); unsigned 32-bit. */
  readonly subKey: number;
  /** The bytes, gathered into the frame before append returns; the caller may reuse them then. */
  readonly buffers: readonly Uint8Array[];
}

/** The fixed header of a frame. All numbers are safe integers. */
export interface FrameHeader {
  /** Which filling of a pre-allocated file this frame belongs to; grows with every file begun. */
  readonly generation: number;
  /** Position of the frame in its file, in blocks: a misdirected write is not a frame. */
  readonly block: number;
  /** Sequence of the first frame of this generation: frames of older generations from there on are dead. */
  readonly generationStart: number;
  /** Grows by one per frame over the whole life of the log. */
  readonly sequence: number;
  /** Last sequence known durable when this frame was written. */
  readonly durableSequence: number;
  readonly sectionCount: number;
  /** Header, table and sections, without the padding to the next block. */
  readonly lengthBytes: number;
  readonly tableCrc: number;
}

/** One entry of the section table, with the place of its bytes relative to the frame's start. */
export interface SectionEntry {
  readonly kind: number;
  readonly key: number;
  readonly subKey: number;
  readonly start: number;
  readonly lengthBytes: number;
  readonly crc: number;
}

/** Bytes that a frame of so many sections with so many section bytes occupies in its file. */
export function paddedFrameBytes(lengthBytes: number): number {
  return Math.ceil(lengthBytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** Writes the header with its CRC; the table must already be in place. */
export function writeHeader(target: Buffer, identity: Uint8Array, header: FrameHeader): void {
  writeInt32(target, 0, MAGIC);
  writeInt16(target, 4, VERSION);
  writeInt16(target, 6, 0);
  target.set(identity, 8);
  writeInt32(target, 16, header.generation);
  writeInt32(target, 20, header.block);
  writeInt64(target, 24, header.generationStart);
  writeInt64(target, 32, header.sequence);
  writeInt64(target, 40, header.durableSequence);
  writeInt32(target, 48, header.sectionCount);
  writeInt32(target, 52, header.lengthBytes);
  writeInt32(target, 56, header.tableCrc);
  writeInt32(target, HEADER_CRC_AT, crc32c(target, 0, HEADER_CRC_AT));
}

/**
 * The header at `start`, or undefined if no header of this log is readable there: other magic, identity or block, a bad
 * CRC, or a length that can't be.
 * @throws BrokerError unsupported for another version: passed over, its frames would seem to be lost (rule N17).
 */
export function readHeader(
  bytes: Buffer,
  start: number,
  identity: Uint8Array,
  block: number,
): FrameHeader | undefined {
  if (start + HEADER_BYTES > bytes.length || readInt32(bytes, start) !== MAGIC) return undefined;
  for (let i = 0; i < IDENTITY_BYTES; i++) if (bytes[start + 8 + i] !== identity[i]) return undefined;
  const crc = readInt32(bytes, start + HEADER_CRC_AT) >>> 0;
  if (crc32c(bytes, start, start + HEADER_CRC_AT) !== crc) return undefined;
  const version = readInt16(bytes, start + 4) & 0xffff;
  if (version !== VERSION)
    throw new BrokerError(
      'unsupported',
      `the commit log was written by another version: ${version}, this one knows ${VERSION}`,
    );
  const header: FrameHeader = {
    generation: readInt32(bytes, start + 16) >>> 0,
    block: readInt32(bytes, start + 20) >>> 0,
    generationStart: readInt64(bytes, start + 24),
    sequence: readInt64(bytes, start + 32),
    durableSequence: readInt64(bytes, start + 40),
    sectionCount: readInt32(bytes, start + 48) >>> 0,
    lengthBytes: readInt32(bytes, start + 52) >>> 0,
    tableCrc: readInt32(bytes, start + 56) >>> 0,
  };
  const plausible = header.block === block && header.sequence >= header.generationStart;
  return plausible && header.lengthBytes >= HEADER_BYTES + header.sectionCount * TABLE_ENTRY_BYTES
    ? header
    : undefined;
}

/** Writes entry `index` of the section table of a frame that begins at the start of `target`. */
export function writeTableEntry(
  target: Buffer,
  index: number,
  section: Section,
  lengthBytes: number,
  crc: number,
): void {
  const at = HEADER_BYTES + index * TABLE_ENTRY_BYTES;
  writeInt16(target, at, section.kind);
  writeInt16(target, at + 2, 0);
  writeInt32(target, at + 4, section.key);
  writeInt32(target, at + 8, section.subKey);
  writeInt32(target, at + 12, lengthBytes);
  writeInt32(target, at + 16, crc);
}

/** The section table of a whole frame, or undefined if it is damaged or its lengths don't add up. */
export function readTable(frame: Buffer, header: FrameHeader): SectionEntry[] | undefined {
  const tableEnd = HEADER_BYTES + header.sectionCount * TABLE_ENTRY_BYTES;
  if (frame.length < tableEnd || crc32c(frame, HEADER_BYTES, tableEnd) !== header.tableCrc) return undefined;
  const entries: SectionEntry[] = [];
  let start = tableEnd;
  for (let at = HEADER_BYTES; at < tableEnd; at += TABLE_ENTRY_BYTES) {
    const lengthBytes = readInt32(frame, at + 12) >>> 0;
    entries.push({
      kind: readInt16(frame, at) & 0xffff,
      key: readInt32(frame, at + 4) >>> 0,
      subKey: readInt32(frame, at + 8) >>> 0,
      start,
      lengthBytes,
      crc: readInt32(frame, at + 16) >>> 0,
    });
    start += lengthBytes;
  }
  return start === header.lengthBytes ? entries : undefined;
}

/** Whether the bytes of a section are what was written. */
export function sectionIntact(frame: Buffer, entry: SectionEntry): boolean {
  const end = entry.start + entry.lengthBytes;
  return end <= frame.length && crc32c(frame, entry.start, end) === entry.crc;
}
