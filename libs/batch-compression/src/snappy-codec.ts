// snappy in the two forms found in the field: the Java client's framing (xerial: a 16-byte header, then blocks with a
// 4-byte big-endian length each) and one raw block, as librdkafka and others write it.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { readInt32, readUVarint, writeInt32, type Cursor } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';
import { compress, compressSync, uncompress, uncompressSync } from 'snappy';
import { damaged, tooLarge, type SectionCodec } from './section-codec.ts';

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
/** Magic, version and lowest compatible version. */
const XERIAL_HEADER_BYTES = 16;
const XERIAL_VERSION = 1;
/** What the Java client uses. */
const BLOCK_BYTES = 32 * 1024;
/** Above any honest batch (the Java client's blocks are 1 KiB at least); bounds the calls that a hostile one costs. */
const MAX_BLOCKS = 16_384;
/** Smaller blocks are not worth a hop to the thread pool. */
const ASYNC_FROM_BYTES = 4096;
/** Each costs microseconds, however small: more are inflated asynchronously only (N8). */
const BLOCKS_AT_ONCE = 64;
/** Of those that are smaller so many are inflated before others get a turn of the loop (N8). */
const BLOCKS_PER_TURN = 32;

const cursor: Cursor = { position: 0 };

/** The raw blocks of a section, and the sum of the sizes that they claim; checks both. */
function splitBlocks(
  section: Buffer,
  maxInflatedBytes: number,
): { readonly blocks: readonly Buffer[]; readonly inflatedBytes: number } {
  const blocks: Buffer[] = [];
  if (
    section.length < XERIAL_HEADER_BYTES ||
    !section.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)
  ) {
    blocks.push(section);
  } else {
    if (readInt32(section, 12) > XERIAL_VERSION)
      throw new BrokerError('unsupported', 'snappy framing of a later version');
    for (let at = XERIAL_HEADER_BYTES; at < section.length;) {
      const sizeBytes = section.length - at < 4 ? -1 : readInt32(section, at);
      if (sizeBytes < 0 || sizeBytes > section.length - at - 4) throw damaged('snappy');
      if (blocks.length === MAX_BLOCKS)
        throw new BrokerError('too_large', `more than ${MAX_BLOCKS} snappy blocks`);
      blocks.push(section.subarray(at + 4, at + 4 + sizeBytes));
      at += 4 + sizeBytes;
    }
  }
  let inflatedBytes = 0;
  for (const block of blocks) {
    inflatedBytes += claimedBytes(block);
    if (inflatedBytes > maxInflatedBytes) throw tooLarge(maxInflatedBytes);
  }
  return { blocks, inflatedBytes };
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

function inflateAnyBlock(block: Buffer): Promise<Buffer> | Buffer {
  return claimedBytes(block) < ASYNC_FROM_BYTES ? inflateBlock(block) : inflateBlockAsync(block);
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
    const { blocks } = splitBlocks(section, maxInflatedBytes);
    if (blocks.length > BLOCKS_AT_ONCE)
      throw new BrokerError('too_large', `more than ${BLOCKS_AT_ONCE} snappy blocks at once`);
    return blocks.length === 1 ? inflateBlock(blocks[0]!) : Buffer.concat(blocks.map(inflateBlock));
  },
  async inflateAsync(section, maxInflatedBytes) {
    const { blocks, inflatedBytes } = splitBlocks(section, maxInflatedBytes);
    if (blocks.length === 1) return inflateAnyBlock(blocks[0]!);
    const inflated = Buffer.allocUnsafe(inflatedBytes);
    let at = 0;
    for (const [index, block] of blocks.entries()) {
      if (index % BLOCKS_PER_TURN === BLOCKS_PER_TURN - 1) await nextTurn();
      at += (await inflateAnyBlock(block)).copy(inflated, at);
    }
    return inflated;
  },
  deflate: (section) => frame(slices(section).map((slice) => compressSync(slice))),
  deflateAsync: async (section) => frame(await Promise.all(slices(section).map((slice) => compress(slice)))),
};
