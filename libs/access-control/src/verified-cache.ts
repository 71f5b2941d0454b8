// Remembers verified credentials so that a reconnect storm does not cost 36 ms each. Keeps no password: only an HMAC under a
// key that never leaves the process.
import { createHmac, randomBytes } from 'node:crypto';

/** How much is remembered, and for how long. */
export interface VerifiedCacheOptions {
  readonly capacity: number;
  readonly ttlMs: number;
  readonly nowMs: () => number;
}

/** Credentials that were verified against a certain password hash. A changed hash misses by construction. */
export class VerifiedCache {
  readonly #key = randomBytes(32);
  readonly #expiries = new Map<string, number>();
  readonly #options: VerifiedCacheOptions;

  constructor(options: VerifiedCacheOptions) {
    this.#options = options;
  }

  /** Whether this password was verified for this hash a short time ago. */
  has(phc: string, password: Buffer): boolean {
    const name = this.#name(phc, password);
    const expiry = this.#expiries.get(name);
    if (expiry === undefined) return false;
    if (expiry > this.#options.nowMs()) return true;
    this.#expiries.delete(name);
    return false;
  }

  /** Remembers a verification. The oldest leaves when the cache is full. */
  add(phc: string, password: Buffer): void {
    const oldest = this.#expiries.keys().next();
    if (this.#expiries.size >= this.#options.capacity && oldest.done !== true)
      this.#expiries.delete(oldest.value);
    this.#expiries.set(this.#name(phc, password), this.#options.nowMs() + this.#options.ttlMs);
  }

  /** Entries held now. */
  get size(): number {
    return this.#expiries.size;
  }

  #name(phc: string, password: Buffer): string {
    return createHmac('sha256', this.#key).update(phc).update('\u0000').update(password).digest('base64');
  }
}
