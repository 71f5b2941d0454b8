// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of DescribeTopicPartitionsRequest as read; fields that its version lacks have their defaults. */
export interface DescribeTopicPartitionsRequestTopicRequest {
  readonly name: string;
}

/** {@link DescribeTopicPartitionsRequestTopicRequest} as written: what has a default may be left out. */
export interface DescribeTopicPartitionsRequestTopicRequestInput {
  readonly name: string;
}

/** Struct of DescribeTopicPartitionsRequest as read; fields that its version lacks have their defaults. */
export interface DescribeTopicPartitionsRequestCursor {
  readonly topicName: string;
  readonly partitionIndex: number;
}

/** {@link DescribeTopicPartitionsRequestCursor} as written: what has a default may be left out. */
export interface DescribeTopicPartitionsRequestCursorInput {
  readonly topicName: string;
  readonly partitionIndex: number;
}

/** DescribeTopicPartitionsRequest as read; fields that its version lacks have their defaults. */
export interface DescribeTopicPartitionsRequest {
  readonly topics: readonly DescribeTopicPartitionsRequestTopicRequest[];
  readonly responsePartitionLimit: number;
  readonly cursor: DescribeTopicPartitionsRequestCursor | null;
}

/** {@link DescribeTopicPartitionsRequest} as written: what has a default may be left out. */
export interface DescribeTopicPartitionsRequestInput {
  readonly topics: readonly DescribeTopicPartitionsRequestTopicRequestInput[];
  readonly responsePartitionLimit?: number;
  readonly cursor?: DescribeTopicPartitionsRequestCursorInput | null;
}

function readDescribeTopicPartitionsRequestTopicRequest(
  r: KafkaReader,
  _version: number,
): DescribeTopicPartitionsRequestTopicRequest {
  const flexible = true;
  const name = r.string(flexible);
  r.skipTaggedFields();
  return { name };
}

function readDescribeTopicPartitionsRequestCursor(
  r: KafkaReader,
  _version: number,
): DescribeTopicPartitionsRequestCursor {
  const flexible = true;
  const topicName = r.string(flexible);
  const partitionIndex = r.int32();
  r.skipTaggedFields();
  return { topicName, partitionIndex };
}

/** Reads a {@link DescribeTopicPartitionsRequest} of `version`; throws BrokerError 'malformed'. */
export function readDescribeTopicPartitionsRequest(
  r: KafkaReader,
  version: number,
): DescribeTopicPartitionsRequest {
  const flexible = true;
  const topics = r.array(flexible, 1, () => readDescribeTopicPartitionsRequestTopicRequest(r, version));
  const responsePartitionLimit = r.int32();
  const cursor = r.int8() < 0 ? null : readDescribeTopicPartitionsRequestCursor(r, version);
  r.skipTaggedFields();
  return { topics, responsePartitionLimit, cursor };
}

function writeDescribeTopicPartitionsRequestTopicRequest(
  w: KafkaWriter,
  _version: number,
  v: DescribeTopicPartitionsRequestTopicRequestInput,
): void {
  const flexible = true;
  w.string(v.name, flexible);
  w.noTaggedFields();
}

function writeDescribeTopicPartitionsRequestCursor(
  w: KafkaWriter,
  _version: number,
  v: DescribeTopicPartitionsRequestCursorInput,
): void {
  const flexible = true;
  w.string(v.topicName, flexible);
  w.int32(v.partitionIndex);
  w.noTaggedFields();
}

/** Writes a {@link DescribeTopicPartitionsRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeDescribeTopicPartitionsRequest(
  w: KafkaWriter,
  version: number,
  v: DescribeTopicPartitionsRequestInput,
): void {
  const flexible = true;
  w.array(v.topics, flexible, (item) => writeDescribeTopicPartitionsRequestTopicRequest(w, version, item));
  w.int32(v.responsePartitionLimit ?? 2000);
  w.nullableStruct(v.cursor ?? null, (item) => writeDescribeTopicPartitionsRequestCursor(w, version, item));
  w.noTaggedFields();
}
