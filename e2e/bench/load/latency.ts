// Latencies as counts per 10 µs: exact percentiles up to ten seconds, no allocation per sample.

const BUCKET_MS = 0.01;
const BUCKETS = 1_000_000;

/** Latency samples in milliseconds; what lies beyond ten seconds counts as ten seconds. */
export class Latencies {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;
  #largestMs = 0;

  /** Records one sample. Negative values (clock granularity) count as zero. */
  record(ms: number): void {
    const bucket = ms <= 0 ? 0 : Math.min(BUCKETS - 1, Math.floor(ms / BUCKET_MS));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#total += 1;
    if (ms > this.#largestMs) this.#largestMs = ms;
  }

  /** Forgets all samples: the end of the warm-up. */
  reset(): void {
    this.#counts.fill(0);
    this.#total = 0;
    this.#largestMs = 0;
  }

  get count(): number {
    return this.#total;
  }

  get maxMs(): number {
    return this.#largestMs;
  }

  /** The smallest latency that `percent` of the samples do not exceed; 0 without samples. */
  percentileMs(percent: number): number {
    let left = Math.ceil((this.#total * percent) / 100);
    if (left === 0) return 0;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      left -= this.#counts[bucket] ?? 0;
      if (left <= 0) return (bucket + 1) * BUCKET_MS;
    }
    return this.#largestMs;
  }
}
