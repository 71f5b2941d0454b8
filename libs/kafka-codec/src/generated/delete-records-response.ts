// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of DeleteRecordsResponse as read; fields that its version lacks have their defaults. */
export interface DeleteRecordsResponseDeleteRecordsPartitionResult {
  readonly partitionIndex: number;
  readonly lowWatermark: number;
  readonly errorCode: number;
}

/** {@link DeleteRecordsResponseDeleteRecordsPartitionResult} as written: what has a default may be left out. */
export interface DeleteRecordsResponseDeleteRecordsPartitionResultInput {
  readonly partitionIndex: number;
  readonly lowWatermark: number;
  readonly errorCode: number;
}

/** Struct of DeleteRecordsResponse as read; fields that its version lacks have their defaults. */
export interface DeleteRecordsResponseDeleteRecordsTopicResult {
  readonly name: string;
  readonly partitions: readonly DeleteRecordsResponseDeleteRecordsPartitionResult[];
}

/** {@link DeleteRecordsResponseDeleteRecordsTopicResult} as written: what has a default may be left out. */
export interface DeleteRecordsResponseDeleteRecordsTopicResultInput {
  readonly name: string;
  readonly partitions: readonly DeleteRecordsResponseDeleteRecordsPartitionResultInput[];
}

/** DeleteRecordsResponse as read; fields that its version lacks have their defaults. */
export interface DeleteRecordsResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly DeleteRecordsResponseDeleteRecordsTopicResult[];
}

/** {@link DeleteRecordsResponse} as written: what has a default may be left out. */
export interface DeleteRecordsResponseInput {
  readonly throttleTimeMs: number;
  readonly topics: readonly DeleteRecordsResponseDeleteRecordsTopicResultInput[];
}

function readDeleteRecordsResponseDeleteRecordsPartitionResult(
  r: KafkaReader,
  version: number,
): DeleteRecordsResponseDeleteRecordsPartitionResult {
  const flexible = version >= 2;
  const partitionIndex = r.int32();
  const lowWatermark = r.int64();
  const errorCode = r.int16();
  if (flexible) r.skipTaggedFields();
  return { partitionIndex, lowWatermark, errorCode };
}

function readDeleteRecordsResponseDeleteRecordsTopicResult(
  r: KafkaReader,
  version: number,
): DeleteRecordsResponseDeleteRecordsTopicResult {
  const flexible = version >= 2;
  const name = r.string(flexible);
  const partitions = r.array(flexible, 14, () =>
    readDeleteRecordsResponseDeleteRecordsPartitionResult(r, version),
  );
  if (flexible) r.skipTaggedFields();
  return { name, partitions };
}

/** Reads a {@link DeleteRecordsResponse} of `version`; throws BrokerError 'malformed'. */
export function readDeleteRecordsResponse(r: KafkaReader, version: number): DeleteRecordsResponse {
  const flexible = version >= 2;
  const throttleTimeMs = r.int32();
  const topics = r.array(flexible, 2, () => readDeleteRecordsResponseDeleteRecordsTopicResult(r, version));
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, topics };
}

function writeDeleteRecordsResponseDeleteRecordsPartitionResult(
  w: KafkaWriter,
  version: number,
  v: DeleteRecordsResponseDeleteRecordsPartitionResultInput,
): void {
  const flexible = version >= 2;
  w.int32(v.partitionIndex);
  w.int64(v.lowWatermark);
  w.int16(v.errorCode);
  if (flexible) w.noTaggedFields();
}

function writeDeleteRecordsResponseDeleteRecordsTopicResult(
  w: KafkaWriter,
  version: number,
  v: DeleteRecordsResponseDeleteRecordsTopicResultInput,
): void {
  const flexible = version >= 2;
  w.string(v.name, flexible);
  w.array(v.partitions, flexible, (item) =>
    writeDeleteRecordsResponseDeleteRecordsPartitionResult(w, version, item),
  );
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link DeleteRecordsResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeDeleteRecordsResponse(
  w: KafkaWriter,
  version: number,
  v: DeleteRecordsResponseInput,
): void {
  const flexible = version >= 2;
  w.int32(v.throttleTimeMs);
  w.array(v.topics, flexible, (item) => writeDeleteRecordsResponseDeleteRecordsTopicResult(w, version, item));
  if (flexible) w.noTaggedFields();
}
