// Publishes that found their shard's queue full: one per connection, whose reading is held meanwhile, so memory is bounded
// by the number of connections. They go in the order in which they came (I3), wait no longer than any publish may (N7),
// and look for another shard when theirs is gone.

import type { AppendQueue } from '@robustmq/journal-client';
import type { Timers } from '@robustmq/runtime';
import { HOLD_APPEND } from '../session/read-holds.ts';
import type { AppendToken } from './append-token.ts';

/** The connection of a publish that waits. */
export interface HeldPublisher {
  /** Ends one reason not to read on. */
  release(hold: number): void;
}

/** A publish that waits, in memory of its own. */
export interface BlockedPublish {
  /** Null when its connection reads on meanwhile. */
  readonly publisher: HeldPublisher | null;
  readonly tenant: string;
  readonly topic: string;
  readonly token: AppendToken;
  /** Monotonic; it fails then. */
  readonly deadlineMs: number;
  /** Appends it; false: the queue is full again. @throws BrokerError too_large */
  appendTo(queue: AppendQueue<AppendToken>): boolean;
}

type Queue = AppendQueue<AppendToken>;

/** What becomes of a publish that waits no more. */
export interface BlockedOutcomes {
  /** Appends it; false: the queue is full again. */
  append(queue: Queue, publish: BlockedPublish): boolean;
  /** Its shard is gone. */
  reroute(publish: BlockedPublish): void;
  /** Its deadline has passed. */
  expired(publish: BlockedPublish): void;
}

/** Waiting publishes per shard. */
export class BlockedPublishes {
  readonly #waiting = new Map<Queue, BlockedPublish[]>();
  readonly #timers: Timers;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Whether others wait for this shard: who comes later must not pass them. */
  isWaiting(queue: Queue): boolean {
    return this.#waiting.size > 0 && this.#waiting.has(queue);
  }

  /** Waiting publishes. */
  get size(): number {
    let size = 0;
    for (const list of this.#waiting.values()) size += list.length;
    return size;
  }

  add(queue: Queue, publish: BlockedPublish): void {
    const list = this.#waiting.get(queue);
    if (list === undefined) this.#waiting.set(queue, [publish]);
    else list.push(publish);
  }

  /** The shard takes records again, or never will: appends as many as it takes, or has them look elsewhere. */
  retry(queue: Queue, outcomes: BlockedOutcomes): void {
    const list = this.#waiting.get(queue);
    if (list === undefined) return;
    if (queue.isClosed) {
      this.#waiting.delete(queue);
      // In another turn: the view that says so is not read to its end yet (O2).
      this.#timers.soon(() => {
        for (const publish of list) outcomes.reroute({ ...publish, publisher: null });
      });
      for (const publish of list) this.#release(publish);
      return;
    }
    let taken = 0;
    while (taken < list.length && outcomes.append(queue, list[taken]!)) taken++;
    for (const publish of list.splice(0, taken)) this.#release(publish);
    if (list.length === 0) this.#waiting.delete(queue);
  }

  /** Ends the wait of those whose deadline has passed; called a few times a second. */
  expire(nowMs: number, outcomes: BlockedOutcomes): void {
    for (const [queue, list] of this.#waiting) {
      const late = list.filter(({ deadlineMs }) => deadlineMs <= nowMs);
      if (late.length === 0) continue;
      const left = list.filter(({ deadlineMs }) => deadlineMs > nowMs);
      if (left.length === 0) this.#waiting.delete(queue);
      else this.#waiting.set(queue, left);
      for (const publish of late) {
        outcomes.expired(publish);
        this.#release(publish);
      }
    }
  }

  /** Reading goes on after the queue is settled: what is read now may be for the same shard. */
  #release({ publisher }: BlockedPublish): void {
    if (publisher !== null) this.#timers.soon(() => publisher.release(HOLD_APPEND));
  }
}
