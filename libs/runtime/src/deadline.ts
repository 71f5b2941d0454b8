// Every wait has an end: a deadline as a value to hand down a chain of calls, and a promise that gives up.

import { BrokerError } from '@robustmq/errors';
import { systemClock, type Clock } from './clock.ts';
import type { Timers } from './timers.ts';

function exceeded(what: string, durationMs: number): BrokerError {
  return new BrokerError('deadline_exceeded', `${what} took longer than ${durationMs} ms`, {
    details: { what, durationMs },
  });
}

/** A point in monotonic time by which a whole operation must be done, however many steps it takes. */
export class Deadline {
  readonly #clock: Clock;
  readonly #endMs: number;
  readonly #durationMs: number;

  private constructor(clock: Clock, durationMs: number) {
    this.#clock = clock;
    this.#durationMs = durationMs;
    this.#endMs = clock.monotonicMs() + durationMs;
  }

  static after(durationMs: number, clock: Clock = systemClock): Deadline {
    return new Deadline(clock, durationMs);
  }

  /** Never negative. */
  get remainingMs(): number {
    return Math.max(0, this.#endMs - this.#clock.monotonicMs());
  }

  get isOver(): boolean {
    return this.remainingMs === 0;
  }

  /** @throws BrokerError deadline_exceeded when the deadline has passed. */
  check(what: string): void {
    if (this.isOver) throw exceeded(what, this.#durationMs);
  }
}

/**
 * The outcome of `work`, or BrokerError `deadline_exceeded` after `durationMs`. Work given as a function gets a signal
 * that is aborted then; what a given-up promise yields later is dropped, its rejection included.
 */
export async function withDeadline<T>(
  work: Promise<T> | ((signal: AbortSignal) => Promise<T>),
  durationMs: number,
  what: string,
): Promise<T> {
  const controller = new AbortController();
  let handle: NodeJS.Timeout | undefined;
  const expiry = new Promise<never>((_resolve, reject) => {
    handle = setTimeout(() => {
      const error = exceeded(what, durationMs);
      reject(error);
      controller.abort(error);
    }, durationMs);
  });
  try {
    return await Promise.race([typeof work === 'function' ? work(controller.signal) : work, expiry]);
  } finally {
    clearTimeout(handle);
  }
}

/** Keeps the process alive: whoever waits has nothing else to live for. */
const afterSleep: Timers['after'] = (delayMs, action) => {
  const handle = setTimeout(action, delayMs);
  return () => clearTimeout(handle);
};

/**
 * Waits; by the platform's timers where none are given.
 * @throws BrokerError cancelled as soon as the signal is aborted.
 */
export function sleep(
  durationMs: number,
  signal?: AbortSignal,
  timers?: Pick<Timers, 'after'>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancelled = (): BrokerError =>
      new BrokerError('cancelled', 'wait was cancelled', { cause: signal?.reason });
    if (signal?.aborted === true) return reject(cancelled());
    const onAbort = (): void => {
      cancel();
      reject(cancelled());
    };
    const woken = (): void => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    };
    const cancel = timers?.after(durationMs, woken) ?? afterSleep(durationMs, woken);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
