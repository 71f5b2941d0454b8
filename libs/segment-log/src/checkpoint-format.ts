// The bytes of a checkpoint: docs/en/formats/segments.md has the table. They are encoded in slices of a turn (N8): a directory may
// have thousands of shards, and a shard very many producers.

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

/** The slice of the loop's turn that long work has, and what it waits for when that is spent (N8). */
export interface SliceOfTurn {
  readonly isSpent: boolean;
  yield(): Promise<void>;
}

/** "RMCP" */
const MAGIC = 0x524d4350;
const VERSION = 2;
const HEADER_BYTES = 24;
/** A checkpoint of 100,000 segments takes a few MB; what claims more is damaged. */
const MAX_PAYLOAD_BYTES = 256 * 1024 * 1024;
/** No file is larger. */
export const MAX_CHECKPOINT_BYTES = HEADER_BYTES + MAX_PAYLOAD_BYTES;

/** A checkpoint, and how many were saved before it. */
export interface DecodedCheckpoint {
  readonly generation: number;
  readonly checkpoint: Checkpoint;
}

/**
 * Undefined for a damaged or torn file, and for one that is not newer than `newerThan`.
 * @throws BrokerError unsupported for a sound one of another version (rule N17).
 */
export function decodeCheckpoint(bytes: Buffer, newerThan: number): DecodedCheckpoint | undefined {
  const payload = soundPayload(bytes);
  if (payload === undefined) return undefined;
  const generation = readInt64(bytes, 8);
  return generation <= newerThan ? undefined : { generation, checkpoint: decodePayload(payload) };
}

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

/** The whole file. */
export async function encodeCheckpoint(
  checkpoint: Checkpoint,
  generation: number,
  turn?: SliceOfTurn,
): Promise<readonly Buffer[]> {
  const rest = async (): Promise<void> => {
    if (turn?.isSpent === true) await turn.yield();
  };
  const payload = new PayloadPieces();
  payload.begin(checkpoint);
  for (const shard of checkpoint.shards) {
    await rest();
    payload.add(shard);
  }
  const pieces = payload.finish();
  const header = Buffer.alloc(HEADER_BYTES);
  writeInt32(header, 0, MAGIC);
  writeInt32(header, 4, VERSION);
  writeInt64(header, 8, generation);
  writeInt32(header, 16, payload.sizeBytes);
  let crc = crc32c(header, 0, 20);
  for (const piece of pieces) {
    for (let from = 0; from < piece.length; from += CRC_STEP_BYTES) {
      await rest();
      crc = crc32c(piece, from, Math.min(piece.length, from + CRC_STEP_BYTES), crc);
    }
  }
  writeInt32(header, 20, crc);
  return [header, ...pieces];
}

const CRC_STEP_BYTES = 1024 * 1024;
/** A piece that is written at once, but for large facts of the owner, which are written as they are. */
const PIECE_BYTES = 64 * 1024;

/** The payload in pieces: nothing large is copied. */
class PayloadPieces {
  sizeBytes = 0;
  readonly #pieces: Buffer[] = [];
  #writer = new ByteWriter({ maxBytes: MAX_PAYLOAD_BYTES });

  begin({ position, extra, shards }: Checkpoint): void {
    this.#writer.writeInt64(position);
    this.#addBlob(extra);
    this.#writer.writeInt32(shards.length);
  }

  add(shard: ShardCheckpoint): void {
    const writer = this.#writer;
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
    this.#addBlob(shard.extra);
  }

  #addBlob(blob: Buffer): void {
    this.#writer.writeInt32(blob.length);
    if (blob.length >= PIECE_BYTES) {
      this.#cut();
      this.#push(blob);
      return;
    }
    this.#writer.writeBytes(blob);
    if (this.#writer.position >= PIECE_BYTES) this.#cut();
  }

  #cut(): void {
    this.#push(this.#writer.finishCopy());
    this.#writer.reset();
  }

  #push(piece: Buffer): void {
    if (piece.length === 0) return;
    this.sizeBytes += piece.length;
    if (this.sizeBytes > MAX_PAYLOAD_BYTES)
      throw new BrokerError('too_large', `a checkpoint of more than ${MAX_PAYLOAD_BYTES} bytes`);
    this.#pieces.push(piece);
  }

  /** Adds no more. */
  finish(): readonly Buffer[] {
    this.#cut();
    return this.#pieces;
  }
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
