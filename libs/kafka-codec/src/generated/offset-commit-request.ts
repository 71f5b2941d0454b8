// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { ZERO_UUID, refuseUnlessDefault } from '../defaults.ts';

/** Struct of OffsetCommitRequest as read; fields that its version lacks have their defaults. */
export interface OffsetCommitRequestOffsetCommitRequestPartition {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly committedMetadata: string | null;
}

/** {@link OffsetCommitRequestOffsetCommitRequestPartition} as written: what has a default may be left out. */
export interface OffsetCommitRequestOffsetCommitRequestPartitionInput {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  readonly committedLeaderEpoch?: number;
  readonly committedMetadata: string | null;
}

/** Struct of OffsetCommitRequest as read; fields that its version lacks have their defaults. */
export interface OffsetCommitRequestOffsetCommitRequestTopic {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly OffsetCommitRequestOffsetCommitRequestPartition[];
}

/** {@link OffsetCommitRequestOffsetCommitRequestTopic} as written: what has a default may be left out. */
export interface OffsetCommitRequestOffsetCommitRequestTopicInput {
  readonly name?: string;
  readonly topicId?: string;
  readonly partitions: readonly OffsetCommitRequestOffsetCommitRequestPartitionInput[];
}

/** OffsetCommitRequest as read; fields that its version lacks have their defaults. */
export interface OffsetCommitRequest {
  readonly groupId: string;
  readonly generationIdOrMemberEpoch: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly retentionTimeMs: number;
  readonly topics: readonly OffsetCommitRequestOffsetCommitRequestTopic[];
}

/** {@link OffsetCommitRequest} as written: what has a default may be left out. */
export interface OffsetCommitRequestInput {
  readonly groupId: string;
  readonly generationIdOrMemberEpoch?: number;
  readonly memberId?: string;
  readonly groupInstanceId?: string | null;
  readonly retentionTimeMs?: number;
  readonly topics: readonly OffsetCommitRequestOffsetCommitRequestTopicInput[];
}

function readOffsetCommitRequestOffsetCommitRequestPartition(
  r: KafkaReader,
  version: number,
): OffsetCommitRequestOffsetCommitRequestPartition {
  const flexible = version >= 8;
  const partitionIndex = r.int32();
  const committedOffset = r.int64();
  const committedLeaderEpoch: OffsetCommitRequestOffsetCommitRequestPartition['committedLeaderEpoch'] =
    version >= 6 ? r.int32() : -1;
  const committedMetadata = r.nullableString(flexible);
  if (flexible) r.skipTaggedFields();
  return { partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata };
}

function readOffsetCommitRequestOffsetCommitRequestTopic(
  r: KafkaReader,
  version: number,
): OffsetCommitRequestOffsetCommitRequestTopic {
  const flexible = version >= 8;
  const name: OffsetCommitRequestOffsetCommitRequestTopic['name'] = version <= 9 ? r.string(flexible) : '';
  const topicId: OffsetCommitRequestOffsetCommitRequestTopic['topicId'] =
    version >= 10 ? r.uuid() : ZERO_UUID;
  const partitions = r.array(flexible, 13, () =>
    readOffsetCommitRequestOffsetCommitRequestPartition(r, version),
  );
  if (flexible) r.skipTaggedFields();
  return { name, topicId, partitions };
}

/** Reads a {@link OffsetCommitRequest} of `version`; throws BrokerError 'malformed'. */
export function readOffsetCommitRequest(r: KafkaReader, version: number): OffsetCommitRequest {
  const flexible = version >= 8;
  const groupId = r.string(flexible);
  const generationIdOrMemberEpoch = r.int32();
  const memberId = r.string(flexible);
  const groupInstanceId: OffsetCommitRequest['groupInstanceId'] =
    version >= 7 ? r.nullableString(flexible) : null;
  const retentionTimeMs: OffsetCommitRequest['retentionTimeMs'] = version <= 4 ? r.int64() : -1;
  const topics = r.array(flexible, 1, () => readOffsetCommitRequestOffsetCommitRequestTopic(r, version));
  if (flexible) r.skipTaggedFields();
  return { groupId, generationIdOrMemberEpoch, memberId, groupInstanceId, retentionTimeMs, topics };
}

function writeOffsetCommitRequestOffsetCommitRequestPartition(
  w: KafkaWriter,
  version: number,
  v: OffsetCommitRequestOffsetCommitRequestPartitionInput,
): void {
  const flexible = version >= 8;
  w.int32(v.partitionIndex);
  w.int64(v.committedOffset);
  if (version >= 6) {
    w.int32(v.committedLeaderEpoch ?? -1);
  }
  w.nullableString(v.committedMetadata, flexible);
  if (flexible) w.noTaggedFields();
}

function writeOffsetCommitRequestOffsetCommitRequestTopic(
  w: KafkaWriter,
  version: number,
  v: OffsetCommitRequestOffsetCommitRequestTopicInput,
): void {
  const flexible = version >= 8;
  if (version <= 9) {
    w.string(v.name ?? '', flexible);
  }
  if (version >= 10) {
    w.uuid(v.topicId ?? ZERO_UUID);
  }
  w.array(v.partitions, flexible, (item) =>
    writeOffsetCommitRequestOffsetCommitRequestPartition(w, version, item),
  );
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link OffsetCommitRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeOffsetCommitRequest(w: KafkaWriter, version: number, v: OffsetCommitRequestInput): void {
  const flexible = version >= 8;
  w.string(v.groupId, flexible);
  w.int32(v.generationIdOrMemberEpoch ?? -1);
  w.string(v.memberId ?? '', flexible);
  if (version >= 7) {
    w.nullableString(v.groupInstanceId ?? null, flexible);
  } else refuseUnlessDefault(v.groupInstanceId, null, version, 'OffsetCommitRequest.groupInstanceId');
  if (version <= 4) {
    w.int64(v.retentionTimeMs ?? -1);
  }
  w.array(v.topics, flexible, (item) => writeOffsetCommitRequestOffsetCommitRequestTopic(w, version, item));
  if (flexible) w.noTaggedFields();
}
