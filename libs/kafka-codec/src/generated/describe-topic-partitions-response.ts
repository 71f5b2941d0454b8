// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { ZERO_UUID, EMPTY_ARRAY } from '../defaults.ts';

/** Struct of DescribeTopicPartitionsResponse as read; fields that its version lacks have their defaults. */
export interface DescribeTopicPartitionsResponseDescribeTopicPartitionsResponsePartition {
  readonly errorCode: number;
  readonly partitionIndex: number;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly replicaNodes: readonly number[];
  readonly isrNodes: readonly number[];
  readonly eligibleLeaderReplicas: readonly number[] | null;
  readonly lastKnownElr: readonly number[] | null;
  readonly offlineReplicas: readonly number[];
}

/** {@link DescribeTopicPartitionsResponseDescribeTopicPartitionsResponsePartition} as written: what has a default may be left out. */
export interface DescribeTopicPartitionsResponseDescribeTopicPartitionsResponsePartitionInput {
  readonly errorCode: number;
  readonly partitionIndex: number;
  readonly leaderId: number;
  readonly leaderEpoch?: number;
  readonly replicaNodes: readonly number[];
  readonly isrNodes: readonly number[];
  readonly eligibleLeaderReplicas?: readonly number[] | null;
  readonly lastKnownElr?: readonly number[] | null;
  readonly offlineReplicas?: readonly number[];
}

/** Struct of DescribeTopicPartitionsResponse as read; fields that its version lacks have their defaults. */
export interface DescribeTopicPartitionsResponseDescribeTopicPartitionsResponseTopic {
  readonly errorCode: number;
  readonly name: string | null;
  readonly topicId: string;
  readonly isInternal: boolean;
  readonly partitions: readonly DescribeTopicPartitionsResponseDescribeTopicPartitionsResponsePartition[];
  readonly topicAuthorizedOperations: number;
}

/** {@link DescribeTopicPartitionsResponseDescribeTopicPartitionsResponseTopic} as written: what has a default may be left out. */
export interface DescribeTopicPartitionsResponseDescribeTopicPartitionsResponseTopicInput {
  readonly errorCode: number;
  readonly name: string | null;
  readonly topicId?: string;
  readonly isInternal?: boolean;
  readonly partitions: readonly DescribeTopicPartitionsResponseDescribeTopicPartitionsResponsePartitionInput[];
  readonly topicAuthorizedOperations?: number;
}

/** Struct of DescribeTopicPartitionsResponse as read; fields that its version lacks have their defaults. */
export interface DescribeTopicPartitionsResponseCursor {
  readonly topicName: string;
  readonly partitionIndex: number;
}

/** {@link DescribeTopicPartitionsResponseCursor} as written: what has a default may be left out. */
export interface DescribeTopicPartitionsResponseCursorInput {
  readonly topicName: string;
  readonly partitionIndex: number;
}

/** DescribeTopicPartitionsResponse as read; fields that its version lacks have their defaults. */
export interface DescribeTopicPartitionsResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly DescribeTopicPartitionsResponseDescribeTopicPartitionsResponseTopic[];
  readonly nextCursor: DescribeTopicPartitionsResponseCursor | null;
}

/** {@link DescribeTopicPartitionsResponse} as written: what has a default may be left out. */
export interface DescribeTopicPartitionsResponseInput {
  readonly throttleTimeMs?: number;
  readonly topics: readonly DescribeTopicPartitionsResponseDescribeTopicPartitionsResponseTopicInput[];
  readonly nextCursor?: DescribeTopicPartitionsResponseCursorInput | null;
}

function readDescribeTopicPartitionsResponseDescribeTopicPartitionsResponsePartition(
  r: KafkaReader,
  _version: number,
): DescribeTopicPartitionsResponseDescribeTopicPartitionsResponsePartition {
  const flexible = true;
  const errorCode = r.int16();
  const partitionIndex = r.int32();
  const leaderId = r.int32();
  const leaderEpoch = r.int32();
  const replicaNodes = r.array(flexible, 4, () => r.int32());
  const isrNodes = r.array(flexible, 4, () => r.int32());
  const eligibleLeaderReplicas = r.nullableArray(flexible, 4, () => r.int32());
  const lastKnownElr = r.nullableArray(flexible, 4, () => r.int32());
  const offlineReplicas = r.array(flexible, 4, () => r.int32());
  r.skipTaggedFields();
  return {
    errorCode,
    partitionIndex,
    leaderId,
    leaderEpoch,
    replicaNodes,
    isrNodes,
    eligibleLeaderReplicas,
    lastKnownElr,
    offlineReplicas,
  };
}

function readDescribeTopicPartitionsResponseDescribeTopicPartitionsResponseTopic(
  r: KafkaReader,
  version: number,
): DescribeTopicPartitionsResponseDescribeTopicPartitionsResponseTopic {
  const flexible = true;
  const errorCode = r.int16();
  const name = r.nullableString(flexible);
  const topicId = r.uuid();
  const isInternal = r.bool();
  const partitions = r.array(flexible, 19, () =>
    readDescribeTopicPartitionsResponseDescribeTopicPartitionsResponsePartition(r, version),
  );
  const topicAuthorizedOperations = r.int32();
  r.skipTaggedFields();
  return { errorCode, name, topicId, isInternal, partitions, topicAuthorizedOperations };
}

function readDescribeTopicPartitionsResponseCursor(
  r: KafkaReader,
  _version: number,
): DescribeTopicPartitionsResponseCursor {
  const flexible = true;
  const topicName = r.string(flexible);
  const partitionIndex = r.int32();
  r.skipTaggedFields();
  return { topicName, partitionIndex };
}

/** Reads a {@link DescribeTopicPartitionsResponse} of `version`; throws BrokerError 'malformed'. */
export function readDescribeTopicPartitionsResponse(
  r: KafkaReader,
  version: number,
): DescribeTopicPartitionsResponse {
  const flexible = true;
  const throttleTimeMs = r.int32();
  const topics = r.array(flexible, 25, () =>
    readDescribeTopicPartitionsResponseDescribeTopicPartitionsResponseTopic(r, version),
  );
  const nextCursor = r.int8() < 0 ? null : readDescribeTopicPartitionsResponseCursor(r, version);
  r.skipTaggedFields();
  return { throttleTimeMs, topics, nextCursor };
}

function writeDescribeTopicPartitionsResponseDescribeTopicPartitionsResponsePartition(
  w: KafkaWriter,
  _version: number,
  v: DescribeTopicPartitionsResponseDescribeTopicPartitionsResponsePartitionInput,
): void {
  const flexible = true;
  w.int16(v.errorCode);
  w.int32(v.partitionIndex);
  w.int32(v.leaderId);
  w.int32(v.leaderEpoch ?? -1);
  w.array(v.replicaNodes, flexible, (item) => w.int32(item));
  w.array(v.isrNodes, flexible, (item) => w.int32(item));
  w.nullableArray(v.eligibleLeaderReplicas ?? null, flexible, (item) => w.int32(item));
  w.nullableArray(v.lastKnownElr ?? null, flexible, (item) => w.int32(item));
  w.array(v.offlineReplicas ?? EMPTY_ARRAY, flexible, (item) => w.int32(item));
  w.noTaggedFields();
}

function writeDescribeTopicPartitionsResponseDescribeTopicPartitionsResponseTopic(
  w: KafkaWriter,
  version: number,
  v: DescribeTopicPartitionsResponseDescribeTopicPartitionsResponseTopicInput,
): void {
  const flexible = true;
  w.int16(v.errorCode);
  w.nullableString(v.name, flexible);
  w.uuid(v.topicId ?? ZERO_UUID);
  w.bool(v.isInternal ?? false);
  w.array(v.partitions, flexible, (item) =>
    writeDescribeTopicPartitionsResponseDescribeTopicPartitionsResponsePartition(w, version, item),
  );
  w.int32(v.topicAuthorizedOperations ?? -2147483648);
  w.noTaggedFields();
}

function writeDescribeTopicPartitionsResponseCursor(
  w: KafkaWriter,
  _version: number,
  v: DescribeTopicPartitionsResponseCursorInput,
): void {
  const flexible = true;
  w.string(v.topicName, flexible);
  w.int32(v.partitionIndex);
  w.noTaggedFields();
}

/** Writes a {@link DescribeTopicPartitionsResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeDescribeTopicPartitionsResponse(
  w: KafkaWriter,
  version: number,
  v: DescribeTopicPartitionsResponseInput,
): void {
  const flexible = true;
  w.int32(v.throttleTimeMs ?? 0);
  w.array(v.topics, flexible, (item) =>
    writeDescribeTopicPartitionsResponseDescribeTopicPartitionsResponseTopic(w, version, item),
  );
  w.nullableStruct(v.nextCursor ?? null, (item) =>
    writeDescribeTopicPartitionsResponseCursor(w, version, item),
  );
  w.noTaggedFields();
}
