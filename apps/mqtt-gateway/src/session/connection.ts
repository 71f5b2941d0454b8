// One client's connection: bytes to the session machine, its decisions to those who serve it, output to the socket. What the
// protocol allows is decided by MqttConnection; this is the shell around it.

import { randomBytes } from 'node:crypto';
import type { Principal } from '@robustmq/access-control';
import { BrokerError } from '@robustmq/errors';
import {
  ACK_MAX_BYTES,
  MqttDecoder,
  PINGRESP,
  REASON,
  encodeAck,
  encodePacket,
  type Packet,
  type ProtocolVersion,
  type PublishView,
  type TopicCache,
} from '@robustmq/mqtt-codec';
import {
  MqttConnection,
  type ConnectTerms,
  type InboundAckType,
  type PendingAck,
  type ConnectionEnd,
  type ConnectionSink,
  type SubscribeRequest,
  type UnsubscribeRequest,
} from '@robustmq/mqtt-session';
import {
  WheelTimer,
  type Cancel,
  type Clock,
  type Timers,
  type TimerWheel,
  type TurnBudget,
} from '@robustmq/runtime';
import type { ShardPlace } from '../delivery/shard-place.ts';
import type { Subscription } from '../delivery/subscription.ts';
import type { ConnectionCounters } from '../connection-counters.ts';
import type { GatewayLog } from '../gateway-log.ts';
import type { GatewayLimits } from '../limits.ts';
import type { OutputFlusher } from '../transport/output-flusher.ts';
import { SocketOutput, type Relief, type Transport } from '../transport/socket-output.ts';
import type { ByteSink, Peer } from '../transport/tcp-listener.ts';
import type { Client } from './client.ts';
import type { ClientSession } from './client-session.ts';
import type { ConnectFlow } from './connect-flow.ts';
import { HOLD_ACKS, HOLD_CONNECT, HOLD_OUTPUT, HOLD_REQUEST, HOLD_TURN } from './read-holds.ts';
import type { SessionDirectory } from './session-directory.ts';
import type { SessionEnding } from './session-end.ts';
import type { SubscribeFlow } from './subscribe-flow.ts';

/** A peer that does not take the rest of its output is cut after this. */
const LINGER_MS = 2_000;
/** Makes 23 characters, which every client and every Maximum Packet Size has room for, of 72 random bits. */
const ASSIGNED_ID_BYTES = 9;
/** What a client that is gone had sent is served within this, or not at all. */
const HELD_INPUT_MS = 10_000;
/** Longest wait of what comes behind a SUBSCRIBE. */
const HOLD_REQUEST_MS = 1_000;

/** Takes what a client publishes. */
export interface PublishSink {
  publish(
    client: Connection,
    session: ClientSession,
    topic: string,
    view: PublishView,
    pending: PendingAck | null,
  ): void;
}

/** What connections of one incarnation share. */
export interface ConnectionHost {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly wheel: TimerWheel;
  /** The slice of the loop that reading takes now (N8), and whether it is used up. */
  readonly readTurn: TurnBudget;
  readonly isReadTurnSpent: () => boolean;
  readonly flusher: OutputFlusher;
  readonly topics: TopicCache;
  readonly limits: GatewayLimits;
  readonly counters: ConnectionCounters;
  readonly log: GatewayLog;
  readonly debug: { readonly isOn: boolean };
  /** Tenant of clients that name none. */
  readonly defaultTenant: string;
  readonly directory: SessionDirectory;
  readonly connects: ConnectFlow;
  readonly subscriptions: SubscribeFlow;
  readonly endings: SessionEnding;
  readonly publisher: PublishSink;
  connectionEnded(): void;
}

/** A connection from accept to close. */
export class Connection implements ByteSink, ConnectionSink, Relief, Client {
  readonly #host: ConnectionHost;
  readonly peer: Peer;
  readonly output: SocketOutput;
  readonly machine: MqttConnection<ShardPlace, Subscription>;
  /** Null until CONNACK, and after the end. */
  session: ClientSession | null = null;
  /** Session epoch that its CONNECT has got; null: none yet. */
  openedEpoch: bigint | null = null;
  principal: Principal | null = null;
  tenant: string;
  readonly #decoder: MqttDecoder;
  readonly #timer: WheelTimer;
  #holds = 0;
  /** What the client had taken of its output when the Keep Alive was last looked at. */
  #takenAtKeepAlive = 0;
  /** SUBSCRIBE and UNSUBSCRIBE packets without an answer. */
  #requests = 0;
  #cancelRequestHold: Cancel | null = null;
  /** While output is held: when the peer must have taken some, and how much it had when that was last looked at. */
  #outputTimer: WheelTimer | null = null;
  #takenBytes = 0;
  /** No more input will come; what is held is still served. */
  #isEnded = false;

  constructor(host: ConnectionHost, transport: Transport, peer: Peer) {
    this.#host = host;
    this.peer = peer;
    this.tenant = host.defaultTenant;
    this.output = new SocketOutput(transport, host.flusher, this);
    this.#decoder = new MqttDecoder({
      topics: host.topics,
      limits: host.limits.packets,
      maxHeldBytes: host.limits.maxHeldBytes,
      isTurnSpent: host.isReadTurnSpent,
    });
    this.machine = new MqttConnection<ShardPlace, Subscription>(this, host.limits, host.clock.monotonicMs());
    this.#timer = new WheelTimer(() => this.#timeout());
    host.wheel.arm(this.#timer, host.limits.connectTimeoutMs);
  }

  get clientId(): string {
    return this.machine.terms?.clientId ?? '';
  }

  get version(): ProtocolVersion {
    return this.machine.terms?.version ?? 4;
  }

  get peerAddress(): string {
    return this.peer.address;
  }

  get isClosed(): boolean {
    return this.machine.isClosed;
  }

  // --- bytes ---

  received(bytes: Buffer): void {
    const { machine } = this;
    if (machine.isClosed) return;
    this.#host.readTurn.restart();
    try {
      this.#decoder.push(bytes, machine);
    } catch (thrown) {
      this.#failed(thrown);
      return;
    }
    this.#afterRead();
  }

  /** Input was read as far as it goes now. */
  #afterRead(): void {
    if (this.machine.isClosed) return;
    this.machine.received(this.#host.clock.monotonicMs());
    if (this.#decoder.isYielding && (this.#holds & HOLD_TURN) === 0) {
      this.hold(HOLD_TURN);
      this.#host.timers.soon(() => this.release(HOLD_TURN));
    }
    // A client that sends but does not read gets no more room than its share.
    if (this.output.waitingBytes > this.#host.limits.maxOutputBytes) this.#holdForOutput();
    if (this.#isEnded) this.#endUnlessHeld();
  }

  ended(): void {
    if (this.machine.isClosed || this.#isEnded) return;
    this.#isEnded = true;
    this.#host.wheel.arm(this.#timer, HELD_INPUT_MS);
    this.#endUnlessHeld();
  }

  closed(): void {
    // What is held is served all the same (N10); its answers go nowhere.
    this.output.destroy();
    this.ended();
    this.release(HOLD_OUTPUT);
    if (!this.machine.isClosed) return;
    this.#host.wheel.cancel(this.#timer);
  }

  /** All that the client sent is served before it counts as gone (N10). */
  #endUnlessHeld(): void {
    if (!this.#decoder.holdsInput) this.machine.connectionLost();
  }

  // --- output that the peer does not take ---

  #holdForOutput(): void {
    if ((this.#holds & HOLD_OUTPUT) !== 0 || this.output.closed) return;
    this.hold(HOLD_OUTPUT);
    this.#takenBytes = this.output.takenBytes;
    this.#outputTimer ??= new WheelTimer(() => this.#lookAtOutput());
    this.#host.wheel.arm(this.#outputTimer, this.#host.limits.outputTimeoutMs);
  }

  /** A peer that has taken nothing for so long is cut, whether it ever says something again or not (N7). */
  #lookAtOutput(): void {
    const { machine, output } = this;
    const host = this.#host;
    if (machine.isClosed) return;
    const { takenBytes } = output;
    if (takenBytes > this.#takenBytes) {
      this.#takenBytes = takenBytes;
      host.wheel.arm(this.#outputTimer!, host.limits.outputTimeoutMs);
      return;
    }
    host.counters.outputTimeouts++;
    machine.disconnect(REASON.quotaExceeded);
    output.destroy();
  }

  get markBytes(): number {
    return this.#host.limits.reliefBytes;
  }

  relieved(): void {
    this.#host.timers.soon(() => this.#goOn());
  }

  drained(): void {
    this.output.drained();
  }

  #goOn(): void {
    this.release(HOLD_OUTPUT);
    this.session?.drained();
  }

  /** A line about this client; per message only when `host.debug` is on. */
  debug(message: string, fields: Record<string, unknown>): void {
    const subject = { client_id: this.clientId, tenant: this.tenant };
    this.#host.log.debug({ ...subject, connection: this.peer.address, ...fields }, message);
  }

  /** An error of the codec or a handler: it ends this connection and nothing else. */
  #failed(thrown: unknown): void {
    const error = BrokerError.from(thrown);
    if (error.code === 'internal') {
      this.#host.log.error({ client_id: this.clientId, err: error }, 'connection handler failed');
    }
    this.#host.counters.protocolErrors++;
    this.machine.failed(error);
  }

  // --- what the machine asks for (ConnectionSink) ---

  newClientId(): string {
    return `auto-${randomBytes(ASSIGNED_ID_BYTES).toString('hex')}`;
  }

  open(terms: ConnectTerms): void {
    this.hold(HOLD_CONNECT);
    this.#host.connects.open(this, terms);
  }

  publish(topic: string, view: PublishView, pending: PendingAck | null): void {
    const host = this.#host;
    if (host.debug.isOn) this.debug('publish received', { topic, qos: view.qos, dup: view.dup });
    host.publisher.publish(this, this.session!, topic, view, pending);
  }

  subscribe(request: SubscribeRequest): void {
    this.#requests++;
    this.#host.subscriptions.subscribe(this, this.session!, request);
    this.#holdForRequests();
  }

  unsubscribe(request: UnsubscribeRequest): void {
    this.#requests++;
    this.#host.subscriptions.unsubscribe(this, this.session!, request);
    this.#holdForRequests();
  }

  /**
   * What comes behind a request is served after it: a client that does not wait for SUBACK receives what it publishes, and
   * its DISCONNECT does not undo the subscription. Bounded, because PINGREQ waits as well.
   */
  #holdForRequests(): void {
    if (this.#requests === 0 || this.#cancelRequestHold !== null) return;
    this.hold(HOLD_REQUEST);
    this.#cancelRequestHold = this.#host.timers.after(HOLD_REQUEST_MS, () => this.#releaseRequests());
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
    if (this.#requests === 0 && this.#cancelRequestHold !== null) {
      this.#host.timers.soon(() => this.#releaseRequests());
    }
  }

  #releaseRequests(): void {
    this.#cancelRequestHold?.();
    this.#cancelRequestHold = null;
    this.release(HOLD_REQUEST);
  }

  acknowledged(): void {
    this.session?.acknowledged();
  }

  pauseReading(): void {
    this.hold(HOLD_ACKS);
  }

  resumeReading(): void {
    // Not from here: what was held would be handled within the batch of outcomes that is being told.
    this.#host.timers.soon(() => this.release(HOLD_ACKS));
  }

  sendAck(type: InboundAckType, packetId: number, reasonCode: number): void {
    const { output } = this;
    const buffer = output.reserve(ACK_MAX_BYTES);
    output.advance(encodeAck(buffer, output.position, type, packetId, reasonCode, this.version));
  }

  sendPingresp(): void {
    this.output.copy(PINGRESP);
  }

  send(packet: Packet, version: ProtocolVersion): void {
    const bytes = encodePacket(packet, version, this.machine.maximumPacketBytes);
    if (bytes !== null) this.output.copy(bytes);
  }

  close(end: ConnectionEnd): void {
    const { session } = this;
    const host = this.#host;
    host.wheel.arm(this.#timer, LINGER_MS);
    this.#decoder.close();
    this.#cancelRequestHold?.();
    if (this.#outputTimer !== null) host.wheel.cancel(this.#outputTimer);
    this.session = null;
    this.debug('connection ended', { reason_code: end.reasonCode, by_client: end.isByClient });
    this.output.end();
    if (session !== null) host.endings.end(this, session, end.sessionExpiryIntervalS);
    else host.directory.remove(this.tenant, this.clientId, this);
    host.connectionEnded();
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
    if (reason === HOLD_OUTPUT) this.#host.wheel.cancel(this.#outputTimer!);
    if (this.#holds !== 0) return;
    this.output.transport.resume();
    this.#host.readTurn.restart();
    try {
      this.#decoder.resume(this.machine);
    } catch (thrown) {
      this.#failed(thrown);
      return;
    }
    this.#afterRead();
  }

  /** CONNACK was sent: larger packets are believed, and the keep alive counts. */
  accepted(session: ClientSession): void {
    this.session = session;
    this.#decoder.maxPacketBytes = this.#host.limits.maximumPacketBytes;
    this.#rearm(this.#host.clock.monotonicMs());
  }

  #timeout(): void {
    const { machine } = this;
    const host = this.#host;
    if (machine.isClosed) {
      this.output.destroy();
      return;
    }
    if (this.#isEnded) {
      machine.connectionLost();
      return;
    }
    const nowMs = host.clock.monotonicMs();
    if (this.#isSilenceOurs()) machine.heldBack(nowMs);
    machine.expire(nowMs);
    if (machine.isClosed) host.counters.keepAliveTimeouts++;
    else this.#rearm(nowMs);
  }

  /** While we don't read. But a client that takes nothing of what holds its input back is as good as gone (N7). */
  #isSilenceOurs(): boolean {
    if ((this.#holds & HOLD_OUTPUT) === 0) return this.#holds !== 0;
    const takenBefore = this.#takenAtKeepAlive;
    this.#takenAtKeepAlive = this.output.takenBytes;
    return this.#takenAtKeepAlive > takenBefore;
  }

  /** Reads only move the machine's deadline; the timer looks again when it fires. */
  #rearm(nowMs: number): void {
    if (this.#isEnded) return;
    const { deadlineMs } = this.machine;
    if (deadlineMs === Number.POSITIVE_INFINITY) this.#host.wheel.cancel(this.#timer);
    else this.#host.wheel.arm(this.#timer, Math.max(1, deadlineMs - nowMs));
  }
}
