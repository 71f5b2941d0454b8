// Retries: bounded, jittered, counted and abortable. Only idempotent work may be given to it.

import { BrokerError } from '@robustmq/errors';
import { sleep } from './deadline.ts';
import type { Timers } from './timers.ts';

/** The shape of an exponential backoff. */
export interface BackoffOptions {
  /** Longest wait before the second attempt. Default 50. */
  readonly baseDelayMs?: number;
  /** Longest wait at all. Default 2,000. */
  readonly maxDelayMs?: number;
  /** In [0, 1). Default Math.random. */
  readonly random?: () => number;
}

/** How {@link retry} repeats. */
export interface RetryOptions extends BackoffOptions {
  /** Attempts in all, the first included. Default 5. */
  readonly attempts?: number;
  /** What waits between two attempts; default the platform's. */
  readonly timers?: Timers;
  /** Ends the retries, also in the middle of a wait. */
  readonly signal?: AbortSignal;
  /** Which failures may be repeated. Default: a BrokerError that says so of itself. */
  readonly isRetriable?: (error: unknown) => boolean;
  /** Called before each wait: the place to count and to log. */
  readonly onRetry?: (event: {
    readonly error: unknown;
    readonly attempt: number;
    readonly delayMs: number;
  }) => void;
}

const DEFAULT_BASE_DELAY_MS = 50;
const DEFAULT_MAX_DELAY_MS = 2000;
const DEFAULT_ATTEMPTS = 5;

/**
 * Wait after the `attempt`-th failure (from 1): random between half and all of an exponentially growing bound, so that
 * clients that failed together don't come back together and nobody hammers at once.
 */
export function backoffDelayMs(attempt: number, options: BackoffOptions = {}): number {
  const base = options.baseDelayMs ?? DEFAULT_BASE_DELAY_MS;
  const bound = Math.min(options.maxDelayMs ?? DEFAULT_MAX_DELAY_MS, base * 2 ** Math.min(attempt - 1, 30));
  return bound * (0.5 + (options.random ?? Math.random)() / 2);
}

function isRetriableByCode(error: unknown): boolean {
  return error instanceof BrokerError && error.retriable;
}

/**
 * Calls `work` until it succeeds, fails for good or the attempts are used up; then the last error is thrown as it is.
 * @throws BrokerError cancelled when the signal is aborted during a wait.
 */
export async function retry<T>(
  work: (attempt: number) => Promise<T>,
  options: RetryOptions = {},
): Promise<T> {
  const attempts = options.attempts ?? DEFAULT_ATTEMPTS;
  const isRetriable = options.isRetriable ?? isRetriableByCode;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      if (attempt >= attempts || !isRetriable(error)) throw error;
      const delayMs = backoffDelayMs(attempt, options);
      options.onRetry?.({ error, attempt, delayMs });
      await sleep(delayMs, options.signal, options.timers);
    }
  }
}
