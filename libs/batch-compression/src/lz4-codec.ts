// lz4 in its frame format, which is what Kafka uses for magic 2. The binding inflates without a bound, so the frame is
// measured first: cheaply by its number of blocks, exactly by walking the sequences of each block when that is not enough.

import { BrokerError } from '@robustmq/errors';
import { compressFrameSync, decompressFrame, decompressFrameSync } from 'lz4-napi';
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
/** Above any honest batch, whose blocks are some kilobytes at least; bounds what a look at all of them costs. */
const MAX_BLOCKS = 16_384;
/** Compressed bytes that are walked between two looks at the clock. */
const STEP_BYTES = 16 * 1024;

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

interface Block {
  readonly start: number;
  readonly end: number;
  readonly isStored: boolean;
}

/** The frame's blocks in order; checks that the frame ends with the section. */
function* blocksOf(section: Buffer, header: FrameHeader): Generator<Block, void, undefined> {
  let at = header.blocksStart;
  for (let count = 0; ; count += 1) {
    const word = readUInt32LE(section, at);
    at += 4;
    if (word === 0) break;
    const end = at + (word & 0x7fff_ffff);
    if (end > section.length) throw damaged('lz4');
    if (count === MAX_BLOCKS) throw new BrokerError('too_large', `more than ${MAX_BLOCKS} lz4 blocks`);
    yield { start: at, end, isStored: word >= 0x8000_0000 };
    at = end + header.blockTrailerBytes;
  }
  if (at + header.frameTrailerBytes !== section.length) throw damaged('lz4');
}

/** Inflated size of a compressed block, by walking its sequences without writing anything; yields after each step. */
function* measureBlock(section: Buffer, { start, end }: Block): Generator<undefined, number, undefined> {
  let inflatedBytes = 0;
  let at = start;
  let stepEnd = start + STEP_BYTES;
  while (at < end) {
    const token = section[at++]!;
    let literalBytes = token >> 4;
    if (literalBytes === 15) {
      for (let more = 255; more === 255; literalBytes += more) {
        if (at >= stepEnd) yield void (stepEnd = at + STEP_BYTES);
        more = at < end ? section[at++]! : 0;
      }
    }
    at += literalBytes;
    inflatedBytes += literalBytes;
    // The last sequence has literals only; damage is the decoder's to find.
    if (at >= end) break;
    at += 2;
    let matchBytes = (token & 0x0f) + MIN_MATCH_BYTES;
    if ((token & 0x0f) === 15) {
      for (let more = 255; more === 255; matchBytes += more) {
        if (at >= stepEnd) yield void (stepEnd = at + STEP_BYTES);
        more = at < end ? section[at++]! : 0;
      }
    }
    inflatedBytes += matchBytes;
    if (at >= stepEnd) yield void (stepEnd = at + STEP_BYTES);
  }
  return inflatedBytes;
}

/** Checks that the section is one frame that inflates to at most `maxInflatedBytes`; yields after each step. */
function* checkFrame(section: Buffer, maxInflatedBytes: number): Generator<undefined, void, undefined> {
  const header = readFrameHeader(section);
  // The decoder refuses a block above the frame's maximum, so this is an upper bound.
  let boundBytes = 0;
  for (const { start, end, isStored } of blocksOf(section, header)) {
    boundBytes += isStored ? end - start : header.maxBlockBytes;
    yield;
  }
  if (boundBytes <= maxInflatedBytes) return;
  let exactBytes = 0;
  for (const block of blocksOf(section, header)) {
    exactBytes += block.isStored ? block.end - block.start : yield* measureBlock(section, block);
    if (exactBytes > maxInflatedBytes) throw tooLarge(maxInflatedBytes);
    yield;
  }
}

export const lz4Codec: SectionCodec = {
  inflate(section, maxInflatedBytes) {
    const check = checkFrame(section, maxInflatedBytes);
    while (check.next().done !== true);
    try {
      return decompressFrameSync(section);
    } catch (error) {
      throw damaged('lz4', error);
    }
  },
  async inflateInTurns(section, maxInflatedBytes, turn) {
    const check = checkFrame(section, maxInflatedBytes);
    while (check.next().done !== true) if (turn.isSpent) await turn.yield();
    try {
      return [await decompressFrame(section)];
    } catch (error) {
      throw damaged('lz4', error);
    }
  },
  deflate: (section) => compressFrameSync(section),
};
