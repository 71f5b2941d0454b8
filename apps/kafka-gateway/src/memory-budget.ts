// One bound for bytes of requests that all connections hold together, over which they stop reading (I8).

/** Counts bytes; who wants to go on reading while it is exhausted waits for the callback. */
export class MemoryBudget {
  readonly #limitBytes: number;
  #usedBytes = 0;
  #waiting = new Set<() => void>();
  #passing: (() => void) | undefined;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
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

  /**
   * Whether who waits with this callback may go on without room. One at a time may, until {@link passed}: else those that have
   * sent a part of something large would wait for each other, and none of them ever be done (N7).
   */
  mayPass(resume: () => void): boolean {
    this.#passing ??= resume;
    return this.#passing === resume;
  }

  /** Needs that no longer: the next one may. */
  passed(resume: () => void): void {
    if (this.#passing !== resume) return;
    this.#passing = undefined;
    for (const next of [...this.#waiting]) {
      if (this.#passing !== undefined) return;
      this.#waiting.delete(next);
      next();
    }
  }

  /** Forgets a callback. */
  forget(resume: () => void): void {
    this.#waiting.delete(resume);
    this.passed(resume);
  }
}
