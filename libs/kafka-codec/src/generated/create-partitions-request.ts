// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of CreatePartitionsRequest as read; fields that its version lacks have their defaults. */
export interface CreatePartitionsRequestCreatePartitionsAssignment {
  readonly brokerIds: readonly number[];
}

/** {@link CreatePartitionsRequestCreatePartitionsAssignment} as written: what has a default may be left out. */
export interface CreatePartitionsRequestCreatePartitionsAssignmentInput {
  readonly brokerIds: readonly number[];
}

/** Struct of CreatePartitionsRequest as read; fields that its version lacks have their defaults. */
export interface CreatePartitionsRequestCreatePartitionsTopic {
  readonly name: string;
  readonly count: number;
  readonly assignments: readonly CreatePartitionsRequestCreatePartitionsAssignment[] | null;
}

/** {@link CreatePartitionsRequestCreatePartitionsTopic} as written: what has a default may be left out. */
export interface CreatePartitionsRequestCreatePartitionsTopicInput {
  readonly name: string;
  readonly count: number;
  readonly assignments: readonly CreatePartitionsRequestCreatePartitionsAssignmentInput[] | null;
}

/** CreatePartitionsRequest as read; fields that its version lacks have their defaults. */
export interface CreatePartitionsRequest {
  readonly topics: readonly CreatePartitionsRequestCreatePartitionsTopic[];
  readonly timeoutMs: number;
  readonly validateOnly: boolean;
}

/** {@link CreatePartitionsRequest} as written: what has a default may be left out. */
export interface CreatePartitionsRequestInput {
  readonly topics: readonly CreatePartitionsRequestCreatePartitionsTopicInput[];
  readonly timeoutMs: number;
  readonly validateOnly: boolean;
}

function readCreatePartitionsRequestCreatePartitionsAssignment(
  r: KafkaReader,
  version: number,
): CreatePartitionsRequestCreatePartitionsAssignment {
  const flexible = version >= 2;
  const brokerIds = r.array(flexible, 4, () => r.int32());
  if (flexible) r.skipTaggedFields();
  return { brokerIds };
}

function readCreatePartitionsRequestCreatePartitionsTopic(
  r: KafkaReader,
  version: number,
): CreatePartitionsRequestCreatePartitionsTopic {
  const flexible = version >= 2;
  const name = r.string(flexible);
  const count = r.int32();
  const assignments = r.nullableArray(flexible, 1, () =>
    readCreatePartitionsRequestCreatePartitionsAssignment(r, version),
  );
  if (flexible) r.skipTaggedFields();
  return { name, count, assignments };
}

/** Reads a {@link CreatePartitionsRequest} of `version`; throws BrokerError 'malformed'. */
export function readCreatePartitionsRequest(r: KafkaReader, version: number): CreatePartitionsRequest {
  const flexible = version >= 2;
  const topics = r.array(flexible, 6, () => readCreatePartitionsRequestCreatePartitionsTopic(r, version));
  const timeoutMs = r.int32();
  const validateOnly = r.bool();
  if (flexible) r.skipTaggedFields();
  return { topics, timeoutMs, validateOnly };
}

function writeCreatePartitionsRequestCreatePartitionsAssignment(
  w: KafkaWriter,
  version: number,
  v: CreatePartitionsRequestCreatePartitionsAssignmentInput,
): void {
  const flexible = version >= 2;
  w.array(v.brokerIds, flexible, (item) => w.int32(item));
  if (flexible) w.noTaggedFields();
}

function writeCreatePartitionsRequestCreatePartitionsTopic(
  w: KafkaWriter,
  version: number,
  v: CreatePartitionsRequestCreatePartitionsTopicInput,
): void {
  const flexible = version >= 2;
  w.string(v.name, flexible);
  w.int32(v.count);
  w.nullableArray(v.assignments, flexible, (item) =>
    writeCreatePartitionsRequestCreatePartitionsAssignment(w, version, item),
  );
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link CreatePartitionsRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeCreatePartitionsRequest(
  w: KafkaWriter,
  version: number,
  v: CreatePartitionsRequestInput,
): void {
  const flexible = version >= 2;
  w.array(v.topics, flexible, (item) => writeCreatePartitionsRequestCreatePartitionsTopic(w, version, item));
  w.int32(v.timeoutMs);
  w.bool(v.validateOnly);
  if (flexible) w.noTaggedFields();
}
