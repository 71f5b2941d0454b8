// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of CreateTopicsRequest as read; fields that its version lacks have their defaults. */
export interface CreateTopicsRequestCreatableReplicaAssignment {
  readonly partitionIndex: number;
  readonly brokerIds: readonly number[];
}

/** {@link CreateTopicsRequestCreatableReplicaAssignment} as written: what has a default may be left out. */
export interface CreateTopicsRequestCreatableReplicaAssignmentInput {
  readonly partitionIndex: number;
  readonly brokerIds: readonly number[];
}

/** Struct of CreateTopicsRequest as read; fields that its version lacks have their defaults. */
export interface CreateTopicsRequestCreatableTopicConfig {
  readonly name: string;
  readonly value: string | null;
}

/** {@link CreateTopicsRequestCreatableTopicConfig} as written: what has a default may be left out. */
export interface CreateTopicsRequestCreatableTopicConfigInput {
  readonly name: string;
  readonly value: string | null;
}

/** Struct of CreateTopicsRequest as read; fields that its version lacks have their defaults. */
export interface CreateTopicsRequestCreatableTopic {
  readonly name: string;
  readonly numPartitions: number;
  readonly replicationFactor: number;
  readonly assignments: readonly CreateTopicsRequestCreatableReplicaAssignment[];
  readonly configs: readonly CreateTopicsRequestCreatableTopicConfig[];
}

/** {@link CreateTopicsRequestCreatableTopic} as written: what has a default may be left out. */
export interface CreateTopicsRequestCreatableTopicInput {
  readonly name: string;
  readonly numPartitions: number;
  readonly replicationFactor: number;
  readonly assignments: readonly CreateTopicsRequestCreatableReplicaAssignmentInput[];
  readonly configs: readonly CreateTopicsRequestCreatableTopicConfigInput[];
}

/** CreateTopicsRequest as read; fields that its version lacks have their defaults. */
export interface CreateTopicsRequest {
  readonly topics: readonly CreateTopicsRequestCreatableTopic[];
  readonly timeoutMs: number;
  readonly validateOnly: boolean;
}

/** {@link CreateTopicsRequest} as written: what has a default may be left out. */
export interface CreateTopicsRequestInput {
  readonly topics: readonly CreateTopicsRequestCreatableTopicInput[];
  readonly timeoutMs?: number;
  readonly validateOnly?: boolean;
}

function readCreateTopicsRequestCreatableReplicaAssignment(
  r: KafkaReader,
  version: number,
): CreateTopicsRequestCreatableReplicaAssignment {
  const flexible = version >= 5;
  const partitionIndex = r.int32();
  const brokerIds = r.array(flexible, 4, () => r.int32());
  if (flexible) r.skipTaggedFields();
  return { partitionIndex, brokerIds };
}

function readCreateTopicsRequestCreatableTopicConfig(
  r: KafkaReader,
  version: number,
): CreateTopicsRequestCreatableTopicConfig {
  const flexible = version >= 5;
  const name = r.string(flexible);
  const value = r.nullableString(flexible);
  if (flexible) r.skipTaggedFields();
  return { name, value };
}

function readCreateTopicsRequestCreatableTopic(
  r: KafkaReader,
  version: number,
): CreateTopicsRequestCreatableTopic {
  const flexible = version >= 5;
  const name = r.string(flexible);
  const numPartitions = r.int32();
  const replicationFactor = r.int16();
  const assignments = r.array(flexible, 5, () =>
    readCreateTopicsRequestCreatableReplicaAssignment(r, version),
  );
  const configs = r.array(flexible, 2, () => readCreateTopicsRequestCreatableTopicConfig(r, version));
  if (flexible) r.skipTaggedFields();
  return { name, numPartitions, replicationFactor, assignments, configs };
}

/** Reads a {@link CreateTopicsRequest} of `version`; throws BrokerError 'malformed'. */
export function readCreateTopicsRequest(r: KafkaReader, version: number): CreateTopicsRequest {
  const flexible = version >= 5;
  const topics = r.array(flexible, 9, () => readCreateTopicsRequestCreatableTopic(r, version));
  const timeoutMs = r.int32();
  const validateOnly = r.bool();
  if (flexible) r.skipTaggedFields();
  return { topics, timeoutMs, validateOnly };
}

function writeCreateTopicsRequestCreatableReplicaAssignment(
  w: KafkaWriter,
  version: number,
  v: CreateTopicsRequestCreatableReplicaAssignmentInput,
): void {
  const flexible = version >= 5;
  w.int32(v.partitionIndex);
  w.array(v.brokerIds, flexible, (item) => w.int32(item));
  if (flexible) w.noTaggedFields();
}

function writeCreateTopicsRequestCreatableTopicConfig(
  w: KafkaWriter,
  version: number,
  v: CreateTopicsRequestCreatableTopicConfigInput,
): void {
  const flexible = version >= 5;
  w.string(v.name, flexible);
  w.nullableString(v.value, flexible);
  if (flexible) w.noTaggedFields();
}

function writeCreateTopicsRequestCreatableTopic(
  w: KafkaWriter,
  version: number,
  v: CreateTopicsRequestCreatableTopicInput,
): void {
  const flexible = version >= 5;
  w.string(v.name, flexible);
  w.int32(v.numPartitions);
  w.int16(v.replicationFactor);
  w.array(v.assignments, flexible, (item) =>
    writeCreateTopicsRequestCreatableReplicaAssignment(w, version, item),
  );
  w.array(v.configs, flexible, (item) => writeCreateTopicsRequestCreatableTopicConfig(w, version, item));
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link CreateTopicsRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeCreateTopicsRequest(w: KafkaWriter, version: number, v: CreateTopicsRequestInput): void {
  const flexible = version >= 5;
  w.array(v.topics, flexible, (item) => writeCreateTopicsRequestCreatableTopic(w, version, item));
  w.int32(v.timeoutMs ?? 60000);
  w.bool(v.validateOnly ?? false);
  if (flexible) w.noTaggedFields();
}
