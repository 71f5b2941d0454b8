// Waiting, bounded, until the view has caught up with what a caller has seen: a shard may be that young.

import type { Cancel, Timers } from '@robustmq/runtime';

/** A second: a view lags by milliseconds, and callers repeat. */
const MAX_WAIT_MS = 1_000;

interface Waiting {
  readonly until: () => boolean;
  readonly callback: () => void;
  readonly cancel: Cancel;
}

/** Callers that wait for the view. */
export class RevisionWaits {
  readonly #revision: () => number;
  readonly #timers: Timers;
  readonly #waiting = new Set<Waiting>();

  constructor(revision: () => number, timers: Timers) {
    this.#revision = revision;
    this.#timers = timers;
  }

  reached(revision: number): boolean {
    return this.#revision() >= revision;
  }

  /** Calls back once the condition holds, at once if it does, or when a second has passed. */
  wait(until: () => boolean, callback: () => void): void {
    if (until()) {
      callback();
      return;
    }
    const waiting: Waiting = {
      until,
      callback,
      cancel: this.#timers.after(MAX_WAIT_MS, () => {
        this.#waiting.delete(waiting);
        callback();
      }),
    };
    this.#waiting.add(waiting);
  }

  /** The view changed. */
  advanced(): void {
    for (const waiting of [...this.#waiting]) {
      if (!waiting.until()) continue;
      waiting.cancel();
      this.#waiting.delete(waiting);
      waiting.callback();
    }
  }
}
