// lz4 in its frame format, which is what Kafka uses for magic 2. The binding inflates without a bound, so the frame is
// measured first: cheaply by its number of blocks, exactly by walking the sequences of each block when that is not enough.

import { BrokerError } from '@robustmq/errors';
import { compressFrame, compressFrameSync, decompressFrame, decompressFrameSync } from 'lz4-napi';
import { damaged, tooLarge, type SectionCodec } from './section-codec.ts';

const FRAME_MAGIC = 0x184d2204;
const FLAG_VERSION_MASK = 0xc0;
const FLAG_VERSION_1 = 0x40;
const FLAG_BLOCK_CHECKSUM = 0x10;
const FLAG_CONTENT_SIZE = 0x08;
const FLAG_CONTENT_CHECKSUM = 0x04;
const FLAG_DICTIONARY = 0x01;
/** Magic, flags, block descriptor, header checksum. */
const LEAST_HEADER_BYTES = 7;
const MIN_MATCH_BYTES = 4;

interface FrameHeader {
  readonly blocksStart: number;
  readonly maxBlockBytes: number;
  readonly blockTrailerBytes: number;
  readonly frameTrailerBytes: number;
}

function readUInt32LE(section: Buffer, at: number): number {
  if (at + 4 > section.length) throw damaged('lz4');
  return section.readUInt32LE(at);
}

function readFrameHeader(section: Buffer): FrameHeader {
  if (section.length < LEAST_HEADER_BYTES || readUInt32LE(section, 0) !== FRAME_MAGIC) throw damaged('lz4');
  const flags = section[4]!;
  if ((flags & FLAG_VERSION_MASK) !== FLAG_VERSION_1)
    throw new BrokerError('unsupported', 'lz4 frame version');
  if ((flags & FLAG_DICTIONARY) !== 0) throw new BrokerError('unsupported', 'lz4 frame with a dictionary');
  const sizeCode = (section[5]! >> 4) & 0x07;
  if (sizeCode < 4) throw damaged('lz4');
  return {
    blocksStart: LEAST_HEADER_BYTES + ((flags & FLAG_CONTENT_SIZE) === 0 ? 0 : 8),
    // Codes 4..7 are 64 KiB, 256 KiB, 1 MiB and 4 MiB.
    maxBlockBytes: 1 << (8 + 2 * sizeCode),
    blockTrailerBytes: (flags & FLAG_BLOCK_CHECKSUM) === 0 ? 0 : 4,
    frameTrailerBytes: (flags & FLAG_CONTENT_CHECKSUM) === 0 ? 0 : 4,
  };
}

/** Sums `measure` over the frame's blocks and checks that the frame ends with the section. */
function sumBlocks(
  section: Buffer,
  header: FrameHeader,
  measure: (start: number, end: number, isStored: boolean) => number,
): number {
  let sum = 0;
  let at = header.blocksStart;
  for (;;) {
    const word = readUInt32LE(section, at);
    at += 4;
    if (word === 0) break;
    const end = at + (word & 0x7fff_ffff);
    if (end > section.length) throw damaged('lz4');
    sum += measure(at, end, word >= 0x8000_0000);
    at = end + header.blockTrailerBytes;
  }
  if (at + header.frameTrailerBytes !== section.length) throw damaged('lz4');
  return sum;
}

/** Inflated size of a compressed block, by walking its sequences without writing anything. */
function measureBlock(section: Buffer, start: number, end: number): number {
  let inflatedBytes = 0;
  let at = start;
  while (at < end) {
    const token = section[at++]!;
    let literalBytes = token >> 4;
    if (literalBytes === 15) {
      let more: number;
      do literalBytes += more = at < end ? section[at++]! : 0;
      while (more === 255);
    }
    at += literalBytes;
    inflatedBytes += literalBytes;
    // The last sequence has literals only; damage is the decoder's to find.
    if (at >= end) break;
    at += 2;
    let matchBytes = (token & 0x0f) + MIN_MATCH_BYTES;
    if ((token & 0x0f) === 15) {
      let more: number;
      do matchBytes += more = at < end ? section[at++]! : 0;
      while (more === 255);
    }
    inflatedBytes += matchBytes;
  }
  return inflatedBytes;
}

/** Checks that the section is one frame that inflates to at most `maxInflatedBytes`. */
function checkFrame(section: Buffer, maxInflatedBytes: number): void {
  const header = readFrameHeader(section);
  // The decoder refuses a block above the frame's maximum, so this is an upper bound.
  const boundBytes = sumBlocks(section, header, (start, end, isStored) =>
    isStored ? end - start : header.maxBlockBytes,
  );
  if (boundBytes <= maxInflatedBytes) return;
  const exactBytes = sumBlocks(section, header, (start, end, isStored) =>
    isStored ? end - start : measureBlock(section, start, end),
  );
  if (exactBytes > maxInflatedBytes) throw tooLarge(maxInflatedBytes);
}

export const lz4Codec: SectionCodec = {
  inflate(section, maxInflatedBytes) {
    checkFrame(section, maxInflatedBytes);
    try {
      return decompressFrameSync(section);
    } catch (error) {
      throw damaged('lz4', error);
    }
  },
  async inflateAsync(section, maxInflatedBytes) {
    checkFrame(section, maxInflatedBytes);
    try {
      return await decompressFrame(section);
    } catch (error) {
      throw damaged('lz4', error);
    }
  },
  deflate: (section) => compressFrameSync(section),
  deflateAsync: (section) => compressFrame(section),
};
