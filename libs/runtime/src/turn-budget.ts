// TurnBudget: long work looks at it between two units and gives the loop to others when its slice is used up (N8). Work
// that never yields costs everybody else their answers, and this process its lease.

import type { Clock } from './clock.ts';
import { nextTurn, type Timers } from './timers.ts';

/** One slice after the other of some long work. */
export class TurnBudget {
  /** Milliseconds of the loop that one slice of work may take before it yields (N8). */
  static readonly sliceMs = 5;

  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #timers: Timers;
  readonly #budgetMs: number;
  #startMs: number;

  constructor(clock: Pick<Clock, 'monotonicMs'>, timers: Timers, budgetMs: number = TurnBudget.sliceMs) {
    this.#clock = clock;
    this.#timers = timers;
    this.#budgetMs = budgetMs;
    this.#startMs = clock.monotonicMs();
  }

  /** Whether the slice has used its time: the caller ends it here. */
  get isSpent(): boolean {
    return this.#clock.monotonicMs() - this.#startMs >= this.#budgetMs;
  }

  /** Begins a slice now: for work that was resumed by something else than {@link yield}. */
  restart(): void {
    this.#startMs = this.#clock.monotonicMs();
  }

  /** Lets the loop turn once and begins the next slice. */
  async yield(): Promise<void> {
    await nextTurn(this.#timers);
    this.restart();
  }
}
