// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of ListPartitionReassignmentsRequest as read; fields that its version lacks have their defaults. */
export interface ListPartitionReassignmentsRequestListPartitionReassignmentsTopics {
  readonly name: string;
  readonly partitionIndexes: readonly number[];
}

/** {@link ListPartitionReassignmentsRequestListPartitionReassignmentsTopics} as written: what has a default may be left out. */
export interface ListPartitionReassignmentsRequestListPartitionReassignmentsTopicsInput {
  readonly name: string;
  readonly partitionIndexes: readonly number[];
}

/** ListPartitionReassignmentsRequest as read; fields that its version lacks have their defaults. */
export interface ListPartitionReassignmentsRequest {
  readonly timeoutMs: number;
  readonly topics: readonly ListPartitionReassignmentsRequestListPartitionReassignmentsTopics[] | null;
}

/** {@link ListPartitionReassignmentsRequest} as written: what has a default may be left out. */
export interface ListPartitionReassignmentsRequestInput {
  readonly timeoutMs?: number;
  readonly topics?: readonly ListPartitionReassignmentsRequestListPartitionReassignmentsTopicsInput[] | null;
}

function readListPartitionReassignmentsRequestListPartitionReassignmentsTopics(
  r: KafkaReader,
  _version: number,
): ListPartitionReassignmentsRequestListPartitionReassignmentsTopics {
  const flexible = true;
  const name = r.string(flexible);
  const partitionIndexes = r.array(flexible, 4, () => r.int32());
  r.skipTaggedFields();
  return { name, partitionIndexes };
}

/** Reads a {@link ListPartitionReassignmentsRequest} of `version`; throws BrokerError 'malformed'. */
export function readListPartitionReassignmentsRequest(
  r: KafkaReader,
  version: number,
): ListPartitionReassignmentsRequest {
  const flexible = true;
  const timeoutMs = r.int32();
  const topics = r.nullableArray(flexible, 2, () =>
    readListPartitionReassignmentsRequestListPartitionReassignmentsTopics(r, version),
  );
  r.skipTaggedFields();
  return { timeoutMs, topics };
}

function writeListPartitionReassignmentsRequestListPartitionReassignmentsTopics(
  w: KafkaWriter,
  _version: number,
  v: ListPartitionReassignmentsRequestListPartitionReassignmentsTopicsInput,
): void {
  const flexible = true;
  w.string(v.name, flexible);
  w.array(v.partitionIndexes, flexible, (item) => w.int32(item));
  w.noTaggedFields();
}

/** Writes a {@link ListPartitionReassignmentsRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeListPartitionReassignmentsRequest(
  w: KafkaWriter,
  version: number,
  v: ListPartitionReassignmentsRequestInput,
): void {
  const flexible = true;
  w.int32(v.timeoutMs ?? 60000);
  w.nullableArray(v.topics ?? null, flexible, (item) =>
    writeListPartitionReassignmentsRequestListPartitionReassignmentsTopics(w, version, item),
  );
  w.noTaggedFields();
}
