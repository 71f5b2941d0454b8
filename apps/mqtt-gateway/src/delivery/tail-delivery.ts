// Delivers the tail: committed records of every MQTT-visible shard, in offset order, to the sessions that follow live.
// Compressed batches are inflated off the loop, once per gateway; the shard's later batches wait behind them (O7). What
// takes longer than a turn goes on in the next (N8), and a tail that jumps makes its live sessions fall behind (N5).

import { BrokerError } from '@robustmq/errors';
import type { TailBatches } from '@robustmq/journal-client';
import { batchHeader, completeBatchBytes } from '@robustmq/record-batch';
import type { StartOffset } from '@robustmq/mqtt-session';
import { TurnBudget, eachInTurns } from '@robustmq/runtime';
import { BatchDelivery } from './batch-delivery.ts';
import { BatchWalk, newWalkCounters } from './batch-walk.ts';
import { startDeliverySpan } from './delivery-span.ts';
import type { Deliverer } from './deliverer.ts';
import type { Inflation } from './inflation.ts';
import { RecordTopics } from './record-topic.ts';
import { ringBatch } from './ring-batch.ts';
import type { LiveSession } from './session-ports.ts';
import { ShardIntake } from './shard-intake.ts';
import type { ShardPlace } from './shard-place.ts';
import { ShardTail, shardKeyOf } from './shard-tail.ts';
import type { TailCounters, TailHost, TailLimits } from './tail-host.ts';
import type { VisibleStream } from './topic-route.ts';

/** Where a tail that begins was before. */
const NOWHERE = -1;
/** Sessions that fall behind between two looks at the clock. */
const SESSION_STEPS = 128;

type Intake = ShardIntake<LiveSession>;

/** The tails of all shards. */
export class TailDelivery {
  readonly counters: TailCounters = { ...newWalkCounters(), inflatedBatches: 0, badBatches: 0, jumps: 0 };
  /** Told when a tail that is awaited has moved on, or may be followed live again. */
  onReleased: (tail: ShardTail) => void = () => undefined;
  readonly topics = new RecordTopics();
  readonly #host: TailHost;
  readonly #deliverer: Deliverer;
  readonly #inflation: Inflation;
  readonly #limits: TailLimits;
  readonly #intakes = new Map<number, Intake>();
  readonly #walks: BatchWalk[] = [];
  readonly #budget: TurnBudget;
  readonly #deliveryHost;
  #isInTurn = false;

  constructor(host: TailHost, deliverer: Deliverer, inflation: Inflation, limits: TailLimits) {
    this.#host = host;
    this.#deliverer = deliverer;
    this.#inflation = inflation;
    this.#limits = limits;
    this.#budget = new TurnBudget(host.clock, host.timers);
    this.#deliveryHost = {
      now: () => host.clock.nowMs(),
      startSpan: (walk: BatchWalk, tail: ShardTail) =>
        host.sampler.isOn ? startDeliverySpan(host.sampler, host.publishes, walk.record, tail) : null,
    };
  }

  /** The tail of a shard; undefined until the journal has said where it starts. */
  tailOf(shardKey: number): ShardTail | undefined {
    return this.#intakes.get(shardKey)?.tail;
  }

  /** All tails known. */
  *tails(): Generator<ShardTail> {
    for (const intake of this.#intakes.values()) yield intake.tail;
  }

  /** Where what has arrived of a shard ends; undefined until the journal has said where its tail starts. */
  positionOf(streamId: number, shard: number): StartOffset | undefined {
    const tail = this.tailOf(shardKeyOf(streamId, shard));
    return tail && { streamId, shard, leaderEpoch: tail.leaderEpoch, offset: tail.arrivedTo };
  }

  /** Makes the tail of a shard known, from the answer to a change of filters. */
  startTail(streamId: number, shard: number, leaderEpoch: number, offset: number): void {
    this.#intakeOf(streamId, shard, leaderEpoch, offset);
  }

  /** Undefined for a stream that MQTT can't see: what is said late of a deleted one begins no tail that nobody would forget. */
  #intakeOf(streamId: number, shard: number, leaderEpoch: number, offset: number): Intake | undefined {
    const key = shardKeyOf(streamId, shard);
    let intake = this.#intakes.get(key);
    if (intake === undefined) {
      if (this.#host.streamOf(streamId) === undefined) return undefined;
      intake = new ShardIntake(new ShardTail(streamId, shard, leaderEpoch, offset));
      this.#intakes.set(key, intake);
      // Nothing of it is delivered before every session has found its place.
      intake.jump = { sessions: this.#host.sessions(), done: 0, from: NOWHERE };
      this.#beginTurn();
      if (!this.#fallBehind(intake)) this.#later(intake);
    }
    return intake;
  }

  /**
   * Forgets the shards of a deleted stream, and has sessions forget them: those as well whose tails are not known here, for
   * a session may wait for them (N7).
   */
  forget(streamId: number, shardCount: number): void {
    const gone = new Map<number, ShardPlace>();
    for (let shard = 0; shard < shardCount; shard++) {
      const key = shardKeyOf(streamId, shard);
      gone.set(key, { streamId, shard, key, leaderEpoch: -1, nextOffset: 0, deliveredBelow: 0 });
    }
    for (const [key, intake] of this.#intakes) {
      if (intake.tail.streamId !== streamId) continue;
      this.#intakes.delete(key);
      this.#end(intake);
      gone.set(key, intake.tail);
    }
    eachInTurns(farewells(this.#host.sessions(), gone), this.#host, (tell) => tell());
  }

  /** Nobody gets anything of the shard any more: who was told that it is gone would keep a place there. */
  #end(intake: Intake): void {
    const { tail, delivery } = intake;
    intake.close();
    intake.jump = null;
    delivery?.abandon();
    this.#endDelivery(intake);
    tail.restartAt(Number.MAX_SAFE_INTEGER);
    if (tail.isAwaited) this.#moved(tail);
  }

  /** A section of the tail. Its bytes are taken when this returns, or are held until they are. */
  receive(section: TailBatches): void {
    const { streamId, shard, leaderEpoch, fromOffset } = section;
    const intake = this.#intakeOf(streamId, shard, leaderEpoch, fromOffset);
    if (intake === undefined) return;
    if (section.nextOffset > intake.tail.arrivedTo) intake.tail.arrivedTo = section.nextOffset;
    this.#beginTurn();
    if (!intake.isBusy && !this.#budget.isSpent) {
      intake.take(section);
      this.#begin(intake, section);
      this.#advance(intake);
      return;
    }
    intake.queue(section);
    if (intake.isOver(this.#limits.ringBytesPerShard)) intake.dropWaiting();
    if (!intake.isBusy) this.#later(intake);
  }

  /** All tails share one budget per turn of the loop. */
  #beginTurn(): void {
    if (this.#isInTurn) return;
    this.#isInTurn = true;
    this.#budget.restart();
    this.#host.timers.soon(() => {
      this.#isInTurn = false;
    });
  }

  #later(intake: Intake): void {
    intake.isBusy = true;
    intake.hold();
    this.#host.timers.soon(() => {
      this.#beginTurn();
      this.#advance(intake);
    });
  }

  /** Delivers what has arrived of a shard; whatever goes wrong costs one section (N9). */
  #advance(intake: Intake): void {
    try {
      this.#deliverSections(intake);
    } catch (error) {
      this.#bad(intake.tail, error);
      this.#endDelivery(intake);
      intake.at = Infinity;
      this.#later(intake);
    }
  }

  /** Until there is no more, the turn is over, or a batch is to be inflated. */
  #deliverSections(intake: Intake): void {
    const { tail } = intake;
    intake.isBusy = false;
    for (;;) {
      const isDone = this.#fallBehind(intake) && this.#deliver(intake);
      if (tail.isAwaited && !tail.isHeld) this.#moved(tail);
      if (!isDone) {
        this.#later(intake);
        return;
      }
      const { section } = intake;
      if (section === null) {
        if (!intake.takeNext()) return;
        this.#begin(intake, intake.section!);
      } else if (intake.at < section.batches.length) {
        if (!this.#open(intake, section)) return;
      } else {
        this.#skipTo(tail, section.nextOffset);
        intake.finish();
      }
    }
  }

  #moved(tail: ShardTail): void {
    tail.isAwaited = false;
    this.onReleased(tail);
  }

  #begin({ tail }: Intake, section: TailBatches): void {
    tail.leaderEpoch = section.leaderEpoch;
    if (section.fromOffset <= tail.nextOffset) return;
    this.counters.jumps++;
    const intake = this.#intakes.get(tail.key)!;
    intake.jump = { sessions: this.#host.sessions(), done: 0, from: tail.nextOffset };
    // Until all of them have fallen behind, cursors stay where the tail was.
    tail.holdAt(tail.nextOffset);
    tail.restartAt(section.fromOffset);
  }

  /** Has live sessions read what the tail left out; false when the turn is over first. */
  #fallBehind(intake: Intake): boolean {
    const { jump, tail } = intake;
    if (jump === null) return true;
    while (jump.done < jump.sessions.length) {
      const end = Math.min(jump.sessions.length, jump.done + SESSION_STEPS);
      for (; jump.done < end; jump.done++) {
        const session = jump.sessions[jump.done]!;
        if (jump.from === NOWHERE) session.tailStarted(tail);
        else session.tailJumped(tail, jump.from, tail.ringStart);
      }
      if (this.#budget.isSpent && jump.done < jump.sessions.length) return false;
    }
    intake.jump = null;
    tail.release();
    return true;
  }

  /** Goes on with the batch under way; false when the turn is over first. */
  #deliver(intake: Intake): boolean {
    const { delivery, tail } = intake;
    if (delivery === null) return true;
    const isDone = this.#run(delivery, tail);
    if (!isDone) return false;
    this.#walks.push(delivery.walk);
    this.#endDelivery(intake);
    return true;
  }

  #endDelivery(intake: Intake): void {
    intake.delivery = null;
    if (intake.isInflated) this.#inflation.done();
    intake.isInflated = false;
  }

  #run(delivery: BatchDelivery, tail: ShardTail): boolean {
    try {
      return delivery.run(this.#budget);
    } catch (error) {
      delivery.abandon();
      this.#bad(tail, error);
      return true;
    }
  }

  /** Opens the next batch of a section; false when it is to be inflated first. */
  #open(intake: Intake, section: TailBatches): boolean {
    const { batches } = section;
    const { tail } = intake;
    const start = intake.at;
    const sizeBytes = completeBatchBytes(batches, start, batches.length);
    if (sizeBytes === 0) {
      intake.at = batches.length;
      this.#bad(tail, new BrokerError('corrupt', 'batch does not fit its section'));
      return true;
    }
    intake.at = start + sizeBytes;
    const nextOffset =
      intake.at === batches.length ? section.nextOffset : batchHeader.lastOffset(batches, start) + 1;
    const visible = this.#host.streamOf(tail.streamId);
    if (visible === undefined || batchHeader.isControl(batches, start)) {
      this.#skipTo(tail, nextOffset);
      return true;
    }
    if (batchHeader.codec(batches, start) !== 0) {
      this.#inflate(intake, batches, start, nextOffset);
      return false;
    }
    this.#start(intake, visible, batches, start, nextOffset);
    return true;
  }

  #inflate(intake: Intake, batches: Buffer, start: number, nextOffset: number): void {
    const { tail } = intake;
    intake.isBusy = true;
    intake.hold();
    this.counters.inflatedBatches++;
    this.#inflation.open(batches, start).then(
      (inflated) => {
        const visible = this.#host.streamOf(tail.streamId);
        if (visible === undefined || this.#intakes.get(tail.key) !== intake) {
          this.#inflation.done();
          this.#skipTo(tail, nextOffset);
        } else {
          intake.isInflated = true;
          this.#start(intake, visible, inflated, 0, nextOffset);
        }
        this.#later(intake);
      },
      (error: unknown) => {
        this.#bad(tail, error);
        this.#skipTo(tail, nextOffset);
        this.#later(intake);
      },
    );
  }

  #start(intake: Intake, visible: VisibleStream, buffer: Buffer, start: number, nextOffset: number): void {
    const { tail } = intake;
    const walk = this.#walks.pop() ?? new BatchWalk(this.topics, this.counters);
    try {
      walk.begin(buffer, start, visible, tail.nextOffset);
    } catch (error) {
      this.#walks.push(walk);
      this.#bad(tail, error);
      this.#skipTo(tail, nextOffset);
      return;
    }
    const ring = ringBatch(buffer, start, tail.nextOffset, walk.isTrusted);
    tail.push(ring, this.#limits.ringBytesPerShard);
    intake.delivery = new BatchDelivery(walk, this.#deliveryHost, this.#deliverer, tail, ring, nextOffset);
  }

  #bad(tail: ShardTail, error: unknown): void {
    this.counters.badBatches++;
    this.#host.onBadBatch(tail.streamId, tail.shard, BrokerError.from(error));
  }

  #skipTo(tail: ShardTail, offset: number): void {
    if (offset > tail.nextOffset) tail.nextOffset = offset;
  }
}

/** A stream may have many shards: each is a step of its own (N8). */
function* farewells(
  sessions: readonly LiveSession[],
  gone: ReadonlyMap<number, ShardPlace>,
): Generator<() => void> {
  for (const session of sessions) for (const place of gone.values()) yield () => session.shardGone(place);
}
