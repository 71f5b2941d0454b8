// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { ZERO_UUID, EMPTY_ARRAY } from '../defaults.ts';

/** Struct of OffsetFetchResponse as read; fields that its version lacks have their defaults. */
export interface OffsetFetchResponseOffsetFetchResponsePartition {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly metadata: string | null;
  readonly errorCode: number;
}

/** {@link OffsetFetchResponseOffsetFetchResponsePartition} as written: what has a default may be left out. */
export interface OffsetFetchResponseOffsetFetchResponsePartitionInput {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  readonly committedLeaderEpoch?: number;
  readonly metadata: string | null;
  readonly errorCode: number;
}

/** Struct of OffsetFetchResponse as read; fields that its version lacks have their defaults. */
export interface OffsetFetchResponseOffsetFetchResponseTopic {
  readonly name: string;
  readonly partitions: readonly OffsetFetchResponseOffsetFetchResponsePartition[];
}

/** {@link OffsetFetchResponseOffsetFetchResponseTopic} as written: what has a default may be left out. */
export interface OffsetFetchResponseOffsetFetchResponseTopicInput {
  readonly name: string;
  readonly partitions: readonly OffsetFetchResponseOffsetFetchResponsePartitionInput[];
}

/** Struct of OffsetFetchResponse as read; fields that its version lacks have their defaults. */
export interface OffsetFetchResponseOffsetFetchResponsePartitions {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly metadata: string | null;
  readonly errorCode: number;
}

/** {@link OffsetFetchResponseOffsetFetchResponsePartitions} as written: what has a default may be left out. */
export interface OffsetFetchResponseOffsetFetchResponsePartitionsInput {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  readonly committedLeaderEpoch?: number;
  readonly metadata: string | null;
  readonly errorCode: number;
}

/** Struct of OffsetFetchResponse as read; fields that its version lacks have their defaults. */
export interface OffsetFetchResponseOffsetFetchResponseTopics {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly OffsetFetchResponseOffsetFetchResponsePartitions[];
}

/** {@link OffsetFetchResponseOffsetFetchResponseTopics} as written: what has a default may be left out. */
export interface OffsetFetchResponseOffsetFetchResponseTopicsInput {
  readonly name?: string;
  readonly topicId?: string;
  readonly partitions: readonly OffsetFetchResponseOffsetFetchResponsePartitionsInput[];
}

/** Struct of OffsetFetchResponse as read; fields that its version lacks have their defaults. */
export interface OffsetFetchResponseOffsetFetchResponseGroup {
  readonly groupId: string;
  readonly topics: readonly OffsetFetchResponseOffsetFetchResponseTopics[];
  readonly errorCode: number;
}

/** {@link OffsetFetchResponseOffsetFetchResponseGroup} as written: what has a default may be left out. */
export interface OffsetFetchResponseOffsetFetchResponseGroupInput {
  readonly groupId: string;
  readonly topics: readonly OffsetFetchResponseOffsetFetchResponseTopicsInput[];
  readonly errorCode?: number;
}

/** OffsetFetchResponse as read; fields that its version lacks have their defaults. */
export interface OffsetFetchResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly OffsetFetchResponseOffsetFetchResponseTopic[];
  readonly errorCode: number;
  readonly groups: readonly OffsetFetchResponseOffsetFetchResponseGroup[];
}

/** {@link OffsetFetchResponse} as written: what has a default may be left out. */
export interface OffsetFetchResponseInput {
  readonly throttleTimeMs?: number;
  readonly topics?: readonly OffsetFetchResponseOffsetFetchResponseTopicInput[];
  readonly errorCode?: number;
  readonly groups?: readonly OffsetFetchResponseOffsetFetchResponseGroupInput[];
}

function readOffsetFetchResponseOffsetFetchResponsePartition(
  r: KafkaReader,
  version: number,
): OffsetFetchResponseOffsetFetchResponsePartition {
  const flexible = version >= 6;
  const partitionIndex = r.int32();
  const committedOffset = r.int64();
  const committedLeaderEpoch: OffsetFetchResponseOffsetFetchResponsePartition['committedLeaderEpoch'] =
    version >= 5 ? r.int32() : -1;
  const metadata = r.nullableString(flexible);
  const errorCode = r.int16();
  if (flexible) r.skipTaggedFields();
  return { partitionIndex, committedOffset, committedLeaderEpoch, metadata, errorCode };
}

function readOffsetFetchResponseOffsetFetchResponseTopic(
  r: KafkaReader,
  version: number,
): OffsetFetchResponseOffsetFetchResponseTopic {
  const flexible = version >= 6;
  const name = r.string(flexible);
  const partitions = r.array(flexible, 15, () =>
    readOffsetFetchResponseOffsetFetchResponsePartition(r, version),
  );
  if (flexible) r.skipTaggedFields();
  return { name, partitions };
}

function readOffsetFetchResponseOffsetFetchResponsePartitions(
  r: KafkaReader,
  _version: number,
): OffsetFetchResponseOffsetFetchResponsePartitions {
  const flexible = true;
  const partitionIndex = r.int32();
  const committedOffset = r.int64();
  const committedLeaderEpoch = r.int32();
  const metadata = r.nullableString(flexible);
  const errorCode = r.int16();
  r.skipTaggedFields();
  return { partitionIndex, committedOffset, committedLeaderEpoch, metadata, errorCode };
}

function readOffsetFetchResponseOffsetFetchResponseTopics(
  r: KafkaReader,
  version: number,
): OffsetFetchResponseOffsetFetchResponseTopics {
  const flexible = true;
  const name: OffsetFetchResponseOffsetFetchResponseTopics['name'] = version <= 9 ? r.string(flexible) : '';
  const topicId: OffsetFetchResponseOffsetFetchResponseTopics['topicId'] =
    version >= 10 ? r.uuid() : ZERO_UUID;
  const partitions = r.array(flexible, 19, () =>
    readOffsetFetchResponseOffsetFetchResponsePartitions(r, version),
  );
  r.skipTaggedFields();
  return { name, topicId, partitions };
}

function readOffsetFetchResponseOffsetFetchResponseGroup(
  r: KafkaReader,
  version: number,
): OffsetFetchResponseOffsetFetchResponseGroup {
  const flexible = true;
  const groupId = r.string(flexible);
  const topics = r.array(flexible, 1, () => readOffsetFetchResponseOffsetFetchResponseTopics(r, version));
  const errorCode = r.int16();
  r.skipTaggedFields();
  return { groupId, topics, errorCode };
}

/** Reads a {@link OffsetFetchResponse} of `version`; throws BrokerError 'malformed'. */
export function readOffsetFetchResponse(r: KafkaReader, version: number): OffsetFetchResponse {
  const flexible = version >= 6;
  const throttleTimeMs: OffsetFetchResponse['throttleTimeMs'] = version >= 3 ? r.int32() : 0;
  const topics: OffsetFetchResponse['topics'] =
    version <= 7
      ? r.array(flexible, 2, () => readOffsetFetchResponseOffsetFetchResponseTopic(r, version))
      : EMPTY_ARRAY;
  const errorCode: OffsetFetchResponse['errorCode'] = version >= 2 && version <= 7 ? r.int16() : 0;
  const groups: OffsetFetchResponse['groups'] =
    version >= 8
      ? r.array(flexible, 4, () => readOffsetFetchResponseOffsetFetchResponseGroup(r, version))
      : EMPTY_ARRAY;
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, topics, errorCode, groups };
}

function writeOffsetFetchResponseOffsetFetchResponsePartition(
  w: KafkaWriter,
  version: number,
  v: OffsetFetchResponseOffsetFetchResponsePartitionInput,
): void {
  const flexible = version >= 6;
  w.int32(v.partitionIndex);
  w.int64(v.committedOffset);
  if (version >= 5) {
    w.int32(v.committedLeaderEpoch ?? -1);
  }
  w.nullableString(v.metadata, flexible);
  w.int16(v.errorCode);
  if (flexible) w.noTaggedFields();
}

function writeOffsetFetchResponseOffsetFetchResponseTopic(
  w: KafkaWriter,
  version: number,
  v: OffsetFetchResponseOffsetFetchResponseTopicInput,
): void {
  const flexible = version >= 6;
  w.string(v.name, flexible);
  w.array(v.partitions, flexible, (item) =>
    writeOffsetFetchResponseOffsetFetchResponsePartition(w, version, item),
  );
  if (flexible) w.noTaggedFields();
}

function writeOffsetFetchResponseOffsetFetchResponsePartitions(
  w: KafkaWriter,
  _version: number,
  v: OffsetFetchResponseOffsetFetchResponsePartitionsInput,
): void {
  const flexible = true;
  w.int32(v.partitionIndex);
  w.int64(v.committedOffset);
  w.int32(v.committedLeaderEpoch ?? -1);
  w.nullableString(v.metadata, flexible);
  w.int16(v.errorCode);
  w.noTaggedFields();
}

function writeOffsetFetchResponseOffsetFetchResponseTopics(
  w: KafkaWriter,
  version: number,
  v: OffsetFetchResponseOffsetFetchResponseTopicsInput,
): void {
  const flexible = true;
  if (version <= 9) {
    w.string(v.name ?? '', flexible);
  }
  if (version >= 10) {
    w.uuid(v.topicId ?? ZERO_UUID);
  }
  w.array(v.partitions, flexible, (item) =>
    writeOffsetFetchResponseOffsetFetchResponsePartitions(w, version, item),
  );
  w.noTaggedFields();
}

function writeOffsetFetchResponseOffsetFetchResponseGroup(
  w: KafkaWriter,
  version: number,
  v: OffsetFetchResponseOffsetFetchResponseGroupInput,
): void {
  const flexible = true;
  w.string(v.groupId, flexible);
  w.array(v.topics, flexible, (item) => writeOffsetFetchResponseOffsetFetchResponseTopics(w, version, item));
  w.int16(v.errorCode ?? 0);
  w.noTaggedFields();
}

/** Writes a {@link OffsetFetchResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeOffsetFetchResponse(w: KafkaWriter, version: number, v: OffsetFetchResponseInput): void {
  const flexible = version >= 6;
  if (version >= 3) {
    w.int32(v.throttleTimeMs ?? 0);
  }
  if (version <= 7) {
    w.array(v.topics ?? EMPTY_ARRAY, flexible, (item) =>
      writeOffsetFetchResponseOffsetFetchResponseTopic(w, version, item),
    );
  }
  if (version >= 2 && version <= 7) {
    w.int16(v.errorCode ?? 0);
  }
  if (version >= 8) {
    w.array(v.groups ?? EMPTY_ARRAY, flexible, (item) =>
      writeOffsetFetchResponseOffsetFetchResponseGroup(w, version, item),
    );
  }
  if (flexible) w.noTaggedFields();
}
