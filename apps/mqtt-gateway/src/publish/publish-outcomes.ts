// What comes of an append: acknowledgements, in the order of the tokens; another shard for the records of one that is gone;
// a failure for what waited too long (N7).

import { BrokerError } from '@robustmq/errors';
import type { AppendQueue, ShardAppender } from '@robustmq/journal-client';
import { REASON } from '@robustmq/mqtt-codec';
import { reasonOfError } from '@robustmq/mqtt-session';
import { RecordCursor } from '@robustmq/record-batch';
import type { Clock, Timers } from '@robustmq/runtime';
import type { TopicRoutes } from '../delivery/topic-route.ts';
import type { AppendToken } from './append-token.ts';
import type { BlockedOutcomes, BlockedPublish, BlockedPublishes } from './blocked-publishes.ts';
import { headersOf } from './failed-records.ts';
import type { PublishCounters } from './publish-counters.ts';
import type { PublishTraces } from './publish-traces.ts';

/** What outcomes need around them. */
export interface OutcomeHost {
  readonly clock: Clock;
  readonly timers: Timers;
  /** A publish that is not committed by then fails. */
  readonly appendTimeoutMs: number;
  routesOf(tenant: string): TopicRoutes;
  /** Something failed in a way that nobody expected. */
  failed(thrown: unknown, where: string): void;
}

const LATE = new BrokerError('deadline_exceeded', 'the shard did not take the publish in time');

/** The outcomes of all publishes. */
export class PublishOutcomes implements BlockedOutcomes {
  readonly #host: OutcomeHost;
  readonly #appender: ShardAppender<AppendToken>;
  readonly #blocked: BlockedPublishes;
  readonly #traces: PublishTraces;
  readonly #counters: PublishCounters;

  constructor(
    host: OutcomeHost,
    appender: ShardAppender<AppendToken>,
    blocked: BlockedPublishes,
    traces: PublishTraces,
    counters: PublishCounters,
  ) {
    this.#host = host;
    this.#appender = appender;
    this.#blocked = blocked;
    this.#traces = traces;
    this.#counters = counters;
  }

  /** The outcome of a batch; the journal client calls it once per batch. */
  onOutcome(
    queue: AppendQueue<AppendToken>,
    tokens: readonly AppendToken[],
    error: BrokerError | undefined,
    baseOffset: number,
    batch: Buffer | undefined,
  ): void {
    if (error?.code === 'not_found' && batch !== undefined) {
      // The stream is being deleted: its topics have another owner once the view is whole (O2).
      this.#host.timers.soon(() => this.#appendElsewhere(queue, tokens, batch));
      return;
    }
    this.#traces.end(queue, tokens, error, baseOffset);
    const reasonCode = error === undefined ? REASON.success : reasonOfError(error, 'publish');
    for (let index = 0; index < tokens.length;) {
      try {
        for (; index < tokens.length; index++) this.#settle(tokens[index]!, reasonCode);
      } catch (thrown) {
        // The others of the batch have their outcomes all the same (N9).
        this.#host.failed(thrown, 'outcome of a publish');
        index++;
      }
    }
  }

  #settle(token: AppendToken, reasonCode: number): void {
    if (reasonCode !== REASON.success) this.failed(token, reasonCode);
    else if (token !== null) token.settle(REASON.success);
  }

  /** Appends the records of a deleted stream to whoever owns their topics now. */
  #appendElsewhere(old: AppendQueue<AppendToken>, tokens: readonly AppendToken[], batch: Buffer): void {
    const record = new RecordCursor().reset(batch, 0);
    const deadlineMs = this.#host.clock.monotonicMs() + this.#host.appendTimeoutMs;
    for (const token of tokens) {
      if (!record.next()) return;
      const { timestampMs, key, value } = record;
      const headers = headersOf(record);
      this.reroute({
        publisher: null,
        tenant: old.tenant,
        topic: String(key),
        token,
        deadlineMs,
        appendTo: (queue) => queue.append(timestampMs, key, value, headers, token),
      });
    }
  }

  /** A shard takes records again, or is gone. */
  onUnblocked(queue: AppendQueue<AppendToken>): void {
    this.#blocked.retry(queue, this);
  }

  append(queue: AppendQueue<AppendToken>, publish: BlockedPublish): boolean {
    try {
      if (!publish.appendTo(queue)) return false;
      this.#counters.appended++;
    } catch (thrown) {
      if (BrokerError.from(thrown).code !== 'too_large') throw thrown;
      this.failed(publish.token, REASON.quotaExceeded);
    }
    return true;
  }

  reroute(publish: BlockedPublish): void {
    const { stream, shard } = this.#host.routesOf(publish.tenant).get(publish.topic);
    if (stream === undefined) {
      this.failed(publish.token, REASON.implementationSpecificError);
      return;
    }
    const queue = this.#appender.queue(stream.streamId, shard, stream);
    if (this.#blocked.isWaiting(queue) || !this.append(queue, publish)) this.#blocked.add(queue, publish);
  }

  expired(publish: BlockedPublish): void {
    this.failed(publish.token, reasonOfError(LATE, 'publish'));
  }

  /** Fails blocked publishes whose time is over; called a few times a second. */
  expire(): void {
    this.#blocked.expire(this.#host.clock.monotonicMs(), this);
  }

  /** A publish that was not appended. */
  failed(token: AppendToken, reasonCode: number): void {
    this.#counters.appendFailed++;
    if (token === null) this.#counters.lostQos0++;
    else token.settle(reasonCode);
  }
}
