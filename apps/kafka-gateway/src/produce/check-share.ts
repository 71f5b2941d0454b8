// CheckShare: what the checks of all connections share, which is the loop and the memory for inflated batches.
import type { Turn } from '@robustmq/batch-compression';
import type { MemoryBudget } from '../memory-budget.ts';
import type { TurnShare } from '@robustmq/runtime';

/** Batches that are inflated at once, each within its own bound: as many as the thread pool has threads. */
const MAX_INFLATING = 4;

/** See the file head. */
export class CheckShare implements Turn {
  /** Of requests: batches that wait for their check count in it also when their connection is gone. */
  readonly memory: MemoryBudget;
  readonly #turns: TurnShare;
  #inflatingCount = 0;
  readonly #waitingToInflate: (() => void)[] = [];

  constructor(turns: TurnShare, memory: MemoryBudget) {
    this.#turns = turns;
    this.memory = memory;
  }

  /** Whether this turn of the loop has no room for more checks, whichever connection they are for (N8). */
  get isSpent(): boolean {
    return this.#turns.isSpent;
  }

  /** Resolves in a later turn that is the caller's, in line with all requests. */
  yield(): Promise<void> {
    return this.#turns.yield();
  }

  /** Batches that are inflated now. */
  get inflatingCount(): number {
    return this.#inflatingCount;
  }

  /** Runs the work once there is a place for it, in the order of the calls; a connection asks for one at a time. */
  async inflating<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inflatingCount < MAX_INFLATING) this.#inflatingCount += 1;
    else await new Promise<void>((resolve) => this.#waitingToInflate.push(resolve));
    try {
      return await work();
    } finally {
      // The place goes to who waited longest.
      const next = this.#waitingToInflate.shift();
      if (next === undefined) this.#inflatingCount -= 1;
      else next();
    }
  }
}
