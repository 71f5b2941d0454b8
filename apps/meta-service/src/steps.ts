// Work in steps: the pure part says where it may rest, its driver decides whether it does (N8).
import type { TurnBudget } from '@robustmq/runtime';

/** Work that yields wherever it may be interrupted. What it has done until its end is seen by nobody. */
export type Steps<Result> = Generator<undefined, Result, undefined>;

/** Runs to the end and gives the loop a turn whenever the slice is used up. */
export async function inSlices<Result>(steps: Steps<Result>, budget: TurnBudget): Promise<Result> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (budget.isSpent) await budget.yield();
  }
}
