// How one fetch is divided over the journals that lead its shards, so that its answer keeps what was asked for as a
// whole: KIP-74 for the most (one batch over the limit at most), the least that ends the wait counted over all.

import type { FetchSectionResult } from './types.ts';

/** The most that each journal may bring. */
export function shareOf(maxBytes: number, journals: number): number {
  return Math.max(1, Math.floor(maxBytes / Math.max(1, journals)));
}

/**
 * What a journal waits for before it answers by itself. If all together have `missingBytes` more, one of them has its
 * part of it more; and nobody waits for what his share has no room for.
 */
export function leastOf(
  broughtBytes: number,
  missingBytes: number,
  journals: number,
  shareBytes: number,
): number {
  if (journals <= 1) return broughtBytes + missingBytes;
  return Math.min(broughtBytes + Math.ceil(missingBytes / journals), fullAt(shareBytes));
}

/** A share holds half of what it may as soon as the next batch, no larger than that, does not fit. */
export function fullAt(shareBytes: number): number {
  return Math.ceil(shareBytes / 2);
}

/** Bytes that the sections have brought. */
export function sizeOf(results: readonly FetchSectionResult[]): number {
  let sizeBytes = 0;
  for (const result of results) sizeBytes += result.sizeBytes;
  return sizeBytes;
}

/**
 * Every journal lets its first batch through whatever its size; of those over a share the answer keeps the first in the
 * order asked for, which is the reader's way to progress, and others only while there is room.
 */
export function dropOverLimit(
  results: readonly FetchSectionResult[],
  shareBytes: number,
  maxBytes: number,
): void {
  const large = results.filter((result) => result.sizeBytes > shareBytes);
  let leftBytes = maxBytes - (sizeOf(results) - sizeOf(large));
  for (const [position, result] of large.entries()) {
    if (position === 0 || result.sizeBytes <= leftBytes) leftBytes -= result.sizeBytes;
    else {
      result.batches.length = 0;
      result.sizeBytes = 0;
      result.aborted.length = 0;
    }
  }
}
