// The log of one shard: segments as Kafka lays them out (docs/en/formats/segments.md). It holds what the commit log has
// made or will make durable; syncing, recovery and deletion follow the checkpoint (rules L3, L4).

import { assert, BrokerError } from '@robustmq/errors';
import type { Disk } from '@robustmq/commit-log';
import { batchHeader, completeBatchBytes } from '@robustmq/record-batch';
import type { ReadRange } from './batch-read.ts';
import { FailureLatch } from './failure-latch.ts';
import { LeaderEpochs, type EpochEnd, type EpochStart } from './leader-epochs.ts';
import type { PendingCheckpoint, SegmentLogCheckpoint } from './log-checkpoint.ts';
import { LogDirectory } from './log-directory.ts';
import type { RetainedSegment } from './retention.ts';
import { SegmentReads, type TimestampHit } from './segment-reads.ts';
import type { Segment, SegmentCheckpoint } from './segment.ts';
import { SegmentList, type RollLimits } from './segment-list.ts';

/** Sizes of a {@link SegmentLog}; may be replaced while it runs. */
export interface SegmentLogConfig extends RollLimits {
  /** Whether offsets may have gaps (compaction, retained records kept). Default false: a gap is damage. */
  readonly sparse?: boolean;
}

/** One owner; appends and truncations are synchronous, so no lock is needed. */
export class SegmentLog {
  readonly directory: string;
  #config: SegmentLogConfig;
  readonly #files: LogDirectory;
  readonly #failures: FailureLatch;
  readonly #segments: SegmentList;
  readonly #epochs: LeaderEpochs;
  readonly #reads: SegmentReads;
  #logStartOffset: number;
  #logEndOffset: number;
  #checkpointed: SegmentLogCheckpoint | undefined;
  /** From open with a checkpoint to finishRecovery: what does not fit is damage on disk, not a bug. */
  #recovering = false;
  /** Counts what may move bytes under a running asynchronous read. */
  #mutations = 0;

  private constructor(files: LogDirectory, config: SegmentLogConfig, from: SegmentLogCheckpoint) {
    this.directory = files.path;
    this.#config = config;
    this.#files = files;
    this.#failures = new FailureLatch(files.path);
    this.#segments = new SegmentList(files, this.#failures, from);
    this.#epochs = new LeaderEpochs(from.leaderEpochs);
    this.#logStartOffset = from.logStartOffset;
    this.#logEndOffset = from.logEndOffset;
    this.#reads = new SegmentReads({
      segments: this.#segments.all,
      epochs: this.#epochs,
      logStartOffset: () => this.#logStartOffset,
      logEndOffset: () => this.#logEndOffset,
      sparse: () => this.#config.sparse ?? false,
      mutations: () => this.#mutations,
    });
  }

  /**
   * Opens the log as the checkpoint knew it: what was written later is cut, for the commit log has it (L3). Without a
   * checkpoint the log is new and begins at `startOffset`; files found are leftovers that the commit log repeats.
   * Replay the later sections, truncations included, then call {@link finishRecovery} before anything is served. All
   * three throw `corrupt` for damage: quarantine the shard.
   * Call it only when the commit log reported no unreadable frames: cutting must never hide damage (L2).
   */
  static open(
    disk: Disk,
    directory: string,
    config: SegmentLogConfig,
    checkpoint: SegmentLogCheckpoint | undefined,
    startOffset = 0,
  ): SegmentLog {
    const files = new LogDirectory(disk, directory);
    files.open(new Set((checkpoint?.segments ?? []).map((segment) => segment.baseOffset)));
    if (checkpoint !== undefined) {
      const log = new SegmentLog(files, config, checkpoint);
      log.#checkpointed = checkpoint;
      log.#recovering = true;
      return log;
    }
    const empty = { logStartOffset: startOffset, logEndOffset: startOffset, segments: [], leaderEpochs: [] };
    const log = new SegmentLog(files, config, empty);
    log.#segments.begin(startOffset);
    files.begun();
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
    return this.#segments.all[0]!.baseOffset;
  }

  /** Bytes of all segments, memory tail included. */
  get sizeBytes(): number {
    return this.#segments.sizeBytes;
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
    return this.#segments.all.map((segment) => segment.checkpoint());
  }

  /** The segments for {@link retentionStart}. */
  retainedSegments(): RetainedSegment[] {
    return this.#segments.retained();
  }

  /** Why the log takes no more appends, if so; the process must restart and recover from the commit log. */
  get failure(): BrokerError | undefined {
    return this.#failures.failure;
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
    for (const segment of this.#segments.all) segment.assertSound();
    const { active } = this.#segments;
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
   * gathered writes and are durable through the commit log only. The bytes are copied. On a full disk they stay in memory: the
   * commit log has them already, and {@link ensureWritable} refuses what comes later (L6).
   * @throws BrokerError storage_failed once the log has failed.
   */
  append(batches: Buffer): void {
    this.#failures.check();
    let at = 0;
    while (at < batches.length) {
      const sizeBytes = completeBatchBytes(batches, at, batches.length);
      assert(sizeBytes > 0, 'append takes whole batches');
      const baseOffset = batchHeader.baseOffset(batches, at);
      const lastOffset = batchHeader.lastOffset(batches, at);
      const gap = baseOffset - this.#logEndOffset;
      if (gap !== 0 && this.#recovering && this.#config.sparse !== true)
        throw new BrokerError('corrupt', 'the replay does not fit the segments');
      assert(gap === 0 || (gap > 0 && this.#config.sparse === true), 'offsets follow one another');
      assert(lastOffset >= baseOffset, 'a batch has a record');
      this.#epochs.assign(batchHeader.leaderEpoch(batches, at), baseOffset);
      const maxTimestampMs = batchHeader.maxTimestampMs(batches, at);
      this.#segmentFor(sizeBytes, baseOffset, lastOffset, maxTimestampMs).append(batches, at, sizeBytes);
      this.#logEndOffset = lastOffset + 1;
      at += sizeBytes;
    }
    if (this.#segments.active.gathered) this.#segments.flushOrKeep();
  }

  /**
   * Call before a section goes to the commit log, which can't be taken back.
   * @throws BrokerError storage_full while gathered bytes can't be written (L6); storage_failed once the log failed.
   */
  ensureWritable(): void {
    this.#failures.check();
    const { active } = this.#segments;
    if (active.gathered) this.#failures.guard(() => active.flush());
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
  read(range: ReadRange): Promise<Buffer> {
    return this.#reads.read(range);
  }

  /** As {@link read}, at once; undefined if it needs data that may not be in the page cache. Errors as {@link read}. */
  readHot(range: ReadRange): Buffer | undefined {
    return this.#reads.readHot(range);
  }

  /**
   * The first record at or above `timestampMs`, or undefined. In a compressed batch the answer is the batch's base
   * offset with its base timestamp; {@link batchForTimestamp} gives the batch to those who can inflate it.
   */
  offsetForTimestamp(
    timestampMs: number,
    upToOffset = this.#logEndOffset,
  ): Promise<TimestampHit | undefined> {
    return this.#reads.offsetForTimestamp(timestampMs, upToOffset);
  }

  /** The first batch at or above the log start whose maximal timestamp is at or above `timestampMs`. */
  batchForTimestamp(timestampMs: number, upToOffset = this.#logEndOffset): Promise<Buffer | undefined> {
    return this.#reads.batchForTimestamp(timestampMs, upToOffset);
  }

  /** The log end that {@link truncateTo} would give for `offset`: a batch that spans it goes as a whole. */
  truncationPoint(offset: number): number {
    if (offset >= this.#logEndOffset) return this.#logEndOffset;
    const segment = this.#segments.segmentBelow(offset);
    return segment.boundaryOf(Math.max(offset, segment.baseOffset)).endOffset;
  }

  /**
   * Cuts the log so that it ends at `offset`, a batch boundary ({@link truncationPoint}); answers the log end. The
   * caller has made the truncation durable in the commit log first (R4): recovery repeats it, never guesses it.
   */
  truncateTo(offset: number): number {
    if (offset >= this.#logEndOffset) return this.#logEndOffset;
    this.#mutations++;
    // Of segments that are dropped, and of index files that say too much.
    this.#files.namesChanged();
    for (const dropped of this.#segments.dropFrom(offset)) this.#reads.forget(dropped);
    const { active } = this.#segments;
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
    for (const dropped of this.#segments.dropAll()) this.#reads.forget(dropped);
    this.#segments.begin(offset);
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
    const doomed = this.#segments.takeBelow(floor);
    if (doomed.length === 0) return 0;
    this.#mutations++;
    this.#epochs.advanceStart(this.physicalStartOffset);
    for (const segment of doomed) this.#reads.forget(segment);
    for (const segment of doomed) await segment.remove();
    return doomed.length;
  }

  /** Begins a new segment if the active one has records, so that it may expire as a whole. */
  roll(): void {
    if (this.#segments.active.sizeBytes > 0) this.#roll(this.#logEndOffset);
  }

  /**
   * Fixes what a checkpoint says of this log as of now (L3). The disk is left alone until it is synced, for thousands of logs
   * are prepared in one turn (N8): the record may speak of what is in memory, and the file be longer than the record by then.
   */
  prepareCheckpoint(): PendingCheckpoint {
    this.#failures.check();
    const dirty = this.#segments.all.filter((segment) => segment.dirty);
    const record: SegmentLogCheckpoint = {
      logStartOffset: this.#logStartOffset,
      logEndOffset: this.#logEndOffset,
      segments: this.describeSegments(),
      leaderEpochs: this.#epochs.list(),
    };
    return { record, sync: () => this.#sync(dirty) };
  }

  async #sync(dirty: readonly Segment[]): Promise<boolean> {
    const { all } = this.#segments;
    this.#failures.check();
    // The record has the epochs, the file is for tools.
    const hasStored = this.#files.storeEpochs(this.#epochs, this.#failures);
    // A truncation since then may have dropped a segment: recovery repeats that.
    const kept = dirty.filter((segment) => all.includes(segment));
    this.#failures.guard(() => {
      for (const segment of kept) {
        segment.flush();
        segment.storeIndexes();
      }
    });
    try {
      for (const segment of kept) if (all.includes(segment)) await segment.sync();
      return (await this.#files.sync()) || hasStored || kept.length > 0;
    } catch (error) {
      throw this.#failures.fail(error);
    }
  }

  /** The record is durable: segments wholly below its log start may go. */
  checkpointed(record: SegmentLogCheckpoint): void {
    this.#checkpointed = record;
  }

  /** Closes the files; unsynced data is left to the commit log. */
  close(): void {
    for (const segment of this.#segments.all) segment.close();
  }

  #segmentFor(sizeBytes: number, baseOffset: number, lastOffset: number, maxTimestampMs: number): Segment {
    if (!this.#segments.isRollDue(sizeBytes, lastOffset, maxTimestampMs, this.#config))
      return this.#segments.active;
    try {
      return this.#roll(baseOffset);
    } catch (error) {
      // The batch is in the commit log already: a full disk makes the segment longer, ensureWritable refuses the next.
      if (error instanceof BrokerError && error.code === 'storage_full') return this.#segments.active;
      throw error;
    }
  }

  #roll(baseOffset: number): Segment {
    this.#reads.touch(this.#segments.roll(baseOffset));
    return this.#segments.active;
  }
}
