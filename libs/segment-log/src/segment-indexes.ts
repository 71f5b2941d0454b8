// The sparse indexes of one segment in memory, and their files. Never synced: what the files lack is read from the batches.

import { BrokerError } from '@robustmq/errors';
import type { Disk } from '@robustmq/commit-log';
import { segmentPath, type SegmentSuffix } from './names.ts';
import { OffsetIndex, OFFSET_ENTRY_BYTES, soundOffsetEntries } from './offset-index.ts';
import { TimeIndex } from './time-index.ts';

/** A batch gets an index entry when so many bytes were appended since the last one; Kafka's default. */
export const INDEX_INTERVAL_BYTES = 4096;

/** Where the files are. */
export interface IndexPlace {
  readonly disk: Disk;
  readonly directory: string;
  readonly baseOffset: number;
}

/** Offset and time index, growing together. */
export class SegmentIndexes {
  readonly offsets: OffsetIndex;
  readonly times: TimeIndex;
  #bytesSinceEntry: number;
  #entriesStored: number;

  constructor(offsets = new OffsetIndex(), times = new TimeIndex()) {
    this.offsets = offsets;
    this.times = times;
    this.#entriesStored = offsets.count;
    this.#bytesSinceEntry = offsets.count === 0 ? 0 : INDEX_INTERVAL_BYTES;
  }

  /** The entries of the files as far as they can be trusted: they lie inside the log and ascend. */
  static load(place: IndexPlace, logBytes: number): SegmentIndexes {
    const offsets = new OffsetIndex(soundOffsetEntries(load(place, 'index'), logBytes));
    const last = offsets.count === 0 ? -1 : offsets.relativeOffset(offsets.count - 1);
    return new SegmentIndexes(offsets, TimeIndex.decode(load(place, 'timeindex'), last + 1));
  }

  /** Where the batch of the last entry begins; 0 without entries. */
  get lastEntryPosition(): number {
    return this.offsets.count === 0 ? 0 : this.offsets.position(this.offsets.count - 1);
  }

  /** Takes the next batch; `maxTimestampMs` is that of all batches so far. */
  note(relativeOffset: number, maxTimestampMs: number, sizeBytes: number, position: number): void {
    if (this.#bytesSinceEntry >= INDEX_INTERVAL_BYTES) {
      this.offsets.append(relativeOffset, position);
      this.times.append(maxTimestampMs, relativeOffset);
      this.#bytesSinceEntry = 0;
    }
    this.#bytesSinceEntry += sizeBytes;
  }

  /** The batch of the last entry was met again. */
  passed(sizeBytes: number): void {
    this.#bytesSinceEntry = sizeBytes;
  }

  /** The segment was cut. */
  truncate(sizeBytes: number, endRelativeOffset: number): void {
    this.offsets.truncate(sizeBytes);
    this.times.truncate(endRelativeOffset);
    this.#entriesStored = Math.min(this.#entriesStored, this.offsets.count);
  }

  /** Writes the entries that the files don't have yet; given up on a full disk: they are rebuildable. */
  store(place: IndexPlace): void {
    if (this.offsets.count === this.#entriesStored) return;
    const from = this.#entriesStored * OFFSET_ENTRY_BYTES;
    try {
      replaceTail(place, 'index', this.offsets.bytes.subarray(from), from);
      replaceTail(place, 'timeindex', this.times.encode(), 0);
      this.#entriesStored = this.offsets.count;
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== 'storage_full') throw error;
    }
  }
}

function load({ disk, directory, baseOffset }: IndexPlace, suffix: SegmentSuffix): Buffer {
  const path = segmentPath(directory, baseOffset, suffix);
  if (!disk.exists(path)) return EMPTY;
  const file = disk.open(path);
  try {
    const bytes = Buffer.alloc(file.sizeBytes());
    return bytes.subarray(0, file.read(bytes, 0));
  } finally {
    file.close();
  }
}

function replaceTail(place: IndexPlace, suffix: SegmentSuffix, bytes: Buffer, position: number): void {
  const { disk, directory, baseOffset } = place;
  const path = segmentPath(directory, baseOffset, suffix);
  const file = disk.exists(path) ? disk.open(path) : disk.create(path);
  try {
    file.truncate(position);
    file.write(bytes, position);
  } finally {
    file.close();
  }
}

const EMPTY = Buffer.alloc(0);
