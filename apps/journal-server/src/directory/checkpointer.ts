// Checkpoints in the background (rule L3) and retention (rule L4). One at a time; a shard is removed only between two.

import { BrokerError } from '@robustmq/errors';
import type { CommitLog } from '@robustmq/commit-log';
import { producerSnapshot } from '@robustmq/producer-state';
import { openFiles, retentionStart, runCheckpoint, type CheckpointStore } from '@robustmq/segment-log';
import { eachInTurns, TurnBudget, type Cancel, type Clock, type Timers } from '@robustmq/runtime';
import { reasonIn, type QuarantineMarks } from './quarantine.ts';
import type { Shard } from '../shard/shard.ts';

interface CheckpointLog {
  info(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

/** Surroundings of a {@link Checkpointer}. */
export interface CheckpointerOptions {
  readonly commitLog: CommitLog;
  readonly store: CheckpointStore;
  readonly shards: () => Iterable<Shard>;
  /** Shards with a durable mark are left out of checkpoints: their files stay as they are. */
  readonly marks: QuarantineMarks;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: CheckpointLog;
  readonly failed: (error: BrokerError) => void;
  /** Whether the producer id belongs to a gateway that is connected. */
  readonly isLiveProducer: (producerId: number) => boolean;
  /** Makes a new log start durable through the commit log. */
  readonly advanceLogStart: (shard: Shard, offset: number) => void;
  /** A checkpoint is made when so much was appended; default 128 MiB. */
  readonly checkpointBytes?: number;
  readonly checkpointIntervalMs?: number;
  /** Whether so many segments have unsynced writes that their files can't be closed (I8): a checkpoint is due then. */
  readonly hasTooManyOpenFiles?: () => boolean;
  readonly retentionIntervalMs?: number;
  /** Wait between the syncs of two shards, so that a checkpoint leaves the disk to appends (rule L6). Default 5. */
  readonly paceMs?: number;
  /** Snapshots of producers in one checkpoint, which has a bound itself; default 128 MiB. */
  readonly maxSnapshotBytes?: number;
}

const DEFAULT_CHECKPOINT_BYTES = 128 * 1024 * 1024;
const DEFAULT_CHECKPOINT_INTERVAL_MS = 60_000;
const DEFAULT_RETENTION_INTERVAL_MS = 30_000;
/** Kafka looks at retention this often, so that its consumers have about as long. */
const READING_TIME_MS = 300_000;
const LOOK_MS = 1_000;
const DEFAULT_PACE_MS = 5;
/** Of the last checkpoint, which nobody appends beside: as many as the pool of threads runs. */
const LAST_SYNCS_AT_ONCE = 4;
/** Kafka's `producer.id.expiration.ms`. */
const PRODUCER_EXPIRATION_MS = 86_400_000;

const DEFAULT_MAX_SNAPSHOT_BYTES = 128 * 1024 * 1024;
const NO_SNAPSHOT = Buffer.alloc(0);

/** Keeps the commit log short and the segments within their retention. */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #stopLooking: Cancel;
  #running: Promise<unknown> = Promise.resolve();
  #busy = false;
  /** At retention. */
  #looks = 0;
  #closed = false;
  /** What waits for a checkpoint without the shards that were removed. */
  #afterNext: (() => Promise<void>)[] = [];
  #bytesAtLast = 0;
  #lastMs: number;
  #retentionMs: number;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#lastMs = this.#retentionMs = options.clock.monotonicMs();
    this.#stopLooking = options.timers.every(LOOK_MS, () => this.#look());
  }

  /** Runs work that must not meet a checkpoint. */
  withoutCheckpoint<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#running.then(work);
    this.#running = result.catch(() => undefined);
    return result;
  }

  /** Makes a checkpoint now, after one that runs. */
  checkpoint(): Promise<void> {
    return this.withoutCheckpoint(() => this.#checkpointOnce());
  }

  /**
   * Runs work once a checkpoint is durable that begins after this call: the files of a shard may go only when no
   * checkpoint lists it, or a crash would take them for damaged. Must not reject.
   */
  afterNext(work: () => Promise<void>): void {
    this.#afterNext.push(work);
  }

  /**
   * Has the mark of a shard made durable that found damage, and before that what is healthy of it (rule N4). Until then
   * no checkpoint is made: it would forget the shard.
   */
  quarantine(shard: Shard): void {
    this.withoutCheckpoint(() => this.#quarantineOnce(shard)).catch((error: unknown) => this.#failed(error));
  }

  /** A last checkpoint, so that the next start has nothing to replay. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopLooking();
    await this.#running;
    if (this.#options.commitLog.failure === undefined) {
      await this.#checkpointOnce().catch((error: unknown) => this.#failed(error));
    }
  }

  /** Stops without a last checkpoint. */
  async abandon(): Promise<void> {
    this.#closed = true;
    this.#stopLooking();
    await this.#running;
  }

  #look(): void {
    if (this.#closed) return;
    // What was acknowledged last must not pass for a torn tail if it is damaged later (rule L2).
    if (this.#options.commitLog.failure === undefined)
      this.#options.commitLog.markIfIdle().catch((error: unknown) => this.#failed(error));
    if (this.#busy) return;
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#retentionMs >= (this.#options.retentionIntervalMs ?? DEFAULT_RETENTION_INTERVAL_MS)) {
      this.#retentionMs = nowMs;
      this.retain();
    }
    const { commitLog, store } = this.#options;
    const removed = this.#afterNext.length > 0;
    if (commitLog.endPosition === store.latest.position && !removed) return;
    const appendedBytes = commitLog.appendedBytes - this.#bytesAtLast;
    const due =
      removed ||
      (this.#options.hasTooManyOpenFiles?.() ?? openFiles.isOver) ||
      appendedBytes >= (this.#options.checkpointBytes ?? DEFAULT_CHECKPOINT_BYTES) ||
      nowMs - this.#lastMs >= (this.#options.checkpointIntervalMs ?? DEFAULT_CHECKPOINT_INTERVAL_MS);
    if (!due) return;
    this.#busy = true;
    this.checkpoint()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#busy = false;
      });
  }

  async #checkpointOnce(): Promise<void> {
    const afterwards = this.#afterNext;
    this.#afterNext = [];
    try {
      await this.#makeCheckpoint();
    } catch (error) {
      this.#afterNext.unshift(...afterwards);
      throw error;
    }
    for (const work of afterwards) await work();
  }

  async #makeCheckpoint(): Promise<void> {
    const { commitLog, store, clock } = this.#options;
    const startedMs = clock.monotonicMs();
    const bytesBefore = commitLog.appendedBytes;
    for (const shard of this.#options.shards())
      if (shard.failure?.code === 'quarantined') await this.#quarantineOnce(shard);
    const shards = [...this.#options.shards()].filter((shard) => !this.#isMarked(shard));
    // A checkpoint without a shard forgets it: one that failed must stay in the commit log and the last checkpoint.
    if (shards.some((shard) => shard.failure !== undefined)) {
      throw new BrokerError('unavailable', 'no checkpoint while a shard has failed');
    }
    const turn = new TurnBudget(clock, this.#options.timers);
    let roomBytes = this.#options.maxSnapshotBytes ?? DEFAULT_MAX_SNAPSHOT_BYTES;
    /** Begun in this very turn, made in others (N8): the producers of a directory are many. */
    const snapshotOf = (shard: Shard): (() => Promise<Buffer>) => {
      const steps = producerSnapshot.inSteps(shard.producers, shard.log.logEndOffset, startedMs);
      return async () => {
        for (;;) {
          if (turn.isSpent) await turn.yield();
          const step = steps.next();
          if (step.done !== true) continue;
          roomBytes -= step.value.length;
          // Without one a start reads the segments: slower, never fatal.
          return roomBytes < 0 ? NO_SNAPSHOT : step.value;
        }
      };
    };
    await runCheckpoint({
      commitLog,
      store,
      appliedPosition: commitLog.endPosition,
      shards: shards.map((shard) => ({
        streamId: shard.streamId,
        shard: shard.shard,
        topicId: shard.topicId,
        log: shard.log,
        makeExtra: snapshotOf(shard),
      })),
      pace: (hasSynced) => this.#pace(hasSynced, turn),
      syncsAtOnce: this.#closed ? LAST_SYNCS_AT_ONCE : 1,
      turn,
    });
    this.#lastMs = clock.monotonicMs();
    this.#bytesAtLast = bytesBefore;
    this.#options.log.info(
      {
        position: store.latest.position,
        shards: shards.length,
        took_ms: Math.round(this.#lastMs - startedMs),
      },
      'checkpoint',
    );
    for (const shard of shards) {
      if (turn.isSpent) await turn.yield();
      if (shard.failure === undefined) await shard.log.deleteSegments();
    }
  }

  #isMarked({ streamId, shard }: Shard): boolean {
    return this.#options.marks.isDurable(streamId, shard);
  }

  /** What is appended reaches the files of a damaged shard as well: it is no repair, and nobody else will bring it. */
  async #quarantineOnce(shard: Shard): Promise<void> {
    if (shard.failure === undefined || this.#isMarked(shard)) return;
    await shard.log.prepareCheckpoint().sync();
    await this.#options.marks.add(shard, reasonIn(shard.failure));
  }

  /** Raises log starts by time and size, in turns; the segments go after the checkpoint that knows of it (rule L4). */
  retain(): void {
    // One that is not over yet ends: this one looks at the same.
    const look = ++this.#looks;
    eachInTurns(this.#options.shards(), this.#options, (shard) => {
      if (look === this.#looks && !this.#closed) this.#retainOrLog(shard);
    });
  }

  #retainOrLog(shard: Shard): void {
    if (shard.leader === undefined || shard.failure !== undefined || shard.stream === undefined) return;
    const { clock, isLiveProducer, log } = this.#options;
    shard.producers.expire(clock.monotonicMs(), PRODUCER_EXPIRATION_MS, isLiveProducer);
    try {
      this.#retain(shard, clock.nowMs());
    } catch (error) {
      // A full disk, say: this shard is looked at again, the others and the process go on (rules L6, N9).
      const fields = { err: BrokerError.from(error), stream_id: shard.streamId, shard: shard.shard };
      log.error(fields, 'could not apply the retention of a shard');
    }
  }

  #retain(shard: Shard, nowMs: number): void {
    const { config, log } = shard;
    const active = log.retainedSegments().at(-1);
    const activeIsOld =
      config.retentionMs >= 0 &&
      active !== undefined &&
      active.lengthBytes > 0 &&
      nowMs - active.timeMs > config.retentionMs &&
      // Times are the producer's: what says it is from long ago may have come this instant.
      this.#options.clock.monotonicMs() - shard.appendedAtMs > Math.min(config.retentionMs, READING_TIME_MS);
    if (activeIsOld) log.roll();
    const start = retentionStart(log.retainedSegments(), config, nowMs, shard.highWatermark);
    if (start > log.logStartOffset) this.#options.advanceLogStart(shard, start);
  }

  #pace(hasSynced: boolean, turn: TurnBudget): Promise<void> {
    const paceMs = this.#closed || !hasSynced ? 0 : (this.#options.paceMs ?? DEFAULT_PACE_MS);
    if (paceMs === 0) return turn.isSpent ? turn.yield() : Promise.resolve();
    return new Promise((resolve) => {
      this.#options.timers.after(paceMs, () => {
        turn.restart();
        resolve();
      });
    });
  }

  #failed(thrown: unknown): void {
    const error = BrokerError.from(thrown, 'storage_failed');
    this.#options.log.error({ err: error }, 'checkpoint failed');
    // A full disk keeps everything in the commit log and is tried again; anything else is final (rule L6).
    if (error.code !== 'storage_full' && error.code !== 'unavailable') this.#options.failed(error);
  }
}
