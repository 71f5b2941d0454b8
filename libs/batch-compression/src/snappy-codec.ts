// snappy in the two forms found in the field: the Java client's framing (xerial: a 16-byte header, then blocks with a
// 4-byte big-endian length each) and one raw block, as librdkafka and others write it.

import { readInt32, readUVarint, writeInt32, type Cursor } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';
import { compressSync, uncompress, uncompressSync } from 'snappy';
import { damaged, tooLarge, type SectionCodec } from './section-codec.ts';

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
/** Magic, version and lowest compatible version. */
const XERIAL_HEADER_BYTES = 16;
const XERIAL_VERSION = 1;
/** What the Java client uses. */
const BLOCK_BYTES = 32 * 1024;
/** Above any honest batch (the Java client's blocks are 1 KiB at least); bounds the calls that a hostile one costs. */
const MAX_BLOCKS = 16_384;
/** Smaller blocks are not worth a hop to the thread pool: they take microseconds. */
const ASYNC_FROM_BYTES = 4096;
/** Each costs microseconds, however small: more are inflated in turns only (N8). */
const BLOCKS_AT_ONCE = 64;

const cursor: Cursor = { position: 0 };

/** The raw blocks of a section in order; checks their framing. */
function* blocksOf(section: Buffer): Generator<Buffer, void, undefined> {
  if (!isXerialAt(section, 0)) {
    yield section;
    return;
  }
  let count = 0;
  for (let at = 0; at < section.length;) {
    // Streams may follow each other, as in the library of the Java client.
    if (isXerialAt(section, at)) {
      if (readInt32(section, at + 12) > XERIAL_VERSION)
        throw new BrokerError('unsupported', 'snappy framing of a later version');
      at += XERIAL_HEADER_BYTES;
    } else {
      const sizeBytes = section.length - at < 4 ? -1 : readInt32(section, at);
      if (sizeBytes < 0 || sizeBytes > section.length - at - 4) throw damaged('snappy');
      yield section.subarray(at + 4, at + 4 + sizeBytes);
      at += 4 + sizeBytes;
    }
    if (count++ === MAX_BLOCKS) throw new BrokerError('too_large', `more than ${MAX_BLOCKS} snappy blocks`);
  }
}

function isXerialAt(section: Buffer, at: number): boolean {
  if (section[at] !== XERIAL_MAGIC[0] || section.length - at < XERIAL_HEADER_BYTES) return false;
  return section.compare(XERIAL_MAGIC, 0, XERIAL_MAGIC.length, at, at + XERIAL_MAGIC.length) === 0;
}

/** The inflated size at the head of a raw block; the decoder refuses a block that disagrees with it. */
function claimedBytes(block: Buffer): number {
  cursor.position = 0;
  try {
    return readUVarint(block, cursor, block.length);
  } catch (error) {
    throw damaged('snappy', error);
  }
}

/** Blocks with the room that is left for them, so that nothing is inflated beyond the bound. */
function* boundedBlocks(
  section: Buffer,
  maxInflatedBytes: number,
): Generator<{ readonly block: Buffer; readonly isSmall: boolean }, void, undefined> {
  let inflatedBytes = 0;
  for (const block of blocksOf(section)) {
    const sizeBytes = claimedBytes(block);
    inflatedBytes += sizeBytes;
    if (inflatedBytes > maxInflatedBytes) throw tooLarge(maxInflatedBytes);
    yield { block, isSmall: sizeBytes < ASYNC_FROM_BYTES && block.length < ASYNC_FROM_BYTES };
  }
}

function asBuffer(data: string | Buffer): Buffer {
  return typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
}

function inflateBlock(block: Buffer): Buffer {
  try {
    return asBuffer(uncompressSync(block));
  } catch (error) {
    throw damaged('snappy', error);
  }
}

async function inflateBlockAsync(block: Buffer): Promise<Buffer> {
  try {
    return asBuffer(await uncompress(block));
  } catch (error) {
    throw damaged('snappy', error);
  }
}

function frame(blocks: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(XERIAL_HEADER_BYTES);
  XERIAL_MAGIC.copy(header);
  writeInt32(header, 8, XERIAL_VERSION);
  writeInt32(header, 12, XERIAL_VERSION);
  const parts: Buffer[] = [header];
  for (const block of blocks) {
    const length = Buffer.alloc(4);
    writeInt32(length, 0, block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

function slices(section: Buffer): Buffer[] {
  const count = Math.ceil(section.length / BLOCK_BYTES);
  return Array.from({ length: count }, (_, index) =>
    section.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES),
  );
}

export const snappyCodec: SectionCodec = {
  inflate(section, maxInflatedBytes) {
    const parts: Buffer[] = [];
    for (const { block } of boundedBlocks(section, maxInflatedBytes)) {
      if (parts.length === BLOCKS_AT_ONCE)
        throw new BrokerError('too_large', `more than ${BLOCKS_AT_ONCE} snappy blocks at once`);
      parts.push(inflateBlock(block));
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  },
  async inflateInTurns(section, maxInflatedBytes, turn) {
    const parts: Buffer[] = [];
    for (const { block, isSmall } of boundedBlocks(section, maxInflatedBytes)) {
      if (turn.isSpent) await turn.yield();
      parts.push(isSmall ? inflateBlock(block) : await inflateBlockAsync(block));
    }
    return parts;
  },
  deflate: (section) => frame(slices(section).map((slice) => compressSync(slice))),
};
