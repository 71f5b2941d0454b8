// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of OffsetDeleteResponse as read; fields that its version lacks have their defaults. */
export interface OffsetDeleteResponseOffsetDeleteResponsePartition {
  readonly partitionIndex: number;
  readonly errorCode: number;
}

/** {@link OffsetDeleteResponseOffsetDeleteResponsePartition} as written: what has a default may be left out. */
export interface OffsetDeleteResponseOffsetDeleteResponsePartitionInput {
  readonly partitionIndex: number;
  readonly errorCode: number;
}

/** Struct of OffsetDeleteResponse as read; fields that its version lacks have their defaults. */
export interface OffsetDeleteResponseOffsetDeleteResponseTopic {
  readonly name: string;
  readonly partitions: readonly OffsetDeleteResponseOffsetDeleteResponsePartition[];
}

/** {@link OffsetDeleteResponseOffsetDeleteResponseTopic} as written: what has a default may be left out. */
export interface OffsetDeleteResponseOffsetDeleteResponseTopicInput {
  readonly name: string;
  readonly partitions: readonly OffsetDeleteResponseOffsetDeleteResponsePartitionInput[];
}

/** OffsetDeleteResponse as read; fields that its version lacks have their defaults. */
export interface OffsetDeleteResponse {
  readonly errorCode: number;
  readonly throttleTimeMs: number;
  readonly topics: readonly OffsetDeleteResponseOffsetDeleteResponseTopic[];
}

/** {@link OffsetDeleteResponse} as written: what has a default may be left out. */
export interface OffsetDeleteResponseInput {
  readonly errorCode: number;
  readonly throttleTimeMs?: number;
  readonly topics: readonly OffsetDeleteResponseOffsetDeleteResponseTopicInput[];
}

function readOffsetDeleteResponseOffsetDeleteResponsePartition(
  r: KafkaReader,
  _version: number,
): OffsetDeleteResponseOffsetDeleteResponsePartition {
  const partitionIndex = r.int32();
  const errorCode = r.int16();
  return { partitionIndex, errorCode };
}

function readOffsetDeleteResponseOffsetDeleteResponseTopic(
  r: KafkaReader,
  version: number,
): OffsetDeleteResponseOffsetDeleteResponseTopic {
  const flexible = false;
  const name = r.string(flexible);
  const partitions = r.array(flexible, 6, () =>
    readOffsetDeleteResponseOffsetDeleteResponsePartition(r, version),
  );
  return { name, partitions };
}

/** Reads a {@link OffsetDeleteResponse} of `version`; throws BrokerError 'malformed'. */
export function readOffsetDeleteResponse(r: KafkaReader, version: number): OffsetDeleteResponse {
  const flexible = false;
  const errorCode = r.int16();
  const throttleTimeMs = r.int32();
  const topics = r.array(flexible, 2, () => readOffsetDeleteResponseOffsetDeleteResponseTopic(r, version));
  return { errorCode, throttleTimeMs, topics };
}

function writeOffsetDeleteResponseOffsetDeleteResponsePartition(
  w: KafkaWriter,
  _version: number,
  v: OffsetDeleteResponseOffsetDeleteResponsePartitionInput,
): void {
  w.int32(v.partitionIndex);
  w.int16(v.errorCode);
}

function writeOffsetDeleteResponseOffsetDeleteResponseTopic(
  w: KafkaWriter,
  version: number,
  v: OffsetDeleteResponseOffsetDeleteResponseTopicInput,
): void {
  const flexible = false;
  w.string(v.name, flexible);
  w.array(v.partitions, flexible, (item) =>
    writeOffsetDeleteResponseOffsetDeleteResponsePartition(w, version, item),
  );
}

/** Writes a {@link OffsetDeleteResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeOffsetDeleteResponse(
  w: KafkaWriter,
  version: number,
  v: OffsetDeleteResponseInput,
): void {
  const flexible = false;
  w.int16(v.errorCode);
  w.int32(v.throttleTimeMs ?? 0);
  w.array(v.topics, flexible, (item) => writeOffsetDeleteResponseOffsetDeleteResponseTopic(w, version, item));
}
