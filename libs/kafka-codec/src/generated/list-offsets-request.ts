// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { refuseUnlessDefault } from '../defaults.ts';

/** Struct of ListOffsetsRequest as read; fields that its version lacks have their defaults. */
export interface ListOffsetsRequestListOffsetsPartition {
  readonly partitionIndex: number;
  readonly currentLeaderEpoch: number;
  readonly timestamp: number;
}

/** {@link ListOffsetsRequestListOffsetsPartition} as written: what has a default may be left out. */
export interface ListOffsetsRequestListOffsetsPartitionInput {
  readonly partitionIndex: number;
  readonly currentLeaderEpoch?: number;
  readonly timestamp: number;
}

/** Struct of ListOffsetsRequest as read; fields that its version lacks have their defaults. */
export interface ListOffsetsRequestListOffsetsTopic {
  readonly name: string;
  readonly partitions: readonly ListOffsetsRequestListOffsetsPartition[];
}

/** {@link ListOffsetsRequestListOffsetsTopic} as written: what has a default may be left out. */
export interface ListOffsetsRequestListOffsetsTopicInput {
  readonly name: string;
  readonly partitions: readonly ListOffsetsRequestListOffsetsPartitionInput[];
}

/** ListOffsetsRequest as read; fields that its version lacks have their defaults. */
export interface ListOffsetsRequest {
  readonly replicaId: number;
  readonly isolationLevel: number;
  readonly topics: readonly ListOffsetsRequestListOffsetsTopic[];
  readonly timeoutMs: number;
}

/** {@link ListOffsetsRequest} as written: what has a default may be left out. */
export interface ListOffsetsRequestInput {
  readonly replicaId: number;
  readonly isolationLevel?: number;
  readonly topics: readonly ListOffsetsRequestListOffsetsTopicInput[];
  readonly timeoutMs?: number;
}

function readListOffsetsRequestListOffsetsPartition(
  r: KafkaReader,
  version: number,
): ListOffsetsRequestListOffsetsPartition {
  const flexible = version >= 6;
  const partitionIndex = r.int32();
  const currentLeaderEpoch: ListOffsetsRequestListOffsetsPartition['currentLeaderEpoch'] =
    version >= 4 ? r.int32() : -1;
  const timestamp = r.int64();
  if (flexible) r.skipTaggedFields();
  return { partitionIndex, currentLeaderEpoch, timestamp };
}

function readListOffsetsRequestListOffsetsTopic(
  r: KafkaReader,
  version: number,
): ListOffsetsRequestListOffsetsTopic {
  const flexible = version >= 6;
  const name = r.string(flexible);
  const partitions = r.array(flexible, 12, () => readListOffsetsRequestListOffsetsPartition(r, version));
  if (flexible) r.skipTaggedFields();
  return { name, partitions };
}

/** Reads a {@link ListOffsetsRequest} of `version`; throws BrokerError 'malformed'. */
export function readListOffsetsRequest(r: KafkaReader, version: number): ListOffsetsRequest {
  const flexible = version >= 6;
  const replicaId = r.int32();
  const isolationLevel: ListOffsetsRequest['isolationLevel'] = version >= 2 ? r.int8() : 0;
  const topics = r.array(flexible, 2, () => readListOffsetsRequestListOffsetsTopic(r, version));
  const timeoutMs: ListOffsetsRequest['timeoutMs'] = version >= 10 ? r.int32() : 0;
  if (flexible) r.skipTaggedFields();
  return { replicaId, isolationLevel, topics, timeoutMs };
}

function writeListOffsetsRequestListOffsetsPartition(
  w: KafkaWriter,
  version: number,
  v: ListOffsetsRequestListOffsetsPartitionInput,
): void {
  const flexible = version >= 6;
  w.int32(v.partitionIndex);
  if (version >= 4) {
    w.int32(v.currentLeaderEpoch ?? -1);
  }
  w.int64(v.timestamp);
  if (flexible) w.noTaggedFields();
}

function writeListOffsetsRequestListOffsetsTopic(
  w: KafkaWriter,
  version: number,
  v: ListOffsetsRequestListOffsetsTopicInput,
): void {
  const flexible = version >= 6;
  w.string(v.name, flexible);
  w.array(v.partitions, flexible, (item) => writeListOffsetsRequestListOffsetsPartition(w, version, item));
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link ListOffsetsRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeListOffsetsRequest(w: KafkaWriter, version: number, v: ListOffsetsRequestInput): void {
  const flexible = version >= 6;
  w.int32(v.replicaId);
  if (version >= 2) {
    w.int8(v.isolationLevel ?? 0);
  } else refuseUnlessDefault(v.isolationLevel, 0, version, 'ListOffsetsRequest.isolationLevel');
  w.array(v.topics, flexible, (item) => writeListOffsetsRequestListOffsetsTopic(w, version, item));
  if (version >= 10) {
    w.int32(v.timeoutMs ?? 0);
  }
  if (flexible) w.noTaggedFields();
}
