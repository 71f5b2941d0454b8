// One batch on its way to the sessions that follow live. It stops when the turn is over, in the middle of a record's
// receivers if need be, and goes on in the next (N8): until then nobody may become live on the shard, and cursors say
// only what every session got.

import type { TurnBudget } from '@robustmq/runtime';
import type { BatchWalk } from './batch-walk.ts';
import type { Deliverer } from './deliverer.ts';
import type { RingBatch, ShardTail } from './shard-tail.ts';
import type { Receiver } from './subscription.ts';

/** Copies or records between two looks at the clock. */
const STEPS = 128;

/** What delivery of a batch needs around it. */
export interface BatchDeliveryHost {
  /** Wall clock, for message expiry. */
  now(): number;
  /** A span around the copies of one record, if it is sampled. */
  startSpan(walk: BatchWalk, tail: ShardTail): { end(): void } | null;
}

/** A batch being delivered. */
export class BatchDelivery {
  readonly walk: BatchWalk;
  readonly #host: BatchDeliveryHost;
  readonly #deliverer: Deliverer;
  readonly #tail: ShardTail;
  readonly #ring: RingBatch;
  readonly #nextOffset: number;
  #receivers: readonly Receiver[] | null = null;
  /** Receivers that the current record is done with. */
  #done = 0;
  /** Whether the deliverer has the current record at hand. */
  #isOpen = false;
  /** Wall clock of the slice: what expires within its few milliseconds is delivered by either reading. */
  #nowMs = 0;

  /** @param nextOffset what the tail has come to when the batch is delivered. */
  constructor(
    walk: BatchWalk,
    host: BatchDeliveryHost,
    deliverer: Deliverer,
    tail: ShardTail,
    ring: RingBatch,
    nextOffset: number,
  ) {
    this.walk = walk;
    this.#host = host;
    this.#deliverer = deliverer;
    this.#tail = tail;
    this.#ring = ring;
    this.#nextOffset = nextOffset;
  }

  /**
   * Delivers until the budget is spent; true when the batch is delivered.
   * @throws BrokerError corrupt when the rest of the batch can't be read.
   */
  run(budget: TurnBudget): boolean {
    // Others have used the deliverer since the last turn.
    this.#isOpen = false;
    this.#nowMs = this.#host.now();
    let steps = 0;
    while (this.#receivers !== null || this.#nextRecord()) {
      steps += this.#receivers === null ? 1 : this.#deliverSome(this.#receivers);
      if (steps < STEPS) continue;
      steps = 0;
      if (!budget.isSpent) continue;
      this.#pause(this.walk.record.offset);
      return false;
    }
    this.#advanceTo(this.#nextOffset);
    return true;
  }

  /** Gives up the rest: what lies there is accounted for all the same. */
  abandon(): void {
    this.#finishRecord();
    this.#advanceTo(this.#nextOffset);
  }

  #nextRecord(): boolean {
    const { walk } = this;
    if (!walk.next()) return false;
    const { route, record } = walk;
    const ring = this.#ring;
    const index = ring.recordCount++;
    ring.recordStarts[index] = record.recordStart;
    ring.offsetDeltas[index] = record.offsetDelta;
    ring.routes[index] = route;
    if (route !== null && route.receivers.length > 0) {
      this.#receivers = route.receivers;
      this.#done = 0;
    }
    return true;
  }

  /** A slice of the receivers of the current record; answers how many. */
  #deliverSome(receivers: readonly Receiver[]): number {
    if (!this.#isOpen && !this.#open()) {
      this.#finishRecord();
      return 1;
    }
    const from = this.#done;
    const end = Math.min(receivers.length, from + STEPS);
    const span = from === 0 ? this.#host.startSpan(this.walk, this.#tail) : null;
    this.#deliverRange(receivers, from, end);
    span?.end();
    this.#done = end;
    if (end === receivers.length) this.#finishRecord();
    return end - from;
  }

  /** False when nobody gets the record: it can't be shown, or has expired. */
  #open(): boolean {
    const { walk } = this;
    this.#isOpen = walk.read() && this.#deliverer.begin(walk.message, this.#nowMs);
    return this.#isOpen;
  }

  #deliverRange(receivers: readonly Receiver[], from: number, end: number): void {
    const route = this.walk.route!;
    const { offset } = this.walk.record;
    if (route.receivers === receivers) {
      this.#deliverer.deliverRange(receivers, from, end, this.#tail, offset);
      return;
    }
    // Who unsubscribed between two turns gets no more of it [MQTT-3.10.4-2].
    for (let index = from; index < end; index++) {
      const receiver = route.receiverOf(receivers[index]!.session);
      if (receiver !== undefined) this.#deliverer.deliverRange([receiver], 0, 1, this.#tail, offset);
    }
  }

  #finishRecord(): void {
    this.#receivers = null;
    this.#isOpen = false;
    this.#tail.release();
  }

  #pause(offset: number): void {
    this.#advanceTo(offset + 1);
    if (this.#receivers !== null) this.#tail.holdAt(offset);
  }

  #advanceTo(offset: number): void {
    const tail = this.#tail;
    if (offset > tail.nextOffset) tail.nextOffset = offset;
    if (offset > this.#ring.nextOffset) this.#ring.nextOffset = offset;
  }
}
