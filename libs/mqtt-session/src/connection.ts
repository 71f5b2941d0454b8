// MqttConnection: the protocol side of one connection, from CONNECT to its end. It decides and tells its sink what to do; it
// knows no socket, no clock and no other service. What it leaves to others: rights, routing, the log, and which messages
// a subscription receives.
//
// QoS 2 will add two ledgers beside `acks` and `window` (PUBREC/PUBREL/PUBCOMP arrive in `ack`), wills a field of the
// terms, retained messages a flag of the subscribe request.

import { assert, BrokerError } from '@robustmq/errors';
import {
  PACKET_TYPE,
  protocolError,
  REASON,
  type AckType,
  type ConnectPacket,
  type ControlPacket,
  type DecoderSink,
  type DisconnectPacket,
  type Packet,
  type ProtocolVersion,
  type PublishView,
  type SubscribePacket,
  type UnsubscribePacket,
} from '@robustmq/mqtt-codec';
import { isSystemTopic } from '@robustmq/mqtt-topics';
import { AckQueue, type PendingAck } from './inbound/ack-queue.ts';
import { acceptingConnack, canBeAccepted, refusingConnack } from './connect/connack.ts';
import { termsOf, type ConnectTerms } from './connect/request.ts';
import type { SessionPolicy } from './connect/policy.ts';
import { reasonOfError, v3BehaviourOf } from './connect/reason-table.ts';
import { SendWindow } from './outbound/send-window.ts';
import type { Place } from './outbound/place.ts';
import {
  subscribeRequestOf,
  unsubscribeRequestOf,
  type SubscribeRequest,
  type UnsubscribeRequest,
} from './subscribe-request.ts';
import { InboundTopicAliases, OutboundTopicAliases } from './topic-aliases.ts';

/** Why and how a connection ended. */
export interface ConnectionEnd {
  /** Reason Code: the client's DISCONNECT, or ours. 0x80 (unspecified) when the connection just broke. */
  readonly reasonCode: number;
  /** The client sent DISCONNECT. */
  readonly isByClient: boolean;
  /** What the session's expiry is now; 0 ends it with the connection. */
  readonly sessionExpiryIntervalS: number;
}

/** What a connection has done for it. All calls are synchronous; answers come back through the connection's own methods. */
export interface ConnectionSink {
  /** A name for a client that brings none; unique. */
  newClientId(): string;
  /** Check credentials and open the session's row; then call `accept` or `refuse`. Nothing else may arrive meanwhile. */
  open(terms: ConnectTerms): void;
  /**
   * A message to be appended, or sent through the mesh when its topic says so. `view` is valid only during the call.
   * `pending` is null at QoS 0; otherwise `settle` it once the append is committed or has failed.
   */
  publish(topic: string, view: PublishView, pending: PendingAck | null): void;
  /** Serve the entries whose `reasonCode` is below 0x80, then call `subscribed`. */
  subscribe(request: SubscribeRequest): void;
  /** Serve the entries, then call `unsubscribed`. */
  unsubscribe(request: UnsubscribeRequest): void;
  /** The client acknowledged a message; its identifier has left the window. */
  acknowledged(packetId: number): void;
  /** Publishes wait for as many appends as the policy allows: read no more until `resumeReading`. 3.x only. */
  pauseReading(): void;
  resumeReading(): void;
  sendPuback(packetId: number, reasonCode: number): void;
  sendPingresp(): void;
  /**
   * CONNACK, SUBACK, UNSUBACK, DISCONNECT, PUBCOMP, to be written as `version` has it. One above the client's Maximum
   * Packet Size is not sent [MQTT-3.1.2-24].
   */
  send(packet: Packet, version: ProtocolVersion): void;
  /** The last call: send what is waiting, close the connection. */
  close(end: ConnectionEnd): void;
}

type State = 'connecting' | 'opening' | 'connected' | 'closed';

/** 1.5 times the Keep Alive, in ms per second of it [MQTT-3.1.2-22]. */
const KEEP_ALIVE_GRACE_MS = 1500;

/** One client's connection. `P` stands for a log that messages come from (a shard's tail), `S` for a
 * subscription. */
export class MqttConnection<P extends Pick<Place, 'key'> = Place, S = unknown> implements DecoderSink {
  /** What the session is subscribed to, by filter; kept by whoever serves SUBSCRIBE. */
  readonly subscriptions = new Map<string, S>();
  readonly #sink: ConnectionSink;
  readonly #policy: SessionPolicy;
  #state: State = 'connecting';
  #terms: ConnectTerms | null = null;
  #maximumPacketBytes = Number.POSITIVE_INFINITY;
  #window: SendWindow<P> | null = null;
  #inboundAliases: InboundTopicAliases | null = null;
  #outboundAliases: OutboundTopicAliases | null = null;
  readonly #acks: AckQueue;
  #isReadingPaused = false;
  #pendingRequests = 0;
  #expiryIntervalS = 0;
  #deadlineMs: number;
  /** A whole packet came since the Keep Alive was looked at. */
  #hasReceived = false;

  /** A connection that was accepted at `nowMs`. */
  constructor(sink: ConnectionSink, policy: SessionPolicy, nowMs: number) {
    this.#sink = sink;
    this.#policy = policy;
    this.#deadlineMs = nowMs + policy.connectTimeoutMs;
    this.#acks = new AckQueue((packetId, reasonCode) => this.#acknowledge(packetId, reasonCode));
  }

  /** Whether CONNECT was accepted and the connection has not ended. */
  get isConnected(): boolean {
    return this.#state === 'connected';
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Largest packet that the client accepts; it holds for a CONNACK that refuses as well [MQTT-3.1.2-24]. */
  get maximumPacketBytes(): number {
    return this.#maximumPacketBytes;
  }

  /** What was agreed on; null before CONNECT. */
  get terms(): ConnectTerms | null {
    return this.#terms;
  }

  /** QoS 1 messages in flight to the client; from CONNECT on. */
  get window(): SendWindow<P> {
    assert(this.#window !== null, 'a connection has a window from CONNECT on');
    return this.#window;
  }

  /** Aliases towards the client; only once connected. */
  get outboundAliases(): OutboundTopicAliases {
    const maximum = Math.min(this.#terms?.topicAliasMaximum ?? 0, this.#policy.topicAliasMaximum);
    return (this.#outboundAliases ??= new OutboundTopicAliases(maximum));
  }

  /** Publishes of the client that wait for their acknowledgement. */
  get unacknowledgedCount(): number {
    return this.#acks.size;
  }

  // --- time ---

  /** When `expire` is due, or Infinity. It moves with `received`, so a timer checks it again when it fires. */
  get deadlineMs(): number {
    return this.#deadlineMs;
  }

  /**
   * Something was read at `nowMs`: once per read is enough. Only whole packets keep the connection alive, bytes of an
   * unfinished one don't [MQTT-3.1.2-22].
   */
  received(nowMs: number): void {
    if (!this.#hasReceived) return;
    this.#hasReceived = false;
    this.heldBack(nowMs);
  }

  /** The server itself did not read until `nowMs`, so that silence says nothing of the client. */
  heldBack(nowMs: number): void {
    if (this.#state === 'connected') this.#deadlineMs = this.#keepAliveDeadline(nowMs);
  }

  /** The deadline may have passed: without an open session in time, or past the Keep Alive, the connection ends. */
  expire(nowMs: number): void {
    if (nowMs < this.#deadlineMs || this.#state === 'closed') return;
    this.#end(this.#state === 'opening' ? REASON.serverUnavailable : REASON.keepAliveTimeout);
  }

  #keepAliveDeadline(nowMs: number): number {
    const keepAliveS = this.#terms!.keepAliveS;
    return keepAliveS === 0 ? Number.POSITIVE_INFINITY : nowMs + keepAliveS * KEEP_ALIVE_GRACE_MS;
  }

  // --- packets from the client (DecoderSink) ---

  /** CONNECT, SUBSCRIBE, UNSUBSCRIBE, DISCONNECT, AUTH. */
  packet(packet: ControlPacket): void {
    this.#hasReceived = true;
    if (this.#state === 'closed') return;
    try {
      switch (packet.cmd) {
        case 'connect':
          this.#connect(packet);
          return;
        case 'subscribe':
          this.#subscribe(packet);
          return;
        case 'unsubscribe':
          this.#unsubscribe(packet);
          return;
        case 'disconnect':
          this.#disconnect(packet);
          return;
        default:
          // No Authentication Method was accepted, so no exchange is under way [MQTT-4.12.0-7].
          throw protocolError('AUTH without an Authentication Method');
      }
    } catch (error) {
      this.failed(BrokerError.from(error));
    }
  }

  /** PUBLISH. Refuses what the server announced that it does not do. */
  publish(view: PublishView): void {
    this.#hasReceived = true;
    if (this.#state !== 'connected') {
      this.#outOfTurn();
      return;
    }
    const { qos } = view;
    let { topic } = view;
    if (qos === 2) {
      this.#end(REASON.qosNotSupported); // [MQTT-3.2.2-11]
      return;
    }
    if (this.#terms!.version === 5) {
      if (view.retain) {
        this.#end(REASON.retainNotSupported); // [MQTT-3.2.2-14]
        return;
      }
      if (view.topicAlias !== 0) {
        const known = this.#resolveAlias(view.topicAlias, topic);
        if (known === null) return;
        topic = known;
      }
    }
    // Well-formed, and still refused: with an acknowledgement that says so where there is one. An alias of such a topic
    // would come back without it.
    if (view.isTopicTooDeep && (qos === 0 || view.topicAlias !== 0)) {
      this.#end(REASON.topicNameInvalid);
      return;
    }
    let pending: PendingAck | null = null;
    if (qos === 1) {
      if (this.#acks.size >= this.#policy.receiveMaximum && this.#terms!.version === 5) {
        this.#end(REASON.receiveMaximumExceeded); // [MQTT-3.3.4-7]
        return;
      }
      pending = this.#acks.add(view.packetId);
      if (this.#acks.size === this.#policy.receiveMaximum) this.#pauseReading();
    }
    if (view.isTopicTooDeep) {
      pending?.settle(REASON.topicNameInvalid);
      return;
    }
    if (topic.charCodeAt(0) === DOLLAR && isSystemTopic(topic)) {
      pending?.settle(REASON.notAuthorized); // rule O5
      return;
    }
    this.#sink.publish(topic, view, pending);
  }

  /** PUBACK, PUBREC, PUBREL, PUBCOMP. */
  ack(type: AckType, packetId: number, _reasonCode: number): void {
    this.#hasReceived = true;
    if (this.#state !== 'connected') {
      this.#outOfTurn();
      return;
    }
    if (type === PACKET_TYPE.puback) {
      if (!this.#window!.acknowledge(packetId)) return;
      this.#sink.acknowledged(packetId);
      return;
    }
    if (type === PACKET_TYPE.pubrel) {
      // The end of a QoS 2 publish to some other server: nothing is known of it, which lets the client go on.
      const { version } = this.#terms!;
      const reason = version === 5 ? { reasonCode: REASON.packetIdentifierNotFound } : {};
      this.#sink.send({ cmd: 'pubcomp', messageId: packetId, ...reason }, version);
      return;
    }
    this.failed(protocolError('acknowledgement of a QoS 2 message that was never sent'));
  }

  pingreq(): void {
    this.#hasReceived = true;
    if (this.#state === 'connected') this.#sink.sendPingresp();
    else this.#outOfTurn();
  }

  /** The decoder, or whoever serves a packet, found an error that ends the connection. */
  failed(error: BrokerError): void {
    if (this.#state === 'closed') return;
    if (this.#state !== 'connecting') {
      this.#end(reasonOfError(error, this.#state === 'opening' ? 'connect' : 'disconnect'));
      return;
    }
    const level = error.details['protocolLevel'];
    const reasonCode = reasonOfError(error, 'connect');
    if (error.code === 'unsupported' && typeof level === 'number') {
      // Clients before MQTT 5, and bridges that set the high bit, know only the short form [MQTT-3.1.2-2].
      this.#sendRefusal(level >= 5 && level < 0x80 ? 5 : 4, REASON.unsupportedProtocolVersion);
    } else if (level === 5) {
      // A CONNECT that is malformed; without the level it was none (section 4.13.1).
      this.#sendRefusal(5, reasonCode);
    }
    this.#close(reasonCode, false);
  }

  // --- answers of those who serve the sink ---

  /** The session is open: sends CONNACK. `nowMs` starts the Keep Alive. */
  accept(
    sessionPresent: boolean,
    nowMs: number,
    userProperties?: Readonly<Record<string, string | string[]>>,
  ): void {
    if (this.#state !== 'opening') return;
    const terms = this.#terms!;
    this.#state = 'connected';
    this.#expiryIntervalS = terms.sessionExpiryIntervalS;
    this.#deadlineMs = this.#keepAliveDeadline(nowMs);
    this.#sink.send(acceptingConnack(terms, this.#policy, sessionPresent, userProperties), terms.version);
  }

  /** The client may not connect: CONNACK with the reason, and the end [MQTT-3.1.4-2]. */
  refuse(reasonCode: number, reasonString?: string): void {
    if (this.#state !== 'opening') return;
    this.#sendRefusal(this.#terms!.version, reasonCode, reasonString);
    this.#close(reasonCode, false);
  }

  /** Every entry of a SUBSCRIBE has its answer: sends SUBACK [MQTT-3.8.4-1]. */
  subscribed(request: SubscribeRequest): void {
    this.#pendingRequests--;
    if (this.#state !== 'connected') return;
    const isVersion5 = this.#terms!.version === 5;
    const granted = request.entries.map(({ reasonCode }) =>
      isVersion5 ? reasonCode : v3BehaviourOf(reasonCode).suback,
    );
    this.#sink.send({ cmd: 'suback', messageId: request.packetId, granted }, this.#terms!.version);
  }

  /** Every entry of an UNSUBSCRIBE has its answer: sends UNSUBACK [MQTT-3.10.4-4]. 3.x has no codes in it. */
  unsubscribed(request: UnsubscribeRequest): void {
    this.#pendingRequests--;
    if (this.#state !== 'connected') return;
    const granted = this.#terms!.version === 5 ? request.entries.map(({ reasonCode }) => reasonCode) : [];
    this.#sink.send({ cmd: 'unsuback', messageId: request.packetId, granted }, this.#terms!.version);
  }

  // --- the end ---

  /** Ends the connection for a reason of the server: takeover (0x8E), shutdown (0x8B), administrative action (0x98). */
  disconnect(reasonCode: number, properties?: { serverReference?: string; reasonString?: string }): void {
    this.#end(reasonCode, properties);
  }

  /** The connection broke; nothing can be sent any more. */
  connectionLost(): void {
    if (this.#state !== 'closed') this.#close(REASON.unspecifiedError, false);
  }

  // --- private ---

  #connect(packet: ConnectPacket): void {
    if (this.#state !== 'connecting') throw protocolError('second CONNECT [MQTT-3.1.0-2]');
    this.#maximumPacketBytes = packet.properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY;
    const terms = termsOf(packet, this.#policy, () => this.#sink.newClientId());
    if (typeof terms === 'number') {
      this.#sendRefusal(packet.protocolVersion ?? 4, terms);
      this.#close(terms, false);
      return;
    }
    if (!canBeAccepted(terms, this.#policy)) {
      this.#sendRefusal(terms.version, REASON.packetTooLarge);
      this.#close(REASON.packetTooLarge, false);
      return;
    }
    // The deadline of CONNECT holds until the session is open, so that no client waits for ever.
    this.#state = 'opening';
    this.#terms = terms;
    this.#window = new SendWindow<P>(terms.receiveMaximum);
    this.#sink.open(terms);
  }

  #subscribe(packet: SubscribePacket): void {
    const terms = this.#connectedTerms();
    const request = subscribeRequestOf(packet, terms, this.subscriptions, this.#policy.maximumSubscriptions);
    if (this.#isOverPending()) {
      for (const entry of request.entries) entry.reasonCode = REASON.quotaExceeded;
      this.subscribed(request);
      return;
    }
    this.#sink.subscribe(request);
  }

  #unsubscribe(packet: UnsubscribePacket): void {
    this.#connectedTerms();
    const request = unsubscribeRequestOf(packet);
    // UNSUBACK has no code for this and 3.x none at all, so a client that asks without end is cut off.
    if (this.#isOverPending())
      throw new BrokerError('quota_exceeded', 'too many requests wait for an answer');
    this.#sink.unsubscribe(request);
  }

  #isOverPending(): boolean {
    return ++this.#pendingRequests > this.#policy.maximumPendingRequests;
  }

  #connectedTerms(): ConnectTerms {
    if (this.#state !== 'connected') throw protocolError('packet before CONNACK was sent');
    return this.#terms!;
  }

  #disconnect(packet: DisconnectPacket): void {
    const interval = packet.properties?.sessionExpiryInterval;
    if (interval !== undefined && this.#state === 'connected') {
      // A session that was to end with the connection can't be kept any more (section 3.14.2.2.2).
      if (interval > 0 && this.#terms!.sessionExpiryIntervalS === 0) {
        throw protocolError('DISCONNECT sets a Session Expiry Interval that CONNECT had at 0');
      }
      this.#expiryIntervalS = Math.min(interval, this.#policy.sessionExpiryMaximumS);
    }
    this.#close(packet.reasonCode ?? REASON.success, true);
  }

  #resolveAlias(alias: number, topic: string): string | null {
    try {
      this.#inboundAliases ??= new InboundTopicAliases(this.#policy.topicAliasMaximum);
      return this.#inboundAliases.resolve(alias, topic);
    } catch (error) {
      this.failed(BrokerError.from(error));
      return null;
    }
  }

  /** An acknowledgement whose turn has come. In 3.x a failure ends the connection, and the queue with it. */
  #acknowledge(packetId: number, reasonCode: number): void {
    if (this.#terms!.version === 5) this.#sink.sendPuback(packetId, reasonCode);
    else if (v3BehaviourOf(reasonCode).publish === 'acknowledge') this.#sink.sendPuback(packetId, 0);
    else {
      this.#end(reasonCode);
      return;
    }
    // Half of the bound, so that reading does not stop and go with every packet.
    if (this.#isReadingPaused && this.#acks.size <= this.#policy.receiveMaximum >> 1) {
      this.#isReadingPaused = false;
      this.#sink.resumeReading();
    }
  }

  /** 3.x knows no Receive Maximum: the bound is kept by reading no further. */
  #pauseReading(): void {
    if (this.#terms!.version === 5 || this.#isReadingPaused) return;
    this.#isReadingPaused = true;
    this.#sink.pauseReading();
  }

  /** A packet that may come only once connected. Between CONNECT and CONNACK the caller holds input back. */
  #outOfTurn(): void {
    if (this.#state !== 'closed') this.failed(protocolError('packet before CONNACK was sent'));
  }

  /** The server ends the connection: MQTT 5 is told why, 3.x can't be [MQTT-3.14.0-1]. */
  #end(reasonCode: number, properties?: { serverReference?: string; reasonString?: string }): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'connected' && this.#terms!.version === 5) {
      const details = properties === undefined ? {} : { properties: { ...properties } };
      this.#sink.send({ cmd: 'disconnect', reasonCode, ...details }, 5);
    } else if (this.#state === 'opening') {
      this.#sendRefusal(this.#terms!.version, reasonCode);
    }
    this.#close(reasonCode, false);
  }

  #sendRefusal(version: ProtocolVersion, reasonCode: number, reasonString?: string): void {
    const connack = refusingConnack(version, reasonCode, reasonString);
    if (connack !== null) this.#sink.send(connack, version);
  }

  #close(reasonCode: number, isByClient: boolean): void {
    this.#state = 'closed';
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.#acks.close();
    this.#sink.close({ reasonCode, isByClient, sessionExpiryIntervalS: this.#expiryIntervalS });
  }
}

const DOLLAR = 0x24;
