// One opening of the data directory after the other: each incarnation begins from what is durable (rules L5, R3), before its
// lease runs, so that a long replay costs none (rule N8).

import { assert } from '@robustmq/errors';

/** Opened for one incarnation. */
export interface OpeningsOptions<Opened> {
  /** Locks, recovers and opens everything. */
  readonly open: () => Promise<Opened>;
  /** Lets go of what nobody began to use. */
  readonly release: (opened: Opened) => Promise<void>;
}

/** At most one is open at a time. */
export class Openings<Opened> {
  readonly #options: OpeningsOptions<Opened>;
  #opened: Opened | undefined;
  /** The last user of the directory, on its way out. */
  #ending: Promise<void> = Promise.resolve();

  constructor(options: OpeningsOptions<Opened>) {
    this.#options = options;
  }

  /** Opens once the last user is gone; nothing if it is open and unused. @throws BrokerError */
  async prepare(): Promise<void> {
    await this.#ending;
    this.#opened ??= await this.#options.open();
  }

  /** Whoever takes it tells when it is done with it, by {@link ended}. */
  take(): Opened {
    const opened = this.#opened;
    assert(opened !== undefined, 'it was prepared before it is taken');
    this.#opened = undefined;
    return opened;
  }

  /** The next opening waits for this. */
  ended(ending: Promise<void>): void {
    this.#ending = ending;
  }

  /** Resolves when nothing is open. */
  async close(): Promise<void> {
    await this.#ending;
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened !== undefined) await this.#options.release(opened);
  }
}
