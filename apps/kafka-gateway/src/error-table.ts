// The one total table from our error codes to Kafka's: a new code does not compile before it is mapped here.
import { BrokerError, type ErrorCode } from '@robustmq/errors';
import { KAFKA_ERRORS, type KafkaErrorName } from '@robustmq/kafka-codec';

const KAFKA_ERROR_OF: Record<ErrorCode, KafkaErrorName> = {
  invalid_argument: 'INVALID_REQUEST',
  malformed: 'CORRUPT_MESSAGE',
  corrupt: 'CORRUPT_MESSAGE',
  too_large: 'MESSAGE_TOO_LARGE',
  unsupported: 'UNSUPPORTED_VERSION',
  not_found: 'UNKNOWN_TOPIC_OR_PARTITION',
  already_exists: 'TOPIC_ALREADY_EXISTS',
  conflict: 'INVALID_REQUEST',
  unauthenticated: 'SASL_AUTHENTICATION_FAILED',
  permission_denied: 'TOPIC_AUTHORIZATION_FAILED',
  // Of a producer: a newer epoch of its id is known.
  fenced: 'INVALID_PRODUCER_EPOCH',
  out_of_range: 'OFFSET_OUT_OF_RANGE',
  out_of_order: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  duplicate: 'DUPLICATE_SEQUENCE_NUMBER',
  quota_exceeded: 'THROTTLING_QUOTA_EXCEEDED',
  not_leader: 'NOT_LEADER_OR_FOLLOWER',
  not_enough_replicas: 'NOT_ENOUGH_REPLICAS',
  offset_not_available: 'OFFSET_NOT_AVAILABLE',
  stale_epoch: 'FENCED_LEADER_EPOCH',
  unknown_epoch: 'UNKNOWN_LEADER_EPOCH',
  not_coordinator: 'NOT_COORDINATOR',
  storage_full: 'KAFKA_STORAGE_ERROR',
  storage_failed: 'KAFKA_STORAGE_ERROR',
  quarantined: 'KAFKA_STORAGE_ERROR',
  // A shard or a journal-server is away for the moment; clients refresh their metadata and try again.
  unavailable: 'NOT_LEADER_OR_FOLLOWER',
  deadline_exceeded: 'REQUEST_TIMED_OUT',
  // The outcome is unknown: librdkafka repeats a produce after a time-out, but gives it up after NETWORK_EXCEPTION.
  cancelled: 'REQUEST_TIMED_OUT',
  internal: 'UNKNOWN_SERVER_ERROR',
};

/** Kafka's code for what went wrong with a partition. Anything that is no BrokerError is our own fault. */
export function kafkaErrorOf(error: unknown): number {
  return KAFKA_ERRORS[kafkaErrorNameOf(error)];
}

/** The name behind {@link kafkaErrorOf}. */
export function kafkaErrorNameOf(error: unknown): KafkaErrorName {
  return error instanceof BrokerError ? KAFKA_ERROR_OF[error.code] : 'UNKNOWN_SERVER_ERROR';
}

/**
 * The same for commands on groups, where meta answers for a coordinator instead of a partition: its clients do not expect what a
 * partition says of a full disk, and end.
 */
export function groupErrorOf(error: unknown): KafkaErrorName {
  if (!(error instanceof BrokerError)) return 'UNKNOWN_SERVER_ERROR';
  switch (error.code) {
    case 'fenced':
    case 'stale_epoch':
    case 'not_coordinator':
      return 'NOT_COORDINATOR';
    case 'unavailable':
    case 'not_leader':
    case 'deadline_exceeded':
    case 'storage_full':
      return 'COORDINATOR_NOT_AVAILABLE';
    case 'not_found':
      return 'GROUP_ID_NOT_FOUND';
    case 'too_large':
      return 'OFFSET_METADATA_TOO_LARGE';
    default:
      return KAFKA_ERROR_OF[error.code];
  }
}

/** The same for commands on topics, where meta cannot be reached instead of a partition's leader. */
export function topicErrorOf(error: unknown): KafkaErrorName {
  if (!(error instanceof BrokerError)) return 'UNKNOWN_SERVER_ERROR';
  switch (error.code) {
    case 'unavailable':
    case 'not_leader':
    case 'deadline_exceeded':
      return 'REQUEST_TIMED_OUT';
    case 'invalid_argument':
      return topicArgumentError(error);
    case 'unsupported':
      return 'INVALID_CONFIG';
    case 'conflict':
      // Overlapping `mqtt.filter`s (rule O1).
      return 'INVALID_CONFIG';
    case 'not_enough_replicas':
      return 'INVALID_REPLICATION_FACTOR';
    case 'quota_exceeded':
      // Too many for now can be repeated; too many at all cannot.
      return error.details['quota'] === 'rate' ? 'THROTTLING_QUOTA_EXCEEDED' : 'POLICY_VIOLATION';
    default:
      return KAFKA_ERROR_OF[error.code];
  }
}

/** Meta names the argument that it refuses in `details.field`. */
function topicArgumentError(error: BrokerError): KafkaErrorName {
  switch (error.details['field']) {
    case 'shards':
    case 'total_shards':
      return 'INVALID_PARTITIONS';
    case 'replication_factor':
      return 'INVALID_REPLICATION_FACTOR';
    case 'name':
      return 'INVALID_TOPIC_EXCEPTION';
    case 'config':
      return 'INVALID_CONFIG';
    default:
      return 'INVALID_REQUEST';
  }
}
