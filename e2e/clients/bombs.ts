// Record batches that are not what they say, under a good CRC: a few bytes that inflate to gigabytes, sizes that lie.
import { gzipSync } from 'node:zlib';

import { BATCH_HEADER_BYTES, batchHeader, CODECS, RecordBatchBuilder } from '@robustmq/record-batch';

const MiB = 1024 * 1024;

/** A batch that says of one record that it is in this section. */
function batchWith(codec: (typeof CODECS)[number], section: Buffer): Buffer {
  const builder = new RecordBatchBuilder({ maxBatchBytes: MiB });
  builder.append(Date.now(), null, Buffer.from('x'));
  const batch = Buffer.concat([builder.finishCopy({}).subarray(0, BATCH_HEADER_BYTES), section]);
  batchHeader.rewriteSection(batch, 0, batch.length, { codec: CODECS.indexOf(codec), recordCount: 1 });
  return batch;
}

/** 256 MiB of zeros, and as much again in each further member. */
const gzipBomb = (members: number): Buffer => {
  const one = gzipSync(Buffer.alloc(256 * MiB));
  return Buffer.concat(Array.from({ length: members }, () => one));
};

const ZSTD_MAGIC = Buffer.from('28b52ffd', 'hex');

/** Blocks of 128 KiB that are one byte each, in a window of 128 MiB (RFC 8878, 3.1.1.2). */
function zstdBomb(blocks: number): Buffer {
  const all = Buffer.alloc(4 * blocks);
  for (let block = 0; block < blocks; block += 1) {
    const isLast = block === blocks - 1 ? 1 : 0;
    all.writeUIntLE((131_072 << 3) | (1 << 1) | isLast, 4 * block, 3);
  }
  // No content size; window of 2^(10 + 17) bytes.
  return Buffer.concat([ZSTD_MAGIC, Buffer.from([0x00, 0x88]), all]);
}

/** A single segment that says it holds 2^62 bytes, and holds one. */
function zstdThatLies(): Buffer {
  const sizeBytes = Buffer.alloc(8);
  sizeBytes.writeBigUInt64LE(2n ** 62n);
  return Buffer.concat([ZSTD_MAGIC, Buffer.from([0xe0]), sizeBytes, Buffer.from([0x0b, 0, 0, 0x78])]);
}

/** Blocks of 4 MiB, each a byte and a match that goes on and on. */
function lz4Bomb(blocks: number): Buffer {
  // Each byte of the length is 255 more: below 4 MiB in all. The last five bytes are literals.
  const match = Buffer.alloc(16_000, 0xff);
  const block = Buffer.concat([
    Buffer.from([0x1f, 0x78, 1, 0]),
    match,
    Buffer.from([0, 0x50]),
    Buffer.alloc(5),
  ]);
  const head = Buffer.alloc(4);
  head.writeUInt32LE(block.length);
  const sized = Array.from({ length: blocks }, () => Buffer.concat([head, block]));
  return Buffer.concat([Buffer.from('04224d18607073', 'hex'), ...sized, Buffer.alloc(4)]);
}

/** A raw block that says it holds so many bytes, and holds one (a varint of 32 bits in front). */
function snappyThatLies(claimedBytes: number): Buffer {
  const head: number[] = [];
  for (let left = claimedBytes; ; left = Math.floor(left / 128)) {
    head.push(left < 128 ? left : (left % 128) + 128);
    if (left < 128) break;
  }
  return Buffer.from([...head, 0x00, 0x78]);
}

/** What each is, its batch, and the errors of Kafka that are right: too large where the bound is met first. */
export function bombs(): [name: string, batch: Buffer, errors: readonly string[]][] {
  const tooLarge = ['MESSAGE_TOO_LARGE'];
  const invalid = ['INVALID_RECORD'];
  return [
    ['gzip of 256 MiB', batchWith('gzip', gzipBomb(1)), tooLarge],
    ['gzip of three members', batchWith('gzip', gzipBomb(3)), tooLarge],
    ['zstd of 8 GiB', batchWith('zstd', zstdBomb(65_536)), tooLarge],
    ['zstd that claims 2^62 bytes', batchWith('zstd', zstdThatLies()), invalid],
    ['lz4 of 160 MiB', batchWith('lz4', lz4Bomb(40)), tooLarge],
    ['snappy that claims 4 GiB', batchWith('snappy', snappyThatLies(2 ** 32 - 1)), tooLarge],
    ['snappy that claims 16 MB', batchWith('snappy', snappyThatLies(16_000_000)), invalid],
    ['snappy that claims 10 bytes', batchWith('snappy', snappyThatLies(10)), invalid],
  ];
}
