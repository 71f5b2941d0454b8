// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { ZERO_UUID } from '../defaults.ts';

/** Struct of ProduceRequest as read; fields that its version lacks have their defaults. */
export interface ProduceRequestPartitionProduceData {
  readonly index: number;
  readonly records: Buffer | null;
}

/** {@link ProduceRequestPartitionProduceData} as written: what has a default may be left out. */
export interface ProduceRequestPartitionProduceDataInput {
  readonly index: number;
  readonly records: Buffer | readonly Buffer[] | null;
}

/** Struct of ProduceRequest as read; fields that its version lacks have their defaults. */
export interface ProduceRequestTopicProduceData {
  readonly name: string;
  readonly topicId: string;
  readonly partitionData: readonly ProduceRequestPartitionProduceData[];
}

/** {@link ProduceRequestTopicProduceData} as written: what has a default may be left out. */
export interface ProduceRequestTopicProduceDataInput {
  readonly name?: string;
  readonly topicId?: string;
  readonly partitionData: readonly ProduceRequestPartitionProduceDataInput[];
}

/** ProduceRequest as read; fields that its version lacks have their defaults. */
export interface ProduceRequest {
  readonly transactionalId: string | null;
  readonly acks: number;
  readonly timeoutMs: number;
  readonly topicData: readonly ProduceRequestTopicProduceData[];
}

/** {@link ProduceRequest} as written: what has a default may be left out. */
export interface ProduceRequestInput {
  readonly transactionalId?: string | null;
  readonly acks: number;
  readonly timeoutMs: number;
  readonly topicData: readonly ProduceRequestTopicProduceDataInput[];
}

function readProduceRequestPartitionProduceData(
  r: KafkaReader,
  version: number,
): ProduceRequestPartitionProduceData {
  const flexible = version >= 9;
  const index = r.int32();
  const records = r.nullableBytes(flexible);
  if (flexible) r.skipTaggedFields();
  return { index, records };
}

function readProduceRequestTopicProduceData(r: KafkaReader, version: number): ProduceRequestTopicProduceData {
  const flexible = version >= 9;
  const name: ProduceRequestTopicProduceData['name'] = version <= 12 ? r.string(flexible) : '';
  const topicId: ProduceRequestTopicProduceData['topicId'] = version >= 13 ? r.uuid() : ZERO_UUID;
  const partitionData = r.array(flexible, 5, () => readProduceRequestPartitionProduceData(r, version));
  if (flexible) r.skipTaggedFields();
  return { name, topicId, partitionData };
}

/** Reads a {@link ProduceRequest} of `version`; throws BrokerError 'malformed'. */
export function readProduceRequest(r: KafkaReader, version: number): ProduceRequest {
  const flexible = version >= 9;
  const transactionalId = r.nullableString(flexible);
  const acks = r.int16();
  const timeoutMs = r.int32();
  const topicData = r.array(flexible, 1, () => readProduceRequestTopicProduceData(r, version));
  if (flexible) r.skipTaggedFields();
  return { transactionalId, acks, timeoutMs, topicData };
}

function writeProduceRequestPartitionProduceData(
  w: KafkaWriter,
  version: number,
  v: ProduceRequestPartitionProduceDataInput,
): void {
  const flexible = version >= 9;
  w.int32(v.index);
  w.nullableRecords(v.records, flexible);
  if (flexible) w.noTaggedFields();
}

function writeProduceRequestTopicProduceData(
  w: KafkaWriter,
  version: number,
  v: ProduceRequestTopicProduceDataInput,
): void {
  const flexible = version >= 9;
  if (version <= 12) {
    w.string(v.name ?? '', flexible);
  }
  if (version >= 13) {
    w.uuid(v.topicId ?? ZERO_UUID);
  }
  w.array(v.partitionData, flexible, (item) => writeProduceRequestPartitionProduceData(w, version, item));
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link ProduceRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeProduceRequest(w: KafkaWriter, version: number, v: ProduceRequestInput): void {
  const flexible = version >= 9;
  w.nullableString(v.transactionalId ?? null, flexible);
  w.int16(v.acks);
  w.int32(v.timeoutMs);
  w.array(v.topicData, flexible, (item) => writeProduceRequestTopicProduceData(w, version, item));
  if (flexible) w.noTaggedFields();
}
