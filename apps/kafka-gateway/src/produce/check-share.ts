// CheckShare: what the checks of all connections share, which is the loop and the memory for inflated batches.
import type { Turn } from '@robustmq/batch-compression';
import { TurnBudget, type Clock, type Timers } from '@robustmq/runtime';
import type { MemoryBudget } from '../memory-budget.ts';

/** Batches that are inflated at once, each within its own bound: as many as the thread pool has threads. */
const MAX_INFLATING = 4;

/** See the file head. */
export class CheckShare implements Turn {
  /** Of requests: batches that wait for their check count in it also when their connection is gone. */
  readonly memory: MemoryBudget;
  readonly #timers: Timers;
  readonly #turn: TurnBudget;
  #isInTurn = false;
  readonly #waitingForTurn: (() => void)[] = [];
  #isTurning = false;
  #inflatingCount = 0;
  readonly #waitingToInflate: (() => void)[] = [];

  constructor(clock: Pick<Clock, 'monotonicMs'>, timers: Timers, memory: MemoryBudget) {
    this.#timers = timers;
    this.memory = memory;
    this.#turn = new TurnBudget(clock, timers);
  }

  /** Whether this turn of the loop has no room for more checks, whichever connection they are for (N8). */
  get isSpent(): boolean {
    if (!this.#isInTurn) this.#beginTurn();
    return this.#turn.isSpent;
  }

  #beginTurn(): void {
    this.#isInTurn = true;
    this.#turn.restart();
    this.#timers.soon(() => (this.#isInTurn = false));
  }

  /** Resolves in a later turn that is the caller's: one turn for each who waits, in order. */
  yield(): Promise<void> {
    return new Promise((resolve) => {
      this.#waitingForTurn.push(resolve);
      this.#turnOn();
    });
  }

  #turnOn(): void {
    if (this.#isTurning || this.#waitingForTurn.length === 0) return;
    this.#isTurning = true;
    this.#timers.soon(() => {
      this.#isTurning = false;
      this.#beginTurn();
      this.#waitingForTurn.shift()?.();
      this.#turnOn();
    });
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
