// One segment: the bytes of its batches and the sparse indexes that find them. Appends are seen at once; nothing here syncs
// but `sync`.

import type { Disk } from '@robustmq/commit-log';
import { batchHeader } from '@robustmq/record-batch';
import { damaged } from './batch-read.ts';
import { lastOffsetFrom, walkBatches, walkBatchesAsync, type VisitBatch } from './batch-walk.ts';
import type { IndexPlace } from './index-file.ts';
import { segmentPath, SEGMENT_SUFFIXES } from './names.ts';
import type { OpenSegment } from './open-files.ts';
import { SegmentBytes } from './segment-bytes.ts';
import { SegmentIndexes } from './segment-indexes.ts';

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
export class Segment implements OpenSegment {
  readonly baseOffset: number;
  readonly #place: IndexPlace;
  readonly #bytes: SegmentBytes;
  #indexes: SegmentIndexes | undefined;
  #loading: Promise<void> | undefined;
  /** Counts what voids indexes that are being made. */
  #cuts = 0;
  /** Position from which the content contradicts the checkpoint; only a replayed truncation can mend that. */
  #suspectFrom = Infinity;
  maxTimestampMs: number;
  /** First timestamp appended to this segment by this process; for rolling by time. */
  firstTimestampMs = -1;

  private constructor(disk: Disk, directory: string, baseOffset: number, maxTimestampMs: number) {
    this.baseOffset = baseOffset;
    this.maxTimestampMs = maxTimestampMs;
    this.#place = { disk, directory, baseOffset };
    this.#bytes = new SegmentBytes(disk, segmentPath(directory, baseOffset, 'log'), this);
  }

  /** Makes an empty segment. */
  static create(disk: Disk, directory: string, baseOffset: number): Segment {
    const segment = new Segment(disk, directory, baseOffset, -1);
    segment.#bytes.create();
    segment.#indexes = new SegmentIndexes();
    return segment;
  }

  /**
   * A segment as the checkpoint knew it; what was written later is cut off, for the commit log has it. If the file is
   * missing or short the segment is suspect: a later truncation was at work, or it is damaged ({@link assertSound}).
   */
  static recover(disk: Disk, directory: string, from: SegmentCheckpoint): Segment {
    const segment = new Segment(disk, directory, from.baseOffset, from.maxTimestampMs);
    segment.#bytes.recover(from.lengthBytes);
    if (segment.sizeBytes < from.lengthBytes) segment.#suspectFrom = segment.sizeBytes;
    return segment;
  }

  get sizeBytes(): number {
    return this.#bytes.sizeBytes;
  }

  /** Whether it holds anything that no sync covers: in the file, or still in memory. */
  get dirty(): boolean {
    return this.#bytes.dirty;
  }

  /** Whether file and indexes are in memory. */
  get warm(): boolean {
    return this.#bytes.isOpen;
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
    this.#bytes.append(bytes, start, sizeBytes);
    this.#noteBatch(indexes, bytes, start, sizeBytes, position);
    if (this.firstTimestampMs < 0) this.firstTimestampMs = batchHeader.maxTimestampMs(bytes, start);
  }

  /** Whether the gathered bytes are enough to be worth a write. */
  get gathered(): boolean {
    return this.#bytes.gathered;
  }

  /** As {@link SegmentBytes.flush}. */
  flush(): void {
    this.#bytes.flush();
  }

  /** fdatasync of what {@link flush} wrote before. */
  sync(): Promise<void> {
    return this.#bytes.sync();
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
    await this.#fill(indexes);
    if (this.#cuts === cuts) this.#indexes ??= indexes;
  }

  /** Builds the indexes from the batches alone, off the event loop: the files may have been torn in a way that looks right. */
  async reindex(): Promise<void> {
    const indexes = new SegmentIndexes();
    const cuts = this.#cuts;
    await this.#fill(indexes);
    if (this.#cuts === cuts) this.#indexes = indexes;
  }

  /** Offset from which to look for the first timestamp at or above `timestampMs`. */
  offsetToSearch(timestampMs: number): number {
    return this.baseOffset + this.#loaded().times.searchStart(timestampMs);
  }

  /** A copy of `lengthBytes` at `position`, from file and memory tail. */
  read(position: number, lengthBytes: number): Buffer {
    return this.#bytes.read(position, lengthBytes);
  }

  /** As {@link read}, off the event loop. */
  readAsync(position: number, lengthBytes: number): Promise<Buffer> {
    return this.#bytes.readAsync(position, lengthBytes);
  }

  /** Cuts the segment at a batch boundary. */
  truncate(sizeBytes: number, endOffset: number): void {
    const indexes = this.#loaded();
    this.#cuts++;
    this.#bytes.truncate(sizeBytes);
    if (this.#suspectFrom >= sizeBytes) this.#suspectFrom = Infinity;
    indexes.truncate(sizeBytes, endOffset - this.baseOffset);
    indexes.removeFiles(this.#place);
    this.maxTimestampMs = indexes.times.maxTimestampMs;
    // The entries kept are sparse: the batches behind the last one may have a higher timestamp.
    this.#walk(indexes.lastEntryPosition, (bytes, at) => {
      this.maxTimestampMs = Math.max(this.maxTimestampMs, batchHeader.maxTimestampMs(bytes, at));
    });
  }

  /** Where a truncation to `offset` would cut: at the first batch that reaches it, at torn bytes, or nowhere. */
  boundaryOf(offset: number): Boundary {
    let position = -1;
    let endOffset = -1;
    this.#walk(this.seek(offset).position, (bytes, at, batchPosition) => {
      if (batchPosition >= this.#suspectFrom) return false;
      const lastOffset = batchHeader.lastOffset(bytes, at);
      if (lastOffset < offset) {
        endOffset = lastOffset + 1;
        return true;
      }
      position = batchPosition;
      if (endOffset < 0) endOffset = batchHeader.baseOffset(bytes, at);
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
      end = batchHeader.lastOffset(bytes, at) + 1;
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
    if (this.#bytes.isInUse || this.dirty) return;
    this.storeIndexes();
    this.#bytes.letGo();
    this.#indexes = undefined;
    this.#bytes.freeTail();
  }

  /** Closes without syncing or writing anything more: the commit log has it. */
  close(): void {
    this.#bytes.letGo();
  }

  /** Takes the files out of the log's view and removes them (L4). */
  async remove(): Promise<void> {
    const doomed = this.rename();
    for (const path of doomed) await this.#place.disk.unlinkAsync(path);
  }

  /** Renames all files to `.deleted`; answers the new paths. Handles of running reads stay good. */
  rename(): string[] {
    const { disk, directory } = this.#place;
    this.#bytes.letGo();
    const doomed: string[] = [];
    for (const suffix of SEGMENT_SUFFIXES) {
      const path = segmentPath(directory, this.baseOffset, suffix);
      if (!disk.exists(path)) continue;
      disk.rename(path, `${path}.deleted`);
      doomed.push(`${path}.deleted`);
    }
    return doomed;
  }

  #noteBatch(
    indexes: SegmentIndexes,
    bytes: Buffer,
    start: number,
    sizeBytes: number,
    position: number,
  ): void {
    const timestampMs = batchHeader.maxTimestampMs(bytes, start);
    if (timestampMs > this.maxTimestampMs) this.maxTimestampMs = timestampMs;
    indexes.note(
      batchHeader.lastOffset(bytes, start) - this.baseOffset,
      this.maxTimestampMs,
      sizeBytes,
      position,
    );
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
    const indexes = SegmentIndexes.load(this.#place, this.#bytes.writtenBytes);
    return this.#entryHolds(indexes, indexes.offsets.count - 1) ? indexes : new SegmentIndexes();
  }

  /** Brings indexes up to the batches, off the event loop. */
  async #fill(indexes: SegmentIndexes): Promise<void> {
    const cuts = this.#cuts;
    const isVoid = (): boolean => this.#cuts !== cuts;
    const visit = this.#filling(indexes);
    const suspectFrom = await walkBatchesAsync(this.#bytes, indexes.lastEntryPosition, visit, isVoid);
    if (!isVoid()) this.distrust(suspectFrom);
  }

  /** Brings indexes up to the batches of a walk from their last entry on. */
  #filling(indexes: SegmentIndexes): VisitBatch {
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
    const lastOffset = lastOffsetFrom(header, this.sizeBytes - position);
    return lastOffset === this.baseOffset + offsets.relativeOffset(entry);
  }

  /** What can't be a batch makes the segment suspect from there. */
  #walk(position: number, visit: VisitBatch): void {
    this.distrust(walkBatches(this.#bytes, position, visit));
  }
}
