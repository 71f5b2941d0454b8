// Spans of sampled publishes: from the PUBLISH to the outcome of its append. The client's trace context enters as the user
// property `traceparent` and stays with the record, so that the delivery span finds it again. Off, it costs one test.

import { contextOfUserProperties, type TraceSampler } from '@robustmq/telemetry';
import type { PendingAck } from '@robustmq/mqtt-session';
import type { UserProperty } from '@robustmq/record-batch';

type Span = NonNullable<ReturnType<TraceSampler['start']>>;

/** Spans that wait for an outcome; more than this are not begun. */
const MAX_OPEN_SPANS = 1_000;

/** Open spans of this gateway. */
export class PublishTraces {
  readonly #sampler: TraceSampler;
  readonly #open = new Map<PendingAck, Span>();

  constructor(sampler: TraceSampler) {
    this.#sampler = sampler;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Begins the span of a QoS 1 publish if it is sampled. */
  begin(pending: PendingAck | null, stream: string, properties: readonly UserProperty[] | null): void {
    if (!this.#sampler.isOn || pending === null || this.#open.size >= MAX_OPEN_SPANS) return;
    const span = this.#sampler.start('mqtt publish', contextOfUserProperties(properties), {
      attributes: { 'messaging.system': 'mqtt', 'messaging.destination.name': stream },
    });
    if (span !== null) this.#open.set(pending, span);
  }

  /** The append of these publishes is over. */
  end(tokens: readonly (PendingAck | null)[], error: Error | undefined): void {
    if (this.#open.size === 0) return;
    for (const token of tokens) {
      const span = token === null ? undefined : this.#open.get(token);
      if (span === undefined || token === null) continue;
      this.#open.delete(token);
      if (error !== undefined) span.recordException(error);
      span.end();
    }
  }
}
