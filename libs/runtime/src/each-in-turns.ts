// eachInTurns: the same with each of many, as many per turn of the loop as fit a slice (N8).

import type { Clock } from './clock.ts';
import type { Timers } from './timers.ts';
import { TurnBudget } from './turn-budget.ts';

/** What the turns are measured and made with. */
export interface Turns {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly timers: Timers;
}

/**
 * Begins at once, and calls back behind the last. Items that come or go between two turns are as `items` has it. One that
 * throws does so at whoever runs the turn; those behind it have another one (N9).
 */
export function eachInTurns<T>(
  items: Iterable<T>,
  { clock, timers }: Turns,
  act: (item: T) => void,
  done: () => void = () => undefined,
): void {
  const iterator = items[Symbol.iterator]();
  const budget = new TurnBudget(clock, timers);
  const goOn = (): void => {
    budget.restart();
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
      try {
        act(next.value);
      } catch (thrown) {
        timers.soon(goOn);
        throw thrown;
      }
      if (!budget.isSpent) continue;
      timers.soon(goOn);
      return;
    }
    done();
  };
  goOn();
}
