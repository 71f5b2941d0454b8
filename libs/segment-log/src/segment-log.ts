// The log of one shard: segments as Kafka lays them out (docs/en/formats/segments.md). It holds what the commit log has
// made or will make durable; syncing, recovery and deletion follow the checkpoint (rules L3, L4).

import { assert, BrokerError } from '@robustmq/errors';
import type { Disk } from '@robustmq/commit-log';
import {
  baseOffsetOf,
  baseTimestampOf,
  codecOf,
  completeBatchBytes,
  lastOffsetOf,
  leaderEpochOf,
  maxTimestampOf,
  RecordCursor,
} from '@robustmq/record-batch';
import { BatchRead, type ReadRange } from './batch-read.ts';
import { LeaderEpochs, type EpochEnd, type EpochStart } from './leader-epochs.ts';
import { baseOffsetsOf, isSegmentFile, LEADER_EPOCH_FILE, segmentPath } from './names.ts';
import { Segment, type SeekResult, type SegmentCheckpoint } from './segment.ts';
import { writeWhole } from './whole-file.ts';

/** Sizes of a {@link SegmentLog}; may be replaced while it runs. */
export interface SegmentLogConfig {
  /** `segment.bytes`: an append that would pass it begins a new segment. Default 1 GiB. */
  readonly segmentBytes?: number;
  /** `segment.ms`: a segment whose records span more time is rolled at the next append. Default 7 days. */
  readonly segmentMs?: number;
  /** Whether offsets may have gaps (compaction, retained records kept). Default false: a gap is damage. */
  readonly sparse?: boolean;
}

/** What a checkpoint stores of a shard's log (L3): enough to cut the files back to it. */
export interface SegmentLogCheckpoint {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** Ascending, the last is the active one; never empty. */
  readonly segments: readonly SegmentCheckpoint[];
  readonly leaderEpochs: readonly EpochStart[];
}

/** A record found by its timestamp. */
export interface TimestampHit {
  readonly offset: number;
  readonly timestampMs: number;
}

/** A checkpoint in the making: the record is fixed, {@link PendingCheckpoint.sync} makes it true. */
export interface PendingCheckpoint {
  readonly record: SegmentLogCheckpoint;
  /** Syncs every file and directory change that the record speaks of. Rejects with storage_failed. */
  sync(): Promise<void>;
}

const DEFAULT_SEGMENT_BYTES = 1024 ** 3;
const DEFAULT_SEGMENT_MS = 7 * 24 * 3600 * 1000;
/** The index stores offsets relative to the base and positions as unsigned 32-bit numbers. */
const MAX_RELATIVE = 2 ** 31 - 1;
/** Closed segments per log that keep their file open and their indexes in memory. */
const WARM_SEGMENTS = 4;
/** So close to the end of the active segment what is read was just written: it is in the page cache. */
const HOT_BYTES = 8 * 1024 * 1024;
/** Larger reads leave the event loop even when hot. */
const HOT_READ_BYTES = 512 * 1024;
/** A read that finds the log changed under it looks again so many times. */
const READ_ATTEMPTS = 4;

/** One owner; appends and truncations are synchronous, so no lock is needed. */
export class SegmentLog {
  readonly directory: string;
  readonly #disk: Disk;
  #config: SegmentLogConfig;
  readonly #segments: Segment[];
  readonly #epochs: LeaderEpochs;
  #warm: Segment[] = [];
  #logStartOffset: number;
  #logEndOffset: number;
  #checkpointed: SegmentLogCheckpoint | undefined;
  #storedEpochs = -1;
  #namesDirty = false;
  /** From open with a checkpoint to finishRecovery: what does not fit is damage on disk, not a bug. */
  #recovering = false;
  /** Counts what may move bytes under a running asynchronous read. */
  #mutations = 0;
  #failure: BrokerError | undefined;

  private constructor(disk: Disk, directory: string, config: SegmentLogConfig, from: SegmentLogCheckpoint) {
    this.directory = directory;
    this.#disk = disk;
    this.#config = config;
    this.#segments = from.segments
      .filter((segment, i) => {
        // Below the log start deleteSegments may have removed it since.
        const endOffset = from.segments[i + 1]?.baseOffset ?? Infinity;
        const mayBeGone = endOffset <= from.logStartOffset;
        return !mayBeGone || disk.exists(segmentPath(directory, segment.baseOffset, 'log'));
      })
      .map((segment) => Segment.recover(disk, directory, segment));
    for (const sealed of this.#segments.slice(0, -1)) sealed.cool();
    this.#epochs = new LeaderEpochs(from.leaderEpochs);
    this.#logStartOffset = from.logStartOffset;
    this.#logEndOffset = from.logEndOffset;
  }

  /**
   * Opens the log as the checkpoint knew it: what was written later is cut, for the commit log has it (L3). Without a
   * checkpoint the log is new and begins at `startOffset`; files found are leftovers that the commit log repeats.
   * Replay the later sections, truncations included, then call {@link finishRecovery} before anything is served. All
   * three throw \`corrupt\` for damage: quarantine the shard.
   * Call it only when the commit log reported no unreadable frames: cutting must never hide damage (L2).
   */
  static open(
    disk: Disk,
    directory: string,
    config: SegmentLogConfig,
    checkpoint: SegmentLogCheckpoint | undefined,
    startOffset = 0,
  ): SegmentLog {
    disk.makeDirectory(directory);
    const names = disk.list(directory);
    const kept = new Set((checkpoint?.segments ?? []).map((segment) => segment.baseOffset));
    for (const name of names) {
      const base = baseOffsetsOf([name.replace(/\..*$/, '.log')])[0];
      const leftover =
        isSegmentFile(name) &&
        (base === undefined || !kept.has(base) || /\.(deleted|cleaned|tmp)$/.test(name));
      if (leftover) disk.unlink(`${directory}/${name}`);
    }
    if (checkpoint !== undefined) {
      const log = new SegmentLog(disk, directory, config, checkpoint);
      log.#checkpointed = checkpoint;
      log.#recovering = true;
      return log;
    }
    const empty = { logStartOffset: startOffset, logEndOffset: startOffset, segments: [], leaderEpochs: [] };
    const log = new SegmentLog(disk, directory, config, empty);
    log.#segments.push(Segment.create(disk, directory, startOffset));
    log.#namesDirty = true;
    return log;
  }

  /** Offset that the next record gets. */
  get logEndOffset(): number {
    return this.#logEndOffset;
  }

  /** First offset for Kafka consumers; see {@link physicalStartOffset}. */
  get logStartOffset(): number {
    return this.#logStartOffset;
  }

  /** First offset that may still be on disk: retained MQTT records may be read below the log start (X6). */
  get physicalStartOffset(): number {
    return this.#segments[0]!.baseOffset;
  }

  /** Bytes of all segments, memory tail included. */
  get sizeBytes(): number {
    let total = 0;
    for (const segment of this.#segments) total += segment.sizeBytes;
    return total;
  }

  /** Leader epoch of the newest records; -1 if there are none. */
  get latestEpoch(): number {
    return this.#epochs.latest;
  }

  /** Epochs and their start offsets, ascending. */
  get leaderEpochs(): readonly EpochStart[] {
    return this.#epochs.list();
  }

  /** The segments, ascending; the last is the active one. */
  describeSegments(): SegmentCheckpoint[] {
    return this.#segments.map((segment) => segment.checkpoint());
  }

  /** Why the log takes no more appends, if so; the process must restart and recover from the commit log. */
  get failure(): BrokerError | undefined {
    return this.#failure;
  }

  /** Replaces the sizes from the next append on. */
  configure(config: SegmentLogConfig): void {
    this.#config = config;
  }

  /**
   * After the replay: the files are what checkpoint and commit log say.
   * @throws BrokerError corrupt if not; the shard must be quarantined, its files are left as they are.
   */
  finishRecovery(): void {
    for (const segment of this.#segments) segment.assertSound();
    const active = this.#active;
    const end = active.endOffset();
    active.assertSound();
    if (end !== this.#logEndOffset) {
      throw new BrokerError('corrupt', 'log end differs from its checkpoint', {
        details: { found: end, expected: this.#logEndOffset },
      });
    }
    this.#recovering = false;
  }

  /**
   * Appends whole batches with their final offsets and leader epochs. Readers see them at once; they reach the file in
   * gathered writes and are durable through the commit log only. The bytes are copied.
   * @throws BrokerError storage_full with nothing appended while an earlier write is stuck; storage_failed for good.
   */
  append(batches: Buffer): void {
    this.ensureWritable();
    let at = 0;
    while (at < batches.length) {
      const sizeBytes = completeBatchBytes(batches, at, batches.length);
      assert(sizeBytes > 0, 'append takes whole batches');
      const baseOffset = baseOffsetOf(batches, at);
      const lastOffset = lastOffsetOf(batches, at);
      const gap = baseOffset - this.#logEndOffset;
      if (gap !== 0 && this.#recovering && this.#config.sparse !== true)
        throw new BrokerError('corrupt', 'the replay does not fit the segments');
      assert(gap === 0 || (gap > 0 && this.#config.sparse === true), 'offsets follow one another');
      assert(lastOffset >= baseOffset, 'a batch has a record');
      this.#epochs.assign(leaderEpochOf(batches, at), baseOffset);
      this.#segmentFor(sizeBytes, baseOffset, lastOffset, maxTimestampOf(batches, at)).append(
        batches,
        at,
        sizeBytes,
      );
      this.#logEndOffset = lastOffset + 1;
      at += sizeBytes;
    }
    if (this.#active.gathered) this.#flushOrKeep();
  }

  /**
   * Call before a section goes to the commit log, which can't be taken back.
   * @throws BrokerError storage_full while gathered bytes can't be written (L6); storage_failed once the log failed.
   */
  ensureWritable(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#active.gathered) this.#guard(() => this.#active.flush());
  }

  /** Notes that `leaderEpoch` begins at the log end; so that its end can be told even before its first record. */
  assignEpoch(leaderEpoch: number): void {
    this.#epochs.assign(leaderEpoch, this.#logEndOffset);
  }

  /** KIP-101: where `leaderEpoch` ends in this log. */
  endOffsetForEpoch(leaderEpoch: number): EpochEnd {
    return this.#epochs.endOffsetFor(leaderEpoch, this.#logEndOffset);
  }

  /**
   * Whole batches from the one that holds `fromOffset` on (or the first behind a gap), all below `upToOffset`; empty
   * if there are none. Reads the page cache for what was just written, else leaves the event loop.
   * @throws BrokerError out_of_range below the physical start or beyond the log end; corrupt for damaged batches,
   * which are never returned; unavailable if truncations kept moving the range.
   */
  async read(range: ReadRange): Promise<Buffer> {
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const hot = this.readHot(range);
      if (hot !== undefined) return hot;
      const mutations = this.#mutations;
      try {
        const result = await this.#readCold(range, mutations);
        if (mutations === this.#mutations) return result;
      } catch (error) {
        if (mutations === this.#mutations) throw error;
      }
    }
    throw new BrokerError('unavailable', 'the log keeps changing under the read');
  }

  /** As {@link read}, at once; undefined if it needs data that may not be in the page cache. Errors as {@link read}. */
  readHot(range: ReadRange): Buffer | undefined {
    this.#checkRange(range.fromOffset);
    if (range.fromOffset >= Math.min(range.upToOffset, this.#logEndOffset)) return EMPTY;
    const active = this.#active;
    if (range.fromOffset < active.baseOffset || range.maxBytes > HOT_READ_BYTES) return undefined;
    const from = active.seek(range.fromOffset);
    if (from.position < active.sizeBytes - HOT_BYTES) return undefined;
    try {
      const read = this.#beginRead(range, active, from);
      while (!read.feed(active.read(read.position, read.lengthBytes)));
      return read.result;
    } catch (error) {
      // Perhaps only the index is wrong: the cold read tries again without it.
      if (from.position > 0 && isCorrupt(error)) return undefined;
      throw error;
    }
  }

  /**
   * The first record at or above `timestampMs`, or undefined. In a compressed batch the answer is the batch's base
   * offset with its base timestamp; {@link batchForTimestamp} gives the batch to those who can inflate it.
   */
  async offsetForTimestamp(
    timestampMs: number,
    upToOffset = this.#logEndOffset,
  ): Promise<TimestampHit | undefined> {
    const batch = await this.batchForTimestamp(timestampMs, upToOffset);
    if (batch === undefined) return undefined;
    if (codecOf(batch, 0) !== 0)
      return { offset: baseOffsetOf(batch, 0), timestampMs: baseTimestampOf(batch, 0) };
    const cursor = new RecordCursor().reset(batch, 0);
    while (cursor.next()) {
      if (cursor.timestampMs >= timestampMs)
        return { offset: cursor.offset, timestampMs: cursor.timestampMs };
    }
    throw new BrokerError('corrupt', 'the maximal timestamp of a batch is higher than that of its records');
  }

  /** The first batch at or above the log start whose maximal timestamp is at or above `timestampMs`. */
  async batchForTimestamp(timestampMs: number, upToOffset = this.#logEndOffset): Promise<Buffer | undefined> {
    for (const segment of [...this.#segments]) {
      if (segment.maxTimestampMs < timestampMs || segment.baseOffset >= upToOffset) continue;
      this.#touch(segment);
      let fromOffset = Math.max(this.#logStartOffset, segment.offsetToSearch(timestampMs));
      while (fromOffset < upToOffset) {
        const batches = await this.read({ fromOffset, upToOffset, maxBytes: SEARCH_BYTES });
        if (batches.length === 0) break;
        for (let at = 0; at < batches.length; at += completeBatchBytes(batches, at, batches.length)) {
          if (maxTimestampOf(batches, at) >= timestampMs) {
            return batches.subarray(at, at + completeBatchBytes(batches, at, batches.length));
          }
          fromOffset = lastOffsetOf(batches, at) + 1;
        }
      }
    }
    return undefined;
  }

  /** The log end that {@link truncateTo} would give for `offset`: a batch that spans it goes as a whole. */
  truncationPoint(offset: number): number {
    if (offset >= this.#logEndOffset) return this.#logEndOffset;
    const segment =
      this.#segments.findLast((candidate) => candidate.baseOffset < offset) ?? this.#segments[0]!;
    return segment.boundaryOf(Math.max(offset, segment.baseOffset)).endOffset;
  }

  /**
   * Cuts the log so that it ends at `offset`, a batch boundary ({@link truncationPoint}); answers the log end. The
   * caller has made the truncation durable in the commit log first (R4): recovery repeats it, never guesses it.
   */
  truncateTo(offset: number): number {
    if (offset >= this.#logEndOffset) return this.#logEndOffset;
    this.#mutations++;
    while (this.#segments.length > 1 && this.#active.baseOffset >= offset) {
      const dropped = this.#segments.pop()!;
      this.#forget(dropped);
      for (const path of dropped.rename()) this.#disk.unlink(path);
      this.#namesDirty = true;
    }
    const active = this.#active;
    const { position, endOffset } = active.boundaryOf(Math.max(offset, active.baseOffset));
    if (this.#recovering && endOffset !== offset) {
      // The files may already show what a later truncation left. That one is in the commit log as well and reaches
      // further down, to what no truncation has touched; if it does not come, finishRecovery reports damage.
      active.distrust(position);
      this.#logEndOffset = offset;
    } else {
      active.truncate(position, endOffset);
      this.#logEndOffset = endOffset;
    }
    this.#epochs.truncateTo(this.#logEndOffset);
    this.#logStartOffset = Math.min(this.#logStartOffset, this.#logEndOffset);
    return this.#logEndOffset;
  }

  /** Drops everything; the log is empty and begins at `offset` (R5: a follower below its leader's start). */
  restartAt(offset: number): void {
    this.#mutations++;
    for (const segment of this.#segments.splice(0)) {
      this.#forget(segment);
      for (const path of segment.rename()) this.#disk.unlink(path);
    }
    this.#segments.push(Segment.create(this.#disk, this.directory, offset));
    this.#namesDirty = true;
    this.#epochs.truncateTo(0);
    this.#logStartOffset = offset;
    this.#logEndOffset = offset;
  }

  /** Raises the log start (retention, DeleteRecords); at most to the HW, which the caller knows. Never lowers it. */
  advanceLogStart(offset: number): void {
    assert(offset <= this.#logEndOffset, 'the log start is not beyond the log end');
    this.#logStartOffset = Math.max(this.#logStartOffset, offset);
  }

  /**
   * Removes whole segments that end at or below both `belowOffset` and the log start of the last checkpoint (L4);
   * answers how many. The active segment stays.
   */
  async deleteSegments(belowOffset: number = this.#logStartOffset): Promise<number> {
    const floor = Math.min(belowOffset, this.#checkpointed?.logStartOffset ?? 0);
    const doomed: Segment[] = [];
    while (this.#segments.length > 1 && this.#segments[1]!.baseOffset <= floor)
      doomed.push(this.#segments.shift()!);
    if (doomed.length === 0) return 0;
    this.#mutations++;
    this.#namesDirty = true;
    this.#epochs.advanceStart(this.physicalStartOffset);
    for (const segment of doomed) this.#forget(segment);
    for (const segment of doomed) await segment.remove();
    return doomed.length;
  }

  /** Begins a new segment if the active one has records, so that it may expire as a whole. */
  roll(): void {
    if (this.#active.sizeBytes > 0) this.#roll(this.#logEndOffset);
  }

  /** Fixes what a checkpoint says of this log as of now; nothing is synced yet (L3). */
  prepareCheckpoint(): PendingCheckpoint {
    if (this.#failure !== undefined) throw this.#failure;
    this.#guard(() => this.#active.flush());
    for (const segment of this.#segments) if (segment.dirty) segment.storeIndexes();
    this.#storeEpochs();
    const dirty = this.#segments.filter((segment) => segment.dirty);
    const record: SegmentLogCheckpoint = {
      logStartOffset: this.#logStartOffset,
      logEndOffset: this.#logEndOffset,
      segments: this.describeSegments(),
      leaderEpochs: this.#epochs.list(),
    };
    const sync = async (): Promise<void> => {
      try {
        for (const segment of dirty) {
          // A truncation since then may have dropped it: recovery repeats that.
          if (!this.#segments.includes(segment)) continue;
          await segment.sync();
        }
        if (this.#namesDirty) {
          this.#namesDirty = false;
          await this.#disk.syncDirectory(this.directory);
        }
      } catch (error) {
        throw this.#fail(error);
      }
    };
    return { record, sync };
  }

  /** The record is durable: segments wholly below its log start may go. */
  checkpointed(record: SegmentLogCheckpoint): void {
    this.#checkpointed = record;
  }

  /** Closes the files; unsynced data is left to the commit log. */
  close(): void {
    for (const segment of this.#segments) segment.close();
  }

  get #active(): Segment {
    return this.#segments.at(-1)!;
  }

  #segmentFor(sizeBytes: number, baseOffset: number, lastOffset: number, maxTimestampMs: number): Segment {
    const active = this.#active;
    const { segmentBytes = DEFAULT_SEGMENT_BYTES, segmentMs = DEFAULT_SEGMENT_MS } = this.#config;
    if (active.sizeBytes === 0) return active;
    const full = active.sizeBytes + sizeBytes > Math.min(segmentBytes, MAX_RELATIVE);
    const old = active.firstTimestampMs >= 0 && maxTimestampMs - active.firstTimestampMs > segmentMs;
    if (!full && !old && lastOffset - active.baseOffset <= MAX_RELATIVE) return active;
    try {
      return this.#roll(baseOffset);
    } catch (error) {
      // The batch is in the commit log already: a full disk makes the segment longer, ensureWritable refuses the next.
      if (error instanceof BrokerError && error.code === 'storage_full') return active;
      throw error;
    }
  }

  #roll(baseOffset: number): Segment {
    const sealed = this.#active;
    this.#guard(() => {
      sealed.flush();
      const next = Segment.create(this.#disk, this.directory, baseOffset);
      sealed.storeIndexes();
      this.#segments.push(next);
    });
    this.#namesDirty = true;
    this.#touch(sealed);
    return this.#active;
  }

  #checkRange(fromOffset: number): void {
    if (fromOffset >= this.physicalStartOffset && fromOffset <= this.#logEndOffset) return;
    throw new BrokerError('out_of_range', 'offset is not in the log', {
      details: { fromOffset, startOffset: this.physicalStartOffset, endOffset: this.#logEndOffset },
    });
  }

  async #readCold(range: ReadRange, mutations: number): Promise<Buffer> {
    let index = this.#segments.length - 1;
    while (index > 0 && this.#segments[index]!.baseOffset > range.fromOffset) index--;
    for (; index < this.#segments.length; index++) {
      const segment = this.#segments[index]!;
      if (segment.baseOffset >= range.upToOffset) break;
      this.#touch(segment);
      let result: Buffer;
      try {
        result = await this.#readSegment(range, segment, mutations);
      } catch (error) {
        if (!isCorrupt(error) || mutations !== this.#mutations) throw error;
        // Indexes are not synced: without a sound one the batches must tell.
        segment.reindex();
        result = await this.#readSegment(range, segment, mutations);
      }
      if (result.length > 0 || mutations !== this.#mutations) return result;
    }
    return EMPTY;
  }

  async #readSegment(range: ReadRange, segment: Segment, mutations: number): Promise<Buffer> {
    const read = this.#beginRead(range, segment, segment.seek(range.fromOffset));
    for (let done = false; !done;) {
      const bytes = await segment.readAsync(read.position, read.lengthBytes);
      if (mutations !== this.#mutations) return EMPTY;
      done = read.feed(bytes);
    }
    return read.result;
  }

  #beginRead(range: ReadRange, segment: Segment, from: SeekResult): BatchRead {
    const contiguous = !(this.#config.sparse ?? false);
    // Where nothing was compacted a segment begins with its base offset.
    const baseOffset = contiguous ? from.baseOffset : -1;
    const epochAt = (offset: number): number => this.#epochs.at(offset);
    const checks = { baseOffset, lastOffset: from.lastOffset, contiguous, epochAt };
    return new BatchRead(range, from.position, segment.sizeBytes, checks);
  }

  /** Keeps a bounded number of closed segments warm. */
  #touch(segment: Segment): void {
    if (segment === this.#active) return;
    this.#forget(segment);
    this.#warm.push(segment);
    for (let i = 0; this.#warm.length - i > WARM_SEGMENTS; i++) this.#warm[i]!.cool();
    this.#warm = this.#warm.filter((kept, i) => kept.warm || i >= this.#warm.length - WARM_SEGMENTS);
  }

  #forget(segment: Segment): void {
    const at = this.#warm.indexOf(segment);
    if (at >= 0) this.#warm.splice(at, 1);
  }

  #flushOrKeep(): void {
    try {
      this.#guard(() => this.#active.flush());
    } catch (error) {
      // The batches are in memory and in the commit log; ensureWritable refuses the next ones.
      if (!(error instanceof BrokerError) || error.code !== 'storage_full') throw error;
    }
  }

  #storeEpochs(): void {
    if (this.#storedEpochs === this.#epochs.version) return;
    this.#guard(() =>
      writeWhole(this.#disk, `${this.directory}/${LEADER_EPOCH_FILE}`, this.#epochs.encode()),
    );
    this.#storedEpochs = this.#epochs.version;
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (error instanceof BrokerError && error.code === 'storage_full') throw error;
      throw this.#fail(error);
    }
  }

  /** Final, as in the commit log: after a failed sync a good one proves nothing. A restart recovers from the commit log. */
  #fail(cause: unknown): BrokerError {
    this.#failure ??= new BrokerError('storage_failed', `the log in ${this.directory} failed`, { cause });
    return this.#failure;
  }
}

function isCorrupt(error: unknown): boolean {
  return error instanceof BrokerError && error.code === 'corrupt';
}

const EMPTY = Buffer.alloc(0);
const SEARCH_BYTES = 64 * 1024;
