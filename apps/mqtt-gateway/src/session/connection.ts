// One client's connection: bytes to the session machine, its decisions to those who serve it, output to the socket. What the
// protocol allows is decided by MqttConnection; this is the shell around it.

import { randomBytes } from 'node:crypto';
import type { Principal } from '@robustmq/access-control';
import { BrokerError } from '@robustmq/errors';
import {
  acknowledgement,
  PINGRESP,
  REASON,
  type AckType,
  encodePacket,
  type Packet,
  type ProtocolVersion,
  type PublishView,
} from '@robustmq/mqtt-codec';
import {
  MqttConnection,
  type ConnectTerms,
  type PendingAck,
  type ConnectionEnd,
  type ConnectionSink,
  type SubscribeRequest,
  type UnsubscribeRequest,
} from '@robustmq/mqtt-session';
import { WheelTimer } from '@robustmq/runtime';
import { guardedTimers } from '../boundary.ts';
import type { ShardPlace } from '../delivery/shard-place.ts';
import type { Subscription } from '../delivery/subscription.ts';
import { SocketOutput, type Relief, type Transport } from '../transport/socket-output.ts';
import type { ByteSink, Peer } from '../transport/tcp-listener.ts';
import type { Client } from './client.ts';
import { ClientInput, type ReadConnection } from './client-input.ts';
import type { ClientSession } from './client-session.ts';
import type { ConnectionHost } from './connection-host.ts';
import { HOLD_ACKS, HOLD_CONNECT, HOLD_OUTPUT } from './read-holds.ts';
import { RequestHold } from './request-hold.ts';

/** A peer that does not take the rest of its output is cut after this. */
const LINGER_MS = 2_000;
/** Makes 23 characters, which every client and every Maximum Packet Size has room for, of 72 random bits. */
const ASSIGNED_ID_BYTES = 9;
/** What a client that is gone had sent is served within this, or not at all. */
const HELD_INPUT_MS = 10_000;

/** A connection from accept to close. */
export class Connection implements ByteSink, ConnectionSink, Relief, Client, ReadConnection {
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
  readonly #input: ClientInput;
  readonly #timer: WheelTimer;
  #requests: RequestHold | null = null;
  /** No more input will come; what is held is still served. */
  #isEnded = false;

  constructor(host: ConnectionHost, transport: Transport, peer: Peer) {
    this.#host = host;
    this.peer = peer;
    this.tenant = host.defaultTenant;
    this.output = new SocketOutput(transport, host.flusher, this);
    this.#input = new ClientInput(host, this);
    this.machine = new MqttConnection<ShardPlace, Subscription>(this, host.limits, host.clock.monotonicMs());
    this.#timer = new WheelTimer(() => this.guard(() => this.#timeout()));
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
    if (!this.machine.isClosed) this.#input.received(bytes);
  }

  hasRead(): void {
    if (this.#isEnded) this.#endUnlessHeld();
  }

  ended(): void {
    this.guard(() => this.#end());
  }

  #end(): void {
    if (this.machine.isClosed || this.#isEnded) return;
    this.#isEnded = true;
    this.#host.wheel.arm(this.#timer, HELD_INPUT_MS);
    this.#endUnlessHeld();
  }

  closed(): void {
    // What is held is served all the same (N10); its answers go nowhere.
    this.output.destroy();
    this.guard(() => {
      this.#end();
      this.release(HOLD_OUTPUT);
      if (!this.machine.isClosed) this.#endUnlessHeld();
    });
    if (!this.machine.isClosed) return;
    this.#host.wheel.cancel(this.#timer);
  }

  /**
   * All that the client sent is served before it counts as gone (N10): one that has only ended its half of the stream still
   * reads what is acknowledged.
   */
  #endUnlessHeld(): void {
    if (this.#input.isHeld || (this.#owesAnswers() && !this.output.closed)) return;
    this.machine.connectionLost();
  }

  #owesAnswers(): boolean {
    return this.machine.unacknowledgedCount > 0 || this.#requests?.isServing === true;
  }

  /** Something was answered: the last of it ends a client that sends no more. */
  #answered(): void {
    if (this.#isEnded) this.#soon(() => this.#endUnlessHeld());
  }

  // --- output that the peer does not take ---

  outputTimedOut(): void {
    if (this.machine.isClosed) return;
    this.#host.counters.outputTimeouts++;
    this.machine.disconnect(REASON.quotaExceeded);
    this.output.destroy();
  }

  /** All clients together keep too much that is not complete, and this one has kept its part for longest. */
  overdrawn(): void {
    this.guard(() => this.machine.disconnect(REASON.quotaExceeded));
  }

  hasAliasRoom(moreBytes: number): boolean {
    return this.#input.hasAliasRoom(moreBytes);
  }

  takeAliasBytes(moreBytes: number): boolean {
    return this.#input.takeAliasBytes(moreBytes);
  }

  get markBytes(): number {
    return this.#host.limits.reliefBytes;
  }

  relieved(): void {
    this.#soon(() => this.#goOn());
  }

  drained(): void {
    this.guard(() => this.output.drained());
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

  /** Runs `action`; what it throws ends this connection and nothing else (N9). */
  guard(action: () => void): void {
    try {
      action();
    } catch (thrown) {
      this.failed(thrown);
    }
  }

  #soon(action: () => void): void {
    this.#host.timers.soon(() => this.guard(action));
  }

  /** An error of the codec or a handler. */
  failed(thrown: unknown): void {
    const { boundary, counters } = this.#host;
    const error = BrokerError.from(thrown);
    if (error.code === 'internal') boundary.failed(error, 'connection', { client_id: this.clientId });
    counters.protocolErrors++;
    try {
      this.machine.failed(error);
    } catch (again) {
      boundary.failed(again, 'end of a connection', { client_id: this.clientId });
      this.output.destroy();
    }
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
    host.publisher.publish(this, topic, view, pending);
  }

  subscribe(request: SubscribeRequest): void {
    this.#serve(() => this.#host.subscriptions.subscribe(this, request));
  }

  unsubscribe(request: UnsubscribeRequest): void {
    this.#serve(() => this.#host.subscriptions.unsubscribe(this, request));
  }

  #serve(request: () => void): void {
    this.#requests ??= new RequestHold(
      this,
      guardedTimers(this.#host.timers, (action) => this.guard(action)),
    );
    this.#requests.begin(request);
  }

  /** A SUBSCRIBE was served. */
  subscribed(request: SubscribeRequest): void {
    this.machine.subscribed(request);
    this.#requests?.served();
    this.#answered();
  }

  /** An UNSUBSCRIBE was served. */
  unsubscribed(request: UnsubscribeRequest): void {
    this.machine.unsubscribed(request);
    this.#requests?.served();
    this.#answered();
  }

  acknowledged(): void {
    this.session?.acknowledged();
  }

  pauseReading(): void {
    this.hold(HOLD_ACKS);
  }

  resumeReading(): void {
    // Not from here: what was held would be handled within the batch of outcomes that is being told.
    this.#soon(() => this.release(HOLD_ACKS));
  }

  /** Comes also with the outcome of an append, beside those of others: it ends here when it throws. */
  sendAck(type: AckType, packetId: number, reasonCode: number): void {
    const { output } = this;
    try {
      const buffer = output.reserve(acknowledgement.maxBytes);
      output.advance(
        acknowledgement.encode(buffer, output.position, type, packetId, reasonCode, this.version),
      );
      this.#answered();
    } catch (thrown) {
      this.failed(thrown);
    }
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
    this.#input.close();
    this.#requests?.end();
    this.session = null;
    this.debug('connection ended', { reason_code: end.reasonCode, by_client: end.isByClient });
    this.output.end();
    host.connectionEnded();
    if (session !== null) host.endings.end(this, session, end);
    else host.directory.remove(this.tenant, this.clientId, this);
  }

  // --- flow control and time ---

  hold(reason: number): void {
    this.#input.hold(reason);
  }

  release(reason: number): void {
    this.#input.release(reason);
  }

  /** CONNACK was sent: larger packets are believed, and the keep alive counts. */
  accepted(session: ClientSession): void {
    this.session = session;
    this.#input.accepted();
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
    if (this.#input.isSilenceOurs()) machine.heldBack(nowMs);
    machine.expire(nowMs);
    if (machine.isClosed) host.counters.keepAliveTimeouts++;
    else this.#rearm(nowMs);
  }

  /** Reads only move the machine's deadline; the timer looks again when it fires. */
  #rearm(nowMs: number): void {
    if (this.#isEnded) return;
    const { deadlineMs } = this.machine;
    if (deadlineMs === Number.POSITIVE_INFINITY) this.#host.wheel.cancel(this.#timer);
    else this.#host.wheel.arm(this.#timer, Math.max(1, deadlineMs - nowMs));
  }
}
