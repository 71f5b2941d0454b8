// TurnShare: the one share of the loop that one kind of work has, for all connections together (N8). Who finds the turn spent
// stands in line, so that a turn stays short however many connections send what is dear at once, and nobody is overtaken for ever.

import type { Clock } from './clock.ts';
import type { Timers } from './timers.ts';
import { TurnBudget } from './turn-budget.ts';

/** See the file head. */
export class TurnShare {
  readonly #timers: Timers;
  readonly #turn: TurnBudget;
  readonly #line = new Set<() => void>();
  #isInTurn = false;
  #isTurning = false;
  #isServing = false;
  /** Somebody who was served goes on behind {@link #serve}, and has what is left of the turn. */
  #isHandedOver = false;

  constructor(clock: Pick<Clock, 'monotonicMs'>, timers: Timers, budgetMs = TurnBudget.sliceMs) {
    this.#timers = timers;
    this.#turn = new TurnBudget(clock, timers, budgetMs);
  }

  /** What begins now counts, if nothing of this turn did before: for work that asks behind its first piece only. */
  begin(): void {
    if (!this.#isInTurn) this.#beginTurn();
  }

  /** Whether this turn of the loop has no time left: what is under way ends its slice here. */
  get isSpent(): boolean {
    this.begin();
    return this.#turn.isSpent;
  }

  /** Whether something new may begin: there is time left, and nobody came before. */
  get isOpen(): boolean {
    return (this.#isServing || this.#line.size === 0) && !this.isSpent;
  }

  /** Those who stand in line. */
  get waitingCount(): number {
    return this.#line.size;
  }

  /** Calls back once, in a later turn, in line; who stands in line already keeps the place. Must not throw. */
  wait(callback: () => void): void {
    this.#line.add(callback);
    this.#turnOn();
  }

  /** Forgets a callback. */
  forget(callback: () => void): void {
    this.#line.delete(callback);
  }

  /** Resolves in a later turn that is the caller's: one turn for each who waits so, in line. */
  yield(): Promise<void> {
    return new Promise((resolve) => {
      this.wait(() => {
        this.#isHandedOver = true;
        resolve();
      });
    });
  }

  #beginTurn(): void {
    this.#isInTurn = true;
    this.#turn.restart();
    this.#timers.soon(() => (this.#isInTurn = false));
  }

  #turnOn(): void {
    if (this.#isTurning || this.#line.size === 0) return;
    this.#isTurning = true;
    this.#timers.soon(() => this.#serve());
  }

  #serve(): void {
    this.#isTurning = false;
    this.#beginTurn();
    this.#isServing = true;
    this.#isHandedOver = false;
    for (const callback of this.#line) {
      this.#line.delete(callback);
      callback();
      if (this.#isHandedOver || this.#turn.isSpent) break;
    }
    this.#isServing = false;
    this.#turnOn();
  }
}
