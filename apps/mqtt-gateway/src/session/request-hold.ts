// What comes behind a SUBSCRIBE or UNSUBSCRIBE is served after it: a client that does not wait for SUBACK receives what it
// publishes, and its DISCONNECT does not undo the subscription. Bounded, because PINGREQ waits as well.

import type { Cancel, Timers } from '@robustmq/runtime';
import { HOLD_REQUEST, type Held } from './read-holds.ts';

/** Longest wait of what comes behind a request. */
const MAX_HOLD_MS = 1_000;

/** The requests of one connection that have no answer. */
export class RequestHold {
  readonly #connection: Held;
  readonly #timers: Timers;
  #count = 0;
  #cancel: Cancel | null = null;

  /** `timers` end what throws with the connection. */
  constructor(connection: Held, timers: Timers) {
    this.#connection = connection;
    this.#timers = timers;
  }

  /** Whether a request waits for its answer. */
  get isServing(): boolean {
    return this.#count > 0;
  }

  /** Runs `serve`, which begins to serve one more request: reading stops until it is served. */
  begin(serve: () => void): void {
    this.#count++;
    serve();
    if (this.#count === 0 || this.#cancel !== null) return;
    this.#connection.hold(HOLD_REQUEST);
    this.#cancel = this.#timers.after(MAX_HOLD_MS, () => this.#release());
  }

  /** A request was served. */
  served(): void {
    this.#count--;
    if (this.#count > 0 || this.#cancel === null) return;
    // Once per hold: the next request's must not end by what this one left behind.
    this.#cancel();
    // Not from here: what was held would be served within the answer to others.
    this.#cancel = this.#timers.soon(() => this.#release());
  }

  /** The connection is over. */
  end(): void {
    this.#cancel?.();
  }

  #release(): void {
    this.#cancel = null;
    this.#connection.release(HOLD_REQUEST);
  }
}
