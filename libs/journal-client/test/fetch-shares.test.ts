// Shares of one fetch: what each journal may bring and waits for, and what of it the answer keeps.

import { dropOverLimit, leastOf, shareOf } from '../src/fetch-shares.ts';
import type { FetchSectionResult } from '../src/index.ts';

describe('shares', () => {
  test.each([
    [10, 3, 3],
    [10, 1, 10],
    [2, 3, 1],
    [0, 2, 1],
    [7, 0, 7],
  ])('of %i bytes over %i journals: %i each', (maxBytes, count, share) => {
    expect(shareOf(maxBytes, count)).toBe(share);
  });

  test('what journals wait for: when all have the rest together, one of them answers', () => {
    for (const [broughtBytes, missingBytes, journals] of [[0, 100, 3] as const, [60, 30, 2] as const]) {
      const more = leastOf(broughtBytes, missingBytes, journals, 1_000) - broughtBytes;
      expect(journals * (more - 1)).toBeLessThan(missingBytes);
      expect(journals * more).toBeGreaterThanOrEqual(missingBytes);
    }
  });

  test('one that is left alone waits for all of the rest', () => {
    expect(leastOf(60, 40, 1, 1_000)).toBe(100);
  });

  test('no answer is longer than the limit and its first large batch', () => {
    const results = [30, 900, 20, 800, 60].map(
      (sizeBytes) => ({ sizeBytes, batches: [], aborted: [] }) as unknown as FetchSectionResult,
    );
    dropOverLimit(results, 50, 250);
    expect(results.map((result) => result.sizeBytes)).toEqual([30, 900, 20, 0, 0]);
  });
});
