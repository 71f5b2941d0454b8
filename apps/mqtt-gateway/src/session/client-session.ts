// The session of a connected client on this gateway: its subscriptions and, behind the pure core that decides what it is
// sent, its socket. It lives as long as the connection; what must outlive it goes to meta when it is released (S1, S3).

import {
  firstOffsetToRead,
  Outbound,
  WINDOW_FULL,
  type ConnectTerms,
  type MqttConnection,
  type OutboundLedger,
  type OutboundTopicAliases,
  type ShardLag,
} from '@robustmq/mqtt-session';
import type { Confirmations } from '../delivery/confirmations.ts';
import type { CatchUp } from '../delivery/catch-up.ts';
import type { LaggingSession, LiveSession } from '../delivery/session-ports.ts';
import type { ShardPlace } from '../delivery/shard-place.ts';
import type { Subscription } from '../delivery/subscription.ts';
import type { SessionChanges } from '../store/session-changes.ts';
import type { StoredPlaces } from '../store/session-rows.ts';
import type { SocketOutput } from '../transport/socket-output.ts';
import { storedPlaceOf } from './session-places.ts';

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
  readonly confirmations: Confirmations;
  /** Bytes that may wait for the client before QoS 1 messages are left for later. */
  readonly slowOutputBytes: number;
  /** Revision at which a stream began to own its topics (rule X4). */
  streamRevision(streamId: number): number;
}

const NOTHING_STORED: StoredPlaces = { cursors: [], outbound: [], doubtful: false };

/** The connection that a session is served on. */
export interface ServingConnection {
  readonly machine: MqttConnection<ShardPlace, Subscription>;
  /** Runs `action`; what it throws ends the connection (N9). */
  guard(action: () => void): void;
  /** Something failed unexpectedly: ends the connection. */
  failed(thrown: unknown): void;
}

/** One session on this gateway. */
export class ClientSession implements LaggingSession, LiveSession {
  readonly identity: SessionIdentity;
  /** What is changed in its rows. */
  readonly changes: SessionChanges;
  readonly originId: number;
  readonly isVersion5: boolean;
  readonly maximumPacketBytes: number;
  readonly subscriptions: Map<string, Subscription>;
  readonly outbound: Outbound<ShardPlace>;
  /** What is on its way to the client. */
  readonly ledger: OutboundLedger<ShardPlace>;
  readonly aliases: OutboundTopicAliases | null;
  /** Null before CONNACK and after the end. */
  output: SocketOutput | null = null;
  readonly expiryIntervalS: number;
  /** Where the last owner left it. */
  stored = NOTHING_STORED;
  readonly #connection: ServingConnection;
  readonly #surroundings: SessionSurroundings;

  constructor(
    identity: SessionIdentity,
    changes: SessionChanges,
    terms: ConnectTerms,
    connection: ServingConnection,
    surroundings: SessionSurroundings,
  ) {
    this.identity = identity;
    this.changes = changes;
    this.#connection = connection;
    const { machine } = connection;
    this.originId = identity.originId;
    this.isVersion5 = terms.version === 5;
    this.maximumPacketBytes = terms.maximumPacketBytes;
    this.expiryIntervalS = terms.sessionExpiryIntervalS;
    this.subscriptions = machine.subscriptions;
    this.ledger = machine.ledger;
    this.outbound = new Outbound(machine.ledger.window);
    this.aliases = terms.topicAliasMaximum > 0 ? machine.outboundAliases : null;
    this.#surroundings = surroundings;
  }

  /** Whether it outlives its connection. */
  get isDurable(): boolean {
    return this.expiryIntervalS > 0;
  }

  get lag(): ReadonlyMap<number, ShardLag> | null {
    return this.outbound.lags;
  }

  get isRedelivery(): boolean {
    return this.outbound.isRedelivery;
  }

  get #isCongested(): boolean {
    return this.output === null || this.output.waitingBytes > this.#surroundings.slowOutputBytes;
  }

  filters(): readonly string[] {
    return [...this.subscriptions.keys()];
  }

  /** Runs `action`; what it throws ends the connection of the session and nothing else (N9). */
  guard(action: () => void): void {
    this.#connection.guard(action);
  }

  failed(thrown: unknown): void {
    this.#connection.failed(thrown);
  }

  // --- what it is sent ---

  isLiveAt(shardKey: number, offset: number): boolean {
    return this.outbound.isLiveAt(shardKey, offset);
  }

  touch(place: ShardPlace): void {
    this.outbound.touch(place);
  }

  mayHaveSent(place: ShardPlace, offset: number): boolean {
    return this.outbound.mayHaveSent(place, offset);
  }

  roomIn(place: ShardPlace): number {
    return this.#isCongested ? 0 : this.outbound.roomIn(place);
  }

  admit(place: ShardPlace, offset: number): number {
    return this.#isCongested ? WINDOW_FULL : this.outbound.admit(place, offset);
  }

  owedPlaces(): readonly ShardPlace[] {
    return this.outbound.owedPlaces();
  }

  owedOffsets(place: ShardPlace, count: number): number[] {
    return this.outbound.owedOffsets(place, count);
  }

  resend(place: ShardPlace, offset: number): number {
    return this.#isCongested ? WINDOW_FULL : this.outbound.resend(place, offset);
  }

  abandon(place: ShardPlace, offset: number): void {
    this.outbound.abandon(place, offset);
  }

  /** The client acknowledged a message. */
  acknowledged(): void {
    this.outbound.acknowledged();
    this.drained();
  }

  /** The socket has room again. */
  drained(): void {
    if (!this.outbound.isLive) this.#surroundings.catchUp.want(this);
  }

  // --- where it stands ---

  fallBehind(place: ShardPlace, offset: number): void {
    this.outbound.fallBehind(place, offset);
    this.#surroundings.catchUp.want(this);
  }

  tailJumped(tail: ShardPlace, from: number, ringFrom: number): void {
    this.outbound.tailJumped(tail, from, ringFrom);
    this.drained();
  }

  caughtUp(tail: ShardPlace): void {
    this.outbound.caughtUp(tail);
  }

  shardGone(tail: ShardPlace): void {
    this.outbound.forget(tail.key);
  }

  /** Tails that are not known when a session is resumed it joins where they begin (N5). */
  tailStarted(tail: ShardPlace): void {
    if (this.outbound.isResuming) return;
    this.beginIn(tail, tail.nextOffset);
    this.drained();
  }

  /** Finds the session's place in a shard whose tail is known: by its rows, or by where its subscriptions start (X4). */
  beginIn(tail: ShardPlace, ringFrom: number): void {
    const { from: known, committed } = storedPlaceOf(this.stored, tail);
    const streamRevision = this.#surroundings.streamRevision(tail.streamId);
    const from = firstOffsetToRead(tail, known, this.subscriptions.values(), streamRevision);
    this.outbound.begin({ place: tail, from, ringFrom, committed, mayBeBehind: true });
    if (this.outbound.isUnconfirmed) this.#surroundings.confirmations.want(this);
  }

  get isUnconfirmed(): boolean {
    return this.output !== null && this.outbound.isUnconfirmed;
  }

  get tenant(): string {
    return this.identity.tenant;
  }

  /** See {@link Outbound.confirmed}. */
  confirmed(key: number, highWatermark: number): void {
    this.outbound.confirmed(key, highWatermark);
  }

  /** The connection is gone: takes nothing any more. */
  close(): void {
    this.output = null;
    this.#surroundings.catchUp.forget(this);
  }
}
