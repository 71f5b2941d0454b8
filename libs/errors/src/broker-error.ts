// The one class of operating errors.

import { ERROR_CODES, type ErrorCode } from './error-code.ts';

/** Options of a {@link BrokerError}. */
export interface BrokerErrorOptions {
  /** What made it happen; for the log only, never sent to a peer. */
  readonly cause?: unknown;
  /** Small, machine-readable facts (ids, limits); sent between services, never secrets. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/** An operating error: expected in production, with a stable code. Programmer errors are {@link assert}. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError';
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, string | number | boolean>>;

  constructor(code: ErrorCode, message: string, options: BrokerErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  /** Whether the same call may succeed later without a change by the caller. */
  get retriable(): boolean {
    return ERROR_CODES[this.code].retriable;
  }

  /**
   * Any thrown value as a BrokerError: itself, or `fallback` with the value kept as cause.
   * The foreign message is not copied, so that it can't leak to a peer.
   */
  static from(
    thrown: unknown,
    fallback: ErrorCode = 'internal',
    message = 'unexpected failure',
  ): BrokerError {
    return thrown instanceof BrokerError ? thrown : new BrokerError(fallback, message, { cause: thrown });
  }
}
