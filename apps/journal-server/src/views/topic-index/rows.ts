// Keys and values of the topic index in the key-value store (docs/en/formats/topic-index.md). All rows of a block have
// one prefix, in one family, so that a block is written, found missing and deleted as one.

import { ByteReader, ByteWriter, TopicHash } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';

/** The only family: rows of several families could survive a crash apart. */
export const INDEX_FAMILY = 'topic-index';

/** Kinds of rows within a block, in key order. */
const KIND_POSTINGS = 1;
const KIND_DICTIONARY = 2;
const KIND_OPAQUE = 3;
const COMPLETE_PREFIX = 0x01;
const BLOCK_PREFIX = 0x02;

/** Value of a `complete` row. */
export interface CompleteBlock {
  readonly firstOffset: number;
  /** Exclusive. */
  readonly nextOffset: number;
  /** Records with a topic. */
  readonly records: number;
  /** Batches that can't be told without inflating them. */
  readonly opaqueBatches: number;
}

/** Version of all rows of a block, in its `complete` row. Rows of another version are dropped and built anew. */
const ROWS_VERSION = 1;

const MAX_VALUE_BYTES = 16 * 1024 * 1024;
const hash = new TopicHash();

function shardPrefix(prefix: number, streamId: number, shard: number): Buffer {
  const key = Buffer.alloc(9);
  key[0] = prefix;
  key.writeUInt32BE(streamId, 1);
  key.writeUInt32BE(shard, 5);
  return key;
}

function withOffset(prefix: Buffer, offset: number, more = 0): Buffer {
  const key = Buffer.alloc(prefix.length + 8 + more);
  prefix.copy(key);
  key.writeBigUInt64BE(BigInt(offset), prefix.length);
  return key;
}

/** Key of a block's `complete` row. */
export function completeKey(streamId: number, shard: number, firstOffset: number): Buffer {
  return withOffset(shardPrefix(COMPLETE_PREFIX, streamId, shard), firstOffset);
}

/** First offset of the block that a row belongs to. */
export function firstOffsetOf(key: Buffer): number {
  return Number(key.readBigUInt64BE(9));
}

/** Ranges of all rows of a stream. */
export function streamRanges(streamId: number): { from: Buffer; until: Buffer }[] {
  return [COMPLETE_PREFIX, BLOCK_PREFIX].map((prefix) => {
    const from = shardPrefix(prefix, streamId, 0).subarray(0, 5);
    return { from, until: after(from) };
  });
}

/** Range of all `complete` rows of a shard from an offset on. */
export function completeRange(
  streamId: number,
  shard: number,
  fromOffset = 0,
): { from: Buffer; until: Buffer } {
  const prefix = shardPrefix(COMPLETE_PREFIX, streamId, shard);
  return { from: withOffset(prefix, fromOffset), until: after(prefix) };
}

/** Range of all other rows of the blocks of a shard that begin in [from, until). */
export function blockRange(
  streamId: number,
  shard: number,
  fromOffset = 0,
  untilOffset?: number,
): { from: Buffer; until: Buffer } {
  const prefix = shardPrefix(BLOCK_PREFIX, streamId, shard);
  return {
    from: withOffset(prefix, fromOffset),
    until: untilOffset === undefined ? after(prefix) : withOffset(prefix, untilOffset),
  };
}

/** Key of the postings of a topic in a block. */
export function postingsKey(streamId: number, shard: number, firstOffset: number, topic: string): Buffer {
  const key = withOffset(shardPrefix(BLOCK_PREFIX, streamId, shard), firstOffset, 9);
  hash.ofString(topic);
  key[17] = KIND_POSTINGS;
  key.writeUInt32BE(hash.high, 18);
  key.writeUInt32BE(hash.low, 22);
  return key;
}

/** Key of a block's dictionary. */
export function dictionaryKey(streamId: number, shard: number, firstOffset: number): Buffer {
  const key = withOffset(shardPrefix(BLOCK_PREFIX, streamId, shard), firstOffset, 1);
  key[17] = KIND_DICTIONARY;
  return key;
}

/** Key of the offsets of a block's opaque batches. */
export function opaqueKey(streamId: number, shard: number, firstOffset: number): Buffer {
  const key = withOffset(shardPrefix(BLOCK_PREFIX, streamId, shard), firstOffset, 1);
  key[17] = KIND_OPAQUE;
  return key;
}

/** The least key behind all with a prefix; ours never end in 0xff throughout. */
function after(prefix: Buffer): Buffer {
  const key = Buffer.from(prefix);
  for (let at = key.length - 1; at >= 0; at--) {
    if (key[at]! < 0xff) {
      key[at]! += 1;
      return key.subarray(0, at + 1);
    }
  }
  return key;
}

/** Ascending offsets as differences. */
function writeOffsets(writer: ByteWriter, base: number, offsets: readonly number[]): void {
  writer.writeUVarint(offsets.length);
  let previous = base;
  for (const offset of offsets) {
    writer.writeUVarint(offset - previous);
    previous = offset;
  }
}

function readOffsets(reader: ByteReader, base: number, into: number[]): void {
  let previous = base;
  for (let left = reader.readUVarint(); left > 0; left--) {
    previous += reader.readUVarint();
    into.push(previous);
  }
}

/** Value of a postings row. */
export function encodePostings(firstOffset: number, offsets: readonly number[]): Buffer {
  const writer = new ByteWriter({ initialBytes: 16 + 2 * offsets.length, maxBytes: MAX_VALUE_BYTES });
  writeOffsets(writer, firstOffset, offsets);
  return writer.finish();
}

/** @throws BrokerError corrupt if the bytes are no postings. */
export function decodePostings(firstOffset: number, value: Buffer): number[] {
  return guarded(() => {
    const offsets: number[] = [];
    readOffsets(new ByteReader(value), firstOffset, offsets);
    return offsets;
  });
}

/** Value of a `complete` row. */
export function encodeComplete(block: CompleteBlock): Buffer {
  const writer = new ByteWriter({ maxBytes: MAX_VALUE_BYTES });
  writer.writeInt8(ROWS_VERSION);
  writer.writeInt64(block.nextOffset);
  writer.writeInt32(block.records);
  writer.writeInt32(block.opaqueBatches);
  return writer.finish();
}

/** @throws BrokerError corrupt if the row is no `complete` row of this version. */
export function decodeComplete(key: Buffer, value: Buffer): CompleteBlock {
  return guarded(() => {
    const firstOffset = firstOffsetOf(key);
    const reader = new ByteReader(value);
    if (reader.readUInt8() !== ROWS_VERSION) throw new BrokerError('corrupt', 'rows of another version');
    const nextOffset = reader.readInt64();
    return { firstOffset, nextOffset, records: reader.readInt32(), opaqueBatches: reader.readInt32() };
  });
}

/** Value of a dictionary row: the block's topics. */
export function encodeDictionary(topics: Iterable<string>): Buffer {
  const writer = new ByteWriter({ initialBytes: 4096, maxBytes: MAX_VALUE_BYTES });
  for (const topic of topics) {
    const bytes = Buffer.from(topic, 'utf8');
    writer.writeUVarint(bytes.length);
    writer.writeBytes(bytes);
  }
  return writer.finish();
}

/** The topics of a dictionary row, one by one: there may be many. @throws BrokerError corrupt if it is none. */
export function* dictionaryTopics(value: Buffer): Generator<string, void, undefined> {
  for (let at = 0; at < value.length;) {
    const reader = new ByteReader(value, at);
    yield guarded(() => reader.readString(reader.readUVarint()));
    at = reader.position;
  }
}

function guarded<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new BrokerError('corrupt', 'topic index row is damaged', { cause });
  }
}
