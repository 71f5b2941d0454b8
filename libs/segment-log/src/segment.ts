// One segment: a `.log` file of batches with its sparse indexes. Appends go to a memory tail first and reach the file
// in gathered writes (hot-path fact 5); nothing here syncs but `sync`.

import { BrokerError } from '@robustmq/errors';
import type { Disk, DiskFile } from '@robustmq/commit-log';
import { baseOffsetOf, lastOffsetOf, maxTimestampOf } from '@robustmq/record-batch';
import { damaged, sizeOfBatch } from './batch-read.ts';
import type { IndexPlace } from './index-file.ts';
import { segmentPath, SEGMENT_SUFFIXES } from './names.ts';
import { openFiles, type OpenSegment } from './open-files.ts';
import { SegmentIndexes } from './segment-indexes.ts';

/** Bytes gathered in memory before they are written. */
export const GATHER_BYTES = 64 * 1024;
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

/** How far a walk over batches has come. */
interface Walk {
  position: number;
  /** End of the segment when the bytes of the step were asked for; it may grow while they are read. */
  endPosition: number;
  /** Bytes that the batch there takes, once that is known. */
  neededBytes: number;
}

/** Called for each batch of a walk; false ends it. */
type Visit = (bytes: Buffer, at: number, position: number, sizeBytes: number) => boolean | void;

/** A segment whose file is open on demand. */
export class Segment implements OpenSegment {
  readonly baseOffset: number;
  readonly #disk: Disk;
  readonly #directory: string;
  #file: DiskFile | undefined;
  #indexes: SegmentIndexes | undefined;
  #loading: Promise<void> | undefined;
  /** Counts what voids indexes that are being made. */
  #cuts = 0;
  #writtenBytes: number;
  #tail: Buffer = EMPTY;
  #tailBytes = 0;
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
    openFiles.touch(segment);
    segment.#indexes = new SegmentIndexes();
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
    openFiles.touch(segment);
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
    const indexes = this.#loaded();
    const position = this.sizeBytes;
    if (this.#tailBytes + sizeBytes > this.#tail.length) this.#growTail(sizeBytes);
    bytes.copy(this.#tail, this.#tailBytes, start, start + sizeBytes);
    this.#tailBytes += sizeBytes;
    this.#noteBatch(indexes, bytes, start, sizeBytes, position);
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
    const { offsets } = this.#loaded();
    const entry = offsets.floor(Math.max(0, offset - this.baseOffset));
    if (entry < 0) return { position: 0, baseOffset: this.baseOffset, lastOffset: -1 };
    const lastOffset = this.baseOffset + offsets.relativeOffset(entry);
    return { position: offsets.position(entry), baseOffset: -1, lastOffset };
  }

  /** Has the indexes in memory when it resolves; reads off the event loop what their files lack, however much (rule N8). */
  async loadIndexes(): Promise<void> {
    if (this.#indexes !== undefined) return;
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    await this.#loading;
  }

  async #load(): Promise<void> {
    const indexes = this.#fromFiles();
    const cuts = this.#cuts;
    await this.#walkAsync(indexes.lastEntryPosition, this.#filling(indexes));
    if (this.#cuts === cuts) this.#indexes ??= indexes;
  }

  /** Builds the indexes from the batches alone, off the event loop: the files may have been torn in a way that looks right. */
  async reindex(): Promise<void> {
    const indexes = new SegmentIndexes();
    const cuts = this.#cuts;
    await this.#walkAsync(0, this.#filling(indexes));
    if (this.#cuts === cuts) this.#indexes = indexes;
  }

  /** Offset from which to look for the first timestamp at or above `timestampMs`. */
  offsetToSearch(timestampMs: number): number {
    return this.baseOffset + this.#loaded().times.searchStart(timestampMs);
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
    const indexes = this.#loaded();
    this.#cuts++;
    if (sizeBytes < this.#writtenBytes) {
      this.#fileChanged = true;
      this.#opened().truncate(sizeBytes);
      this.#writtenBytes = sizeBytes;
    }
    this.#tailBytes = sizeBytes - this.#writtenBytes;
    if (this.#suspectFrom >= sizeBytes) this.#suspectFrom = Infinity;
    indexes.truncate(sizeBytes, endOffset - this.baseOffset);
    indexes.removeFiles(this.#place);
    this.maxTimestampMs = indexes.times.maxTimestampMs;
    // The entries kept are sparse: the batches behind the last one may have a higher timestamp.
    this.#walk(indexes.lastEntryPosition, (bytes, at) => {
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
    let end = this.baseOffset;
    this.#walk(this.#loaded().lastEntryPosition, (bytes, at) => {
      end = lastOffsetOf(bytes, at) + 1;
    });
    return end;
  }

  /** Writes the index entries that the files don't have yet; unsynced and given up on a full disk: they are rebuildable. */
  storeIndexes(): void {
    this.#indexes?.store(this.#place);
  }

  /**
   * Lets go of file, indexes and tail memory; they come back when needed. Not while it is dirty: a file opened anew
   * may not be told of an earlier writeback error.
   */
  cool(): void {
    if (this.#users > 0 || this.dirty) return;
    this.storeIndexes();
    this.#letGo();
    this.#indexes = undefined;
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

  get #place(): IndexPlace {
    return { disk: this.#disk, directory: this.#directory, baseOffset: this.baseOffset };
  }

  #noteBatch(
    indexes: SegmentIndexes,
    bytes: Buffer,
    start: number,
    sizeBytes: number,
    position: number,
  ): void {
    const timestampMs = maxTimestampOf(bytes, start);
    if (timestampMs > this.maxTimestampMs) this.maxTimestampMs = timestampMs;
    indexes.note(lastOffsetOf(bytes, start) - this.baseOffset, this.maxTimestampMs, sizeBytes, position);
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
    openFiles.touch(this);
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
    openFiles.closed(this);
  }

  /** The indexes, at once: of a segment that is appended to, whose files lack little. */
  #loaded(): SegmentIndexes {
    if (this.#indexes !== undefined) return this.#indexes;
    const indexes = this.#fromFiles();
    this.#walk(indexes.lastEntryPosition, this.#filling(indexes));
    this.#indexes = indexes;
    return indexes;
  }

  /** What the index files say, if their last entry holds. */
  #fromFiles(): SegmentIndexes {
    const indexes = SegmentIndexes.load(this.#place, this.#writtenBytes);
    return this.#entryHolds(indexes, indexes.offsets.count - 1) ? indexes : new SegmentIndexes();
  }

  /** Brings indexes up to the batches of a walk from their last entry on. */
  #filling(indexes: SegmentIndexes): Visit {
    let isLastEntry = indexes.offsets.count > 0;
    return (bytes, at, position, sizeBytes) => {
      if (isLastEntry) indexes.passed(sizeBytes);
      else this.#noteBatch(indexes, bytes, at, sizeBytes, position);
      isLastEntry = false;
    };
  }

  /** Whether an index entry points to the batch that ends with its offset. */
  #entryHolds({ offsets }: SegmentIndexes, entry: number): boolean {
    if (entry < 0) return true;
    const position = offsets.position(entry);
    const header = this.read(position, Math.min(61, this.sizeBytes - position));
    try {
      sizeOfBatch(header, 0, this.sizeBytes - position);
      return lastOffsetOf(header, 0) === this.baseOffset + offsets.relativeOffset(entry);
    } catch (error) {
      if (isImpossible(error)) return false;
      throw error;
    }
  }

  /** Visits batches from `position` until the visitor answers false; what can't be a batch makes the segment suspect from there. */
  #walk(position: number, visit: Visit): void {
    const walk: Walk = { position, endPosition: 0, neededBytes: 0 };
    while (walk.position < this.sizeBytes)
      if (!this.#step(walk, this.read(walk.position, this.#stepBytes(walk)), visit)) return;
  }

  /** As {@link Segment.#walk}; each step leaves the event loop. */
  async #walkAsync(position: number, visit: Visit): Promise<void> {
    const walk: Walk = { position, endPosition: 0, neededBytes: 0 };
    const cuts = this.#cuts;
    while (walk.position < this.sizeBytes) {
      const bytes = await this.readAsync(walk.position, this.#stepBytes(walk));
      if (this.#cuts !== cuts || !this.#step(walk, bytes, visit)) return;
    }
  }

  #stepBytes(walk: Walk): number {
    walk.endPosition = this.sizeBytes;
    return Math.min(Math.max(WALK_BYTES, walk.neededBytes), walk.endPosition - walk.position);
  }

  /** Visits the batches in what was read; false ends the walk. */
  #step(walk: Walk, bytes: Buffer, visit: Visit): boolean {
    const { position } = walk;
    const leftBytes = walk.endPosition - position;
    let at = 0;
    try {
      for (walk.neededBytes = 0; at < bytes.length; at += walk.neededBytes) {
        walk.neededBytes = sizeOfBatch(bytes, at, leftBytes);
        if (walk.neededBytes > bytes.length - at) break;
        if (visit(bytes, at, position + at, walk.neededBytes) === false) return false;
      }
    } catch (error) {
      if (!isImpossible(error)) throw error;
      this.distrust(position + at);
      return false;
    }
    const isCut = bytes.length < Math.min(WALK_BYTES, leftBytes);
    if (at === 0 && (isCut || walk.neededBytes <= bytes.length)) {
      this.distrust(position);
      return false;
    }
    walk.position += at;
    return true;
  }
}

/** Whether an error says that the bytes can't be a batch header. */
function isImpossible(error: unknown): boolean {
  return error instanceof BrokerError && (error.code === 'corrupt' || error.code === 'out_of_range');
}

const EMPTY = Buffer.alloc(0);
