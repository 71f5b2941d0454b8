// The session of a connected client: its subscriptions, its window and, for each shard, how far it has read. It lives as
// long as the connection; what must outlive it goes to meta when it is released (rules S1, S3).

import type { CatchUp, LaggingSession } from '../delivery/catch-up.ts';
import type { ShardTail } from '../delivery/shard-tail.ts';
import { ALREADY_ACKNOWLEDGED, WINDOW_FULL, type ShardLag } from '../delivery/subscriber.ts';
import type { Subscription } from '../delivery/subscription.ts';
import type { SocketOutput } from '../transport/socket-output.ts';
import type { ConnectTerms, MqttSession, OutboundTopicAliases } from '@robustmq/mqtt-session';
import type { SessionChanges } from '../store/session-changes.ts';
import type { StoredPlaces } from '../store/session-rows.ts';
import { Handover, type HandedOver } from './handover.ts';

/** What names a session and its owner's right to it. */
export interface SessionIdentity {
  readonly tenant: string;
  readonly clientId: string;
  readonly generation: bigint;
  readonly epoch: bigint;
  /** Names the session in records, for No Local: the same on every gateway. */
  readonly originId: number;
}

/** What a session needs of its gateway. */
export interface SessionSurroundings {
  readonly catchUp: CatchUp;
  /** Bytes that may wait for the client before QoS 1 messages are left for later. */
  readonly slowOutputBytes: number;
}

/** One session on this gateway. */
export class ClientSession implements LaggingSession {
  readonly identity: SessionIdentity;
  /** What is changed in its rows. */
  readonly changes: SessionChanges;
  readonly originId: number;
  readonly isVersion5: boolean;
  readonly maximumPacketBytes: number;
  readonly subscriptions = new Map<string, Subscription>();
  readonly machine: MqttSession<ShardTail>;
  readonly aliases: OutboundTopicAliases | null;
  output: SocketOutput | null;
  lag: Map<number, ShardLag> | null = null;
  isRedelivery = false;
  readonly expiryIntervalS: number;
  /** Whether cursors moved since they were last stored. */
  isCursorDirty = false;
  /** Set until the subscriptions of a resumed session are active and it reads: until then these places hold. */
  stored: StoredPlaces | null = null;
  readonly #catchUp: CatchUp;
  readonly #slowOutputBytes: number;
  #handover: Handover | null = null;
  /** By shard key; null when every place is known. */
  #maybeSentBelow: Map<number, number> | null = null;

  constructor(
    identity: SessionIdentity,
    changes: SessionChanges,
    terms: ConnectTerms,
    machine: MqttSession<ShardTail>,
    output: SocketOutput,
    surroundings: SessionSurroundings,
  ) {
    this.identity = identity;
    this.changes = changes;
    this.originId = identity.originId;
    this.isVersion5 = terms.version === 5;
    this.maximumPacketBytes = terms.maximumPacketBytes;
    this.expiryIntervalS = terms.sessionExpiryIntervalS;
    this.machine = machine;
    this.aliases = terms.topicAliasMaximum > 0 ? machine.outboundAliases : null;
    this.output = output;
    this.#catchUp = surroundings.catchUp;
    this.#slowOutputBytes = surroundings.slowOutputBytes;
  }

  /** Whether it outlives its connection. */
  get isDurable(): boolean {
    return this.expiryIntervalS > 0;
  }

  /** What lies in a shard so far may have been sent before: no owner has said so (rule S3). */
  maybeSent(tail: ShardTail): void {
    (this.#maybeSentBelow ??= new Map()).set(tail.key, tail.nextOffset);
  }

  /** Places and messages of the last connection that are not settled. */
  get handover(): Handover | null {
    return this.#handover;
  }

  get #isCongested(): boolean {
    return this.output === null || this.output.waitingBytes > this.#slowOutputBytes;
  }

  roomIn(tail: ShardTail): number {
    if (this.#isCongested) return 0;
    const { window } = this.machine;
    const room = this.#handover?.concerns(tail) === true ? window.resendRoom : window.room;
    return Math.max(0, room);
  }

  filters(): readonly string[] {
    return [...this.subscriptions.keys()];
  }

  isSettled(tail: ShardTail, offset: number): boolean {
    return this.#handover !== null && this.#handover.isSettled(tail, offset);
  }

  admit(tail: ShardTail, offset: number): number {
    this.isRedelivery = false;
    if (this.#isCongested) return WINDOW_FULL;
    const handover = this.#handover;
    if (handover !== null) {
      if (handover.holds(tail, offset)) return this.#resend(handover, tail, offset);
      if (handover.isSettled(tail, offset)) return ALREADY_ACKNOWLEDGED;
      if (handover.isOver) this.#handover = null;
    }
    if (this.#maybeSentBelow !== null) {
      this.isRedelivery = offset < (this.#maybeSentBelow.get(tail.key) ?? 0);
    }
    return this.machine.admit(tail, offset);
  }

  /** The original identifier with DUP (rule S3). */
  #resend(handover: Handover, tail: ShardTail, offset: number): number {
    const packetId = handover.resend(tail, offset);
    if (packetId === WINDOW_FULL) return WINDOW_FULL;
    this.isRedelivery = true;
    return packetId;
  }

  /** Takes over what the last connection had in flight; before the first message. */
  takeOver(messages: readonly HandedOver[]): void {
    if (messages.length > 0) this.#handover = new Handover(this.machine.window, messages);
  }

  /** The client acknowledged a message. */
  acknowledged(): void {
    this.isCursorDirty = true;
    if (this.lag !== null) this.#catchUp.want(this);
  }

  /** The socket has room again. */
  drained(): void {
    if (this.lag !== null) this.#catchUp.want(this);
  }

  fallBehind(tail: ShardTail, offset: number): void {
    this.lagFrom(tail, offset, 0);
  }

  /** Reads the shard from `offset` on; the ring serves from `ringFrom` on. */
  lagFrom(tail: ShardTail, offset: number, ringFrom: number): void {
    (this.lag ??= new Map()).set(tail.key, { nextOffset: offset, ringFrom });
    this.#catchUp.want(this);
  }

  caughtUp(tail: ShardTail): void {
    if (this.lag === null) return;
    this.lag.delete(tail.key);
    if (this.lag.size === 0) this.lag = null;
    if (this.#handover === null) return;
    this.#handover.readTo(tail, tail.nextOffset);
    if (this.#handover.isOver) this.#handover = null;
    // The window may have got places back that other shards wait for.
    if (this.lag !== null) this.#catchUp.want(this);
  }

  /** Everything of a shard below was sent, or is settled. */
  sentBelow(tail: ShardTail): number {
    return this.lag?.get(tail.key)?.nextOffset ?? tail.deliveredBelow;
  }

  /** The lowest offset of a shard that the client has not acknowledged or not been sent. */
  cursorOf(tail: ShardTail): number {
    const unread = this.sentBelow(tail);
    const unacknowledged = this.machine.window.lowestOffset(tail);
    return unacknowledged === undefined ? unread : Math.min(unread, unacknowledged);
  }

  /** The connection is gone: takes nothing any more. */
  close(): void {
    this.output = null;
    this.#catchUp.forget(this);
  }
}
