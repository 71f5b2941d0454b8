// Spans of sampled publishes: from the PUBLISH to the outcome of its append. A client's trace context enters as the user
// property `traceparent` and stays with the record, so that any gateway finds it at delivery. A trace that begins here is
// remembered by the record's offset instead: the message itself is not changed. Off, it costs one test.

import { ATTRIBUTES, SYSTEM_MQTT, traceContext, type TraceSampler } from '@robustmq/telemetry';
import type { PendingAck } from '@robustmq/mqtt-session';
import type { UserProperty } from '@robustmq/record-batch';

type Span = NonNullable<ReturnType<TraceSampler['start']>>;
type SpanContext = ReturnType<Span['spanContext']>;

/** Where a publish is appended. */
export interface TracedShard {
  readonly streamId: number;
  readonly shard: number;
}

/** Spans that wait for an outcome, and contexts that wait for a delivery; more than this are not kept. */
const MAX_OPEN_SPANS = 1_000;

/** Open spans of this gateway. */
export class PublishTraces {
  readonly #sampler: TraceSampler;
  readonly #open = new Map<PendingAck, Span>();
  /** By shard and offset, the oldest first. */
  readonly #appended = new Map<string, SpanContext>();

  constructor(sampler: TraceSampler) {
    this.#sampler = sampler;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Begins the span of a QoS 1 publish if it is sampled, else null. It ends with the outcome. */
  begin(
    pending: PendingAck | null,
    streamName: string,
    { streamId, shard }: TracedShard,
    properties: readonly UserProperty[] | null,
  ): Span | null {
    if (!this.#sampler.isOn || pending === null || this.#open.size >= MAX_OPEN_SPANS) return null;
    const span = this.#sampler.start('mqtt publish', traceContext.ofUserProperties(properties), {
      attributes: {
        [ATTRIBUTES.messagingSystem]: SYSTEM_MQTT,
        [ATTRIBUTES.messagingDestinationName]: streamName,
        [ATTRIBUTES.streamId]: streamId,
        [ATTRIBUTES.shard]: shard,
      },
    });
    if (span !== null) this.#open.set(pending, span);
    return span;
  }

  /** The append of these publishes is over; without an error they lie at `baseOffset` and behind it. */
  end(
    shard: TracedShard,
    tokens: readonly (PendingAck | null)[],
    error: Error | undefined,
    baseOffset: number,
  ): void {
    if (this.#open.size === 0) return;
    for (let index = 0; index < tokens.length; index++) {
      const token = tokens[index];
      const span = token === null || token === undefined ? undefined : this.#open.get(token);
      if (span === undefined) continue;
      this.#open.delete(token!);
      if (error !== undefined) span.recordException(error);
      else this.#keep(nameOf(shard, baseOffset + index), span.spanContext());
      span.end();
    }
  }

  #keep(name: string, context: SpanContext): void {
    if (this.#appended.size >= MAX_OPEN_SPANS) this.#appended.delete(this.#appended.keys().next().value!);
    this.#appended.set(name, context);
  }

  /** The publish behind a record that this gateway appended, once; null if it was not sampled. */
  contextOf(shard: TracedShard, offset: number): SpanContext | null {
    if (this.#appended.size === 0) return null;
    const name = nameOf(shard, offset);
    const context = this.#appended.get(name) ?? null;
    this.#appended.delete(name);
    return context;
  }
}

function nameOf({ streamId, shard }: TracedShard, offset: number): string {
  return `${streamId}/${shard}/${offset}`;
}
