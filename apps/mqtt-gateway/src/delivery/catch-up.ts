// Sessions that are behind the tail (rule X5): a full window, a slow socket, or a reconnect with a cursor. Each keeps a
// cursor per shard only. Inside the ring they read the gateway's own recent batches, below it the journal's index, a
// bounded piece at a time and only as much as the client's window takes; at the tail they are live again.

import type { ShardLag } from '@robustmq/mqtt-session';
import { batchHeader } from '@robustmq/record-batch';
import { TurnBudget } from '@robustmq/runtime';
import { coverOf } from './backlog-filters.ts';
import {
  BacklogReads,
  type BacklogCounters,
  type BacklogReader,
  type CatchUpHost,
  type CatchUpLimits,
} from './backlog-reads.ts';
import { BatchWalk, type WalkCounters } from './batch-walk.ts';
import type { Deliverer } from './deliverer.ts';
import type { Inflation } from './inflation.ts';
import type { LaggingSession } from './session-ports.ts';
import type { ShardPlace } from './shard-place.ts';
import type { ShardTail } from './shard-tail.ts';
import type { TailDelivery } from './tail-delivery.ts';

const NO_FILTERS: readonly string[] = [];
/** Records that one session may take before the next has its turn. */
const RECORDS_PER_TURN = 256;

/** Reads on for all sessions that are behind. */
export class CatchUp {
  readonly counters: BacklogCounters;
  /** What the records read turned out to be. */
  readonly walked: WalkCounters;
  readonly #tails: TailDelivery;
  readonly #deliverer: Deliverer;
  readonly #host: CatchUpHost;
  readonly #wanted = new Set<LaggingSession>();
  /** Sessions at the end of a tail that is held, or ahead of it. */
  readonly #parked = new Map<number, Set<LaggingSession>>();
  readonly #reads: BacklogReads;
  readonly #walk: BatchWalk;
  readonly #budget: TurnBudget;
  readonly #looked = { count: 0 };
  /** Whether the session at hand could take no more. */
  #isFull = false;
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
    this.#host = host;
    this.#reads = new BacklogReads(reader, inflation, host, limits, tails.topics, (session) =>
      this.want(session),
    );
    this.counters = this.#reads.counters;
    this.walked = this.#reads.walked;
    this.#walk = new BatchWalk(tails.topics, this.walked);
    this.#budget = new TurnBudget(host.clock, host.timers);
    tails.onReleased = (tail) => this.#released(tail);
  }

  /** Sessions that wait for a read of others to end. */
  get waiting(): number {
    return this.#reads.waiting;
  }

  /** The session may be able to read on: its window opened, its socket drained, or it has just fallen behind. */
  want(session: LaggingSession): void {
    this.#wanted.add(session);
    if (!this.#scheduled && !this.#stopped) this.#schedule();
  }

  /** The session is gone. */
  forget(session: LaggingSession): void {
    this.#wanted.delete(session);
    for (const parked of this.#parked.values()) parked.delete(session);
    this.#reads.forget(session);
  }

  stop(): void {
    this.#stopped = true;
    this.#reads.stop();
    this.#wanted.clear();
    this.#parked.clear();
  }

  #schedule(): void {
    this.#scheduled = true;
    this.#host.timers.soon(() => this.#run());
  }

  #run(): void {
    this.#scheduled = false;
    this.#budget.restart();
    // Who comes again waits for the next turn: until then nothing has changed for it, its output is not even flushed.
    let left = this.#wanted.size;
    for (const session of this.#wanted) {
      if (left-- === 0) break;
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
    const reading = this.#reads.of(session, place);
    if (reading?.isWaiting === true) return;
    if (session.roomIn(place) === 0) {
      this.#isFull = true;
      if (reading !== undefined) this.#reads.drop(session, reading);
    } else if (reading === undefined) begin();
    else if (this.#reads.deliver(session, reading, RECORDS_PER_TURN, this.#looked)) this.#isFull = true;
  }

  /** What an earlier connection had in flight is read by place, whatever today's filters are (N6). */
  #readOwed(session: LaggingSession, place: ShardPlace): void {
    if (this.#host.streamOf(place.streamId) === undefined) {
      // Nobody leads it, so nobody would ever answer: what it held of the window is free again (N7). One that this gateway has
      // not heard of yet it hears of later, and goes on then: what is owed there is owed still (N6).
      if (this.#host.isDeleted(place.streamId)) session.shardGone(place);
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
    this.#reads.start(session, place, position, {
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
      const baseOffset = batchHeader.baseOffset(batch.buffer, batch.batchStart);
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
    this.#reads.start(session, tail, position, {
      toOffset,
      filters: coverOf(session.filters()),
      take: (walk, offset) => this.#deliver(session, walk, tail, offset, this.#host.clock.nowMs()),
      done: () => undefined,
    });
  }
}
