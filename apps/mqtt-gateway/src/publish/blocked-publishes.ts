// Publishes that found their shard's queue full: one per connection, whose reading is held meanwhile, so memory is bounded
// by the number of connections. They go in the order in which they came (I3).

import type { AppendQueue } from '@robustmq/journal-client';
import type { MqttFacts, UserProperty } from '@robustmq/record-batch';
import { REASON } from '@robustmq/mqtt-codec';
import { BrokerError } from '@robustmq/errors';
import type { Connection } from '../session/connection.ts';
import { HOLD_APPEND } from '../session/read-holds.ts';
import type { AppendToken } from './publisher.ts';

/** A publish that waits, in memory of its own. */
export interface BlockedPublish {
  readonly connection: Connection;
  readonly timestampMs: number;
  readonly topic: string;
  readonly payload: Buffer;
  readonly facts: MqttFacts;
  readonly userProperties: readonly UserProperty[] | null;
  readonly token: AppendToken;
  /** What its batch is traced under; empty if it is not sampled. */
  readonly traceparent: string;
}

type Queue = AppendQueue<AppendToken>;

/** Waiting publishes per shard. */
export class BlockedPublishes {
  readonly #waiting = new Map<Queue, BlockedPublish[]>();

  /** Whether others wait for this shard: who comes later must not pass them. */
  isWaiting(queue: Queue): boolean {
    return this.#waiting.size > 0 && this.#waiting.has(queue);
  }

  /** Waiting publishes. */
  get size(): number {
    let size = 0;
    for (const list of this.#waiting.values()) size += list.length;
    return size;
  }

  add(queue: Queue, publish: BlockedPublish): void {
    const list = this.#waiting.get(queue);
    if (list === undefined) this.#waiting.set(queue, [publish]);
    else list.push(publish);
  }

  /** The shard takes records again: appends as many as it takes. */
  retry(queue: Queue): void {
    const list = this.#waiting.get(queue);
    if (list === undefined) return;
    let taken = 0;
    while (taken < list.length && append(queue, list[taken]!)) taken++;
    const done = list.splice(0, taken);
    if (list.length === 0) this.#waiting.delete(queue);
    // Reading goes on after the queue is settled: what is read now may be for the same shard.
    for (const { connection } of done) setImmediate(() => connection.release(HOLD_APPEND));
  }
}

/** False: the queue is full again. */
function append(queue: Queue, publish: BlockedPublish): boolean {
  const { timestampMs, topic, payload, facts, userProperties, token, traceparent } = publish;
  try {
    if (!queue.appendMqtt(timestampMs, topic, payload, 0, payload.length, facts, userProperties, token))
      return false;
    if (traceparent !== '') queue.sampled(traceparent);
    return true;
  } catch (thrown) {
    if (BrokerError.from(thrown).code !== 'too_large') throw thrown;
    token?.settle(REASON.quotaExceeded);
    return true;
  }
}
