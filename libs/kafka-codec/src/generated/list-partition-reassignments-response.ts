// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of ListPartitionReassignmentsResponse as read; fields that its version lacks have their defaults. */
export interface ListPartitionReassignmentsResponseOngoingPartitionReassignment {
  readonly partitionIndex: number;
  readonly replicas: readonly number[];
  readonly addingReplicas: readonly number[];
  readonly removingReplicas: readonly number[];
}

/** {@link ListPartitionReassignmentsResponseOngoingPartitionReassignment} as written: what has a default may be left out. */
export interface ListPartitionReassignmentsResponseOngoingPartitionReassignmentInput {
  readonly partitionIndex: number;
  readonly replicas: readonly number[];
  readonly addingReplicas: readonly number[];
  readonly removingReplicas: readonly number[];
}

/** Struct of ListPartitionReassignmentsResponse as read; fields that its version lacks have their defaults. */
export interface ListPartitionReassignmentsResponseOngoingTopicReassignment {
  readonly name: string;
  readonly partitions: readonly ListPartitionReassignmentsResponseOngoingPartitionReassignment[];
}

/** {@link ListPartitionReassignmentsResponseOngoingTopicReassignment} as written: what has a default may be left out. */
export interface ListPartitionReassignmentsResponseOngoingTopicReassignmentInput {
  readonly name: string;
  readonly partitions: readonly ListPartitionReassignmentsResponseOngoingPartitionReassignmentInput[];
}

/** ListPartitionReassignmentsResponse as read; fields that its version lacks have their defaults. */
export interface ListPartitionReassignmentsResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly topics: readonly ListPartitionReassignmentsResponseOngoingTopicReassignment[];
}

/** {@link ListPartitionReassignmentsResponse} as written: what has a default may be left out. */
export interface ListPartitionReassignmentsResponseInput {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly topics: readonly ListPartitionReassignmentsResponseOngoingTopicReassignmentInput[];
}

function readListPartitionReassignmentsResponseOngoingPartitionReassignment(
  r: KafkaReader,
  _version: number,
): ListPartitionReassignmentsResponseOngoingPartitionReassignment {
  const flexible = true;
  const partitionIndex = r.int32();
  const replicas = r.array(flexible, 4, () => r.int32());
  const addingReplicas = r.array(flexible, 4, () => r.int32());
  const removingReplicas = r.array(flexible, 4, () => r.int32());
  r.skipTaggedFields();
  return { partitionIndex, replicas, addingReplicas, removingReplicas };
}

function readListPartitionReassignmentsResponseOngoingTopicReassignment(
  r: KafkaReader,
  version: number,
): ListPartitionReassignmentsResponseOngoingTopicReassignment {
  const flexible = true;
  const name = r.string(flexible);
  const partitions = r.array(flexible, 7, () =>
    readListPartitionReassignmentsResponseOngoingPartitionReassignment(r, version),
  );
  r.skipTaggedFields();
  return { name, partitions };
}

/** Reads a {@link ListPartitionReassignmentsResponse} of `version`; throws BrokerError 'malformed'. */
export function readListPartitionReassignmentsResponse(
  r: KafkaReader,
  version: number,
): ListPartitionReassignmentsResponse {
  const flexible = true;
  const throttleTimeMs = r.int32();
  const errorCode = r.int16();
  const errorMessage = r.nullableString(flexible);
  const topics = r.array(flexible, 2, () =>
    readListPartitionReassignmentsResponseOngoingTopicReassignment(r, version),
  );
  r.skipTaggedFields();
  return { throttleTimeMs, errorCode, errorMessage, topics };
}

function writeListPartitionReassignmentsResponseOngoingPartitionReassignment(
  w: KafkaWriter,
  _version: number,
  v: ListPartitionReassignmentsResponseOngoingPartitionReassignmentInput,
): void {
  const flexible = true;
  w.int32(v.partitionIndex);
  w.array(v.replicas, flexible, (item) => w.int32(item));
  w.array(v.addingReplicas, flexible, (item) => w.int32(item));
  w.array(v.removingReplicas, flexible, (item) => w.int32(item));
  w.noTaggedFields();
}

function writeListPartitionReassignmentsResponseOngoingTopicReassignment(
  w: KafkaWriter,
  version: number,
  v: ListPartitionReassignmentsResponseOngoingTopicReassignmentInput,
): void {
  const flexible = true;
  w.string(v.name, flexible);
  w.array(v.partitions, flexible, (item) =>
    writeListPartitionReassignmentsResponseOngoingPartitionReassignment(w, version, item),
  );
  w.noTaggedFields();
}

/** Writes a {@link ListPartitionReassignmentsResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeListPartitionReassignmentsResponse(
  w: KafkaWriter,
  version: number,
  v: ListPartitionReassignmentsResponseInput,
): void {
  const flexible = true;
  w.int32(v.throttleTimeMs);
  w.int16(v.errorCode);
  w.nullableString(v.errorMessage, flexible);
  w.array(v.topics, flexible, (item) =>
    writeListPartitionReassignmentsResponseOngoingTopicReassignment(w, version, item),
  );
  w.noTaggedFields();
}
