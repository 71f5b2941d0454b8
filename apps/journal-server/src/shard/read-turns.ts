// The share of the loop that all reads of a journal have together (rule N8). However many sessions, consumers and tools ask at
// once, one turn spends no more than the budget on them; the others wait in line, and appends, syncs and the renewal of the
// lease have their turn in between.

import { type Clock, type Timers, TurnBudget } from '@robustmq/runtime';

/** Ask {@link isSpent} between two units of work, and await {@link next} when it is. */
export class ReadTurns {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #timers: Timers;
  /** Reads have used this turn: its end is scheduled. */
  #isOpen = false;
  #startMs = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(clock: Pick<Clock, 'monotonicMs'>, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
  }

  /** Whether reads have used up this turn of the loop. */
  get isSpent(): boolean {
    this.#begin();
    return this.#clock.monotonicMs() - this.#startMs >= TurnBudget.sliceMs;
  }

  /** Resolves at a later turn, first come, first served, and only while that turn has budget left. */
  next(): Promise<void> {
    return new Promise<void>((resolve) => {
      this.#begin();
      this.#waiting.push(resolve);
    });
  }

  #begin(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#startMs = this.#clock.monotonicMs();
    this.#timers.soon(() => this.#end());
  }

  #end(): void {
    this.#isOpen = false;
    if (this.#waiting.length === 0) return;
    this.#begin();
    void this.#resume();
  }

  /** One after the other: each does its unit of work before the next is asked for. */
  async #resume(): Promise<void> {
    while (this.#waiting.length > 0 && !this.isSpent) {
      this.#waiting.shift()!();
      // Two hops: whoever awaited goes on with the first.
      await Promise.resolve();
      await Promise.resolve();
    }
  }
}
