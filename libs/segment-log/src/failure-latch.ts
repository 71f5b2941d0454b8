// The first failure of a log's files is final, as in the commit log: after a failed sync a good one proves nothing. A restart
// recovers from the commit log.

import { BrokerError } from '@robustmq/errors';

/** Of one log. */
export class FailureLatch {
  readonly #directory: string;
  #failure: BrokerError | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Why the log takes no more appends, if so. */
  get failure(): BrokerError | undefined {
    return this.#failure;
  }

  /** @throws BrokerError storage_failed once the log has failed. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Does what only a full disk may keep from being done. */
  guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (error instanceof BrokerError && error.code === 'storage_full') throw error;
      throw this.fail(error);
    }
  }

  /** From now on the log has failed; answers with what. */
  fail(cause: unknown): BrokerError {
    this.#failure ??= new BrokerError('storage_failed', `the log in ${this.#directory} failed`, { cause });
    return this.#failure;
  }
}
