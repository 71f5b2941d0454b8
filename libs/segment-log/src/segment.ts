// One segment: a `.log` file of batches with its sparse indexes. Appends go to a memory tail first and reach the file
// in gathered writes (hot-path fact 5); nothing here syncs but `sync`.

import { BrokerError } from '@robustmq/errors';
import type { Disk, DiskFile } from '@robustmq/commit-log';
import { baseOffsetOf, lastOffsetOf, maxTimestampOf } from '@robustmq/record-batch';
import { damaged, sizeOfBatch } from './batch-read.ts';
import { segmentPath, SEGMENT_SUFFIXES, type SegmentSuffix } from './names.ts';
import { OffsetIndex, OFFSET_ENTRY_BYTES, soundOffsetEntries } from './offset-index.ts';
import { TimeIndex } from './time-index.ts';

/** Bytes gathered in memory before they are written. */
export const GATHER_BYTES = 64 * 1024;
/** A batch gets an index entry when so many bytes were appended since the last one; Kafka's default. */
export const INDEX_INTERVAL_BYTES = 4096;
const WALK_BYTES = 256 * 1024;

/** What a checkpoint stores of a segment (L3). */
export interface SegmentCheckpoint {
  readonly baseOffset: number;
  readonly lengthBytes: number;
  /** -1 if the segment is empty. */
  readonly maxTimestampMs: number;
}

/** A batch to begin a read with, and what is known of it (-1: unknown). */
export interface SeekResult {
  readonly position: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
}

/** Where a segment can be cut, and the log end that this gives. */
export interface Boundary {
  readonly position: number;
  readonly endOffset: number;
}

/** A segment whose file is open on demand. */
export class Segment {
  readonly baseOffset: number;
  readonly #disk: Disk;
  readonly #directory: string;
  #file: DiskFile | undefined;
  #index: OffsetIndex | undefined;
  #times: TimeIndex | undefined;
  #writtenBytes: number;
  #tail: Buffer = EMPTY;
  #tailBytes = 0;
  #bytesSinceEntry = 0;
  #indexEntriesStored = 0;
  /** Position from which the content contradicts the checkpoint; only a replayed truncation can mend that. */
  #suspectFrom = Infinity;
  maxTimestampMs: number;
  /** First timestamp appended to this segment by this process; for rolling by time. */
  firstTimestampMs = -1;
  /** Whether the file changed since the last {@link sync} began. */
  #fileChanged = false;
  /** Asynchronous reads and syncs that use the file now: closed under them, its descriptor would be another file's. */
  #users = 0;

  private constructor(disk: Disk, directory: string, from: SegmentCheckpoint) {
    this.#disk = disk;
    this.#directory = directory;
    this.baseOffset = from.baseOffset;
    this.#writtenBytes = from.lengthBytes;
    this.maxTimestampMs = from.maxTimestampMs;
  }

  /** Makes an empty segment. */
  static create(disk: Disk, directory: string, baseOffset: number): Segment {
    const segment = new Segment(disk, directory, { baseOffset, lengthBytes: 0, maxTimestampMs: -1 });
    segment.#file = disk.create(segmentPath(directory, baseOffset, 'log'));
    segment.#index = new OffsetIndex();
    segment.#times = new TimeIndex();
    segment.#fileChanged = true;
    return segment;
  }

  /**
   * A segment as the checkpoint knew it; what was written later is cut off, for the commit log has it. If the file is
   * missing or short the segment is suspect: a later truncation was at work, or it is damaged ({@link assertSound}).
   */
  static recover(disk: Disk, directory: string, from: SegmentCheckpoint): Segment {
    const path = segmentPath(directory, from.baseOffset, 'log');
    const missing = !disk.exists(path);
    const segment = new Segment(disk, directory, from);
    segment.#file = missing ? disk.create(path) : disk.open(path);
    const sizeBytes = segment.#file.sizeBytes();
    if (sizeBytes > from.lengthBytes) {
      segment.#file.truncate(from.lengthBytes);
      segment.#fileChanged = true;
    } else if (sizeBytes < from.lengthBytes) {
      segment.#writtenBytes = sizeBytes;
      segment.#suspectFrom = sizeBytes;
    }
    return segment;
  }

  get sizeBytes(): number {
    return this.#writtenBytes + this.#tailBytes;
  }

  /** Whether it holds anything that no sync covers: in the file, or still in memory. */
  get dirty(): boolean {
    return this.#fileChanged || this.#tailBytes > 0;
  }

  /** Whether file and indexes are in memory. */
  get warm(): boolean {
    return this.#file !== undefined;
  }

  checkpoint(): SegmentCheckpoint {
    return { baseOffset: this.baseOffset, lengthBytes: this.sizeBytes, maxTimestampMs: this.maxTimestampMs };
  }

  /** @throws BrokerError corrupt if the content is not what the checkpoint said. */
  assertSound(): void {
    if (this.#suspectFrom !== Infinity) throw damaged('shorter than its checkpoint', this.#suspectFrom);
  }

  /** Adds one batch, `bytes[start, start + sizeBytes)`, to the memory tail. Indexes see it at once. */
  append(bytes: Buffer, start: number, sizeBytes: number): void {
    this.#indexes();
    const position = this.sizeBytes;
    if (this.#tailBytes + sizeBytes > this.#tail.length) this.#growTail(sizeBytes);
    bytes.copy(this.#tail, this.#tailBytes, start, start + sizeBytes);
    this.#tailBytes += sizeBytes;
    this.#noteBatch(bytes, start, sizeBytes, position);
    if (this.firstTimestampMs < 0) this.firstTimestampMs = maxTimestampOf(bytes, start);
  }

  /** Whether the gathered bytes are enough to be worth a write. */
  get gathered(): boolean {
    return this.#tailBytes >= GATHER_BYTES;
  }

  /** Writes the memory tail to the file. After storage_full the tail is still in memory and a later flush may succeed. */
  flush(): void {
    if (this.#tailBytes === 0) return;
    this.#fileChanged = true;
    this.#opened().write(this.#tail.subarray(0, this.#tailBytes), this.#writtenBytes);
    this.#writtenBytes += this.#tailBytes;
    this.#tailBytes = 0;
    if (this.#tail.length > 4 * GATHER_BYTES) this.#tail = EMPTY;
  }

  /** fdatasync of what {@link flush} wrote before. */
  async sync(): Promise<void> {
    // Cleared before: what is written while the sync runs is for the next one.
    this.#fileChanged = false;
    await this.#using((file) => file.sync());
  }

  /** Where to begin to look for the batch with `offset`: at or before it. */
  seek(offset: number): SeekResult {
    const index = this.#indexes();
    const entry = index.floor(Math.max(0, offset - this.baseOffset));
    if (entry < 0) return { position: 0, baseOffset: this.baseOffset, lastOffset: -1 };
    const lastOffset = this.baseOffset + index.relativeOffset(entry);
    return { position: index.position(entry), baseOffset: -1, lastOffset };
  }

  /** Builds the indexes from the batches alone: the files may have been torn in a way that looks right. */
  reindex(): void {
    this.#index = new OffsetIndex();
    this.#times = new TimeIndex();
    this.#bytesSinceEntry = 0;
    this.#indexEntriesStored = 0;
    this.#walk(0, (bytes, at, position, size) => this.#noteBatch(bytes, at, size, position));
  }

  /** Offset from which to look for the first timestamp at or above `timestampMs`. */
  offsetToSearch(timestampMs: number): number {
    this.#indexes();
    return this.baseOffset + this.#times!.searchStart(timestampMs);
  }

  /** A copy of `lengthBytes` at `position`, from file and memory tail. */
  read(position: number, lengthBytes: number): Buffer {
    const target = Buffer.allocUnsafe(lengthBytes);
    const fromFile = this.#copyTail(target, position);
    const count = fromFile === 0 ? 0 : this.#opened().read(target.subarray(0, fromFile), position);
    return count === fromFile ? target : target.subarray(0, count);
  }

  /** As {@link read}, off the event loop. */
  async readAsync(position: number, lengthBytes: number): Promise<Buffer> {
    const target = Buffer.allocUnsafe(lengthBytes);
    const fromFile = this.#copyTail(target, position);
    if (fromFile === 0) return target;
    const count = await this.#using((file) => file.readAsync(target.subarray(0, fromFile), position));
    return count === fromFile ? target : target.subarray(0, count);
  }

  /** Cuts the segment at a batch boundary. */
  truncate(sizeBytes: number, endOffset: number): void {
    this.#indexes();
    if (sizeBytes < this.#writtenBytes) {
      this.#fileChanged = true;
      this.#opened().truncate(sizeBytes);
      this.#writtenBytes = sizeBytes;
    }
    this.#tailBytes = sizeBytes - this.#writtenBytes;
    if (this.#suspectFrom >= sizeBytes) this.#suspectFrom = Infinity;
    this.#index!.truncate(sizeBytes);
    this.#times!.truncate(endOffset - this.baseOffset);
    this.#indexEntriesStored = Math.min(this.#indexEntriesStored, this.#index!.count);
    this.maxTimestampMs = this.#times!.maxTimestampMs;
    // The entries kept are sparse: the batches behind the last one may have a higher timestamp.
    this.#walk(this.#lastEntryPosition(), (bytes, at) => {
      this.maxTimestampMs = Math.max(this.maxTimestampMs, maxTimestampOf(bytes, at));
    });
  }

  /** Where a truncation to `offset` would cut: at the first batch that reaches it, at torn bytes, or nowhere. */
  boundaryOf(offset: number): Boundary {
    let position = -1;
    let endOffset = -1;
    this.#walk(this.seek(offset).position, (bytes, at, batchPosition) => {
      if (batchPosition >= this.#suspectFrom) return false;
      const lastOffset = lastOffsetOf(bytes, at);
      if (lastOffset < offset) {
        endOffset = lastOffset + 1;
        return true;
      }
      position = batchPosition;
      if (endOffset < 0) endOffset = baseOffsetOf(bytes, at);
      return false;
    });
    if (position < 0) position = Math.min(this.#suspectFrom, this.sizeBytes);
    return { position, endOffset: endOffset < 0 ? this.baseOffset : endOffset };
  }

  /** What lies from `position` on is not what the log says; see {@link assertSound}. */
  distrust(position: number): void {
    this.#suspectFrom = Math.min(this.#suspectFrom, position);
  }

  /** Offset behind the last batch; the base offset if empty. Reads from the last index entry on. */
  endOffset(): number {
    this.#indexes();
    let end = this.baseOffset;
    this.#walk(this.#lastEntryPosition(), (bytes, at) => {
      end = lastOffsetOf(bytes, at) + 1;
    });
    return end;
  }

  /** Writes the index entries that the files don't have yet; unsynced and given up on a full disk: they are rebuildable. */
  storeIndexes(): void {
    if (this.#index === undefined || this.#times === undefined) return;
    if (this.#index.count === this.#indexEntriesStored) return;
    const from = this.#indexEntriesStored * OFFSET_ENTRY_BYTES;
    try {
      this.#replaceTail('index', this.#index.bytes.subarray(from), from);
      this.#replaceTail('timeindex', this.#times.encode(), 0);
      this.#indexEntriesStored = this.#index.count;
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== 'storage_full') throw error;
    }
  }

  /**
   * Lets go of file, indexes and tail memory; they come back when needed. Not while it is dirty: a file opened anew
   * may not be told of an earlier writeback error.
   */
  cool(): void {
    if (this.#users > 0 || this.dirty) return;
    this.storeIndexes();
    this.#file?.close();
    this.#file = undefined;
    this.#index = undefined;
    this.#times = undefined;
    this.#tail = EMPTY;
  }

  /** Closes without syncing or writing anything more: the commit log has it. */
  close(): void {
    this.#letGo();
  }

  /** Takes the files out of the log's view and removes them (L4). */
  async remove(): Promise<void> {
    const doomed = this.rename();
    for (const path of doomed) await this.#disk.unlinkAsync(path);
  }

  /** Renames all files to `.deleted`; answers the new paths. Handles of running reads stay good. */
  rename(): string[] {
    this.#letGo();
    const doomed: string[] = [];
    for (const suffix of SEGMENT_SUFFIXES) {
      const path = segmentPath(this.#directory, this.baseOffset, suffix);
      if (!this.#disk.exists(path)) continue;
      this.#disk.rename(path, `${path}.deleted`);
      doomed.push(`${path}.deleted`);
    }
    return doomed;
  }

  #noteBatch(bytes: Buffer, start: number, sizeBytes: number, position: number): void {
    const relativeOffset = lastOffsetOf(bytes, start) - this.baseOffset;
    const timestampMs = maxTimestampOf(bytes, start);
    if (timestampMs > this.maxTimestampMs) this.maxTimestampMs = timestampMs;
    if (this.#bytesSinceEntry >= INDEX_INTERVAL_BYTES) {
      this.#index!.append(relativeOffset, position);
      this.#times!.append(this.maxTimestampMs, relativeOffset);
      this.#bytesSinceEntry = 0;
    }
    this.#bytesSinceEntry += sizeBytes;
  }

  #growTail(neededBytes: number): void {
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#tail.length, this.#tailBytes + neededBytes, 4096));
    this.#tail.copy(grown, 0, 0, this.#tailBytes);
    this.#tail = grown;
  }

  /** Copies what lies in the memory tail; answers how many leading bytes must come from the file. */
  #copyTail(target: Buffer, position: number): number {
    const fromFile = Math.max(0, Math.min(target.length, this.#writtenBytes - position));
    const tailStart = Math.max(0, position - this.#writtenBytes);
    this.#tail.copy(
      target,
      fromFile,
      tailStart,
      Math.min(this.#tailBytes, tailStart + target.length - fromFile),
    );
    return fromFile;
  }

  #opened(): DiskFile {
    this.#file ??= this.#disk.open(segmentPath(this.#directory, this.baseOffset, 'log'));
    return this.#file;
  }

  /** Work on the file that outlives {@link close}. */
  async #using<T>(work: (file: DiskFile) => Promise<T>): Promise<T> {
    const file = this.#opened();
    this.#users++;
    try {
      return await work(file);
    } finally {
      this.#users--;
      if (this.#users === 0 && this.#file !== file) file.close();
    }
  }

  /** Closes the file, or leaves that to the last that uses it. */
  #letGo(): void {
    if (this.#users === 0) this.#file?.close();
    this.#file = undefined;
  }

  #lastEntryPosition(): number {
    const index = this.#index!;
    return index.count === 0 ? 0 : index.position(index.count - 1);
  }

  /** Loads the index files as far as they can be trusted and indexes the rest from the batches. */
  #indexes(): OffsetIndex {
    if (this.#index !== undefined) return this.#index;
    this.#index = new OffsetIndex(soundOffsetEntries(this.#load('index'), this.#writtenBytes));
    if (!this.#entryHolds(this.#index.count - 1)) this.#index = new OffsetIndex();
    const count = this.#index.count;
    this.#indexEntriesStored = count;
    const lastRelative = count === 0 ? -1 : this.#index.relativeOffset(count - 1);
    this.#times = TimeIndex.decode(this.#load('timeindex'), lastRelative + 1);
    const known = this.maxTimestampMs;
    this.#bytesSinceEntry = count === 0 ? 0 : INDEX_INTERVAL_BYTES;
    let skipFirst = count > 0;
    this.#walk(this.#lastEntryPosition(), (bytes, at, position, size) => {
      if (skipFirst) {
        skipFirst = false;
        this.#bytesSinceEntry = size;
      } else this.#noteBatch(bytes, at, size, position);
    });
    this.maxTimestampMs = Math.max(known, this.maxTimestampMs);
    return this.#index;
  }

  /** Whether an index entry points to the batch that ends with its offset. */
  #entryHolds(entry: number): boolean {
    if (entry < 0) return true;
    const position = this.#index!.position(entry);
    const header = this.read(position, Math.min(61, this.sizeBytes - position));
    try {
      sizeOfBatch(header, 0, this.sizeBytes - position);
      return lastOffsetOf(header, 0) === this.baseOffset + this.#index!.relativeOffset(entry);
    } catch (error) {
      if (isImpossible(error)) return false;
      throw error;
    }
  }

  /** Visits batches from `position` until the visitor answers false; what can't be a batch makes the segment suspect from there. */
  #walk(
    position: number,
    visit: (bytes: Buffer, at: number, position: number, sizeBytes: number) => boolean | void,
  ): void {
    let needed = 0;
    while (position < this.sizeBytes) {
      const bytes = this.read(position, Math.min(Math.max(WALK_BYTES, needed), this.sizeBytes - position));
      let at = 0;
      try {
        for (needed = 0; at < bytes.length; at += needed) {
          needed = sizeOfBatch(bytes, at, this.sizeBytes - position);
          if (needed > bytes.length - at) break;
          if (visit(bytes, at, position + at, needed) === false) return;
        }
      } catch (error) {
        if (!isImpossible(error)) throw error;
        this.#suspectFrom = Math.min(this.#suspectFrom, position + at);
        return;
      }
      const cut = bytes.length < Math.min(WALK_BYTES, this.sizeBytes - position);
      if (at === 0 && (cut || needed <= bytes.length)) {
        this.#suspectFrom = Math.min(this.#suspectFrom, position);
        return;
      }
      position += at;
    }
  }

  #load(suffix: SegmentSuffix): Buffer {
    const path = segmentPath(this.#directory, this.baseOffset, suffix);
    if (!this.#disk.exists(path)) return EMPTY;
    const file = this.#disk.open(path);
    try {
      const bytes = Buffer.alloc(file.sizeBytes());
      return bytes.subarray(0, file.read(bytes, 0));
    } finally {
      file.close();
    }
  }

  #replaceTail(suffix: SegmentSuffix, bytes: Buffer, position: number): void {
    const path = segmentPath(this.#directory, this.baseOffset, suffix);
    const file = this.#disk.exists(path) ? this.#disk.open(path) : this.#disk.create(path);
    try {
      file.truncate(position);
      file.write(bytes, position);
    } finally {
      file.close();
    }
  }
}

/** Whether an error says that the bytes can't be a batch header. */
function isImpossible(error: unknown): boolean {
  return error instanceof BrokerError && (error.code === 'corrupt' || error.code === 'out_of_range');
}

const EMPTY = Buffer.alloc(0);
