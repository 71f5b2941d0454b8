// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of ListOffsetsResponse as read; fields that its version lacks have their defaults. */
export interface ListOffsetsResponseListOffsetsPartitionResponse {
  readonly partitionIndex: number;
  readonly errorCode: number;
  readonly timestamp: number;
  readonly offset: number;
  readonly leaderEpoch: number;
}

/** {@link ListOffsetsResponseListOffsetsPartitionResponse} as written: what has a default may be left out. */
export interface ListOffsetsResponseListOffsetsPartitionResponseInput {
  readonly partitionIndex: number;
  readonly errorCode: number;
  readonly timestamp?: number;
  readonly offset?: number;
  readonly leaderEpoch?: number;
}

/** Struct of ListOffsetsResponse as read; fields that its version lacks have their defaults. */
export interface ListOffsetsResponseListOffsetsTopicResponse {
  readonly name: string;
  readonly partitions: readonly ListOffsetsResponseListOffsetsPartitionResponse[];
}

/** {@link ListOffsetsResponseListOffsetsTopicResponse} as written: what has a default may be left out. */
export interface ListOffsetsResponseListOffsetsTopicResponseInput {
  readonly name: string;
  readonly partitions: readonly ListOffsetsResponseListOffsetsPartitionResponseInput[];
}

/** ListOffsetsResponse as read; fields that its version lacks have their defaults. */
export interface ListOffsetsResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly ListOffsetsResponseListOffsetsTopicResponse[];
}

/** {@link ListOffsetsResponse} as written: what has a default may be left out. */
export interface ListOffsetsResponseInput {
  readonly throttleTimeMs?: number;
  readonly topics: readonly ListOffsetsResponseListOffsetsTopicResponseInput[];
}

function readListOffsetsResponseListOffsetsPartitionResponse(
  r: KafkaReader,
  version: number,
): ListOffsetsResponseListOffsetsPartitionResponse {
  const flexible = version >= 6;
  const partitionIndex = r.int32();
  const errorCode = r.int16();
  const timestamp = r.int64();
  const offset = r.int64();
  const leaderEpoch: ListOffsetsResponseListOffsetsPartitionResponse['leaderEpoch'] =
    version >= 4 ? r.int32() : -1;
  if (flexible) r.skipTaggedFields();
  return { partitionIndex, errorCode, timestamp, offset, leaderEpoch };
}

function readListOffsetsResponseListOffsetsTopicResponse(
  r: KafkaReader,
  version: number,
): ListOffsetsResponseListOffsetsTopicResponse {
  const flexible = version >= 6;
  const name = r.string(flexible);
  const partitions = r.array(flexible, 22, () =>
    readListOffsetsResponseListOffsetsPartitionResponse(r, version),
  );
  if (flexible) r.skipTaggedFields();
  return { name, partitions };
}

/** Reads a {@link ListOffsetsResponse} of `version`; throws BrokerError 'malformed'. */
export function readListOffsetsResponse(r: KafkaReader, version: number): ListOffsetsResponse {
  const flexible = version >= 6;
  const throttleTimeMs: ListOffsetsResponse['throttleTimeMs'] = version >= 2 ? r.int32() : 0;
  const topics = r.array(flexible, 2, () => readListOffsetsResponseListOffsetsTopicResponse(r, version));
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, topics };
}

function writeListOffsetsResponseListOffsetsPartitionResponse(
  w: KafkaWriter,
  version: number,
  v: ListOffsetsResponseListOffsetsPartitionResponseInput,
): void {
  const flexible = version >= 6;
  w.int32(v.partitionIndex);
  w.int16(v.errorCode);
  w.int64(v.timestamp ?? -1);
  w.int64(v.offset ?? -1);
  if (version >= 4) {
    w.int32(v.leaderEpoch ?? -1);
  }
  if (flexible) w.noTaggedFields();
}

function writeListOffsetsResponseListOffsetsTopicResponse(
  w: KafkaWriter,
  version: number,
  v: ListOffsetsResponseListOffsetsTopicResponseInput,
): void {
  const flexible = version >= 6;
  w.string(v.name, flexible);
  w.array(v.partitions, flexible, (item) =>
    writeListOffsetsResponseListOffsetsPartitionResponse(w, version, item),
  );
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link ListOffsetsResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeListOffsetsResponse(w: KafkaWriter, version: number, v: ListOffsetsResponseInput): void {
  const flexible = version >= 6;
  if (version >= 2) {
    w.int32(v.throttleTimeMs ?? 0);
  }
  w.array(v.topics, flexible, (item) => writeListOffsetsResponseListOffsetsTopicResponse(w, version, item));
  if (flexible) w.noTaggedFields();
}
