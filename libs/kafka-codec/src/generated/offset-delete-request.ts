// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of OffsetDeleteRequest as read; fields that its version lacks have their defaults. */
export interface OffsetDeleteRequestOffsetDeleteRequestPartition {
  readonly partitionIndex: number;
}

/** {@link OffsetDeleteRequestOffsetDeleteRequestPartition} as written: what has a default may be left out. */
export interface OffsetDeleteRequestOffsetDeleteRequestPartitionInput {
  readonly partitionIndex: number;
}

/** Struct of OffsetDeleteRequest as read; fields that its version lacks have their defaults. */
export interface OffsetDeleteRequestOffsetDeleteRequestTopic {
  readonly name: string;
  readonly partitions: readonly OffsetDeleteRequestOffsetDeleteRequestPartition[];
}

/** {@link OffsetDeleteRequestOffsetDeleteRequestTopic} as written: what has a default may be left out. */
export interface OffsetDeleteRequestOffsetDeleteRequestTopicInput {
  readonly name: string;
  readonly partitions: readonly OffsetDeleteRequestOffsetDeleteRequestPartitionInput[];
}

/** OffsetDeleteRequest as read; fields that its version lacks have their defaults. */
export interface OffsetDeleteRequest {
  readonly groupId: string;
  readonly topics: readonly OffsetDeleteRequestOffsetDeleteRequestTopic[];
}

/** {@link OffsetDeleteRequest} as written: what has a default may be left out. */
export interface OffsetDeleteRequestInput {
  readonly groupId: string;
  readonly topics: readonly OffsetDeleteRequestOffsetDeleteRequestTopicInput[];
}

function readOffsetDeleteRequestOffsetDeleteRequestPartition(
  r: KafkaReader,
  _version: number,
): OffsetDeleteRequestOffsetDeleteRequestPartition {
  const partitionIndex = r.int32();
  return { partitionIndex };
}

function readOffsetDeleteRequestOffsetDeleteRequestTopic(
  r: KafkaReader,
  version: number,
): OffsetDeleteRequestOffsetDeleteRequestTopic {
  const flexible = false;
  const name = r.string(flexible);
  const partitions = r.array(flexible, 4, () =>
    readOffsetDeleteRequestOffsetDeleteRequestPartition(r, version),
  );
  return { name, partitions };
}

/** Reads a {@link OffsetDeleteRequest} of `version`; throws BrokerError 'malformed'. */
export function readOffsetDeleteRequest(r: KafkaReader, version: number): OffsetDeleteRequest {
  const flexible = false;
  const groupId = r.string(flexible);
  const topics = r.array(flexible, 2, () => readOffsetDeleteRequestOffsetDeleteRequestTopic(r, version));
  return { groupId, topics };
}

function writeOffsetDeleteRequestOffsetDeleteRequestPartition(
  w: KafkaWriter,
  _version: number,
  v: OffsetDeleteRequestOffsetDeleteRequestPartitionInput,
): void {
  w.int32(v.partitionIndex);
}

function writeOffsetDeleteRequestOffsetDeleteRequestTopic(
  w: KafkaWriter,
  version: number,
  v: OffsetDeleteRequestOffsetDeleteRequestTopicInput,
): void {
  const flexible = false;
  w.string(v.name, flexible);
  w.array(v.partitions, flexible, (item) =>
    writeOffsetDeleteRequestOffsetDeleteRequestPartition(w, version, item),
  );
}

/** Writes a {@link OffsetDeleteRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeOffsetDeleteRequest(w: KafkaWriter, version: number, v: OffsetDeleteRequestInput): void {
  const flexible = false;
  w.string(v.groupId, flexible);
  w.array(v.topics, flexible, (item) => writeOffsetDeleteRequestOffsetDeleteRequestTopic(w, version, item));
}
