// Checkpoints in the background (rule L3) and retention (rule L4). One at a time; a shard is removed only between two.

import { BrokerError } from '@robustmq/errors';
import type { CommitLog } from '@robustmq/commit-log';
import { retentionStart, runCheckpoint, type CheckpointStore } from '@robustmq/segment-log';
import type { Clock } from '@robustmq/runtime';
import type { Shard } from './shard.ts';

interface CheckpointLog {
  info(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

/** Surroundings of a {@link Checkpointer}. */
export interface CheckpointerOptions {
  readonly commitLog: CommitLog;
  readonly store: CheckpointStore;
  readonly shards: () => Iterable<Shard>;
  /** Whether a failed shard is marked as quarantined for good: its files stay, checkpoints leave it out. */
  readonly isQuarantined: (shard: Shard) => boolean;
  readonly clock: Clock;
  readonly log: CheckpointLog;
  readonly failed: (error: BrokerError) => void;
  /** Makes a new log start durable through the commit log. */
  readonly advanceLogStart: (shard: Shard, offset: number) => void;
  /** A checkpoint is made when so much was appended; default 128 MiB. */
  readonly checkpointBytes?: number;
  readonly checkpointIntervalMs?: number;
  readonly retentionIntervalMs?: number;
  /** Wait between the syncs of two shards, so that a checkpoint leaves the disk to appends (rule L6). Default 5. */
  readonly paceMs?: number;
}

const DEFAULT_CHECKPOINT_BYTES = 128 * 1024 * 1024;
const DEFAULT_CHECKPOINT_INTERVAL_MS = 60_000;
const DEFAULT_RETENTION_INTERVAL_MS = 30_000;
const LOOK_MS = 1_000;
const DEFAULT_PACE_MS = 5;
/** Kafka's `producer.id.expiration.ms`. */
const PRODUCER_EXPIRATION_MS = 86_400_000;

/** Keeps the commit log short and the segments within their retention. */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<unknown> = Promise.resolve();
  #busy = false;
  #closed = false;
  #bytesAtLast = 0;
  #lastMs: number;
  #retentionMs: number;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#lastMs = this.#retentionMs = options.clock.monotonicMs();
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
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

  /** A last checkpoint, so that the next start has nothing to replay. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#running;
    if (this.#options.commitLog.failure === undefined) {
      await this.#checkpointOnce().catch((error: unknown) => this.#failed(error));
    }
  }

  /** Stops without a last checkpoint. */
  async abandon(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
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
    if (commitLog.endPosition === store.latest.position) return;
    const appendedBytes = this.#logBytes() - this.#bytesAtLast;
    const due =
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

  #logBytes(): number {
    let bytes = 0;
    for (const shard of this.#options.shards()) bytes += shard.log.sizeBytes;
    return bytes;
  }

  async #checkpointOnce(): Promise<void> {
    const { commitLog, store, clock } = this.#options;
    const startedMs = clock.monotonicMs();
    const shards = [...this.#options.shards()].filter((shard) => !this.#options.isQuarantined(shard));
    // A checkpoint without a shard forgets it: one that failed must stay in the commit log and the last checkpoint.
    if (shards.some((shard) => shard.failure !== undefined)) {
      throw new BrokerError('unavailable', 'no checkpoint while a shard has failed');
    }
    await runCheckpoint({
      commitLog,
      store,
      appliedPosition: commitLog.endPosition,
      shards: shards.map((shard) => ({
        streamId: shard.streamId,
        shard: shard.shard,
        log: shard.log,
        extra: shard.producers.encode(shard.log.logEndOffset),
      })),
      pace: () => this.#pace(),
    });
    this.#lastMs = clock.monotonicMs();
    this.#bytesAtLast = this.#logBytes();
    this.#options.log.info(
      {
        position: store.latest.position,
        shards: shards.length,
        tookMs: Math.round(this.#lastMs - startedMs),
      },
      'checkpoint',
    );
    for (const shard of shards) if (shard.failure === undefined) await shard.log.deleteSegments();
  }

  /** Raises log starts by time and size; the segments go after the checkpoint that knows of it (rule L4). */
  retain(): void {
    const nowMs = this.#options.clock.nowMs();
    for (const shard of this.#options.shards()) {
      if (shard.leader === undefined || shard.failure !== undefined || shard.stream === undefined) continue;
      shard.producers.expire(nowMs - PRODUCER_EXPIRATION_MS);
      const { config, log } = shard;
      const active = log.describeSegments().at(-1);
      const activeIsOld =
        config.retentionMs >= 0 &&
        active !== undefined &&
        active.maxTimestampMs >= 0 &&
        nowMs - active.maxTimestampMs > config.retentionMs;
      if (activeIsOld) log.roll();
      const start = retentionStart(log.describeSegments(), config, nowMs, shard.highWatermark);
      if (start > log.logStartOffset) this.#options.advanceLogStart(shard, start);
    }
  }

  #pace(): Promise<void> {
    const paceMs = this.#closed ? 0 : (this.#options.paceMs ?? DEFAULT_PACE_MS);
    return paceMs === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, paceMs));
  }

  #failed(thrown: unknown): void {
    const error = BrokerError.from(thrown, 'storage_failed');
    this.#options.log.error({ err: error }, 'checkpoint failed');
    // A full disk keeps everything in the commit log and is tried again; anything else is final (rule L6).
    if (error.code !== 'storage_full' && error.code !== 'unavailable') this.#options.failed(error);
  }
}
