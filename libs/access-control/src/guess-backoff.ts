// Guesses get slower: the denial of a login waits the longer the more logins of its source failed lately. Only denials
// wait, so a right password from the same place is not held up.

/** Failures that cost nothing: people mistype, and a fleet behind one address may hold a few wrong passwords. */
const FREE_FAILURES_OF_NAME = 3;
const FREE_FAILURES_OF_SOURCE = 30;
const FIRST_DELAY_MS = 250;
/** Below the time that clients wait for an answer. */
const MAX_DELAY_MS = 4_000;
/** Failures older than this are forgotten. */
const MEMORY_MS = 60_000;
const MAX_REMEMBERED = 20_000;

interface Failures {
  count: number;
  atMs: number;
}

/** Failures of the last minute, by source and by source and name. */
export class GuessBackoff {
  readonly #now: () => number;
  readonly #failures = new Map<string, Failures>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Notes a failed login; returns how long its denial waits. */
  failed(source: string, name: string): number {
    const ofName = this.#count(`${source}\u0000${name}`) - FREE_FAILURES_OF_NAME;
    const ofSource = this.#count(source) - FREE_FAILURES_OF_SOURCE;
    const steps = Math.max(ofName, ofSource);
    return steps <= 0 ? 0 : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(steps - 1, 16));
  }

  /** A right password: what failed before it under this name was a mistake. */
  succeeded(source: string, name: string): void {
    this.#failures.delete(`${source}\u0000${name}`);
  }

  #count(key: string): number {
    const nowMs = this.#now();
    const known = this.#failures.get(key);
    const count = known !== undefined && nowMs - known.atMs < MEMORY_MS ? known.count + 1 : 1;
    this.#failures.delete(key);
    if (this.#failures.size >= MAX_REMEMBERED) this.#failures.delete(this.#failures.keys().next().value!);
    this.#failures.set(key, { count, atMs: nowMs });
    return count;
  }
}
