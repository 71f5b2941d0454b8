// Remembers what a password was found to be against a stored hash, so that a herd of devices that come back does not pay
// 36 ms each. Keeps no password: only an HMAC under a key that never leaves the process.
//
// Nothing expires: a changed hash misses by construction, and an entry tells no more than the hash beside it. What is
// bounded is the number; what was not asked for longest leaves.

import { createHmac, randomBytes } from 'node:crypto';

/** Pairs of hash and password. */
export class CredentialCache {
  readonly #key = randomBytes(32);
  readonly #names = new Set<string>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Pairs held now. */
  get size(): number {
    return this.#names.size;
  }

  /** Whether the pair was added; asking makes it the youngest. */
  has(phc: string, password: Buffer): boolean {
    const name = this.#name(phc, password);
    if (!this.#names.delete(name)) return false;
    this.#names.add(name);
    return true;
  }

  add(phc: string, password: Buffer): void {
    if (this.#names.size >= this.#capacity) this.#names.delete(this.#names.values().next().value!);
    this.#names.add(this.#name(phc, password));
  }

  #name(phc: string, password: Buffer): string {
    return createHmac('sha256', this.#key).update(phc).update('\u0000').update(password).digest('base64');
  }
}
