// How many connections per second are let in: a token bucket of one second, so that a herd that comes back after an
// outage can't starve those that are connected.

/** A token bucket. */
export class ConnectRate {
  readonly #perSecond: number;
  #tokens: number;
  #lastMs = -1;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
  }

  /** Takes one; false when there is none. */
  take(nowMs: number): boolean {
    if (this.#lastMs >= 0) {
      this.#tokens = Math.min(
        this.#perSecond,
        this.#tokens + ((nowMs - this.#lastMs) * this.#perSecond) / 1000,
      );
    }
    this.#lastMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
