// The session on one gateway: the production core (Outbound, SendWindow, start positions) between the simulated tails and
// the client. It does what the gateway's flows do, a step at a time.

import { Outbound, NOT_OWED } from '../../src/outbound/outbound.ts';
import { SendWindow, WINDOW_FULL } from '../../src/outbound/send-window.ts';
import { startPositions, type StartVector } from '../../src/outbound/start-positions.ts';
import {
  matches,
  SimulatedTail,
  type LogRecord,
  type Places,
  type ScriptedLog,
  type FilterRow,
  type SimulatedGateway,
} from './cluster.ts';

/** A PUBLISH as the client gets it. */
export interface Delivered {
  readonly record: LogRecord;
  readonly qos: 0 | 1;
  readonly packetId: number;
  readonly dup: boolean;
}

/** Faults that a test plants where the production code decides or is used. */
export interface SessionFaults {
  readonly outbound?: new (window: SendWindow<SimulatedTail>) => Outbound<SimulatedTail>;
  readonly dropOutboundRows?: boolean;
  readonly answersCoverAll?: boolean;
  readonly jumpsSkip?: boolean;
  readonly owedByFilter?: boolean;
  readonly ignoreStarts?: boolean;
  readonly repeatQos0?: boolean;
  readonly cursorsAtTail?: boolean;
  readonly newIdentifiers?: boolean;
  readonly forgetUnanswered?: boolean;
  readonly inheritsNothing?: boolean;
}

interface Held {
  starts: StartVector | null;
  readonly qos: 0 | 1;
  readonly createdAtRevision: number;
  /** Whether an earlier owner may have sent what it matches. */
  isInherited: boolean;
}

/** One incarnation of the session on a gateway. */
export class ServedSession {
  readonly gateway: SimulatedGateway;
  readonly outbound: Outbound<SimulatedTail>;
  readonly subscriptions = new Map<string, Held>();
  readonly #log: ScriptedLog;
  readonly #faults: SessionFaults;
  readonly #deliver: (delivered: Delivered) => void;
  /** Places of the last owner, until each shard is begun. */
  readonly #stored: Places;
  readonly #awaited: Set<number>;
  #inheritsAll = false;
  /** Tails, and what stands in for those that are awaited. */
  readonly #places = new Map<number, SimulatedTail>();

  constructor(
    gateway: SimulatedGateway,
    log: ScriptedLog,
    filters: ReadonlyMap<string, FilterRow>,
    stored: Places,
    receiveMaximum: number,
    faults: SessionFaults,
    deliver: (delivered: Delivered) => void,
  ) {
    this.gateway = gateway;
    this.#log = log;
    this.#faults = faults;
    this.#deliver = deliver;
    const window = new SendWindow<SimulatedTail>(receiveMaximum);
    this.outbound = new (faults.outbound ?? Outbound)(window);
    this.#stored = stored;
    this.#awaited = new Set(log.shards.keys());
    for (const [filter, { starts, qos }] of filters) {
      this.subscriptions.set(filter, { starts, qos, createdAtRevision: 1, isInherited: true });
      gateway.register(filter);
    }
    this.#resume();
  }

  #resume(): void {
    const { outbound } = this;
    outbound.resume();
    const awaited = [...this.#awaited].map((shard) => this.#stoodAt(shard));
    for (const { place } of awaited) this.#places.set(place.key, place);
    const inFlight = this.#stored.outbound
      .filter(({ shard, offset }) => !this.#faults.owedByFilter || this.#isMatched(shard, offset))
      .map(({ packetId, shard, offset }) => ({
        packetId: this.#faults.newIdentifiers ? (packetId % 60_000) + 1_000 : packetId,
        place: this.#places.get(shard)!,
        offset,
      }));
    outbound.resumed({ places: [], inFlight, isUncertain: this.#stored.isUncertain, awaited });
    this.beginAnswered();
  }

  /** A stand-in for the tail of a shard, and what its row says. */
  #stoodAt(shard: number): { place: SimulatedTail; from: number | undefined; committed: number | null } {
    const row = this.#stored.cursors.get(shard);
    const offsets = this.#stored.outbound
      .filter((each) => each.shard === shard)
      .map(({ offset }) => offset + 1);
    const sentBelow = Math.max(row?.sentBelow ?? 0, ...offsets);
    const from = row === undefined && sentBelow === 0 ? undefined : Math.max(sentBelow, row?.offset ?? 0);
    const committed = row?.offset ?? (sentBelow > 0 ? -1 : null);
    return { place: new SimulatedTail(shard, from ?? 0), from, committed };
  }

  #isMatched(shard: number, offset: number): boolean {
    const { topic } = this.#log.shards[shard]![offset]!;
    return [...this.subscriptions.keys()].some((filter) => matches(filter, topic));
  }

  /** Begins every shard whose leader has answered for all filters (N5). */
  beginAnswered(): void {
    for (const shard of [...this.#awaited]) {
      const froms = [...this.subscriptions].flatMap(([filter, { starts }]) =>
        starts === null ? [] : [this.gateway.activeFrom(filter, shard)],
      );
      const isCovered = this.#faults.answersCoverAll
        ? froms.some((from) => from !== undefined) || this.gateway.tails.has(shard)
        : froms.every((from) => from !== undefined);
      const tail = this.gateway.tails.get(shard);
      if (!isCovered || tail === undefined) continue;
      this.#begin(tail, Math.max(0, ...froms.map((from) => from ?? 0)));
    }
  }

  #begin(tail: SimulatedTail, ringFrom: number): void {
    this.#awaited.delete(tail.key);
    const { from: cursor, committed } = this.#stoodAt(tail.key);
    const from = startPositions.firstToRead(tail, cursor, this.subscriptions.values(), 0);
    this.#places.set(tail.key, tail);
    this.outbound.begin({ place: tail, from, ringFrom, committed });
  }

  // --- subscriptions ---

  /** SUBSCRIBE: answered by {@link subscribed} once every shard has answered. */
  subscribe(filter: string, qos: 0 | 1): void {
    const isInherited = this.#inheritsAll;
    this.subscriptions.set(filter, { starts: null, qos, createdAtRevision: 1, isInherited });
    this.gateway.register(filter);
  }

  /** Whether the filter may be granted: all shards have answered, and the session knows its places. */
  isReady(filter: string): boolean {
    if (this.#awaited.size > 0) return false;
    const { gateway } = this;
    const answered = this.#log.shards.filter(
      (_records, shard) => gateway.activeFrom(filter, shard) !== undefined,
    );
    return this.#faults.forgetUnanswered ? answered.length > 0 : answered.length === this.#log.shards.length;
  }

  /** The vector of a filter that is ready. */
  grant(
    filter: string,
  ): Map<number, ReturnType<typeof startPositions.ofNew> extends Map<number, infer S> ? S : never> {
    const starts = startPositions.ofNew(this.gateway.vectorOf(filter), (key) => this.gateway.tails.get(key));
    this.subscriptions.get(filter)!.starts = starts;
    return starts;
  }

  unsubscribe(filter: string): void {
    this.#inheritsAll ||= this.subscriptions.get(filter)?.isInherited === true;
    if (this.subscriptions.delete(filter)) this.gateway.unregister(filter);
    if (this.#inheritsAll) for (const held of this.subscriptions.values()) held.isInherited = true;
    this.beginAnswered();
  }

  // --- messages ---

  /** A record that the tail brought. */
  fromTail(tail: SimulatedTail, record: LogRecord): void {
    if (!this.outbound.isLiveAt(tail.key, record.offset)) return;
    if (!this.#send(tail, record)) this.outbound.fallBehind(tail, record.offset);
  }

  /** The tail goes on at `to`, behind a gap. */
  tailJumped(tail: SimulatedTail, from: number, to: number): void {
    if (!this.#faults.jumpsSkip) this.outbound.tailJumped(tail, from, to);
  }

  /** One look at every shard that is behind: a few records each. */
  readOn(count: number): void {
    for (const place of this.outbound.owedPlaces()) this.#readOwed(place, count);
    for (const [key, lag] of this.outbound.lags ?? []) {
      const tail = this.gateway.tails.get(key)!;
      if (this.outbound.roomIn(tail) === 0 || this.outbound.owes(tail)) continue;
      const ringFrom = Math.max(tail.ringStart, lag.ringFrom);
      const isRing = lag.nextOffset >= ringFrom;
      const end = Math.min(isRing ? tail.nextOffset : ringFrom, lag.nextOffset + count);
      for (let { nextOffset: offset } = lag; offset < end; offset++) {
        const record = this.#log.shards[key]![offset]!;
        if ((!isRing || tail.ring.has(offset)) && !this.#send(tail, record)) break;
        lag.nextOffset = offset + 1;
      }
      if (lag.nextOffset >= tail.nextOffset && lag.nextOffset >= ringFrom) this.outbound.caughtUp(tail);
    }
  }

  #readOwed(place: SimulatedTail, count: number): void {
    for (const offset of this.outbound.owedOffsets(place, Math.min(count, this.outbound.roomIn(place)))) {
      const packetId = this.outbound.resend(place, offset);
      if (packetId === WINDOW_FULL) return;
      if (packetId === NOT_OWED) continue;
      const record = this.#log.shards[place.key]![offset]!;
      this.#deliver({ record, qos: 1, packetId, dup: this.outbound.isRedelivery });
    }
  }

  /** False: it can't take the record now. */
  #send(tail: SimulatedTail, record: LogRecord): boolean {
    let qos = -1;
    let mayBeOld = false;
    for (const [filter, { starts, qos: granted, isInherited }] of this.subscriptions) {
      if (starts === null || !matches(filter, record.topic)) continue;
      if (!this.#faults.ignoreStarts && record.offset < startPositions.of(starts, tail.key)) continue;
      qos = Math.max(qos, granted);
      mayBeOld ||= isInherited && !this.#faults.inheritsNothing;
    }
    if (qos < 0) return true;
    const { outbound } = this;
    outbound.touch(tail);
    if (qos === 0) {
      if (!mayBeOld || !outbound.mayHaveSent(tail, record.offset) || this.#faults.repeatQos0)
        this.#deliver({ record, qos: 0, packetId: 0, dup: false });
      return true;
    }
    const packetId = outbound.admit(tail, record.offset, mayBeOld);
    if (packetId === WINDOW_FULL) return false;
    this.#deliver({ record, qos: 1, packetId, dup: outbound.isRedelivery });
    return true;
  }

  acknowledge(packetId: number): void {
    if (this.outbound.window.acknowledge(packetId)) this.outbound.acknowledged();
  }

  // --- what outlives it ---

  /** Cursors for meta, at most once a second. */
  movedCursors(): Map<number, { offset: number; sentBelow: number }> {
    const moved = new Map<number, { offset: number; sentBelow: number }>();
    for (const { place, offset } of this.outbound.takeMovedCursors()) {
      moved.set(place.key, { offset: this.#faults.cursorsAtTail ? place.nextOffset : offset, sentBelow: 0 });
    }
    return moved;
  }

  /** What the next owner needs, at a graceful end. */
  places(): Places {
    const cursors = new Map<number, { offset: number; sentBelow: number }>();
    for (const { place, offset } of this.outbound.cursors()) cursors.set(place.key, { offset, sentBelow: 0 });
    const outbound = [];
    for (const { packetId, place, offset } of this.outbound.window.inFlight()) {
      outbound.push({ packetId, shard: place.key, offset });
      const known = this.#places.get(place.key)!;
      cursors.set(place.key, {
        offset: this.outbound.cursorOf(known),
        sentBelow: this.outbound.sentBelow(known),
      });
    }
    const { isUncertain } = this.outbound;
    return { cursors, outbound: this.#faults.dropOutboundRows ? [] : outbound, isUncertain };
  }

  close(): void {
    for (const filter of this.subscriptions.keys()) this.gateway.unregister(filter);
  }
}
