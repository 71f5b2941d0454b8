// The appends of a gateway under its own producer ids: one queue per shard, made at first use, gone with its stream.

import { BrokerError } from '@robustmq/errors';
import type { Timers } from '@robustmq/runtime';
import { AppendQueue, type AppendQueueHost } from './append-queue.ts';
import type { AppendSender } from './append-sender.ts';
import type { ShardDirectory } from './directory.ts';
import type { ShardId } from './types.ts';

/** Settings of the appends of a gateway's own producer ids. */
export interface ShardAppenderOptions<T> {
  /**
   * One call per batch: the record of `tokens[i]` is at `baseOffset + i`, or all failed. A deadline_exceeded may still
   * be appended later. With any other error `batch` holds the records, to be appended elsewhere.
   */
  readonly onOutcome: (
    queue: AppendQueue<T>,
    tokens: readonly T[],
    error: BrokerError | undefined,
    baseOffset: number,
    batch: Buffer | undefined,
  ) => void;
  readonly onUnblocked: (queue: AppendQueue<T>) => void;
  /** Default 1 MiB. */
  readonly maxBatchBytes?: number;
  /** Default 30 s. */
  readonly deliveryTimeoutMs?: number;
}

/** What the stream of a queue is like. Its settings may change at any time: they count at every use. */
export interface QueueOptions {
  /** `mqtt.durability=memory` (rule R8). */
  readonly acknowledgeInMemory?: boolean;
  /** Its `max.message.bytes`: the journal refuses a larger batch with all that is in it (N13). */
  readonly maxBatchBytes?: number;
  /** Whose stream it is: counts when the queue is made. */
  readonly tenant?: string;
}

/** Appends under the gateway's own producer ids, one queue per shard. */
export interface ShardAppender<T> {
  /** The queue of a shard, made at first use. */
  queue(streamId: number, shard: number, options?: QueueOptions): AppendQueue<T>;
  /** Drops the queue of a deleted stream's shard; its tokens hear `not_found`. */
  drop(streamId: number, shard: number): void;
}

interface AnyQueue extends ShardId {
  wake(): void;
  expire(nowMs: number): void;
  close(error: BrokerError): void;
}

/** What the queues need around them. */
export interface ShardQueuesHost {
  readonly directory: ShardDirectory;
  /** This incarnation's own producer ids. */
  readonly producerIds: { readonly base: number; readonly count: number };
  readonly timers: Timers;
  readonly now: () => number;
  /** The way to the leader of a shard; undefined while none is connected. */
  senderOf(streamId: number, shard: number): AppendSender | undefined;
}

const DEFAULT_MAX_BATCH_BYTES = 1024 * 1024;
const DEFAULT_DELIVERY_TIMEOUT_MS = 30_000;
/** Shards of a stream are far fewer; makes one number of a shard's name. */
const MAX_SHARDS = 65_536;

/** The append queues of one client. */
export class ShardQueues {
  readonly #host: ShardQueuesHost;
  readonly #queues = new Map<number, AnyQueue>();
  #nextProducer = 0;

  constructor(host: ShardQueuesHost) {
    this.#host = host;
  }

  /** The appends of this gateway under its own producer ids. */
  appender<T>(options: ShardAppenderOptions<T>): ShardAppender<T> {
    const host: AppendQueueHost<T> = {
      maxBatchBytes: options.maxBatchBytes ?? DEFAULT_MAX_BATCH_BYTES,
      deliveryTimeoutMs: options.deliveryTimeoutMs ?? DEFAULT_DELIVERY_TIMEOUT_MS,
      timers: this.#host.timers,
      now: this.#host.now,
      revision: () => this.#host.directory.revision(),
      senderOf: (queue) => this.#host.senderOf(queue.streamId, queue.shard),
      streamExists: (streamId) => this.#host.directory.hasStream(streamId),
      nextProducerId: (current) => this.#producerIdAfter(current),
      onOutcome: options.onOutcome,
      onUnblocked: options.onUnblocked,
    };
    return {
      queue: (streamId, shard, queueOptions) => {
        const key = streamId * MAX_SHARDS + shard;
        let queue = this.#queues.get(key) as AppendQueue<T> | undefined;
        if (queue === undefined) {
          queue = new AppendQueue<T>(
            host,
            { streamId, shard },
            this.#host.producerIds.base,
            queueOptions?.tenant,
          );
          this.#queues.set(key, queue);
        }
        queue.acknowledgeInMemory = queueOptions?.acknowledgeInMemory === true;
        queue.maxBatchBytes = queueOptions?.maxBatchBytes ?? Infinity;
        return queue;
      },
      drop: (streamId, shard) => this.#drop(streamId * MAX_SHARDS + shard),
    };
  }

  /** Tells every queue that its leader may have changed; drops those of streams that are gone. */
  followStreams(): void {
    for (const [key, queue] of this.#queues) {
      if (!this.#host.directory.hasStream(queue.streamId)) this.#drop(key);
      else queue.wake();
    }
  }

  /** Tells every queue that a link came or went. */
  wake(): void {
    for (const queue of this.#queues.values()) queue.wake();
  }

  /** Fails what has waited too long. */
  expire(): void {
    const nowMs = this.#host.now();
    for (const queue of this.#queues.values()) queue.expire(nowMs);
  }

  /** Ends all; what waits hears `error`. */
  close(error: BrokerError): void {
    for (const key of [...this.#queues.keys()]) this.#drop(key, error);
  }

  #drop(key: number, error = new BrokerError('not_found', 'the stream was deleted')): void {
    const queue = this.#queues.get(key);
    this.#queues.delete(key);
    queue?.close(error);
  }

  #producerIdAfter(current: number): number | undefined {
    const { base, count } = this.#host.producerIds;
    // Fresh for every shard that asks: it was used by none.
    this.#nextProducer = Math.max(this.#nextProducer, current - base) + 1;
    return this.#nextProducer < count ? base + this.#nextProducer : undefined;
  }
}
