// The log of one shard: segments as Kafka lays them out (docs/en/formats/segments.md). It holds what the commit log has
// made or will make durable; syncing, recovery and deletion follow the checkpoint (rules L3, L4).

import { assert, BrokerError } from '@robustmq/errors';
import { parentOf, type Disk } from '@robustmq/commit-log';
import {
  baseOffsetOf,
  completeBatchBytes,
  lastOffsetOf,
  leaderEpochOf,
  maxTimestampOf,
} from '@robustmq/record-batch';
import type { ReadRange } from './batch-read.ts';
import { LeaderEpochs, type EpochEnd, type EpochStart } from './leader-epochs.ts';
import { baseOffsetsOf, isSegmentFile, LEADER_EPOCH_FILE, segmentPath } from './names.ts';
import type { RetainedSegment } from './retention.ts';
import { SegmentReads, type TimestampHit } from './segment-reads.ts';
import { Segment, type SegmentCheckpoint } from './segment.ts';
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

/** A checkpoint in the making: the record is fixed, {@link PendingCheckpoint.sync} makes it true. */
export interface PendingCheckpoint {
  readonly record: SegmentLogCheckpoint;
  /** Syncs every file and directory change that the record speaks of. Rejects with storage_failed or storage_full. */
  sync(): Promise<void>;
}

const DEFAULT_SEGMENT_BYTES = 1024 ** 3;
const DEFAULT_SEGMENT_MS = 7 * 24 * 3600 * 1000;
/** The index stores offsets relative to the base and positions as unsigned 32-bit numbers. */
const MAX_RELATIVE = 2 ** 31 - 1;
/** One owner; appends and truncations are synchronous, so no lock is needed. */
export class SegmentLog {
  readonly directory: string;
  readonly #disk: Disk;
  #config: SegmentLogConfig;
  readonly #segments: Segment[];
  readonly #epochs: LeaderEpochs;
  readonly #reads: SegmentReads;
  #logStartOffset: number;
  #logEndOffset: number;
  #checkpointed: SegmentLogCheckpoint | undefined;
  #storedEpochs = -1;
  #namesDirty = false;
  /** Whether the directory's own name may be lost with the power. */
  #directoryIsNew = false;
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
      .map((segment, i, all) => {
        const recovered = Segment.recover(disk, directory, segment);
        // At once: all of them open would be more files than a process may have.
        if (i < all.length - 1) recovered.cool();
        return recovered;
      });
    this.#epochs = new LeaderEpochs(from.leaderEpochs);
    this.#logStartOffset = from.logStartOffset;
    this.#logEndOffset = from.logEndOffset;
    this.#reads = new SegmentReads({
      segments: this.#segments,
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
    log.#directoryIsNew = true;
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

  /** The segments for {@link retentionStart}. */
  retainedSegments(): RetainedSegment[] {
    return this.#segments.map(({ baseOffset, sizeBytes, maxTimestampMs }) => ({
      baseOffset,
      lengthBytes: sizeBytes,
      timeMs:
        maxTimestampMs >= 0
          ? maxTimestampMs
          : this.#disk.modifiedAtMs(segmentPath(this.directory, baseOffset, 'log')),
    }));
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
      this.#reads.forget(dropped);
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
      this.#namesDirty = true;
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
      this.#reads.forget(segment);
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
    for (const segment of doomed) this.#reads.forget(segment);
    for (const segment of doomed) await segment.remove();
    return doomed.length;
  }

  /** Begins a new segment if the active one has records, so that it may expire as a whole. */
  roll(): void {
    if (this.#active.sizeBytes > 0) this.#roll(this.#logEndOffset);
  }

  /**
   * Fixes what a checkpoint says of this log as of now (L3). The disk is left alone until it is synced, for thousands of logs
   * are prepared in one turn (N8): the record may speak of what is in memory, and the file be longer than the record by then.
   */
  prepareCheckpoint(): PendingCheckpoint {
    if (this.#failure !== undefined) throw this.#failure;
    const dirty = this.#segments.filter((segment) => segment.dirty);
    const record: SegmentLogCheckpoint = {
      logStartOffset: this.#logStartOffset,
      logEndOffset: this.#logEndOffset,
      segments: this.describeSegments(),
      leaderEpochs: this.#epochs.list(),
    };
    const sync = async (): Promise<void> => {
      if (this.#failure !== undefined) throw this.#failure;
      // The record has the epochs, the file is for tools.
      this.#storeEpochs();
      // A truncation since then may have dropped a segment: recovery repeats that.
      const kept = dirty.filter((segment) => this.#segments.includes(segment));
      this.#guard(() => {
        for (const segment of kept) {
          segment.flush();
          segment.storeIndexes();
        }
      });
      try {
        for (const segment of kept) if (this.#segments.includes(segment)) await segment.sync();
        if (this.#namesDirty) {
          this.#namesDirty = false;
          await this.#disk.syncDirectory(this.directory);
        }
        if (this.#directoryIsNew) {
          const parent = parentOf(this.directory);
          if (parent !== undefined) await this.#disk.syncDirectory(parent);
          this.#directoryIsNew = false;
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
    this.#reads.touch(sealed);
    return this.#active;
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
