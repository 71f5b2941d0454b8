// Wakes who waits for the next change of the applied state: instead of looking at it again and again.

/** Told after each applied revision. */
export class AppliedSignal {
  #waiting = Promise.withResolvers<void>();

  /** Wakes everybody who waits. */
  fire(): void {
    const { resolve } = this.#waiting;
    this.#waiting = Promise.withResolvers<void>();
    resolve();
  }

  /** Resolves with the next change, or when `signal` is aborted: look at the state, and at the signal, after it. */
  next(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    const { promise } = this.#waiting;
    const aborted = Promise.withResolvers<void>();
    const abort = (): void => aborted.resolve();
    signal.addEventListener('abort', abort, { once: true });
    return Promise.race([promise, aborted.promise]).finally(() => signal.removeEventListener('abort', abort));
  }
}
