// BrokerError <-> gRPC status. The code travels in metadata, so that nothing is lost in gRPC's coarser list.
import { BrokerError, isErrorCode, type ErrorCode } from '@robustmq/errors';
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';

const CODE_KEY = 'robustmq-code';
const DETAILS_KEY = 'robustmq-details-bin';

/** gRPC status per error code: total, so that a new code does not compile before it is mapped. */
const STATUS_OF: Record<ErrorCode, status> = {
  invalid_argument: status.INVALID_ARGUMENT,
  malformed: status.INVALID_ARGUMENT,
  corrupt: status.DATA_LOSS,
  too_large: status.INVALID_ARGUMENT,
  unsupported: status.UNIMPLEMENTED,
  not_found: status.NOT_FOUND,
  already_exists: status.ALREADY_EXISTS,
  conflict: status.ABORTED,
  unauthenticated: status.UNAUTHENTICATED,
  permission_denied: status.PERMISSION_DENIED,
  fenced: status.FAILED_PRECONDITION,
  out_of_range: status.OUT_OF_RANGE,
  out_of_order: status.FAILED_PRECONDITION,
  duplicate: status.ALREADY_EXISTS,
  quota_exceeded: status.RESOURCE_EXHAUSTED,
  not_leader: status.FAILED_PRECONDITION,
  not_enough_replicas: status.UNAVAILABLE,
  offset_not_available: status.UNAVAILABLE,
  stale_epoch: status.FAILED_PRECONDITION,
  unknown_epoch: status.FAILED_PRECONDITION,
  not_coordinator: status.FAILED_PRECONDITION,
  storage_full: status.RESOURCE_EXHAUSTED,
  storage_failed: status.UNAVAILABLE,
  quarantined: status.DATA_LOSS,
  unavailable: status.UNAVAILABLE,
  deadline_exceeded: status.DEADLINE_EXCEEDED,
  cancelled: status.CANCELLED,
  internal: status.INTERNAL,
};

/** What a gRPC status means when the peer sent no code of ours: transport failures and foreign servers. */
const CODE_OF: Partial<Record<status, ErrorCode>> = {
  [status.CANCELLED]: 'cancelled',
  [status.DEADLINE_EXCEEDED]: 'deadline_exceeded',
  [status.UNIMPLEMENTED]: 'unsupported',
  [status.UNAVAILABLE]: 'unavailable',
  [status.RESOURCE_EXHAUSTED]: 'too_large',
  [status.UNAUTHENTICATED]: 'unauthenticated',
  [status.PERMISSION_DENIED]: 'permission_denied',
};

/** The error as grpc-js sends it. Causes stay here; message, code and details go to the peer. */
export function toServiceError(thrown: unknown): Partial<ServiceError> {
  const error = BrokerError.from(thrown);
  const metadata = new Metadata();
  metadata.set(CODE_KEY, error.code);
  if (Object.keys(error.details).length > 0) {
    metadata.set(DETAILS_KEY, Buffer.from(JSON.stringify(error.details)));
  }
  return { code: STATUS_OF[error.code], details: error.message, metadata };
}

/** A failed call as BrokerError: the peer's own code if it is one of ours, else what the status means. */
export function fromServiceError(thrown: unknown): BrokerError {
  if (thrown instanceof BrokerError) return thrown;
  if (!isServiceError(thrown)) return BrokerError.from(thrown);
  const sent = thrown.metadata.get(CODE_KEY)[0];
  const code = typeof sent === 'string' && isErrorCode(sent) ? sent : (CODE_OF[thrown.code] ?? 'internal');
  return new BrokerError(code, thrown.details || 'call failed', {
    details: readDetails(thrown.metadata),
    cause: thrown,
  });
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return (
    thrown instanceof Error && 'metadata' in thrown && thrown.metadata instanceof Metadata && 'code' in thrown
  );
}

function readDetails(metadata: Metadata): Record<string, string | number | boolean> {
  const sent = metadata.get(DETAILS_KEY)[0];
  if (!Buffer.isBuffer(sent) || sent.length > 4096) return {};
  try {
    const parsed: unknown = JSON.parse(sent.toString('utf8'));
    if (typeof parsed !== 'object' || parsed === null) return {};
    return Object.fromEntries(
      Object.entries(parsed).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value)),
    );
  } catch (cause) {
    return { undecodable: String(cause) };
  }
}
