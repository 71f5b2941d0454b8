// What has arrived of one shard's tail and is not delivered yet: sections wait while a batch is inflated, or when the turn
// is over. Their credit returns when they are taken, so the journal sends no more than this gateway can deliver (N7).

import type { TailBatches } from '@robustmq/journal-client';
import type { BatchDelivery } from './batch-delivery.ts';
import type { ShardTail } from './shard-tail.ts';

/** Sessions that follow live, and what lies between where the tail was and where it went on. */
export interface TailJump<S> {
  readonly sessions: readonly S[];
  done: number;
  readonly from: number;
}

/** One shard. */
export class ShardIntake<S> {
  readonly tail: ShardTail;
  /** The section being delivered, and where its next batch starts. */
  section: TailBatches | null = null;
  at = 0;
  delivery: BatchDelivery | null = null;
  /** Whether the batch being delivered was inflated for it. */
  isInflated = false;
  jump: TailJump<S> | null = null;
  /** Goes on by itself: after an inflation, or in another turn. */
  isBusy = false;
  #isHeld = false;
  #waiting: TailBatches[] = [];
  #waitingBytes = 0;

  constructor(tail: ShardTail) {
    this.tail = tail;
  }

  /** Keeps a section for later; its credit returns when it is taken. */
  queue(section: TailBatches): void {
    section.hold();
    this.#waiting.push(section);
    this.#waitingBytes += section.batches.length;
  }

  /** Whether more waits than `maxBytes`: own batches, which cost no credit, behind others that take long. */
  isOver(maxBytes: number): boolean {
    return this.#waitingBytes > maxBytes;
  }

  /** Drops what waits: the tail goes on behind it, which is a jump. */
  dropWaiting(): void {
    const dropped = this.#waiting;
    const { nextOffset } = dropped[dropped.length - 1]!;
    for (const section of dropped) section.release();
    const rest = { ...dropped[dropped.length - 1]!, fromOffset: nextOffset, batches: NOTHING };
    this.#waiting = [{ ...rest, kind: 'skipped', hold: nothing, release: nothing }];
    this.#waitingBytes = 0;
  }

  /** Takes the next section; false when there is none. */
  takeNext(): boolean {
    const section = this.#waiting.shift();
    if (section === undefined) return false;
    this.#waitingBytes -= section.batches.length;
    this.take(section);
    this.#isHeld = true;
    return true;
  }

  /** Takes a section that did not have to wait. */
  take(section: TailBatches): void {
    this.section = section;
    this.#isHeld = false;
    this.at = 0;
  }

  /** The section will take more than this turn. */
  hold(): void {
    if (this.section === null || this.#isHeld) return;
    this.section.hold();
    this.#isHeld = true;
  }

  /** The section is delivered. */
  finish(): void {
    const { section } = this;
    this.section = null;
    if (this.#isHeld) section?.release();
  }

  /** The shard is gone. */
  close(): void {
    this.finish();
    for (const section of this.#waiting) section.release();
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

const NOTHING = Buffer.alloc(0);

function nothing(): void {
  // Its sections were released when they were dropped.
}
