// Sessions that are behind the tail (rule X5): a full window, a slow socket, or a reconnect with a cursor. Each keeps a
// cursor per shard only. Inside the ring they read the gateway's own recent batches, below it the journal's index, a
// bounded piece at a time and only as much as the client's window takes; at the tail they are live again.

import { BrokerError } from '@robustmq/errors';
import type { BacklogCallback, BacklogRequest, BacklogResult } from '@robustmq/journal-client';
import type { ShardLag } from '@robustmq/mqtt-session';
import { baseOffsetOf } from '@robustmq/record-batch';
import { TurnBudget, type Clock, type Timers } from '@robustmq/runtime';
import { coverOf } from './backlog-filters.ts';
import { BacklogReading } from './backlog-reading.ts';
import { BatchWalk, newWalkCounters, type WalkCounters } from './batch-walk.ts';
import type { Deliverer } from './deliverer.ts';
import type { Inflation } from './inflation.ts';
import type { ShardPlace } from './shard-place.ts';
import type { ShardTail } from './shard-tail.ts';
import type { LaggingSession } from './session-ports.ts';
import type { TailDelivery } from './tail-delivery.ts';
import type { VisibleStream } from './topic-route.ts';

/** Reads of the journal's index. */
export interface BacklogReader {
  readBacklog(request: BacklogRequest, callback: BacklogCallback): void;
}

/** What catching up needs around it. */
export interface CatchUpHost {
  readonly clock: Clock;
  readonly timers: Timers;
  streamOf(streamId: number): VisibleStream | undefined;
  onBadBatch(streamId: number, shard: number, error: BrokerError): void;
}

/** Bounds of {@link CatchUp}. */
export interface CatchUpLimits {
  /** Of one backlog read. */
  readonly maxReadBytes: number;
  /** Backlog reads under way over all sessions, and answers that are not delivered yet. */
  readonly maxReads: number;
  /** Wait before a failed read is repeated. */
  readonly retryMs: number;
}

/** One read of the journal for a session. */
interface ShardRead {
  readonly toOffset: number;
  readonly filters: readonly string[];
  /** Exact places, instead of a range and filters. */
  readonly offsets?: readonly number[];
  readonly take: (walk: BatchWalk, offset: number) => boolean;
  readonly done: () => void;
}

const NO_FILTERS: readonly string[] = [];
/** Records that one session may take before the next has its turn. */
const RECORDS_PER_TURN = 256;

/** Reads on for all sessions that are behind. */
export class CatchUp {
  readonly counters = { backlogReads: 0, backlogBytes: 0, failedReads: 0, expiredOffsets: 0, badBatches: 0 };
  /** What the records read turned out to be. */
  readonly walked: WalkCounters = newWalkCounters();
  readonly #tails: TailDelivery;
  readonly #deliverer: Deliverer;
  readonly #reader: BacklogReader;
  readonly #inflation: Inflation;
  readonly #host: CatchUpHost;
  readonly #limits: CatchUpLimits;
  readonly #wanted = new Set<LaggingSession>();
  /** Sessions that want a read while as many as may be are under way, in the order in which they came. */
  readonly #waiting = new Set<LaggingSession>();
  /** Sessions at the end of a tail that is held, or ahead of it. */
  readonly #parked = new Map<number, Set<LaggingSession>>();
  readonly #readings = new Map<LaggingSession, Map<number, BacklogReading>>();
  readonly #walk: BatchWalk;
  readonly #budget: TurnBudget;
  readonly #looked = { count: 0 };
  /** Whether the session at hand could take no more. */
  #isFull = false;
  #reads = 0;
  #scheduled = false;
  #stopped = false;

  constructor(
    tails: TailDelivery,
    deliverer: Deliverer,
    reader: BacklogReader,
    inflation: Inflation,
    host: CatchUpHost,
    limits: CatchUpLimits,
  ) {
    this.#tails = tails;
    this.#deliverer = deliverer;
    this.#reader = reader;
    this.#inflation = inflation;
    this.#host = host;
    this.#limits = limits;
    this.#walk = new BatchWalk(tails.topics, this.walked);
    this.#budget = new TurnBudget(host.clock, host.timers);
    tails.onReleased = (tail) => this.#released(tail);
  }

  /** Sessions that wait for a read of others to end. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** The session may be able to read on: its window opened, its socket drained, or it has just fallen behind. */
  want(session: LaggingSession): void {
    this.#wanted.add(session);
    if (!this.#scheduled && !this.#stopped) this.#schedule();
  }

  /** The session is gone. */
  forget(session: LaggingSession): void {
    this.#wanted.delete(session);
    this.#waiting.delete(session);
    for (const parked of this.#parked.values()) parked.delete(session);
    const readings = this.#readings.get(session);
    this.#readings.delete(session);
    for (const reading of readings?.values() ?? []) this.#end(reading);
  }

  stop(): void {
    this.#stopped = true;
    this.#wanted.clear();
    this.#waiting.clear();
    this.#parked.clear();
  }

  #schedule(): void {
    this.#scheduled = true;
    this.#host.timers.soon(() => this.#run());
  }

  #run(): void {
    this.#scheduled = false;
    this.#budget.restart();
    for (const session of this.#wanted) {
      this.#wanted.delete(session);
      try {
        if (!this.#readOn(session)) this.#wanted.add(session);
      } catch (thrown) {
        session.failed(thrown);
      }
      if (this.#budget.isSpent) break;
    }
    if (this.#wanted.size > 0 && !this.#stopped) this.#schedule();
  }

  /** False when the session could go on at once but others come first. */
  #readOn(session: LaggingSession): boolean {
    this.#looked.count = 0;
    this.#isFull = false;
    const owed = session.owedPlaces();
    for (const place of owed) {
      this.#readOnIn(session, place, () => this.#readOwed(session, place));
      if (this.#looked.count >= RECORDS_PER_TURN) return false;
    }
    for (const [shardKey, position] of session.lag ?? []) {
      const tail = this.#tails.tailOf(shardKey);
      if (tail === undefined || owed.some(({ key }) => key === shardKey)) continue;
      this.#readOnIn(session, tail, () => this.#readShard(session, tail, position));
      if (this.#looked.count >= RECORDS_PER_TURN) return false;
    }
    // A socket that is full only until the end of the turn tells nobody when it has room again.
    return !this.#isFull || !(session.output?.isDirty ?? false);
  }

  /** Goes on with the answer at hand, or begins to read. */
  #readOnIn(session: LaggingSession, place: ShardPlace, begin: () => void): void {
    const reading = this.#readings.get(session)?.get(place.key);
    if (reading?.isWaiting === true) return;
    if (session.roomIn(place) === 0) {
      this.#isFull = true;
      if (reading !== undefined) this.#drop(session, reading);
    } else if (reading === undefined) begin();
    else if (this.#deliverReading(session, reading)) this.#isFull = true;
  }

  /** What an earlier connection had in flight is read by place, whatever today's filters are (N6). */
  #readOwed(session: LaggingSession, place: ShardPlace): void {
    if (this.#host.streamOf(place.streamId) === undefined) {
      // Nobody leads it, so nobody would ever answer: what it held of the window is free again (N7).
      session.shardGone(place);
      return;
    }
    const offsets = session.owedOffsets(place, session.roomIn(place));
    const from = offsets[0];
    if (from === undefined) return;
    const position: ShardLag = { nextOffset: from, ringFrom: 0 };
    const take = (walk: BatchWalk, offset: number): boolean => this.#resend(session, walk, place, offset);
    const done = (): void => {
      // What did not come the log has no more: retention was faster than the client (I5).
      for (const offset of session.owedOffsets(place, offsets.length)) {
        if (offset >= position.nextOffset) break;
        this.counters.expiredOffsets++;
        session.abandon(place, offset);
      }
    };
    this.#startRead(session, place, position, {
      toOffset: offsets.at(-1)! + 1,
      filters: NO_FILTERS,
      offsets,
      take,
      done,
    });
  }

  /** Sends the current record of a walk again, if it is owed; false when there is no room. */
  #resend(session: LaggingSession, walk: BatchWalk, place: ShardPlace, offset: number): boolean {
    if (walk.route === null || !walk.read()) {
      session.abandon(place, offset);
      return true;
    }
    this.#deliverer.beginAgain(walk.message, this.#host.clock.nowMs());
    return this.#deliverer.resendTo(session, walk.route.receiverOf(session), place, offset);
  }

  #readShard(session: LaggingSession, tail: ShardTail, position: ShardLag): void {
    // The journal has not said yet from where on the tail has everything: told later.
    if (position.ringFrom === Infinity) return;
    const ringFrom = Math.max(tail.ringStart, position.ringFrom);
    if (position.nextOffset < ringFrom) {
      this.#readBacklog(session, tail, position, ringFrom);
      return;
    }
    this.#readRing(session, tail, position);
    if (position.nextOffset < tail.nextOffset) return;
    // Ahead of the tail: another gateway has delivered that much. Nothing below comes again (N6).
    if (tail.isHeld || position.nextOffset > tail.nextOffset) this.#park(session, tail);
    else session.caughtUp(tail);
  }

  #park(session: LaggingSession, tail: ShardTail): void {
    tail.isAwaited = true;
    const parked = this.#parked.get(tail.key);
    if (parked === undefined) this.#parked.set(tail.key, new Set([session]));
    else parked.add(session);
  }

  #released(tail: ShardTail): void {
    const parked = this.#parked.get(tail.key);
    if (parked === undefined) return;
    this.#parked.delete(tail.key);
    for (const session of parked) this.want(session);
  }

  /** Delivers from the ring until the window is full or it is another session's turn. */
  #readRing(session: LaggingSession, tail: ShardTail, position: ShardLag): void {
    const looked = this.#looked;
    const nowMs = this.#host.clock.nowMs();
    while (position.nextOffset < tail.nextOffset && looked.count < RECORDS_PER_TURN) {
      const batch = tail.batchAt(position.nextOffset);
      if (batch === undefined) {
        position.nextOffset = tail.nextOffset;
        return;
      }
      const { routes, offsetDeltas, recordCount } = batch;
      const baseOffset = baseOffsetOf(batch.buffer, batch.batchStart);
      for (let index = 0; index < recordCount; index++) {
        const offset = baseOffset + offsetDeltas[index]!;
        if (offset < position.nextOffset) continue;
        if (looked.count >= RECORDS_PER_TURN) return;
        looked.count++;
        const receiver = routes[index]?.receiverOf(session);
        if (receiver !== undefined) {
          this.#walk.seek(batch, index);
          if (!this.#deliver(session, this.#walk, tail, offset, nowMs)) {
            position.nextOffset = offset;
            return;
          }
        }
        position.nextOffset = offset + 1;
      }
      position.nextOffset = Math.max(position.nextOffset, batch.nextOffset);
    }
  }

  /** Delivers the current record of a walk to one session; false when it can't take it now. */
  #deliver(
    session: LaggingSession,
    walk: BatchWalk,
    tail: ShardTail,
    offset: number,
    nowMs: number,
  ): boolean {
    const receiver = walk.route?.receiverOf(session);
    if (receiver === undefined) return true;
    // Also before a QoS 0 copy: what is read here is not dropped because we read too fast.
    if (session.roomIn(tail) === 0) return false;
    if (!walk.read() || !this.#deliverer.begin(walk.message, nowMs)) return true;
    return this.#deliverer.deliverTo(receiver, tail, offset);
  }

  #readBacklog(session: LaggingSession, tail: ShardTail, position: ShardLag, toOffset: number): void {
    this.#startRead(session, tail, position, {
      toOffset,
      filters: coverOf(session.filters()),
      take: (walk, offset) => this.#deliver(session, walk, tail, offset, this.#host.clock.nowMs()),
      done: () => undefined,
    });
  }

  #startRead(session: LaggingSession, place: ShardPlace, position: ShardLag, read: ShardRead): void {
    if (this.#reads >= this.#limits.maxReads) {
      this.#waiting.add(session);
      return;
    }
    this.#reads++;
    this.counters.backlogReads++;
    const reading = this.#makeReading(session, place, position, read);
    let readings = this.#readings.get(session);
    if (readings === undefined) this.#readings.set(session, (readings = new Map<number, BacklogReading>()));
    readings.set(place.key, reading);
    this.#reader.readBacklog(
      {
        streamId: place.streamId,
        shard: place.shard,
        fromOffset: position.nextOffset,
        toOffset: read.toOffset,
        maxBytes: this.#limits.maxReadBytes,
        maxRecords: Math.max(1, session.roomIn(place)),
        filters: read.filters,
        ...(read.offsets && { offsets: read.offsets }),
      },
      (error, result) => {
        reading.isAnswered = true;
        // The session is gone, or another life of it reads by now.
        if (this.#readings.get(session)?.get(place.key) !== reading) this.#freed();
        else if (error === undefined) this.#answered(session, reading, position, result!);
        else this.#failed(session, reading, error);
      },
    );
  }

  #makeReading(
    session: LaggingSession,
    place: ShardPlace,
    position: ShardLag,
    { take, done }: ShardRead,
  ): BacklogReading {
    const { streamId, shard } = place;
    return new BacklogReading(
      {
        inflation: this.#inflation,
        streamOf: (id) => this.#host.streamOf(id),
        take,
        done,
        ready: () => this.want(session),
        onBadBatch: (error) => {
          this.counters.badBatches++;
          this.#host.onBadBatch(streamId, shard, error);
        },
      },
      place,
      position,
      new BatchWalk(this.#tails.topics, this.walked),
    );
  }

  #answered(
    session: LaggingSession,
    reading: BacklogReading,
    position: ShardLag,
    result: BacklogResult,
  ): void {
    this.counters.backlogBytes += result.batches.length;
    if (result.fromOffset > position.nextOffset) {
      // Below what the log still holds: whether they matched nobody knows any more (I5).
      this.counters.expiredOffsets += result.fromOffset - position.nextOffset;
      position.nextOffset = result.fromOffset;
    }
    if (result.nextOffset <= position.nextOffset && result.batches.length === 0) {
      // The journal has not come to where we are: nothing is gained by asking at once.
      this.#failed(session, reading, new BrokerError('unavailable', 'the journal is behind'));
      return;
    }
    reading.answered(result);
    this.want(session);
  }

  #failed(session: LaggingSession, reading: BacklogReading, error: BrokerError): void {
    this.counters.failedReads++;
    this.#drop(session, reading);
    if (error.code === 'cancelled' || this.#stopped) return;
    this.#host.timers.after(this.#limits.retryMs, () => {
      if (session.output !== null) this.want(session);
    });
  }

  /** Delivers more of an answer; true when the session can take no more now. */
  #deliverReading(session: LaggingSession, reading: BacklogReading): boolean {
    switch (reading.run(RECORDS_PER_TURN, this.#looked)) {
      case 'paused':
      case 'inflating':
        return false;
      case 'full':
        this.#drop(session, reading);
        return true;
      case 'done':
        this.#drop(session, reading);
        this.want(session);
        return false;
    }
  }

  /** The answer is used up, or what is left of it can't be taken now and is read again. */
  #drop(session: LaggingSession, reading: BacklogReading): void {
    const readings = this.#readings.get(session);
    readings?.delete(reading.place.key);
    if (readings?.size === 0) this.#readings.delete(session);
    this.#end(reading);
  }

  #end(reading: BacklogReading): void {
    reading.close();
    // One that the journal still works on holds its place until it has answered.
    if (reading.isAnswered) this.#freed();
  }

  /** One place is free: the session that waits longest tries. */
  #freed(): void {
    this.#reads--;
    for (const session of this.#waiting) {
      this.#waiting.delete(session);
      this.want(session);
      return;
    }
  }
}
