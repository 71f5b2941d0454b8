// Who waits for more of a shard: told when HW moves, and when there will be no more.

import type { Shard } from '../shard/shard.ts';

/** Told that HW of a shard moved. */
export interface FetchWaiter {
  advanced(committedBytes: number): void;
}

/** All waiters of a journal. */
export class FetchWaiters {
  readonly #waiters = new Map<Shard, Set<FetchWaiter>>();

  /** Those of a shard; whoever waits adds itself. */
  of(shard: Shard): Set<FetchWaiter> {
    let waiters = this.#waiters.get(shard);
    if (waiters === undefined) this.#waiters.set(shard, (waiters = new Set()));
    return waiters;
  }

  /** Whether anybody waits for more of the shard. */
  isAwaited(shard: Shard): boolean {
    return (this.#waiters.get(shard)?.size ?? 0) > 0;
  }

  /** So much more is committed. */
  advanced(shard: Shard, committedBytes: number): void {
    for (const waiter of this.#waiters.get(shard) ?? []) waiter.advanced(committedBytes);
  }

  /** Whoever waits for more of the shard looks again, and finds what became of it. */
  end(shard: Shard): void {
    const waiters = this.#waiters.get(shard);
    this.#waiters.delete(shard);
    for (const waiter of waiters ?? []) waiter.advanced(Infinity);
  }
}
