// One boundary per entry (N9): whatever enters this process from a socket, a stream, a timer or a promise ends there when it
// throws. It costs one connection, one record or one run of a timer, and is counted; never the process and all it serves.
// What belongs to a client ends at its connection (`Client.guard`); this is for what belongs to nobody.

import { BrokerError } from '@robustmq/errors';
import type { Log, Timers } from '@robustmq/runtime';
import { RateLimitedLog } from '@robustmq/telemetry';

/** The boundary of one process. */
export class Boundary {
  /** Pieces of work that were given up. */
  failures = 0;
  readonly #log: RateLimitedLog;

  constructor(log: Log) {
    // A stranger may have found the way to it: a few lines of each kind say enough (N14).
    this.#log = new RateLimitedLog({
      debug: (fields, message) => log.debug({ ...fields }, message),
      info: (fields, message) => log.info({ ...fields }, message),
      warn: (fields, message) => log.error({ ...fields }, message),
    });
  }

  /** A piece of work failed in a way that nobody expected. */
  failed(thrown: unknown, where: string, subject: Record<string, unknown> = {}): void {
    this.failures++;
    this.#log.warn(where, { ...subject, where, err: BrokerError.from(thrown) }, 'unexpected failure');
  }

  /** Runs `action`; what it throws goes no further. */
  run(where: string, action: () => void): void {
    try {
      action();
    } catch (thrown) {
      this.failed(thrown, where);
    }
  }

  /** `timers` whose actions end at this boundary. */
  timers(timers: Timers): Timers {
    return guardedTimers(timers, (action) => this.run('timer', action));
  }
}

/** `timers` that leave each action to `run`, which has the boundary that it ends at. */
export function guardedTimers(timers: Timers, run: (action: () => void) => void): Timers {
  return {
    after: (delayMs, action) => timers.after(delayMs, () => run(action)),
    every: (periodMs, action) => timers.every(periodMs, () => run(action)),
    soon: (action) => timers.soon(() => run(action)),
  };
}
