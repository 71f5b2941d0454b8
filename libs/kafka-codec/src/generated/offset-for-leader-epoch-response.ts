// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of OffsetForLeaderEpochResponse as read; fields that its version lacks have their defaults. */
export interface OffsetForLeaderEpochResponseEpochEndOffset {
  readonly errorCode: number;
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly endOffset: number;
}

/** {@link OffsetForLeaderEpochResponseEpochEndOffset} as written: what has a default may be left out. */
export interface OffsetForLeaderEpochResponseEpochEndOffsetInput {
  readonly errorCode: number;
  readonly partition: number;
  readonly leaderEpoch?: number;
  readonly endOffset?: number;
}

/** Struct of OffsetForLeaderEpochResponse as read; fields that its version lacks have their defaults. */
export interface OffsetForLeaderEpochResponseOffsetForLeaderTopicResult {
  readonly topic: string;
  readonly partitions: readonly OffsetForLeaderEpochResponseEpochEndOffset[];
}

/** {@link OffsetForLeaderEpochResponseOffsetForLeaderTopicResult} as written: what has a default may be left out. */
export interface OffsetForLeaderEpochResponseOffsetForLeaderTopicResultInput {
  readonly topic: string;
  readonly partitions: readonly OffsetForLeaderEpochResponseEpochEndOffsetInput[];
}

/** OffsetForLeaderEpochResponse as read; fields that its version lacks have their defaults. */
export interface OffsetForLeaderEpochResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly OffsetForLeaderEpochResponseOffsetForLeaderTopicResult[];
}

/** {@link OffsetForLeaderEpochResponse} as written: what has a default may be left out. */
export interface OffsetForLeaderEpochResponseInput {
  readonly throttleTimeMs?: number;
  readonly topics: readonly OffsetForLeaderEpochResponseOffsetForLeaderTopicResultInput[];
}

function readOffsetForLeaderEpochResponseEpochEndOffset(
  r: KafkaReader,
  version: number,
): OffsetForLeaderEpochResponseEpochEndOffset {
  const flexible = version >= 4;
  const errorCode = r.int16();
  const partition = r.int32();
  const leaderEpoch = r.int32();
  const endOffset = r.int64();
  if (flexible) r.skipTaggedFields();
  return { errorCode, partition, leaderEpoch, endOffset };
}

function readOffsetForLeaderEpochResponseOffsetForLeaderTopicResult(
  r: KafkaReader,
  version: number,
): OffsetForLeaderEpochResponseOffsetForLeaderTopicResult {
  const flexible = version >= 4;
  const topic = r.string(flexible);
  const partitions = r.array(flexible, 18, () => readOffsetForLeaderEpochResponseEpochEndOffset(r, version));
  if (flexible) r.skipTaggedFields();
  return { topic, partitions };
}

/** Reads a {@link OffsetForLeaderEpochResponse} of `version`; throws BrokerError 'malformed'. */
export function readOffsetForLeaderEpochResponse(
  r: KafkaReader,
  version: number,
): OffsetForLeaderEpochResponse {
  const flexible = version >= 4;
  const throttleTimeMs = r.int32();
  const topics = r.array(flexible, 2, () =>
    readOffsetForLeaderEpochResponseOffsetForLeaderTopicResult(r, version),
  );
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, topics };
}

function writeOffsetForLeaderEpochResponseEpochEndOffset(
  w: KafkaWriter,
  version: number,
  v: OffsetForLeaderEpochResponseEpochEndOffsetInput,
): void {
  const flexible = version >= 4;
  w.int16(v.errorCode);
  w.int32(v.partition);
  w.int32(v.leaderEpoch ?? -1);
  w.int64(v.endOffset ?? -1);
  if (flexible) w.noTaggedFields();
}

function writeOffsetForLeaderEpochResponseOffsetForLeaderTopicResult(
  w: KafkaWriter,
  version: number,
  v: OffsetForLeaderEpochResponseOffsetForLeaderTopicResultInput,
): void {
  const flexible = version >= 4;
  w.string(v.topic, flexible);
  w.array(v.partitions, flexible, (item) =>
    writeOffsetForLeaderEpochResponseEpochEndOffset(w, version, item),
  );
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link OffsetForLeaderEpochResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeOffsetForLeaderEpochResponse(
  w: KafkaWriter,
  version: number,
  v: OffsetForLeaderEpochResponseInput,
): void {
  const flexible = version >= 4;
  w.int32(v.throttleTimeMs ?? 0);
  w.array(v.topics, flexible, (item) =>
    writeOffsetForLeaderEpochResponseOffsetForLeaderTopicResult(w, version, item),
  );
  if (flexible) w.noTaggedFields();
}
