// What becomes of a publish (design section 1, one path per message): QoS 0 on a topic of the built-in stream goes to
// subscribers at once, here and through the mesh; everything else is appended to the shard that owns the topic, and the
// tail delivers it.

import { BrokerError } from '@robustmq/errors';
import type { AppendQueue, ShardAppender } from '@robustmq/journal-client';
import { REASON, type PublishView } from '@robustmq/mqtt-codec';
import type { UserProperty } from '@robustmq/record-batch';
import { traceContext } from '@robustmq/telemetry';
import type { Deliverer } from '../delivery/deliverer.ts';
import { Message, readPublish } from '../delivery/message.ts';
import type { TopicRoute } from '../delivery/topic-route.ts';
import { HOLD_APPEND } from '../session/read-holds.ts';
import type { AppendToken } from './append-token.ts';
import { FanOuts } from './fan-outs.ts';
import type { BlockedPublishes, HeldPublisher } from './blocked-publishes.ts';
import type { MeshPort } from './mesh-port.ts';
import { newPublishCounters } from './publish-counters.ts';
import { PublishFacts } from './publish-facts.ts';
import { PublishOutcomes, type OutcomeHost } from './publish-outcomes.ts';
import type { PublishTraces } from './publish-traces.ts';

/** The connection that a publish came in on. */
export interface PublishingConnection extends HeldPublisher {
  readonly clientId: string;
  /** Null when it has gone. */
  readonly session: PublishingSession | null;
  /** Reads no more until the reason is released. */
  hold(hold: number): void;
  debug(message: string, fields: Record<string, unknown>): void;
}

/** The session that publishes. */
export interface PublishingSession {
  readonly identity: { readonly tenant: string };
  /** Names the session in records, for No Local. */
  readonly originId: number;
}

interface BlockedParts {
  readonly nowMs: number;
  readonly properties: readonly UserProperty[] | null;
  /** What its batch is traced under; empty if it is not sampled. */
  readonly traceparent: string;
  readonly token: AppendToken;
}

/** What the publisher needs around it. */
export interface PublisherHost extends OutcomeHost {
  /** A retained publish of a 3.x client is delivered but not stored; for a warning in the log. */
  retainIgnored(connection: PublishingConnection, topic: string): void;
}

/** One per gateway. */
export class Publisher {
  readonly counters = newPublishCounters();
  readonly outcomes: PublishOutcomes;
  readonly #host: PublisherHost;
  readonly #fanOuts: FanOuts;
  readonly #mesh: MeshPort;
  readonly #appender: ShardAppender<AppendToken>;
  readonly #blocked: BlockedPublishes;
  readonly #traces: PublishTraces;
  readonly #message = new Message();
  readonly #facts = new PublishFacts();

  constructor(
    host: PublisherHost,
    deliverer: Deliverer,
    mesh: MeshPort,
    appender: ShardAppender<AppendToken>,
    blocked: BlockedPublishes,
    traces: PublishTraces,
  ) {
    this.#host = host;
    this.#fanOuts = new FanOuts(deliverer, host);
    this.#mesh = mesh;
    this.#appender = appender;
    this.#blocked = blocked;
    this.#traces = traces;
    this.outcomes = new PublishOutcomes(host, appender, blocked, traces, this.counters);
  }

  /** A PUBLISH of QoS 0 or 1 whose topic is known; `view` is valid during the call only. */
  publish(connection: PublishingConnection, topic: string, view: PublishView, pending: AppendToken): void {
    const { counters } = this;
    const { session } = connection;
    if (session === null) return;
    counters.receivedBytes += view.payloadEnd - view.payloadStart;
    if (view.qos === 0) counters.receivedQos0++;
    else counters.receivedQos1++;
    if (view.retain) this.#host.retainIgnored(connection, topic);
    const { tenant } = session.identity;
    const route = this.#host.routesOf(tenant).get(topic);
    if (view.qos === 0 && (route.stream === undefined || route.stream.isDefault)) {
      this.#deliverNow(connection, session, route, view);
      return;
    }
    this.#append(connection, session, route, view, pending);
  }

  #deliverNow(
    connection: PublishingConnection,
    session: PublishingSession,
    route: TopicRoute,
    view: PublishView,
  ): void {
    const message = this.#message;
    const nowMs = this.#host.clock.nowMs();
    readPublish(message, route.topic, view, session.originId, nowMs);
    message.retain = false;
    this.#fanOuts.deliver(route, message, nowMs, connection);
    if (this.#mesh.hasPeers) {
      const properties = this.#facts.read(session.originId, view, nowMs);
      this.#mesh.publish(session.identity.tenant, message, this.#facts.facts, properties, nowMs);
    }
  }

  #append(
    connection: PublishingConnection,
    session: PublishingSession,
    route: TopicRoute,
    view: PublishView,
    token: AppendToken,
  ): void {
    const { stream } = route;
    if (stream === undefined) {
      // The tenant's built-in stream does not exist (yet).
      this.outcomes.failed(token, REASON.implementationSpecificError);
      return;
    }
    const queue = this.#appender.queue(stream.streamId, route.shard, stream);
    const nowMs = this.#host.clock.nowMs();
    const properties = this.#facts.read(session.originId, view, nowMs);
    const traceparent = this.#trace(connection, route, stream.name, queue, properties, token);
    try {
      const { buffer, payloadStart, payloadEnd } = view;
      const isTaken =
        !this.#blocked.isWaiting(queue) &&
        queue.appendMqtt(
          nowMs,
          route.topic,
          buffer,
          payloadStart,
          payloadEnd,
          this.#facts.facts,
          properties,
          token,
        );
      if (isTaken) {
        if (traceparent !== '') queue.sampled(traceparent);
        this.counters.appended++;
        return;
      }
    } catch (thrown) {
      if (BrokerError.from(thrown).code !== 'too_large') throw thrown;
      this.outcomes.failed(token, REASON.quotaExceeded);
      return;
    }
    connection.hold(HOLD_APPEND);
    this.#block(connection, session, queue, route.topic, view, { nowMs, properties, traceparent, token });
  }

  /** Keeps a copy of the publish until its shard takes it. */
  #block(
    publisher: HeldPublisher,
    { identity }: PublishingSession,
    queue: AppendQueue<AppendToken>,
    topic: string,
    view: PublishView,
    { nowMs, properties, traceparent, token }: BlockedParts,
  ): void {
    const payload = Buffer.from(view.payload);
    const facts = this.#facts.copy();
    this.#blocked.add(queue, {
      publisher,
      tenant: identity.tenant,
      topic,
      token,
      deadlineMs: this.#host.clock.monotonicMs() + this.#host.appendTimeoutMs,
      appendTo(to) {
        if (!to.appendMqtt(nowMs, topic, payload, 0, payload.length, facts, properties, token)) return false;
        if (traceparent !== '') to.sampled(traceparent);
        return true;
      },
    });
  }

  /** What the publish is traced under; empty if it is not sampled. */
  #trace(
    connection: PublishingConnection,
    route: TopicRoute,
    streamName: string,
    queue: AppendQueue<AppendToken>,
    properties: readonly UserProperty[] | null,
    token: AppendToken,
  ): string {
    const span = this.#traces.begin(token, streamName, queue, properties);
    if (span === null) return '';
    // Logs and traces find each other by this line.
    connection.debug('publish traced', { topic: route.topic, ...traceContext.logFields(span) });
    return traceContext.format(span.spanContext());
  }
}
