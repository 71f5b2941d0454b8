// The sparse indexes of one segment in memory, and their files. Never synced: what the files lack is read from the batches.

import { BrokerError } from '@robustmq/errors';
import { loadEntries, removeIndexFiles, storeEntries, type IndexPlace } from './index-file.ts';
import { OffsetIndex, OFFSET_ENTRY_BYTES, soundOffsetEntries } from './offset-index.ts';
import { TimeIndex, TIME_ENTRY_BYTES } from './time-index.ts';

/** A batch gets an index entry when so many bytes were appended since the last one; Kafka's default. */
export const INDEX_INTERVAL_BYTES = 4096;

/** Offset and time index, growing together. */
export class SegmentIndexes {
  readonly offsets: OffsetIndex;
  readonly times: TimeIndex;
  #bytesSinceEntry: number;
  #offsetsStored: number;
  #timesStored: number;

  constructor(offsets = new OffsetIndex(), times = new TimeIndex()) {
    this.offsets = offsets;
    this.times = times;
    this.#offsetsStored = offsets.count;
    this.#timesStored = times.count;
    this.#bytesSinceEntry = offsets.count === 0 ? 0 : INDEX_INTERVAL_BYTES;
  }

  /** The entries of the files as far as they can be trusted: they lie inside the log and ascend. */
  static load(place: IndexPlace, logBytes: number): SegmentIndexes {
    const offsetEntries = loadEntries(place, 'index');
    const timeEntries = loadEntries(place, 'timeindex');
    // Both or none: the times of batches that the offset index passes over would never be known.
    if (offsetEntries === undefined || timeEntries === undefined) return new SegmentIndexes();
    const offsets = new OffsetIndex(soundOffsetEntries(offsetEntries, logBytes));
    const last = offsets.count === 0 ? -1 : offsets.relativeOffset(offsets.count - 1);
    return new SegmentIndexes(offsets, TimeIndex.decode(timeEntries, last + 1));
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
    this.#bytesSinceEntry = sizeBytes - this.lastEntryPosition;
  }

  /**
   * After a cut: what the files say of the batches that went may fit the place and offset of those that come instead, and
   * not their times. New files, so that no power cut brings the old ones back once the directory is synced.
   */
  removeFiles(place: IndexPlace): void {
    removeIndexFiles(place);
    this.#offsetsStored = 0;
    this.#timesStored = 0;
  }

  /** Writes the entries that the files don't have yet; given up on a full disk: they are rebuildable. */
  store(place: IndexPlace): void {
    if (this.offsets.count === this.#offsetsStored) return;
    const offsetsAt = this.#offsetsStored * OFFSET_ENTRY_BYTES;
    const timesAt = this.#timesStored * TIME_ENTRY_BYTES;
    try {
      storeEntries(place, 'index', this.offsets.bytes.subarray(offsetsAt), offsetsAt);
      storeEntries(place, 'timeindex', this.times.encode(this.#timesStored), timesAt);
      this.#offsetsStored = this.offsets.count;
      this.#timesStored = this.times.count;
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== 'storage_full') throw error;
    }
  }
}
