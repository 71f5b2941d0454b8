// The storage part of a journal-server, reduced to what the rules L1–L5 and R4 ask of it: one commit log, a segment log
// per shard, a checkpoint. Tests replace single steps by planted mutants.

import { BrokerError } from '@robustmq/errors';
import {
  CommitLog,
  type CommitLogOptions,
  type CommitLogRecovery,
  type Disk,
  type Section,
} from '@robustmq/commit-log';
import { batchHeader, completeBatchBytes } from '@robustmq/record-batch';
import { CheckpointStore, runCheckpoint, SegmentLog } from '@robustmq/segment-log';
import type { CheckpointInput } from '@robustmq/segment-log/testing';

export const SHARDS = 3;
export const MAX_FRAME_BYTES = 3 * 4096;
const STREAM_ID = 7;
const KIND_BATCHES = 1;
const KIND_TRUNCATION = 2;
const DIRECTORY = 'data';

/** Steps that a mutant may replace. */
export interface JournalSteps {
  readonly checkpoint: (input: CheckpointInput) => Promise<unknown>;
  readonly commitLog: Pick<CommitLogOptions, 'rules'>;
  /** Opens the commit log; a mutant gives it another disk. */
  readonly openCommitLog: typeof CommitLog.open;
}

export const CORRECT_STEPS: JournalSteps = {
  checkpoint: runCheckpoint,
  commitLog: {},
  openCommitLog: (disk, directory, options) => CommitLog.open(disk, directory, options),
};

/** A process that stores; a crash simply leaves it behind. */
export class MiniJournal {
  readonly log: CommitLog;
  readonly store: CheckpointStore;
  readonly recovery: CommitLogRecovery;
  readonly shards: SegmentLog[] = [];
  /** Shards with damage: refused from now on (L2). */
  readonly quarantined = new Set<number>();
  readonly #steps: JournalSteps;
  /** Truncations that wait for their section to be durable. */
  #truncating = 0;
  #checkpointing = false;

  private constructor(
    log: CommitLog,
    store: CheckpointStore,
    recovery: CommitLogRecovery,
    steps: JournalSteps,
  ) {
    this.log = log;
    this.store = store;
    this.recovery = recovery;
    this.#steps = steps;
  }

  static async start(
    disk: Disk,
    identitySeed: number,
    onDurable: (position: number) => void,
    steps: JournalSteps,
  ): Promise<MiniJournal> {
    const store = await CheckpointStore.open(disk, DIRECTORY);
    const { log, recovery } = await steps.openCommitLog(disk, `${DIRECTORY}/commit`, {
      ...steps.commitLog,
      afterPosition: store.latest.position,
      fileBytes: 8 * 4096,
      maxFrameBytes: MAX_FRAME_BYTES,
      spareFiles: 1,
      onDurable,
      newIdentity: () => Buffer.from(identitySeed.toString(16).padStart(16, '0'), 'hex'),
    });
    const journal = new MiniJournal(log, store, recovery, steps);
    journal.#recoverShards(disk);
    return journal;
  }

  #recoverShards(disk: Disk): void {
    const { recovery, store } = this;
    if (recovery.unreadableFrames.length > 0) {
      for (let shard = 0; shard < SHARDS; shard++) this.quarantined.add(shard);
      return;
    }
    for (const damage of recovery.damagedSections) this.quarantined.add(damage.subKey);
    for (let shard = 0; shard < SHARDS; shard++) {
      const checkpoint = store.latest.shards.find((known) => known.shard === shard);
      this.shards.push(SegmentLog.open(disk, `${DIRECTORY}/7-${shard}`, { segmentBytes: 6000 }, checkpoint));
    }
    for (const frame of recovery.frames()) {
      for (const section of frame.sections) {
        this.#unlessDamaged(section.subKey, () => this.#apply(section.subKey, section.kind, section.bytes));
      }
    }
    for (let shard = 0; shard < SHARDS; shard++) {
      this.#unlessDamaged(shard, () => this.shards[shard]!.finishRecovery());
    }
  }

  /** Damage to a shard quarantines it and nothing else (L2). */
  #unlessDamaged(shard: number, action: () => void): void {
    if (this.quarantined.has(shard)) return;
    try {
      action();
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== 'corrupt') throw error;
      this.quarantined.add(shard);
    }
  }

  #apply(shard: number, kind: number, bytes: Buffer): void {
    const log = this.shards[shard]!;
    if (kind === KIND_TRUNCATION) log.truncateTo(Number(bytes.readBigUInt64BE(0)));
    else log.append(bytes);
  }

  /** One tick: the batches of some shards in one frame. Answers the position, or undefined if the disk is full. */
  append(batches: ReadonlyMap<number, Buffer>): number | undefined {
    const sections: Section[] = [];
    try {
      for (const [shard, bytes] of batches) {
        this.shards[shard]!.ensureWritable();
        sections.push({ kind: KIND_BATCHES, key: STREAM_ID, subKey: shard, buffers: [bytes] });
      }
      const position = this.log.append(sections);
      for (const [shard, bytes] of batches) this.shards[shard]!.append(bytes);
      return position;
    } catch (error) {
      if (error instanceof BrokerError && error.code === 'storage_full') return undefined;
      throw error;
    }
  }

  /** R4: the truncation is durable in the commit log before the files change; the shard waits. */
  truncate(shard: number, offset: number): { position: number; done: Promise<void> } | undefined {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(offset));
    let position: number;
    try {
      position = this.log.append([
        { kind: KIND_TRUNCATION, key: STREAM_ID, subKey: shard, buffers: [bytes] },
      ]);
    } catch (error) {
      if (error instanceof BrokerError && error.code === 'storage_full') return undefined;
      throw error;
    }
    this.#truncating++;
    const done = this.log.sync().then(() => {
      this.shards[shard]!.truncateTo(offset);
      this.#truncating--;
    });
    return { position, done };
  }

  /** Starts a checkpoint unless one runs, or a truncation is not applied yet. */
  async checkpoint(): Promise<void> {
    if (this.#checkpointing || this.#truncating > 0) return;
    this.#checkpointing = true;
    const healthy = this.shards.flatMap((log, shard) =>
      this.quarantined.has(shard) ? [] : [{ streamId: STREAM_ID, shard, log }],
    );
    try {
      await this.#steps.checkpoint({
        commitLog: this.log,
        store: this.store,
        shards: healthy,
        appliedPosition: this.log.endPosition,
      });
      for (const { log } of healthy) await log.deleteSegments();
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== 'storage_full') throw error;
    } finally {
      this.#checkpointing = false;
    }
  }

  /** Whether the process would end itself now: a log failed for good. */
  get failed(): boolean {
    return this.log.failure !== undefined || this.#segmentFailed;
  }

  get #segmentFailed(): boolean {
    return this.shards.some((log) => log.failure !== undefined);
  }

  /** All batches of a shard from `fromOffset`, or 'corrupt'. */
  async readAll(shard: number): Promise<Buffer[] | 'corrupt'> {
    const log = this.shards[shard]!;
    const found: Buffer[] = [];
    for (let next = log.physicalStartOffset; next < log.logEndOffset;) {
      let bytes: Buffer;
      try {
        bytes = await log.read({ fromOffset: next, upToOffset: log.logEndOffset, maxBytes: 3000 });
      } catch (error) {
        if (!(error instanceof BrokerError)) throw error;
        if (error.code === 'corrupt') return 'corrupt';
        if (error.code !== 'out_of_range' || next >= log.physicalStartOffset) throw error;
        // Segments were deleted meanwhile.
        next = log.physicalStartOffset;
        continue;
      }
      if (bytes.length === 0) break;
      for (let at = 0; at < bytes.length;) {
        const sizeBytes = completeBatchBytes(bytes, at, bytes.length);
        if (batchHeader.baseOffset(bytes, at) >= next) found.push(bytes.subarray(at, at + sizeBytes));
        next = batchHeader.lastOffset(bytes, at) + 1;
        at += sizeBytes;
      }
    }
    return found;
  }
}
