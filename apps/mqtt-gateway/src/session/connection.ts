// One client's connection: bytes to the session machine, its decisions to the services, output to the socket. What the
// protocol allows is decided by MqttSession; this is the shell around it.

import { randomBytes } from 'node:crypto';
import { BrokerError } from '@robustmq/errors';
import {
  ACK_MAX_BYTES,
  MqttDecoder,
  PACKET_TYPE,
  PINGRESP,
  encodeAck,
  encodePacket,
  type Packet,
  type ProtocolVersion,
  type PublishView,
} from '@robustmq/mqtt-codec';
import {
  MqttSession,
  type ConnectTerms,
  type PendingAck,
  type SessionEnd,
  type SessionSink,
  type SubscribeRequest,
  type UnsubscribeRequest,
} from '@robustmq/mqtt-session';
import { WheelTimer } from '@robustmq/runtime';
import type { ShardTail } from '../delivery/shard-tail.ts';
import type { GatewayServices } from '../services.ts';
import { SocketOutput, type Transport } from '../transport/socket-output.ts';
import type { ByteSink, Peer } from '../transport/tcp-listener.ts';
import type { ClientSession } from './client-session.ts';
import { openSession } from './connect-flow.ts';
import { HOLD_ACKS, HOLD_CONNECT, HOLD_OUTPUT, HOLD_REQUEST } from './read-holds.ts';
import { endSession } from './session-end.ts';
import { subscribe, unsubscribe } from './subscribe-flow.ts';

/** A peer that does not take the rest of its output is cut after this. */
const LINGER_MS = 2_000;
/** Makes 23 characters, which every client and every Maximum Packet Size has room for, of 72 random bits. */
const ASSIGNED_ID_BYTES = 9;
/** What a client that is gone had sent is served within this, or not at all. */
const HELD_INPUT_MS = 10_000;
/** Longest wait of what comes behind a SUBSCRIBE. */
const HOLD_REQUEST_MS = 1_000;

/** A connection from accept to close. */
export class Connection implements ByteSink, SessionSink {
  readonly services: GatewayServices;
  readonly peer: Peer;
  readonly output: SocketOutput;
  readonly machine: MqttSession<ShardTail>;
  /** Null until CONNACK, and after the end. */
  session: ClientSession | null = null;
  /** Session epoch that its CONNECT has got so far; 0: it is being asked for; null: it was not asked for yet. */
  openedEpoch: bigint | null = null;
  tenant: string;
  readonly #decoder: MqttDecoder;
  readonly #timer: WheelTimer;
  #holds = 0;
  /** The socket is closed; input of it may still be held. */
  #isGone = false;
  /** Output that waited when the Keep Alive was last looked at. */
  #waitedBytes = 0;
  /** SUBSCRIBE and UNSUBSCRIBE packets without an answer. */
  #requests = 0;
  #requestTimer: NodeJS.Timeout | null = null;

  constructor(services: GatewayServices, transport: Transport, peer: Peer) {
    this.services = services;
    this.peer = peer;
    this.tenant = services.defaultTenant;
    this.output = new SocketOutput(transport, services.flusher);
    this.#decoder = new MqttDecoder({ topics: services.topics });
    this.machine = new MqttSession<ShardTail>(this, services.limits, services.clock.monotonicMs());
    this.#timer = new WheelTimer(() => this.#timeout());
    services.wheel.arm(this.#timer, services.limits.connectTimeoutMs);
  }

  get clientId(): string {
    return this.machine.terms?.clientId ?? '';
  }

  get version(): ProtocolVersion {
    return this.machine.terms?.version ?? 4;
  }

  get isClosed(): boolean {
    return this.machine.isClosed;
  }

  // --- bytes ---

  received(bytes: Buffer): void {
    const { machine } = this;
    if (machine.isClosed) return;
    try {
      this.#decoder.push(bytes, machine);
    } catch (thrown) {
      this.#failed(thrown);
      return;
    }
    machine.received(this.services.clock.monotonicMs());
    // A client that sends but does not read gets no more room than its share.
    if (this.output.waitingBytes > this.services.limits.maxOutputBytes) this.hold(HOLD_OUTPUT);
  }

  drained(): void {
    this.output.drained();
    this.release(HOLD_OUTPUT);
    this.session?.drained();
  }

  closed(): void {
    this.output.destroy();
    if (this.#isGone) return;
    this.#isGone = true;
    // What came before the end of the stream is served, in order, though nobody hears the answers (N10).
    if (this.#decoder.holdsInput) this.services.wheel.arm(this.#timer, HELD_INPUT_MS);
    else this.#lost();
  }

  #lost(): void {
    this.machine.connectionLost();
    this.services.wheel.cancel(this.#timer);
  }

  /** A line about this client; per message only when `services.debug` is on. */
  debug(message: string, fields: Record<string, unknown>): void {
    const subject = { client_id: this.clientId, tenant: this.tenant };
    this.services.log.debug({ ...subject, connection: this.peer.address, ...fields }, message);
  }

  /** An error of the codec or a handler: it ends this connection and nothing else. */
  #failed(thrown: unknown): void {
    const error = BrokerError.from(thrown);
    if (error.code === 'internal') {
      this.services.log.error({ client_id: this.clientId, err: error }, 'connection handler failed');
    }
    this.services.counters.protocolErrors++;
    this.machine.failed(error);
  }

  // --- what the machine asks for (SessionSink) ---

  newClientId(): string {
    return `auto-${randomBytes(ASSIGNED_ID_BYTES).toString('hex')}`;
  }

  open(terms: ConnectTerms): void {
    this.hold(HOLD_CONNECT);
    openSession(this, terms);
  }

  publish(topic: string, view: PublishView, pending: PendingAck | null): void {
    const { services } = this;
    if (services.debug.isOn) this.debug('publish received', { topic, qos: view.qos, dup: view.dup });
    services.publisher.publish(this, this.session!, topic, view, pending);
  }

  get subscriptionCount(): number {
    return this.session?.subscriptions.size ?? 0;
  }

  hasSubscription(filter: string): boolean {
    return this.session?.subscriptions.has(filter) ?? false;
  }

  subscribe(request: SubscribeRequest): void {
    this.#requests++;
    subscribe(this, this.session!, request);
    this.#holdForRequests();
  }

  unsubscribe(request: UnsubscribeRequest): void {
    this.#requests++;
    unsubscribe(this, this.session!, request);
    this.#holdForRequests();
  }

  /**
   * What comes behind a request is served after it: a client that does not wait for SUBACK receives what it publishes, and
   * its DISCONNECT does not undo the subscription. Bounded, because PINGREQ waits as well.
   */
  #holdForRequests(): void {
    if (this.#requests === 0 || this.#requestTimer !== null) return;
    this.hold(HOLD_REQUEST);
    this.#requestTimer = setTimeout(() => this.#releaseRequests(), HOLD_REQUEST_MS);
    this.#requestTimer.unref();
  }

  /** A SUBSCRIBE was served. */
  subscribed(request: SubscribeRequest): void {
    this.machine.subscribed(request);
    this.#requestServed();
  }

  /** An UNSUBSCRIBE was served. */
  unsubscribed(request: UnsubscribeRequest): void {
    this.machine.unsubscribed(request);
    this.#requestServed();
  }

  #requestServed(): void {
    this.#requests--;
    // Not from here: what was held would be served within the answer to others.
    if (this.#requests === 0 && this.#requestTimer !== null) setImmediate(() => this.#releaseRequests());
  }

  #releaseRequests(): void {
    if (this.#requestTimer !== null) clearTimeout(this.#requestTimer);
    this.#requestTimer = null;
    this.release(HOLD_REQUEST);
  }

  acknowledged(): void {
    this.session?.acknowledged();
  }

  unblocked(): void {
    // `acknowledged` has asked for more already.
  }

  pauseReading(): void {
    this.hold(HOLD_ACKS);
  }

  resumeReading(): void {
    // Not from here: what was held would be handled within the batch of outcomes that is being told.
    setImmediate(() => this.release(HOLD_ACKS));
  }

  sendPuback(packetId: number, reasonCode: number): void {
    const { output } = this;
    const buffer = output.reserve(ACK_MAX_BYTES);
    output.advance(
      encodeAck(buffer, output.position, PACKET_TYPE.puback, packetId, reasonCode, this.version),
    );
  }

  sendPingresp(): void {
    this.output.copy(PINGRESP);
  }

  send(packet: Packet, version: ProtocolVersion): void {
    const bytes = encodePacket(packet, version, this.machine.terms?.maximumPacketBytes);
    if (bytes !== null) this.output.copy(bytes);
  }

  close(end: SessionEnd): void {
    const { services, session } = this;
    if (!this.#isGone) services.wheel.arm(this.#timer, LINGER_MS);
    this.#decoder.close();
    if (this.#requestTimer !== null) clearTimeout(this.#requestTimer);
    this.session = null;
    this.debug('connection ended', { reason_code: end.reasonCode, by_client: end.isByClient });
    this.output.end();
    if (session !== null) endSession(this, session, end.sessionExpiryIntervalS);
    else services.directory.remove(this.tenant, this.clientId, this);
    services.connectionEnded(this);
  }

  // --- flow control and time ---

  /** Stops reading for a reason. */
  hold(reason: number): void {
    if (this.#holds === 0) {
      this.#decoder.pause();
      this.output.transport.pause();
    }
    this.#holds |= reason;
  }

  /** The reason is gone; reading goes on when there is no other. */
  release(reason: number): void {
    if ((this.#holds & reason) === 0 || this.machine.isClosed) return;
    this.#holds &= ~reason;
    if (this.#holds !== 0) return;
    this.output.transport.resume();
    try {
      this.#decoder.resume(this.machine);
    } catch (thrown) {
      this.#failed(thrown);
    }
    this.machine.received(this.services.clock.monotonicMs());
    if (this.#isGone && this.#holds === 0) this.#lost();
  }

  /** CONNACK was sent: larger packets are believed, and the keep alive counts. */
  accepted(session: ClientSession): void {
    this.session = session;
    this.#decoder.maxPacketBytes = this.services.limits.maximumPacketBytes;
    this.#rearm(this.services.clock.monotonicMs());
  }

  #timeout(): void {
    const { machine, services } = this;
    if (this.#isGone) {
      this.#lost();
      return;
    }
    if (machine.isClosed) {
      this.output.destroy();
      return;
    }
    const nowMs = services.clock.monotonicMs();
    if (this.#isSilenceOurs()) machine.heldBack(nowMs);
    machine.expire(nowMs);
    if (machine.isClosed) services.counters.keepAliveTimeouts++;
    else this.#rearm(nowMs);
  }

  /** While we don't read. But a client that takes nothing of what holds its input back is as good as gone (N7). */
  #isSilenceOurs(): boolean {
    if (this.#holds !== HOLD_OUTPUT) return this.#holds !== 0;
    const waitedBytes = this.#waitedBytes;
    this.#waitedBytes = this.output.transport.writableLength;
    return waitedBytes === 0 || this.#waitedBytes < waitedBytes;
  }

  /** Reads only move the machine's deadline; the timer looks again when it fires. */
  #rearm(nowMs: number): void {
    const { deadlineMs } = this.machine;
    if (deadlineMs === Number.POSITIVE_INFINITY) this.services.wheel.cancel(this.#timer);
    else this.services.wheel.arm(this.#timer, Math.max(1, deadlineMs - nowMs));
  }
}
