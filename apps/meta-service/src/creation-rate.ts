// How fast a tenant may make shards: each costs a journal-server synced files and every process a row, so that a flood of
// creations took the lease of the journal from it. A bucket per tenant; not logged, a new leader begins with full ones.
import { BrokerError } from '@robustmq/errors';
import type { Clock } from '@robustmq/runtime';

/** Bounds of {@link CreationRate}. */
export interface CreationRateOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Shards that may be made at once. */
  readonly burst: number;
  readonly shardsPerSecond: number;
}

interface Bucket {
  shards: number;
  atMs: number;
}

/** Tenants that are told apart; a bucket that is full again need not be remembered. */
const MAX_TENANTS = 10_000;

/** See the file head. */
export class CreationRate {
  readonly #options: CreationRateOptions;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: CreationRateOptions) {
    this.#options = options;
  }

  /**
   * Takes the room of so many shards.
   * @throws BrokerError `quota_exceeded` with details `quota: rate` and `retryAfterMs`
   */
  take(tenant: string, shards: number): void {
    const { burst, shardsPerSecond } = this.#options;
    const bucket = this.#bucketOf(tenant);
    const wanted = Math.min(shards, burst);
    if (bucket.shards < wanted) {
      const retryAfterMs = Math.ceil(((wanted - bucket.shards) * 1_000) / shardsPerSecond);
      throw new BrokerError(
        'quota_exceeded',
        `tenant ${tenant} makes shards faster than ${shardsPerSecond} a second: again in ${retryAfterMs} ms`,
        { details: { quota: 'rate', retryAfterMs } },
      );
    }
    bucket.shards -= wanted;
  }

  #bucketOf(tenant: string): Bucket {
    const { clock, burst, shardsPerSecond } = this.#options;
    const atMs = clock.monotonicMs();
    const known = this.#buckets.get(tenant);
    if (known === undefined) {
      if (this.#buckets.size >= MAX_TENANTS) this.#forgetOldest();
      const bucket = { shards: burst, atMs };
      this.#buckets.set(tenant, bucket);
      return bucket;
    }
    known.shards = Math.min(burst, known.shards + ((atMs - known.atMs) * shardsPerSecond) / 1_000);
    known.atMs = atMs;
    return known;
  }

  #forgetOldest(): void {
    for (const tenant of this.#buckets.keys()) {
      this.#buckets.delete(tenant);
      return;
    }
  }
}
