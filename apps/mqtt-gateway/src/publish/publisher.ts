// What becomes of a publish (design section 1, one path per message): QoS 0 on a topic of the built-in stream goes to
// subscribers at once, here and through the mesh; everything else is appended to the shard that owns the topic, and the
// tail delivers it.

import { BrokerError } from '@robustmq/errors';
import type { AppendQueue, ShardAppender } from '@robustmq/journal-client';
import { ABSENT, REASON, type PublishView } from '@robustmq/mqtt-codec';
import { reasonOfError } from '@robustmq/mqtt-session';
import { RecordCursor, type MqttFacts, type UserProperty } from '@robustmq/record-batch';
import type { Clock, Timers } from '@robustmq/runtime';
import { formatTraceparent, traceFields } from '@robustmq/telemetry';
import type { Deliverer } from '../delivery/deliverer.ts';
import { Message, readPublish } from '../delivery/message.ts';
import type { TopicRoute, TopicRoutes } from '../delivery/topic-route.ts';
import { HOLD_APPEND } from '../session/read-holds.ts';
import type { AppendToken } from './append-token.ts';
import type {
  BlockedOutcomes,
  BlockedPublish,
  BlockedPublishes,
  HeldPublisher,
} from './blocked-publishes.ts';
import { headersOf } from './failed-records.ts';
import type { MeshPort } from './mesh-port.ts';
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

/** Plain integers that instruments read. */
export interface PublishCounters {
  receivedQos0: number;
  receivedQos1: number;
  receivedBytes: number;
  appended: number;
  appendFailed: number;
  /** QoS 0 publishes to other streams than `mqtt` that could not be appended. */
  lostQos0: number;
}

interface BlockedParts {
  readonly nowMs: number;
  readonly properties: readonly UserProperty[] | null;
  /** What its batch is traced under; empty if it is not sampled. */
  readonly traceparent: string;
  readonly token: AppendToken;
}

/** What the publisher needs around it. */
export interface PublisherHost {
  readonly clock: Clock;
  readonly timers: Timers;
  /** A publish that is not committed by then fails. */
  readonly appendTimeoutMs: number;
  routesOf(tenant: string): TopicRoutes;
  /** Something failed in a way that nobody expected. */
  failed(thrown: unknown, where: string): void;
  /** A retained publish of a 3.x client is delivered but not stored; for a warning in the log. */
  retainIgnored(connection: PublishingConnection, topic: string): void;
}

const LATE = new BrokerError('deadline_exceeded', 'the shard did not take the publish in time');

/** One per gateway. */
export class Publisher implements BlockedOutcomes {
  readonly counters: PublishCounters = {
    receivedQos0: 0,
    receivedQos1: 0,
    receivedBytes: 0,
    appended: 0,
    appendFailed: 0,
    lostQos0: 0,
  };
  readonly #host: PublisherHost;
  readonly #deliverer: Deliverer;
  readonly #mesh: MeshPort;
  readonly #appender: ShardAppender<AppendToken>;
  readonly #blocked: BlockedPublishes;
  readonly #traces: PublishTraces;
  readonly #message = new Message();
  /** Filled again for every record; the builder copies what it needs. */
  readonly #facts: MqttFacts = { qos: 0, retain: false };

  constructor(
    host: PublisherHost,
    deliverer: Deliverer,
    mesh: MeshPort,
    appender: ShardAppender<AppendToken>,
    blocked: BlockedPublishes,
    traces: PublishTraces,
  ) {
    this.#host = host;
    this.#deliverer = deliverer;
    this.#mesh = mesh;
    this.#appender = appender;
    this.#blocked = blocked;
    this.#traces = traces;
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
      this.#deliverNow(session, tenant, route, view);
      return;
    }
    this.#append(connection, session, route, view, pending);
  }

  #deliverNow(session: PublishingSession, tenant: string, route: TopicRoute, view: PublishView): void {
    const message = this.#message;
    const nowMs = this.#host.clock.nowMs();
    readPublish(message, route.topic, view, session.originId, nowMs);
    message.retain = false;
    if (route.receivers.length > 0 && this.#deliverer.begin(message, nowMs)) {
      this.#deliverer.deliver(route, null, 0);
    }
    if (this.#mesh.hasPeers) {
      const properties = this.#readFacts(session, view, nowMs);
      this.#mesh.publish(tenant, message, this.#facts, properties, nowMs);
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
      this.#failed(token, REASON.implementationSpecificError);
      return;
    }
    const queue = this.#appender.queue(stream.streamId, route.shard, stream);
    const nowMs = this.#host.clock.nowMs();
    const properties = this.#readFacts(session, view, nowMs);
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
          this.#facts,
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
      this.#failed(token, REASON.quotaExceeded);
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
    const facts = { ...this.#facts, correlationData: copyOf(this.#facts.correlationData) };
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
    connection.debug('publish traced', { topic: route.topic, ...traceFields(span) });
    return formatTraceparent(span.spanContext());
  }

  #readFacts(session: PublishingSession, view: PublishView, nowMs: number): UserProperty[] | null {
    const facts = this.#facts;
    facts.qos = view.qos;
    facts.originSessionId = session.originId;
    if (view.propertiesStart === view.propertiesEnd) {
      facts.payloadFormat = undefined;
      facts.expiresAtMs = undefined;
      facts.contentType = undefined;
      facts.responseTopic = undefined;
      facts.correlationData = undefined;
      return null;
    }
    const { payloadFormatIndicator, messageExpiryIntervalS } = view;
    facts.payloadFormat = payloadFormatIndicator === ABSENT ? undefined : (payloadFormatIndicator as 0 | 1);
    facts.expiresAtMs = messageExpiryIntervalS === ABSENT ? undefined : nowMs + messageExpiryIntervalS * 1000;
    facts.contentType = view.contentType;
    facts.responseTopic = view.responseTopic;
    facts.correlationData = view.correlationData;
    if (view.userPropertyCount === 0) return null;
    const flat = view.userProperties();
    const pairs: UserProperty[] = [];
    for (let index = 0; index + 1 < flat.length; index += 2) pairs.push([flat[index]!, flat[index + 1]!]);
    return pairs;
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
    if (reasonCode !== REASON.success) this.#failed(token, reasonCode);
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
      this.counters.appended++;
    } catch (thrown) {
      if (BrokerError.from(thrown).code !== 'too_large') throw thrown;
      this.#failed(publish.token, REASON.quotaExceeded);
    }
    return true;
  }

  reroute(publish: BlockedPublish): void {
    const { stream, shard } = this.#host.routesOf(publish.tenant).get(publish.topic);
    if (stream === undefined) {
      this.#failed(publish.token, REASON.implementationSpecificError);
      return;
    }
    const queue = this.#appender.queue(stream.streamId, shard, stream);
    if (this.#blocked.isWaiting(queue) || !this.append(queue, publish)) this.#blocked.add(queue, publish);
  }

  expired(publish: BlockedPublish): void {
    this.#failed(publish.token, reasonOfError(LATE, 'publish'));
  }

  /** Fails blocked publishes whose time is over; called a few times a second. */
  expire(): void {
    this.#blocked.expire(this.#host.clock.monotonicMs(), this);
  }

  #failed(token: AppendToken, reasonCode: number): void {
    this.counters.appendFailed++;
    if (token === null) this.counters.lostQos0++;
    else token.settle(reasonCode);
  }
}

function copyOf(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes);
}
