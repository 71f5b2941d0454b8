// One request may name thousands of things; each may cost a call to another service.
import type { Turn } from '@robustmq/batch-compression';

/** Commands and questions of one request that may be under way at once. */
const MAX_UNDER_WAY = 32;

/**
 * What `work` makes of each item, in their order, with a bounded number under way (I8) and in slices that leave the loop to
 * others, for what is answered from memory takes time as well (N8).
 */
export async function mapBounded<T, R>(
  items: readonly T[],
  turns: Turn,
  work: (item: T, index: number) => Promise<R> | R,
  maxUnderWay: number = MAX_UNDER_WAY,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      if (turns.isSpent) await turns.yield();
      results[index] = await work(items[index] as T, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(maxUnderWay, items.length) }, worker));
  return results;
}
