// One bound for bytes that all connections hold together (I8): of requests, over which they stop reading, and of
// answers, over which they get less at a time.

/** Counts bytes; who wants to go on reading while it is exhausted waits for the callback. */
export class MemoryBudget {
  readonly #limitBytes: number;
  #usedBytes = 0;
  #waiting = new Set<() => void>();

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** How many times over the bound; below 1 there is room. */
  get load(): number {
    return this.#usedBytes / this.#limitBytes;
  }

  get exhausted(): boolean {
    return this.#usedBytes >= this.#limitBytes;
  }

  /** Counts bytes that are held already; a negative number gives them back. */
  add(sizeBytes: number): void {
    this.#usedBytes += sizeBytes;
    if (this.exhausted || this.#waiting.size === 0) return;
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const resume of waiting) resume();
  }

  /** Calls back once, when there is room again. */
  onRoom(resume: () => void): void {
    this.#waiting.add(resume);
  }

  /** Forgets a callback. */
  forget(resume: () => void): void {
    this.#waiting.delete(resume);
  }
}
