// MqttConnection: the protocol side of one connection, from CONNECT to its end. It decides and tells its sink what to do; it
// knows no socket, no clock and no other service. What it leaves to others: rights, routing, the log, and which messages
// a subscription receives.
//
// QoS 2 is refused until the rows behind `InboundLedger` and `OutboundLedger` are written; wills will be a field of the
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
import { acceptingConnack, canBeAccepted, connackOfError, refusingConnack } from './connect/connack.ts';
import type { SessionPolicy } from './connect/policy.ts';
import { reasonOfError } from './connect/reason-table.ts';
import { expiryAfter, termsOf, type ConnectTerms } from './connect/request.ts';
import type { ConnectionSink } from './connection-sink.ts';
import { GOES_ON, InboundPublishes } from './inbound/inbound-publishes.ts';
import { KeepAlive } from './keep-alive.ts';
import { OutboundLedger } from './outbound/outbound-ledger.ts';
import type { Place } from './outbound/place.ts';
import { SendWindow } from './outbound/send-window.ts';
import { PendingRequests } from './pending-requests.ts';
import type { SubscribeRequest, UnsubscribeRequest } from './subscribe-request.ts';
import { OutboundTopicAliases } from './topic-aliases.ts';

/** What a request counts among packets that move nothing on. */
const IDLE_REQUEST_WEIGHT = 16;

type State = 'connecting' | 'opening' | 'connected' | 'closed';

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
  /** Null until the first PUBLISH or PUBREL: a server holds very many clients that only listen. */
  #inbound: InboundPublishes | null = null;
  #ledger: OutboundLedger<P> | null = null;
  #outboundAliases: OutboundTopicAliases | null = null;
  readonly #keepAlive: KeepAlive;
  /** Null until the first SUBSCRIBE or UNSUBSCRIBE. */
  #requests: PendingRequests | null = null;
  #expiryIntervalS = 0;
  #idlePackets = 0;

  /** A connection that was accepted at `nowMs`. */
  constructor(sink: ConnectionSink, policy: SessionPolicy, nowMs: number) {
    this.#sink = sink;
    this.#policy = policy;
    this.#keepAlive = new KeepAlive(nowMs + policy.connectTimeoutMs);
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

  /** What is on its way to the client; from CONNECT on. */
  get ledger(): OutboundLedger<P> {
    assert(this.#ledger !== null, 'a connection has a ledger from CONNECT on');
    return this.#ledger;
  }

  /** Aliases towards the client; only once connected. */
  get outboundAliases(): OutboundTopicAliases {
    const maximum = Math.min(this.#terms?.topicAliasMaximum ?? 0, this.#policy.topicAliasMaximum);
    return (this.#outboundAliases ??= new OutboundTopicAliases(maximum, this.#sink));
  }

  /** Publishes of the client that wait for their acknowledgement. */
  get unacknowledgedCount(): number {
    return this.#inbound?.unacknowledgedCount ?? 0;
  }

  get #publishes(): InboundPublishes {
    return (this.#inbound ??= new InboundPublishes(
      this.#sink,
      this.#policy,
      this.#terms!.version,
      (reasonCode) => this.#end(reasonCode),
    ));
  }

  /**
   * Packets so far that moved nothing on: they are answered at once, or not at all, so that no window bounds them. Who reads
   * has to (N8).
   */
  get idlePackets(): number {
    return this.#idlePackets + (this.#inbound?.idleCount ?? 0);
  }

  // --- time ---

  /** When `expire` is due, or Infinity. It moves with `received`, so a timer checks it again when it fires. */
  get deadlineMs(): number {
    return this.#keepAlive.deadlineMs;
  }

  /**
   * Something was read at `nowMs`: once per read is enough. Only whole packets keep the connection alive, bytes of an
   * unfinished one don't [MQTT-3.1.2-22].
   */
  received(nowMs: number): void {
    if (this.#keepAlive.looked()) this.heldBack(nowMs);
  }

  /** The server itself did not read until `nowMs`, so that silence says nothing of the client. */
  heldBack(nowMs: number): void {
    if (this.#state === 'connected') this.#keepAlive.restart(nowMs);
  }

  /** The deadline may have passed: without an open session in time, or past the Keep Alive, the connection ends. */
  expire(nowMs: number): void {
    if (nowMs < this.deadlineMs || this.#state === 'closed') return;
    this.#end(this.#state === 'opening' ? REASON.serverUnavailable : REASON.keepAliveTimeout);
  }

  // --- packets from the client (DecoderSink) ---

  /** CONNECT, SUBSCRIBE, UNSUBSCRIBE, DISCONNECT, AUTH. */
  packet(packet: ControlPacket): void {
    this.#keepAlive.hasReceived = true;
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
    } catch (thrown) {
      this.#refused(thrown);
    }
  }

  /** PUBLISH. Refuses what the server announced that it does not do. */
  publish(view: PublishView): void {
    if (!this.#isInTurn()) return;
    let reasonCode;
    try {
      reasonCode = this.#publishes.publish(view);
    } catch (thrown) {
      this.#refused(thrown);
      return;
    }
    if (reasonCode !== GOES_ON) this.#end(reasonCode);
  }

  /** PUBACK, PUBREC, PUBREL, PUBCOMP. */
  ack(type: AckType, packetId: number, reasonCode: number): void {
    if (!this.#isInTurn()) return;
    if (type === PACKET_TYPE.pubrel) {
      this.#publishes.release(packetId);
      return;
    }
    try {
      const outcome = this.#ledger!.acknowledge(type, packetId, reasonCode);
      if (outcome === 'complete') this.#sink.acknowledged(packetId);
      else if (outcome === 'unknown') this.#unknown(type, packetId, reasonCode);
    } catch (thrown) {
      this.#refused(thrown);
    }
  }

  /** An acknowledgement of what is not in flight. */
  #unknown(type: AckType, packetId: number, reasonCode: number): void {
    this.#idlePackets++;
    // The client holds the identifier until it hears of it, and may use no other for it (section 3.6.2.1).
    if (type === PACKET_TYPE.pubrec && reasonCode < REASON.unspecifiedError)
      this.#sink.sendAck(PACKET_TYPE.pubrel, packetId, REASON.packetIdentifierNotFound);
  }

  pingreq(): void {
    if (!this.#isInTurn()) return;
    this.#idlePackets++;
    this.#sink.sendPingresp();
  }

  /** The decoder, or whoever serves a packet, found an error that ends the connection. */
  failed(error: BrokerError): void {
    if (this.#state === 'closed') return;
    if (this.#state !== 'connecting') {
      this.#end(reasonOfError(error, this.#state === 'opening' ? 'connect' : 'disconnect'));
      return;
    }
    const connack = connackOfError(error);
    if (connack !== null) this.#sink.send(connack.packet, connack.version);
    this.#close(reasonOfError(error, 'connect'), false);
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
    this.#keepAlive.begin(terms.keepAliveS, nowMs);
    this.#sink.send(acceptingConnack(terms, this.#policy, sessionPresent, userProperties), terms.version);
  }

  /** The client may not connect: CONNACK with the reason, and the end [MQTT-3.1.4-2]. */
  refuse(reasonCode: number, reasonString?: string): void {
    if (this.#state !== 'opening') return;
    this.#sendRefusal(this.#terms!.version, reasonCode, reasonString);
    this.#close(reasonCode, false);
  }

  /** Every entry of a SUBSCRIBE has its answer: sends SUBACK. */
  subscribed(request: SubscribeRequest): void {
    this.#answer(this.#requests!.subscribed(request));
  }

  /** Every entry of an UNSUBSCRIBE has its answer: sends UNSUBACK. */
  unsubscribed(request: UnsubscribeRequest): void {
    this.#answer(this.#requests!.unsubscribed(request));
  }

  #answer(packet: Packet): void {
    if (this.#state === 'connected') this.#sink.send(packet, this.#terms!.version);
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
    this.#ledger = new OutboundLedger<P>(new SendWindow<P>(terms.receiveMaximum));
    this.#sink.open(terms);
  }

  #subscribe(packet: SubscribePacket): void {
    const requests = this.#requestsOfConnected();
    const waiting = requests.size;
    const request = requests.subscribe(packet, this.subscriptions);
    if (requests.isOver) this.subscribed(request);
    else this.#sink.subscribe(request);
    this.#hasServed(requests, waiting);
  }

  #unsubscribe(packet: UnsubscribePacket): void {
    const requests = this.#requestsOfConnected();
    const waiting = requests.size;
    this.#sink.unsubscribe(requests.unsubscribe(packet));
    this.#hasServed(requests, waiting);
  }

  /** A request that was answered at once has changed little, and cost as much as many small packets. */
  #hasServed(requests: PendingRequests, waiting: number): void {
    if (requests.size <= waiting) this.#idlePackets += IDLE_REQUEST_WEIGHT;
  }

  #requestsOfConnected(): PendingRequests {
    if (this.#state !== 'connected') throw protocolError('packet before CONNACK was sent');
    return (this.#requests ??= new PendingRequests(this.#policy, this.#terms!));
  }

  #disconnect(packet: DisconnectPacket): void {
    if (this.#state === 'connected')
      this.#expiryIntervalS = expiryAfter(packet, this.#expiryIntervalS, this.#policy);
    this.#close(packet.reasonCode ?? REASON.success, true);
  }

  /** A packet broke a rule. What is no error of the client's is left to whoever fed it in, who has a log (N9). */
  #refused(thrown: unknown): void {
    const error = BrokerError.from(thrown);
    if (error.code === 'internal') throw thrown;
    this.failed(error);
  }

  /** Of a packet that may come only once connected. Between CONNECT and CONNACK the caller holds input back. */
  #isInTurn(): boolean {
    this.#keepAlive.hasReceived = true;
    if (this.#state === 'connected') return true;
    if (this.#state !== 'closed') this.failed(protocolError('packet before CONNACK was sent'));
    return false;
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
    this.#keepAlive.end();
    this.#inbound?.close();
    this.#sink.close({ reasonCode, isByClient, sessionExpiryIntervalS: this.#expiryIntervalS });
  }
}
