// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { ZERO_UUID } from '../defaults.ts';

/** Struct of OffsetCommitResponse as read; fields that its version lacks have their defaults. */
export interface OffsetCommitResponseOffsetCommitResponsePartition {
  readonly partitionIndex: number;
  readonly errorCode: number;
}

/** {@link OffsetCommitResponseOffsetCommitResponsePartition} as written: what has a default may be left out. */
export interface OffsetCommitResponseOffsetCommitResponsePartitionInput {
  readonly partitionIndex: number;
  readonly errorCode: number;
}

/** Struct of OffsetCommitResponse as read; fields that its version lacks have their defaults. */
export interface OffsetCommitResponseOffsetCommitResponseTopic {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly OffsetCommitResponseOffsetCommitResponsePartition[];
}

/** {@link OffsetCommitResponseOffsetCommitResponseTopic} as written: what has a default may be left out. */
export interface OffsetCommitResponseOffsetCommitResponseTopicInput {
  readonly name?: string;
  readonly topicId?: string;
  readonly partitions: readonly OffsetCommitResponseOffsetCommitResponsePartitionInput[];
}

/** OffsetCommitResponse as read; fields that its version lacks have their defaults. */
export interface OffsetCommitResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly OffsetCommitResponseOffsetCommitResponseTopic[];
}

/** {@link OffsetCommitResponse} as written: what has a default may be left out. */
export interface OffsetCommitResponseInput {
  readonly throttleTimeMs?: number;
  readonly topics: readonly OffsetCommitResponseOffsetCommitResponseTopicInput[];
}

function readOffsetCommitResponseOffsetCommitResponsePartition(
  r: KafkaReader,
  version: number,
): OffsetCommitResponseOffsetCommitResponsePartition {
  const flexible = version >= 8;
  const partitionIndex = r.int32();
  const errorCode = r.int16();
  if (flexible) r.skipTaggedFields();
  return { partitionIndex, errorCode };
}

function readOffsetCommitResponseOffsetCommitResponseTopic(
  r: KafkaReader,
  version: number,
): OffsetCommitResponseOffsetCommitResponseTopic {
  const flexible = version >= 8;
  const name: OffsetCommitResponseOffsetCommitResponseTopic['name'] = version <= 9 ? r.string(flexible) : '';
  const topicId: OffsetCommitResponseOffsetCommitResponseTopic['topicId'] =
    version >= 10 ? r.uuid() : ZERO_UUID;
  const partitions = r.array(flexible, 6, () =>
    readOffsetCommitResponseOffsetCommitResponsePartition(r, version),
  );
  if (flexible) r.skipTaggedFields();
  return { name, topicId, partitions };
}

/** Reads a {@link OffsetCommitResponse} of `version`; throws BrokerError 'malformed'. */
export function readOffsetCommitResponse(r: KafkaReader, version: number): OffsetCommitResponse {
  const flexible = version >= 8;
  const throttleTimeMs: OffsetCommitResponse['throttleTimeMs'] = version >= 3 ? r.int32() : 0;
  const topics = r.array(flexible, 1, () => readOffsetCommitResponseOffsetCommitResponseTopic(r, version));
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, topics };
}

function writeOffsetCommitResponseOffsetCommitResponsePartition(
  w: KafkaWriter,
  version: number,
  v: OffsetCommitResponseOffsetCommitResponsePartitionInput,
): void {
  const flexible = version >= 8;
  w.int32(v.partitionIndex);
  w.int16(v.errorCode);
  if (flexible) w.noTaggedFields();
}

function writeOffsetCommitResponseOffsetCommitResponseTopic(
  w: KafkaWriter,
  version: number,
  v: OffsetCommitResponseOffsetCommitResponseTopicInput,
): void {
  const flexible = version >= 8;
  if (version <= 9) {
    w.string(v.name ?? '', flexible);
  }
  if (version >= 10) {
    w.uuid(v.topicId ?? ZERO_UUID);
  }
  w.array(v.partitions, flexible, (item) =>
    writeOffsetCommitResponseOffsetCommitResponsePartition(w, version, item),
  );
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link OffsetCommitResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeOffsetCommitResponse(
  w: KafkaWriter,
  version: number,
  v: OffsetCommitResponseInput,
): void {
  const flexible = version >= 8;
  if (version >= 3) {
    w.int32(v.throttleTimeMs ?? 0);
  }
  w.array(v.topics, flexible, (item) => writeOffsetCommitResponseOffsetCommitResponseTopic(w, version, item));
  if (flexible) w.noTaggedFields();
}
