// A stored session comes back. Before CONNACK its filters are registered and routed, here and in the mesh, so that what is
// sent right after CONNACK reaches it (S6); once the journals have answered each shard is read on from its cursor through
// the index until the ring takes over (X4, X5, S3). Nothing of the log is delivered live before every place is known.

import { BrokerError } from '@robustmq/errors';
import type { PlacedMessage, StartOffset } from '@robustmq/mqtt-session';
import { eachInTurns, TurnBudget, type Turns } from '@robustmq/runtime';
import type { CatchUp } from '../delivery/catch-up.ts';
import type { ActiveCallback, ActiveFilter, FilterRegistry } from '../delivery/filter-registry.ts';
import { shardKeyOf, type ShardPlace } from '../delivery/shard-place.ts';
import { Subscription } from '../delivery/subscription.ts';
import type { ShardTail } from '../delivery/shard-tail.ts';
import type { TailDelivery } from '../delivery/tail-delivery.ts';
import type { ShardPlace as StoredPlace, StoredSession, StoredSubscription } from '../store/session-rows.ts';
import type { ClientSession, FoundPlace, SessionIdentity } from './client-session.ts';
import type { FilterRoutes } from './filter-routes.ts';
import { inFlightOf, standIns } from './session-places.ts';

/** What resuming needs of the gateway. */
export interface ResumePorts extends Turns {
  readonly registry: FilterRegistry;
  readonly routes: FilterRoutes;
  readonly tails: TailDelivery;
  readonly catchUp: CatchUp;
  /** A message that its client has left so often is not sent any more; 0: it is. */
  readonly maxDepartures: number;
  /** Every shard that can hold a record whose topic the filter matches (rule X3). */
  shardsOf(tenant: string, filter: string): Iterable<{ readonly streamId: number; readonly shard: number }>;
  /** False for a stream that is there, and for one that this gateway has not heard of yet (N2). */
  isDeleted(streamId: number): boolean;
  /** Told of each such message, once. */
  skipped(session: SessionIdentity, message: PlacedMessage<ShardPlace>): void;
}

/** Where a session begins in a tail. */
interface PlaceInTail {
  readonly ringFrom: number;
  readonly found: FoundPlace;
}

type ShardStart = Pick<StoredPlace, 'streamId' | 'shard' | 'leaderEpoch'>;

/** A session on its way back. */
export class Resumption {
  readonly #ports: ResumePorts;
  readonly #session: ClientSession;
  readonly #stored: StoredSession;
  readonly #isInRows: boolean;
  readonly #actives: ActiveFilter[] = [];
  /** Of a session in doubt: shards that no vector names, for they are younger than it (X4), and whose tails are not known here. */
  readonly #younger = new Map<number, ShardStart>();
  /** Of a session in doubt: shards that a vector names, and whose tails are not known here. */
  readonly #unknown = new Map<number, ShardStart>();
  /** Vectors that were looked at: filters share them. */
  readonly #vectors = new Set<readonly StoredPlace[]>();
  /** Filters that no journal has answered for, and the acceptance of the connection. */
  #missing: number;

  /**
   * The session is live nowhere until its places are known. `isInRows`: meta has them; those that an owner handed over it
   * does not have yet.
   */
  constructor(ports: ResumePorts, session: ClientSession, stored: StoredSession, isInRows: boolean) {
    this.#ports = ports;
    this.#session = session;
    this.#stored = stored;
    this.#isInRows = isInRows;
    this.#missing = stored.subscriptions.length + 1;
    session.keep(stored);
    session.outbound.resume();
  }

  /**
   * Makes the subscriptions, a slice per turn; calls back when the other gateways route them, which is bounded, or with what
   * failed. The callback throws nothing.
   */
  prepare(callback: (failure?: BrokerError) => void): void {
    this.#subscribeAll().then(
      () => {
        if (this.#stored.subscriptions.length === 0) callback();
        else this.#ports.routes.meshReady(() => callback());
      },
      (thrown: unknown) => callback(BrokerError.from(thrown)),
    );
  }

  /** CONNACK is on its way: the session takes messages. */
  accepted(): void {
    this.#answered();
  }

  async #subscribeAll(): Promise<void> {
    const budget = new TurnBudget(this.#ports.clock, this.#ports.timers);
    // Filters that began together share their places in memory as well.
    const vectors = new Map<readonly StoredPlace[], Map<number, StartOffset>>();
    for (const row of this.#stored.subscriptions) {
      let starts = vectors.get(row.start);
      if (starts === undefined) vectors.set(row.start, (starts = vectorOf(row.start)));
      this.#session.keepStarts(row.start);
      const subscription = new Subscription(this.#session, row.filter);
      subscription.setOptions(row);
      subscription.createdAtRevision = row.createdAtRevision;
      subscription.isInherited = true;
      subscription.vector = row.start;
      subscription.starts = starts;
      this.#subscribe(subscription);
      if (budget.isSpent) await budget.yield();
    }
  }

  #subscribe(subscription: Subscription): void {
    const { registry, routes } = this.#ports;
    const { subscriptions, identity } = this.#session;
    const { filter } = subscription;
    subscriptions.set(filter, subscription);
    routes.routesOf(identity.tenant).add(subscription);
    routes.addMeshFilter(identity.tenant, filter);
    // However long the journals are away: the client is connected, and only its reading waits. One that the client
    // unsubscribes meanwhile is not waited for.
    const registered: ActiveCallback = (_error, active) =>
      this.#session.guard(() => {
        if (active !== undefined) this.#actives.push(active);
        this.#answered();
      });
    subscription.use = registry.add(identity.tenant, filter, registered, Number.POSITIVE_INFINITY);
  }

  #answered(): void {
    if (--this.#missing !== 0) return;
    const { doubtful, subscriptions } = this.#stored;
    const filters = doubtful && this.#hasUnknown() ? subscriptions : [];
    // Each filter looks through the visible streams: at ten thousand of them that is many turns (N8).
    eachInTurns(
      filters,
      this.#ports,
      (row) => this.#noteUnknown(row),
      () => this.#session.guard(() => this.#startReading()),
    );
  }

  #hasUnknown(): boolean {
    const { tails } = this.#ports;
    for (const { streamId, shard } of this.#ports.shardsOf(this.#session.identity.tenant, '#'))
      if (tails.tailOf(shardKeyOf(streamId, shard)) === undefined) return true;
    return false;
  }

  #noteUnknown({ filter, start }: StoredSubscription): void {
    const { tails } = this.#ports;
    if (!this.#vectors.has(start)) {
      this.#vectors.add(start);
      for (const place of start) {
        const key = shardKeyOf(place.streamId, place.shard);
        if (tails.tailOf(key) === undefined && !this.#unknown.has(key)) this.#unknown.set(key, place);
      }
    }
    for (const { streamId, shard } of this.#ports.shardsOf(this.#session.identity.tenant, filter)) {
      const key = shardKeyOf(streamId, shard);
      if (tails.tailOf(key) === undefined) this.#younger.set(key, { streamId, shard, leaderEpoch: 0 });
    }
  }

  /** What rows say of leader epochs that are over is held against where those ended (X4), asked at most once. */
  #startReading(): void {
    const session = this.#session;
    if (session.output === null) return;
    const asked: ShardTail[] = [];
    const lookAt = (tail: ShardTail): void => {
      if (!session.reset(tail)) asked.push(tail);
    };
    // All of them before a place is found: each reset makes every place another one.
    const resetAsked = (): void =>
      this.#eachOf(
        asked,
        (tail) => session.reset(tail),
        () => this.#findPlaces(),
      );
    this.#eachOf(this.#ports.tails.tails(), lookAt, () => {
      let missing = asked.length;
      if (missing === 0) this.#findPlaces();
      for (const tail of asked) {
        session.askForEnds(tail, () => {
          if (--missing === 0) session.guard(resetAsked);
        });
      }
    });
  }

  #findPlaces(): void {
    const session = this.#session;
    const places = new Map<number, PlaceInTail>();
    const find = (tail: ShardTail): void => {
      if (!session.reset(tail)) return;
      const ringFrom = this.#ringFrom(tail.key, tail.arrivedTo);
      places.set(tail.key, { ringFrom, found: session.find(tail) });
    };
    this.#eachOf(this.#ports.tails.tails(), find, () => this.#begin(places));
  }

  /** Shards times subscriptions may be millions of looks: one shard at a time, and until all are found nothing is live (N8). */
  #eachOf(tails: Iterable<ShardTail>, act: (tail: ShardTail) => void, done: () => void): void {
    const session = this.#session;
    const ifServed = (action: () => void): void =>
      session.guard(() => {
        if (session.output !== null) action();
      });
    eachInTurns(
      [...tails],
      this.#ports,
      (tail) => ifServed(() => act(tail)),
      () => ifServed(done),
    );
  }

  #begin(places: ReadonlyMap<number, PlaceInTail>): void {
    const session = this.#session;
    const { tails } = this.#ports;
    const known = new Map<number, ShardPlace>();
    for (const tail of tails.tails()) if (session.reset(tail)) known.set(tail.key, tail);
    const stored = session.stored;
    const isUncertain = stored.doubtful;
    const starts = isUncertain ? [...this.#unknown.values(), ...this.#younger.values()] : [];
    const awaited = standIns(stored, (key) => known.has(key), starts).map((stood) => ({
      ...stood,
      isGone: this.#ports.isDeleted(stood.place.streamId),
    }));
    const stoodIn = new Map(awaited.map(({ place }) => [place.key, place]));
    const inFlight = inFlightOf(stored, (key) => known.get(key) ?? stoodIn.get(key));
    const skipped = inFlight.filter((message) => this.#isSkipped(message));
    const kept = inFlight.filter((message) => !this.#isSkipped(message));
    // Nothing is suspected where nothing is skipped.
    const owed = this.#ports.maxDepartures > 0 ? kept : kept.map((each) => ({ ...each, departures: 0 }));
    session.outbound.resumed({ places: [], inFlight: owed, isUncertain, awaited });
    for (const tail of tails.tails()) {
      const { ringFrom, found } = places.get(tail.key) ?? {};
      session.beginIn(tail, ringFrom ?? this.#ringFrom(tail.key, tail.arrivedTo), found);
    }
    for (const message of skipped) {
      session.outbound.skipped(message.place);
      this.#ports.skipped(session.identity, message);
    }
    if (!this.#isInRows) session.outbound.cursorsFailed(session.outbound.cursors());
    this.#activate();
    this.#ports.catchUp.want(session);
  }

  #isSkipped({ departures = 0 }: PlacedMessage<ShardPlace>): boolean {
    const { maxDepartures } = this.#ports;
    return maxDepartures > 0 && departures >= maxDepartures;
  }

  /** From where on the tail of a shard has what every filter of the session matches. */
  #ringFrom(key: number, tailOffset: number): number {
    let from = 0;
    for (const { activeFrom } of this.#actives) {
      // A shard that no leader answered for: its next leader knows all filters before it sends anything (N5).
      from = Math.max(from, activeFrom.get(key)?.offset ?? tailOffset);
    }
    return from;
  }

  /** In turns: until then a subscription is known to the routes as well, and who subscribes again waits (N8). */
  #activate(): void {
    const session = this.#session;
    const routes = this.#ports.routes.routesOf(session.identity.tenant);
    eachInTurns(session.subscriptions.values(), this.#ports, (subscription) =>
      session.guard(() => {
        // One that was made meanwhile may still wait for the journals. And a session that has ended has no routes any more.
        if (subscription.starts === null || session.output === null) return;
        routes.add(subscription);
        subscription.activated();
      }),
    );
  }
}

function vectorOf(places: readonly StoredPlace[]): Map<number, StartOffset> {
  return new Map(places.map((place) => [shardKeyOf(place.streamId, place.shard), place]));
}
