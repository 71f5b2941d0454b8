// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of DeleteRecordsRequest as read; fields that its version lacks have their defaults. */
export interface DeleteRecordsRequestDeleteRecordsPartition {
  readonly partitionIndex: number;
  readonly offset: number;
}

/** {@link DeleteRecordsRequestDeleteRecordsPartition} as written: what has a default may be left out. */
export interface DeleteRecordsRequestDeleteRecordsPartitionInput {
  readonly partitionIndex: number;
  readonly offset: number;
}

/** Struct of DeleteRecordsRequest as read; fields that its version lacks have their defaults. */
export interface DeleteRecordsRequestDeleteRecordsTopic {
  readonly name: string;
  readonly partitions: readonly DeleteRecordsRequestDeleteRecordsPartition[];
}

/** {@link DeleteRecordsRequestDeleteRecordsTopic} as written: what has a default may be left out. */
export interface DeleteRecordsRequestDeleteRecordsTopicInput {
  readonly name: string;
  readonly partitions: readonly DeleteRecordsRequestDeleteRecordsPartitionInput[];
}

/** DeleteRecordsRequest as read; fields that its version lacks have their defaults. */
export interface DeleteRecordsRequest {
  readonly topics: readonly DeleteRecordsRequestDeleteRecordsTopic[];
  readonly timeoutMs: number;
}

/** {@link DeleteRecordsRequest} as written: what has a default may be left out. */
export interface DeleteRecordsRequestInput {
  readonly topics: readonly DeleteRecordsRequestDeleteRecordsTopicInput[];
  readonly timeoutMs: number;
}

function readDeleteRecordsRequestDeleteRecordsPartition(
  r: KafkaReader,
  version: number,
): DeleteRecordsRequestDeleteRecordsPartition {
  const flexible = version >= 2;
  const partitionIndex = r.int32();
  const offset = r.int64();
  if (flexible) r.skipTaggedFields();
  return { partitionIndex, offset };
}

function readDeleteRecordsRequestDeleteRecordsTopic(
  r: KafkaReader,
  version: number,
): DeleteRecordsRequestDeleteRecordsTopic {
  const flexible = version >= 2;
  const name = r.string(flexible);
  const partitions = r.array(flexible, 12, () => readDeleteRecordsRequestDeleteRecordsPartition(r, version));
  if (flexible) r.skipTaggedFields();
  return { name, partitions };
}

/** Reads a {@link DeleteRecordsRequest} of `version`; throws BrokerError 'malformed'. */
export function readDeleteRecordsRequest(r: KafkaReader, version: number): DeleteRecordsRequest {
  const flexible = version >= 2;
  const topics = r.array(flexible, 2, () => readDeleteRecordsRequestDeleteRecordsTopic(r, version));
  const timeoutMs = r.int32();
  if (flexible) r.skipTaggedFields();
  return { topics, timeoutMs };
}

function writeDeleteRecordsRequestDeleteRecordsPartition(
  w: KafkaWriter,
  version: number,
  v: DeleteRecordsRequestDeleteRecordsPartitionInput,
): void {
  const flexible = version >= 2;
  w.int32(v.partitionIndex);
  w.int64(v.offset);
  if (flexible) w.noTaggedFields();
}

function writeDeleteRecordsRequestDeleteRecordsTopic(
  w: KafkaWriter,
  version: number,
  v: DeleteRecordsRequestDeleteRecordsTopicInput,
): void {
  const flexible = version >= 2;
  w.string(v.name, flexible);
  w.array(v.partitions, flexible, (item) =>
    writeDeleteRecordsRequestDeleteRecordsPartition(w, version, item),
  );
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link DeleteRecordsRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeDeleteRecordsRequest(
  w: KafkaWriter,
  version: number,
  v: DeleteRecordsRequestInput,
): void {
  const flexible = version >= 2;
  w.array(v.topics, flexible, (item) => writeDeleteRecordsRequestDeleteRecordsTopic(w, version, item));
  w.int32(v.timeoutMs);
  if (flexible) w.noTaggedFields();
}
