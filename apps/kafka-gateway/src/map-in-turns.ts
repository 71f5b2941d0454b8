// One request may name thousands of things: none of them is much work, all of them together are (N8).
import type { Turn } from '@robustmq/batch-compression';

/** What `work` makes of each item, one after the other and in their order, in slices that leave the loop to others. */
export async function mapInTurns<T, R>(
  items: readonly T[],
  turns: Turn,
  work: (item: T, index: number) => Promise<R> | R,
): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) {
    if (turns.isSpent) await turns.yield();
    const result = work(item, results.length);
    results.push(result instanceof Promise ? await result : result);
  }
  return results;
}

/** Items that are worked on at once. */
const SHORT = 500;

/** As {@link mapInTurns}, but for a short list at once: that costs no look at the clock, and no place in the line. */
export function mapLongInTurns<T, R>(
  items: readonly T[],
  turns: Turn,
  work: (item: T, index: number) => R,
): Promise<R[]> | R[] {
  return items.length <= SHORT
    ? items.map((item, index) => work(item, index))
    : mapInTurns(items, turns, work);
}
