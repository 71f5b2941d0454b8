// Time as an input: everything that reads a clock takes one, so that tests and the simulator can own it.

/** Wall time for what is stored and shown; monotonic time for deadlines, leases and measurements (F1). */
export interface Clock {
  /** Milliseconds since 1970; may jump in both directions. */
  nowMs(): number;
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** A clock that stands still until it is told to move: for tests. */
export class ManualClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;

  constructor(wallMs = 0) {
    this.#wallMs = wallMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** Lets time pass. */
  advance(durationMs: number): void {
    this.#wallMs += durationMs;
    this.#monotonicMs += durationMs;
  }

  /** Sets the wall clock, as an operator or NTP would; monotonic time does not notice. */
  setWall(wallMs: number): void {
    this.#wallMs = wallMs;
  }
}
