// The closed list of operating errors. Gateways map a code to their protocol's own at the edge, in one total
// table each; nothing else crosses a package boundary as an error.

/**
 * What an error means to its caller, and whether a repeat of the same call may succeed.
 * Adding a code makes every edge table fail to type-check until it maps it.
 */
export const ERROR_CODES = {
  invalid_argument: { retriable: false },
  malformed: { retriable: false },
  corrupt: { retriable: false },
  too_large: { retriable: false },
  unsupported: { retriable: false },
  not_found: { retriable: false },
  already_exists: { retriable: false },
  conflict: { retriable: false },
  unauthenticated: { retriable: false },
  permission_denied: { retriable: false },
  fenced: { retriable: false },
  out_of_range: { retriable: false },
  out_of_order: { retriable: false },
  duplicate: { retriable: false },
  quota_exceeded: { retriable: true },
  not_leader: { retriable: true },
  not_enough_replicas: { retriable: true },
  offset_not_available: { retriable: true },
  stale_epoch: { retriable: false },
  unknown_epoch: { retriable: true },
  not_coordinator: { retriable: true },
  storage_full: { retriable: true },
  storage_failed: { retriable: true },
  quarantined: { retriable: false },
  unavailable: { retriable: true },
  deadline_exceeded: { retriable: true },
  cancelled: { retriable: false },
  internal: { retriable: false },
} as const satisfies Record<string, { retriable: boolean }>;

/** One of the stable codes of {@link ERROR_CODES}; safe to log, to count by and to send between services. */
export type ErrorCode = keyof typeof ERROR_CODES;

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

/** Whether a string received from a peer is one of our codes. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CODES, text);
}

/** Thrown by {@link assert}: a bug of ours. It ends the process; nothing may catch it to go on. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** States what must hold by construction. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
