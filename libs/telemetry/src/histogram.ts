// BucketHistogram: a histogram for hot paths. Recording is a short search and three additions on typed arrays; no object,
// no attribute set, no call into the SDK. The exporter reads it when it is scraped.

import { assert } from '@robustmq/errors';

/** Upper bounds of latencies in seconds, from 100 µs to 10 s. */
export const LATENCY_BOUNDS_SECONDS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Upper bounds of sizes in bytes, from 64 B to 16 MiB. */
export const SIZE_BOUNDS_BYTES: readonly number[] = [
  64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
];

/** Upper bounds of counts, such as records per batch. */
export const COUNT_BOUNDS: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096];

/** Counts per bucket; bucket i holds values ≤ bounds[i], the last one the rest. */
export class BucketHistogram {
  readonly bounds: Float64Array;
  readonly counts: Float64Array;
  sum = 0;
  count = 0;

  /** Without `bounds`: of latencies in seconds. */
  constructor(bounds: readonly number[] = LATENCY_BOUNDS_SECONDS) {
    assert(
      bounds.every((bound, index) => index === 0 || bound > bounds[index - 1]!),
      'bounds ascend',
    );
    this.bounds = Float64Array.from(bounds);
    this.counts = new Float64Array(bounds.length + 1);
  }

  record(value: number): void {
    const bounds = this.bounds;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= bounds[middle]!) high = middle;
      else low = middle + 1;
    }
    this.counts[low]!++;
    this.sum += value;
    this.count++;
  }

  /** Bound of the bucket in which the quantile lies; Infinity in the last, 0 when empty. For status pages. */
  quantile(share: number): number {
    const wanted = share * this.count;
    let seen = 0;
    for (let index = 0; index < this.bounds.length; index++) {
      seen += this.counts[index]!;
      if (this.count > 0 && seen >= wanted) return this.bounds[index]!;
    }
    return this.count === 0 ? 0 : Number.POSITIVE_INFINITY;
  }
}
