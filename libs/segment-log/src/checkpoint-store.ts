// The checkpoint of a data directory (rule L3) in two equal files written one after the other: a torn write leaves the
// other, and damage to one later does not bring back an older checkpoint, whose commit log is recycled already.
// docs/en/formats/segments.md has the byte table.

import {
  ByteReader,
  ByteWriter,
  crc32c,
  readInt32,
  readInt64,
  writeInt32,
  writeInt64,
} from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';
import type { Disk } from '@robustmq/commit-log';
import type { EpochStart } from './leader-epochs.ts';
import type { SegmentCheckpoint } from './segment.ts';
import type { SegmentLogCheckpoint } from './log-checkpoint.ts';

/** What a checkpoint says of one shard. */
export interface ShardCheckpoint extends SegmentLogCheckpoint {
  readonly streamId: number;
  readonly shard: number;
  /** Tells the stream from another under the same id; empty where the owner does not know it yet. */
  readonly topicId: string;
  /** Opaque facts of the owner (snapshot names, quarantine marks). */
  readonly extra: Buffer;
}

/** Commit-log frames up to `position` are in the segments, which are at least as long as said here. */
export interface Checkpoint {
  readonly position: number;
  readonly shards: readonly ShardCheckpoint[];
  /** Opaque facts of the owner about the whole directory. */
  readonly extra: Buffer;
}

/** "RMCP" */
const MAGIC = 0x524d4350;
const VERSION = 2;
const HEADER_BYTES = 24;
/** A checkpoint of 100,000 segments takes a few MB; what claims more is damaged. */
const MAX_PAYLOAD_BYTES = 256 * 1024 * 1024;
const SLOTS = ['checkpoint-0', 'checkpoint-1'] as const;
const EMPTY: Checkpoint = { position: 0, shards: [], extra: Buffer.alloc(0) };

/** Loads and saves the checkpoint; one save at a time. */
export class CheckpointStore {
  readonly #disk: Disk;
  readonly #directory: string;
  #generation = 0;
  #latest: Checkpoint = EMPTY;
  #newestSlot = 1;

  private constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  /**
   * Loads the newest readable checkpoint. In a directory without any, an empty one is made durable first: so a
   * checkpoint that is missing later is damage, not a new directory. `isInUse` says that the directory has what is made after
   * that, so that even two empty files are damage.
   * @throws BrokerError corrupt if there are checkpoint files, or were, and none is readable; unsupported if another version
   * wrote them.
   */
  static async open(disk: Disk, directory: string, isInUse = false): Promise<CheckpointStore> {
    const store = new CheckpointStore(disk, directory);
    disk.makeDirectory(directory);
    const present = SLOTS.filter((slot) => disk.exists(`${directory}/${slot}`));
    for (const slot of present) store.#adopt(slot);
    if (store.#generation > 0) {
      await store.#makeFiles();
      // What a failed sync left in memory reads well and is not on the disk (L5): write it again before relying on it.
      await store.#write(store.#newestSlot, store.#latest);
      await store.#write(1 - store.#newestSlot, store.#latest);
      return store;
    }
    // The very first save may have been torn: both files are made before it, so a second empty one tells.
    const damagedSlots = present.filter((slot) => store.#sizeOf(slot) > 0);
    if (isInUse || (damagedSlots.length > 0 && (damagedSlots.length > 1 || present.length === 1)))
      throw new BrokerError(
        'corrupt',
        `no readable checkpoint in ${directory}: put ${SLOTS[0]} or ${SLOTS[1]} back, or bring the whole data folder back from a copy`,
      );
    await store.#makeFiles();
    await store.save(EMPTY);
    return store;
  }

  /** Those that are missing, their names durable: of a new directory both, else one that was lost beside its sound twin. */
  async #makeFiles(): Promise<void> {
    const missing = SLOTS.map((slot) => `${this.#directory}/${slot}`).filter(
      (path) => !this.#disk.exists(path),
    );
    for (const path of missing) this.#disk.create(path).close();
    if (missing.length > 0) await this.#disk.syncDirectory(this.#directory);
  }

  /** The last checkpoint loaded or saved. */
  get latest(): Checkpoint {
    return this.#latest;
  }

  /** Durable, twice, when it resolves; after a rejection the previous or this one holds, and nothing may be recycled. */
  async save(checkpoint: Checkpoint): Promise<void> {
    this.#generation++;
    const first = 1 - this.#newestSlot;
    await this.#write(first, checkpoint);
    this.#newestSlot = first;
    await this.#write(1 - first, checkpoint);
    this.#latest = checkpoint;
  }

  async #write(slot: number, checkpoint: Checkpoint): Promise<void> {
    const payload = encodePayload(checkpoint);
    const bytes = Buffer.alloc(HEADER_BYTES + payload.length);
    writeInt32(bytes, 0, MAGIC);
    writeInt32(bytes, 4, VERSION);
    writeInt64(bytes, 8, this.#generation);
    writeInt32(bytes, 16, payload.length);
    bytes.set(payload, HEADER_BYTES);
    writeInt32(bytes, 20, crc32c(bytes, HEADER_BYTES, bytes.length, crc32c(bytes, 0, 20)));
    const file = this.#disk.open(`${this.#directory}/${SLOTS[slot]!}`);
    try {
      await file.writeAsync(bytes, 0);
      await file.sync();
    } finally {
      file.close();
    }
  }

  #adopt(slot: (typeof SLOTS)[number]): void {
    const file = this.#disk.open(`${this.#directory}/${slot}`);
    let bytes: Buffer;
    try {
      bytes = Buffer.alloc(Math.min(file.sizeBytes(), HEADER_BYTES + MAX_PAYLOAD_BYTES));
      bytes = bytes.subarray(0, file.read(bytes, 0));
    } finally {
      file.close();
    }
    const payload = soundPayload(bytes);
    const generation = payload === undefined ? 0 : readInt64(bytes, 8);
    if (payload === undefined || generation <= this.#generation) return;
    this.#latest = decodePayload(payload);
    this.#generation = generation;
    this.#newestSlot = SLOTS.indexOf(slot);
  }

  #sizeOf(slot: (typeof SLOTS)[number]): number {
    const file = this.#disk.open(`${this.#directory}/${slot}`);
    try {
      return file.sizeBytes();
    } finally {
      file.close();
    }
  }
}

/** Undefined for a damaged or torn file. @throws BrokerError unsupported for a sound one of another version (rule N17). */
function soundPayload(bytes: Buffer): Buffer | undefined {
  if (bytes.length < HEADER_BYTES || readInt32(bytes, 0) !== MAGIC) return undefined;
  const end = HEADER_BYTES + (readInt32(bytes, 16) >>> 0);
  if (end > bytes.length) return undefined;
  const crc = crc32c(bytes, HEADER_BYTES, end, crc32c(bytes, 0, 20));
  if (crc !== readInt32(bytes, 20) >>> 0) return undefined;
  const version = readInt32(bytes, 4) >>> 0;
  if (version !== VERSION)
    throw new BrokerError(
      'unsupported',
      `the checkpoint was written by another version: ${version}, this one knows ${VERSION}`,
    );
  return bytes.subarray(HEADER_BYTES, end);
}

function encodePayload(checkpoint: Checkpoint): Buffer {
  const writer = new ByteWriter({ maxBytes: MAX_PAYLOAD_BYTES });
  writer.writeInt64(checkpoint.position);
  writeBlob(writer, checkpoint.extra);
  writer.writeInt32(checkpoint.shards.length);
  for (const shard of checkpoint.shards) {
    writer.writeInt32(shard.streamId);
    writer.writeInt32(shard.shard);
    writeBlob(writer, Buffer.from(shard.topicId));
    writer.writeInt64(shard.logStartOffset);
    writer.writeInt64(shard.logEndOffset);
    writer.writeInt32(shard.segments.length);
    for (const segment of shard.segments) {
      writer.writeInt64(segment.baseOffset);
      writer.writeInt64(segment.lengthBytes);
      writer.writeInt64(segment.maxTimestampMs);
    }
    writer.writeInt32(shard.leaderEpochs.length);
    for (const epoch of shard.leaderEpochs) {
      writer.writeInt32(epoch.leaderEpoch);
      writer.writeInt64(epoch.startOffset);
    }
    writeBlob(writer, shard.extra);
  }
  return writer.finishCopy();
}

function decodePayload(payload: Buffer): Checkpoint {
  const reader = new ByteReader(payload);
  const position = reader.readInt64();
  const extra = readBlob(reader);
  const shards: ShardCheckpoint[] = [];
  for (let left = reader.readUInt32(); left > 0; left--) {
    const streamId = reader.readUInt32();
    const shard = reader.readUInt32();
    const topicId = readBlob(reader).toString();
    const logStartOffset = reader.readInt64();
    const logEndOffset = reader.readInt64();
    const segments: SegmentCheckpoint[] = [];
    for (let more = reader.readUInt32(); more > 0; more--) {
      const baseOffset = reader.readInt64();
      const lengthBytes = reader.readInt64();
      segments.push({ baseOffset, lengthBytes, maxTimestampMs: reader.readInt64() });
    }
    const leaderEpochs: EpochStart[] = [];
    for (let more = reader.readUInt32(); more > 0; more--) {
      const leaderEpoch = reader.readInt32();
      leaderEpochs.push({ leaderEpoch, startOffset: reader.readInt64() });
    }
    shards.push({
      streamId,
      shard,
      topicId,
      logStartOffset,
      logEndOffset,
      segments,
      leaderEpochs,
      extra: readBlob(reader),
    });
  }
  return { position, shards, extra };
}

function writeBlob(writer: ByteWriter, blob: Buffer): void {
  writer.writeInt32(blob.length);
  writer.writeBytes(blob);
}

function readBlob(reader: ByteReader): Buffer {
  return Buffer.from(reader.readBytes(reader.readUInt32()));
}
