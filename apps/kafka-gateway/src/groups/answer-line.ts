// AnswerLine: answers to members of groups leave a few per turn (N8). A rebalance has one for each member of its group at once,
// and a gateway that gives up its groups has one for everybody: what waited for an answer goes on in the turn that brings it.
import type { Timers } from '@robustmq/runtime';

/** Handing on an answer takes some microseconds, and its request is written in slices of its own. */
const ANSWERS_PER_TURN = 256;

/** See the file head. */
export class AnswerLine {
  readonly #timers: Timers;
  readonly #line: (() => void)[] = [];
  #given = 0;
  #isInTurn = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Calls `answer` now, or behind those that came before in a later turn. It must not throw. */
  give(answer: () => void): void {
    this.#beginTurn();
    if (this.#line.length > 0 || this.#given >= ANSWERS_PER_TURN) {
      this.#line.push(answer);
      return;
    }
    this.#given += 1;
    answer();
  }

  #beginTurn(): void {
    if (this.#isInTurn) return;
    this.#isInTurn = true;
    this.#timers.soon(() => {
      this.#isInTurn = false;
      this.#given = 0;
      this.#goOn();
    });
  }

  #goOn(): void {
    if (this.#line.length === 0) return;
    this.#beginTurn();
    const due = this.#line.splice(0, ANSWERS_PER_TURN);
    this.#given = due.length;
    for (const answer of due) answer();
  }
}
