// The closed list of codes that an operating error can have.

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

/** Whether a string received from a peer is one of our codes. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CODES, text);
}
