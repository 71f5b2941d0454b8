// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of OffsetForLeaderEpochRequest as read; fields that its version lacks have their defaults. */
export interface OffsetForLeaderEpochRequestOffsetForLeaderPartition {
  readonly partition: number;
  readonly currentLeaderEpoch: number;
  readonly leaderEpoch: number;
}

/** {@link OffsetForLeaderEpochRequestOffsetForLeaderPartition} as written: what has a default may be left out. */
export interface OffsetForLeaderEpochRequestOffsetForLeaderPartitionInput {
  readonly partition: number;
  readonly currentLeaderEpoch?: number;
  readonly leaderEpoch: number;
}

/** Struct of OffsetForLeaderEpochRequest as read; fields that its version lacks have their defaults. */
export interface OffsetForLeaderEpochRequestOffsetForLeaderTopic {
  readonly topic: string;
  readonly partitions: readonly OffsetForLeaderEpochRequestOffsetForLeaderPartition[];
}

/** {@link OffsetForLeaderEpochRequestOffsetForLeaderTopic} as written: what has a default may be left out. */
export interface OffsetForLeaderEpochRequestOffsetForLeaderTopicInput {
  readonly topic: string;
  readonly partitions: readonly OffsetForLeaderEpochRequestOffsetForLeaderPartitionInput[];
}

/** OffsetForLeaderEpochRequest as read; fields that its version lacks have their defaults. */
export interface OffsetForLeaderEpochRequest {
  readonly replicaId: number;
  readonly topics: readonly OffsetForLeaderEpochRequestOffsetForLeaderTopic[];
}

/** {@link OffsetForLeaderEpochRequest} as written: what has a default may be left out. */
export interface OffsetForLeaderEpochRequestInput {
  readonly replicaId?: number;
  readonly topics: readonly OffsetForLeaderEpochRequestOffsetForLeaderTopicInput[];
}

function readOffsetForLeaderEpochRequestOffsetForLeaderPartition(
  r: KafkaReader,
  version: number,
): OffsetForLeaderEpochRequestOffsetForLeaderPartition {
  const flexible = version >= 4;
  const partition = r.int32();
  const currentLeaderEpoch = r.int32();
  const leaderEpoch = r.int32();
  if (flexible) r.skipTaggedFields();
  return { partition, currentLeaderEpoch, leaderEpoch };
}

function readOffsetForLeaderEpochRequestOffsetForLeaderTopic(
  r: KafkaReader,
  version: number,
): OffsetForLeaderEpochRequestOffsetForLeaderTopic {
  const flexible = version >= 4;
  const topic = r.string(flexible);
  const partitions = r.array(flexible, 12, () =>
    readOffsetForLeaderEpochRequestOffsetForLeaderPartition(r, version),
  );
  if (flexible) r.skipTaggedFields();
  return { topic, partitions };
}

/** Reads a {@link OffsetForLeaderEpochRequest} of `version`; throws BrokerError 'malformed'. */
export function readOffsetForLeaderEpochRequest(
  r: KafkaReader,
  version: number,
): OffsetForLeaderEpochRequest {
  const flexible = version >= 4;
  const replicaId: OffsetForLeaderEpochRequest['replicaId'] = version >= 3 ? r.int32() : -2;
  const topics = r.array(flexible, 2, () => readOffsetForLeaderEpochRequestOffsetForLeaderTopic(r, version));
  if (flexible) r.skipTaggedFields();
  return { replicaId, topics };
}

function writeOffsetForLeaderEpochRequestOffsetForLeaderPartition(
  w: KafkaWriter,
  version: number,
  v: OffsetForLeaderEpochRequestOffsetForLeaderPartitionInput,
): void {
  const flexible = version >= 4;
  w.int32(v.partition);
  w.int32(v.currentLeaderEpoch ?? -1);
  w.int32(v.leaderEpoch);
  if (flexible) w.noTaggedFields();
}

function writeOffsetForLeaderEpochRequestOffsetForLeaderTopic(
  w: KafkaWriter,
  version: number,
  v: OffsetForLeaderEpochRequestOffsetForLeaderTopicInput,
): void {
  const flexible = version >= 4;
  w.string(v.topic, flexible);
  w.array(v.partitions, flexible, (item) =>
    writeOffsetForLeaderEpochRequestOffsetForLeaderPartition(w, version, item),
  );
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link OffsetForLeaderEpochRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeOffsetForLeaderEpochRequest(
  w: KafkaWriter,
  version: number,
  v: OffsetForLeaderEpochRequestInput,
): void {
  const flexible = version >= 4;
  if (version >= 3) {
    w.int32(v.replicaId ?? -2);
  }
  w.array(v.topics, flexible, (item) =>
    writeOffsetForLeaderEpochRequestOffsetForLeaderTopic(w, version, item),
  );
  if (flexible) w.noTaggedFields();
}
