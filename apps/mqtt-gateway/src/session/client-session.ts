// The session of a connected client on this gateway: its subscriptions and, behind the pure core that decides what it is
// sent, its socket. It lives as long as the connection; what must outlive it goes to meta when it is released (S1, S3).

import {
  epochReset,
  KeptReach,
  Outbound,
  startPositions,
  WINDOW_FULL,
  type ConnectTerms,
  type MqttConnection,
  type OutboundLedger,
  type OutboundTopicAliases,
  type EpochEndOffsets,
  type ShardLag,
  type StartOffset,
} from '@robustmq/mqtt-session';
import type { Confirmations } from '../delivery/confirmations.ts';
import type { CatchUp } from '../delivery/catch-up.ts';
import type { EpochEnds } from '../delivery/epoch-ends.ts';
import type { LaggingSession, LiveSession } from '../delivery/session-ports.ts';
import { shardKeyOf, type ShardPlace } from '../delivery/shard-place.ts';
import type { Subscription } from '../delivery/subscription.ts';
import type { SessionChanges } from '../store/session-changes.ts';
import type { StoredPlaces } from '../store/session-rows.ts';
import type { SocketOutput } from '../transport/socket-output.ts';
import { standInFor, storedPlaceOf } from './session-places.ts';

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
  readonly epochEnds: EpochEnds;
  /** Told when places of a session lay beyond the end of their epoch (rule X4). */
  placesReset(session: SessionIdentity, tail: ShardPlace): void;
}

/** Where a session stands in a shard. */
export interface FoundPlace {
  /** The rows that say so. */
  readonly stored: StoredPlaces;
  readonly from: number;
  /** See `ResumedPlace`. */
  readonly committed: number | null;
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
  /** Whether {@link Subscription.isInherited} holds as well for subscriptions that are made on this connection. */
  inheritsAll = false;
  /** Where the last owner left it. */
  stored = NOTHING_STORED;
  // What only a session that comes back needs is made when it does: a gateway holds very many that are new and idle.
  /** How far its rows reach; shards leave when they are known to lie within their epochs. */
  readonly #reach = new KeptReach();
  /** By shard the youngest leader that is known to have had everything below its place there. */
  #servedBy: Map<number, number> | null = null;
  /** Shards where the ends of epochs are asked for: their offsets may name other records by now. */
  #unsure: Set<number> | null = null;
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

  /** A subscription is gone: what an earlier owner sent for its sake others may match that were made since (S3). */
  unsubscribed({ isInherited }: Subscription): void {
    if (!isInherited || this.inheritsAll) return;
    this.inheritsAll = true;
    for (const subscription of this.subscriptions.values()) subscription.isInherited = true;
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

  isInQuestion(place: ShardPlace, offset: number): boolean {
    return this.outbound.isInQuestion(place, offset);
  }

  roomIn(place: ShardPlace): number {
    return this.#isCongested ? 0 : this.outbound.roomIn(place);
  }

  admit(place: ShardPlace, offset: number, isInherited: boolean): number {
    return this.#isCongested ? WINDOW_FULL : this.outbound.admit(place, offset, isInherited);
  }

  owedPlaces(): readonly ShardPlace[] {
    const places = this.outbound.owedPlaces();
    const unsure = this.#unsure;
    return unsure === null || unsure.size === 0 ? places : places.filter(({ key }) => !unsure.has(key));
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
    this.#reach.forget(tail.key);
    this.#unsure?.delete(tail.key);
    this.outbound.forget(tail.key);
    // What was owed there held a part of the window.
    this.drained();
  }

  /** It comes back with these rows. */
  keep(stored: StoredPlaces): void {
    this.stored = stored;
    for (const cursor of stored.cursors) this.#keepPlace(cursor, Math.max(cursor.offset, cursor.sentBelow));
    for (const message of stored.outbound) this.#keepPlace(message, message.offset + 1);
  }

  /** As {@link keep}, of a start vector. */
  keepStarts(starts: Iterable<StartOffset>): void {
    for (const start of starts) this.#keepPlace(start, start.offset);
  }

  #keepPlace({ streamId, shard, leaderEpoch }: StartOffset, below: number): void {
    const key = shardKeyOf(streamId, shard);
    this.#reach.add(key, leaderEpoch, below);
    this.servedBy(key, leaderEpoch);
  }

  servedBy(key: number, leaderEpoch: number): void {
    if (leaderEpoch > (this.#servedBy?.get(key) ?? -1)) (this.#servedBy ??= new Map()).set(key, leaderEpoch);
  }

  /** A place of a shard as its row. The tail may be behind it, and then knows of older leaders only (X4). */
  rowOf({ streamId, shard, key, leaderEpoch }: ShardPlace, offset: number): StartOffset {
    const servedBy = this.#servedBy?.get(key) ?? leaderEpoch;
    return { streamId, shard, leaderEpoch: Math.max(servedBy, leaderEpoch), offset };
  }

  /** Tails that are not known when a session is resumed it joins where they begin (N5). */
  tailStarted(tail: ShardPlace): void {
    if (this.outbound.isResuming) return;
    this.beginIn(tail, tail.nextOffset);
    this.drained();
  }

  /** Asks where the epochs ended that rows of a shard speak of; calls back in another turn, with whether that was told. */
  askForEnds(tail: ShardPlace, heard: (isAnswered: boolean) => void): void {
    const { epochEnds } = this.#surroundings;
    const led = epochEnds.present(tail);
    epochEnds.ask(led, this.#reach.epochsBefore(led.key, led.leaderEpoch), heard);
  }

  /** Resets what lies beyond the end of its epoch (X4). False: where that is has to be asked first. */
  reset(tail: ShardPlace): boolean {
    const { epochEnds } = this.#surroundings;
    const led = epochEnds.present(tail);
    const ends = epochEnds.of(led, this.#reach.epochsBefore(led.key, led.leaderEpoch));
    if (ends === undefined) return false;
    if (this.#reach.exceeds(tail.key, ends)) this.#resetTo(tail, ends);
    this.#reach.forget(tail.key);
    this.#unsure?.delete(tail.key);
    return true;
  }

  #resetTo(tail: ShardPlace, ends: EpochEndOffsets): void {
    const isOf = ({ streamId, shard }: StartOffset): boolean => shardKeyOf(streamId, shard) === tail.key;
    const { cursors, inFlight, lost } = epochReset.places(
      this.stored.cursors,
      this.stored.outbound,
      isOf,
      ends,
    );
    this.stored = { ...this.stored, cursors, outbound: inFlight };
    for (const { offset } of lost) this.outbound.abandon(tail, offset);
    for (const { starts } of this.subscriptions.values())
      if (starts !== null) epochReset.start(starts, tail.key, ends);
    this.#surroundings.placesReset(this.identity, tail);
  }

  /** Looks for the session's place in a shard: in its rows, or where its subscriptions start (X4), each of which is looked at. */
  find(tail: ShardPlace): FoundPlace {
    const { stored } = this;
    const { from: known, committed } = storedPlaceOf(stored, tail);
    const streamRevision = this.#surroundings.streamRevision(tail.streamId);
    const from = startPositions.firstToRead(tail, known, this.subscriptions.values(), streamRevision);
    return { stored, from, committed };
  }

  /** Begins in a shard whose tail is known, where it was {@link find found} earlier or is found now. */
  beginIn(tail: ShardPlace, ringFrom: number, found?: FoundPlace): void {
    if (!this.reset(tail)) {
      (this.#unsure ??= new Set()).add(tail.key);
      this.outbound.awaitPlace(standInFor(this.stored, tail));
      this.askForEnds(tail, (isAnswered) => {
        if (isAnswered) this.#beginAgain(tail, ringFrom);
        else this.#surroundings.epochEnds.later(() => this.#beginAgain(tail, ringFrom));
      });
      return;
    }
    // What was reset since then is another place.
    const { from, committed } = found?.stored === this.stored ? found : this.find(tail);
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
    if (this.outbound.confirmed(key, highWatermark)) this.drained();
  }

  /** See {@link Outbound.unanswered}. */
  unanswered(): void {
    if (this.outbound.unanswered()) this.drained();
  }

  #beginAgain(tail: ShardPlace, ringFrom: number): void {
    this.guard(() => {
      if (this.output === null || !this.outbound.awaits(tail.key)) return;
      this.beginIn(tail, ringFrom);
      this.drained();
    });
  }

  /** The connection is gone: takes nothing any more. */
  close(): void {
    this.output = null;
    this.#surroundings.catchUp.forget(this);
  }
}
