// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { ZERO_UUID, EMPTY_ARRAY, notNull } from '../defaults.ts';

/** Struct of MetadataResponse as read; fields that its version lacks have their defaults. */
export interface MetadataResponseMetadataResponseBroker {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

/** {@link MetadataResponseMetadataResponseBroker} as written: what has a default may be left out. */
export interface MetadataResponseMetadataResponseBrokerInput {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack?: string | null;
}

/** Struct of MetadataResponse as read; fields that its version lacks have their defaults. */
export interface MetadataResponseMetadataResponsePartition {
  readonly errorCode: number;
  readonly partitionIndex: number;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly replicaNodes: readonly number[];
  readonly isrNodes: readonly number[];
  readonly offlineReplicas: readonly number[];
}

/** {@link MetadataResponseMetadataResponsePartition} as written: what has a default may be left out. */
export interface MetadataResponseMetadataResponsePartitionInput {
  readonly errorCode: number;
  readonly partitionIndex: number;
  readonly leaderId: number;
  readonly leaderEpoch?: number;
  readonly replicaNodes: readonly number[];
  readonly isrNodes: readonly number[];
  readonly offlineReplicas?: readonly number[];
}

/** Struct of MetadataResponse as read; fields that its version lacks have their defaults. */
export interface MetadataResponseMetadataResponseTopic {
  readonly errorCode: number;
  readonly name: string | null;
  readonly topicId: string;
  readonly isInternal: boolean;
  readonly partitions: readonly MetadataResponseMetadataResponsePartition[];
  readonly topicAuthorizedOperations: number;
}

/** {@link MetadataResponseMetadataResponseTopic} as written: what has a default may be left out. */
export interface MetadataResponseMetadataResponseTopicInput {
  readonly errorCode: number;
  readonly name: string | null;
  readonly topicId?: string;
  readonly isInternal?: boolean;
  readonly partitions: readonly MetadataResponseMetadataResponsePartitionInput[];
  readonly topicAuthorizedOperations?: number;
}

/** MetadataResponse as read; fields that its version lacks have their defaults. */
export interface MetadataResponse {
  readonly throttleTimeMs: number;
  readonly brokers: readonly MetadataResponseMetadataResponseBroker[];
  readonly clusterId: string | null;
  readonly controllerId: number;
  readonly topics: readonly MetadataResponseMetadataResponseTopic[];
  readonly clusterAuthorizedOperations: number;
  readonly errorCode: number;
}

/** {@link MetadataResponse} as written: what has a default may be left out. */
export interface MetadataResponseInput {
  readonly throttleTimeMs?: number;
  readonly brokers: readonly MetadataResponseMetadataResponseBrokerInput[];
  readonly clusterId?: string | null;
  readonly controllerId?: number;
  readonly topics: readonly MetadataResponseMetadataResponseTopicInput[];
  readonly clusterAuthorizedOperations?: number;
  readonly errorCode?: number;
}

function readMetadataResponseMetadataResponseBroker(
  r: KafkaReader,
  version: number,
): MetadataResponseMetadataResponseBroker {
  const flexible = version >= 9;
  const nodeId = r.int32();
  const host = r.string(flexible);
  const port = r.int32();
  const rack: MetadataResponseMetadataResponseBroker['rack'] =
    version >= 1 ? r.nullableString(flexible) : null;
  if (flexible) r.skipTaggedFields();
  return { nodeId, host, port, rack };
}

function readMetadataResponseMetadataResponsePartition(
  r: KafkaReader,
  version: number,
): MetadataResponseMetadataResponsePartition {
  const flexible = version >= 9;
  const errorCode = r.int16();
  const partitionIndex = r.int32();
  const leaderId = r.int32();
  const leaderEpoch: MetadataResponseMetadataResponsePartition['leaderEpoch'] = version >= 7 ? r.int32() : -1;
  const replicaNodes = r.array(flexible, 4, () => r.int32());
  const isrNodes = r.array(flexible, 4, () => r.int32());
  const offlineReplicas: MetadataResponseMetadataResponsePartition['offlineReplicas'] =
    version >= 5 ? r.array(flexible, 4, () => r.int32()) : EMPTY_ARRAY;
  if (flexible) r.skipTaggedFields();
  return { errorCode, partitionIndex, leaderId, leaderEpoch, replicaNodes, isrNodes, offlineReplicas };
}

function readMetadataResponseMetadataResponseTopic(
  r: KafkaReader,
  version: number,
): MetadataResponseMetadataResponseTopic {
  const flexible = version >= 9;
  const errorCode = r.int16();
  const name = version >= 12 ? r.nullableString(flexible) : r.string(flexible);
  const topicId: MetadataResponseMetadataResponseTopic['topicId'] = version >= 10 ? r.uuid() : ZERO_UUID;
  const isInternal: MetadataResponseMetadataResponseTopic['isInternal'] = version >= 1 ? r.bool() : false;
  const partitions = r.array(flexible, 12, () => readMetadataResponseMetadataResponsePartition(r, version));
  const topicAuthorizedOperations: MetadataResponseMetadataResponseTopic['topicAuthorizedOperations'] =
    version >= 8 ? r.int32() : -2147483648;
  if (flexible) r.skipTaggedFields();
  return { errorCode, name, topicId, isInternal, partitions, topicAuthorizedOperations };
}

/** Reads a {@link MetadataResponse} of `version`; throws BrokerError 'malformed'. */
export function readMetadataResponse(r: KafkaReader, version: number): MetadataResponse {
  const flexible = version >= 9;
  const throttleTimeMs: MetadataResponse['throttleTimeMs'] = version >= 3 ? r.int32() : 0;
  const brokers = r.array(flexible, 9, () => readMetadataResponseMetadataResponseBroker(r, version));
  const clusterId: MetadataResponse['clusterId'] = version >= 2 ? r.nullableString(flexible) : null;
  const controllerId: MetadataResponse['controllerId'] = version >= 1 ? r.int32() : -1;
  const topics = r.array(flexible, 4, () => readMetadataResponseMetadataResponseTopic(r, version));
  const clusterAuthorizedOperations: MetadataResponse['clusterAuthorizedOperations'] =
    version >= 8 && version <= 10 ? r.int32() : -2147483648;
  const errorCode: MetadataResponse['errorCode'] = version >= 13 ? r.int16() : 0;
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, brokers, clusterId, controllerId, topics, clusterAuthorizedOperations, errorCode };
}

function writeMetadataResponseMetadataResponseBroker(
  w: KafkaWriter,
  version: number,
  v: MetadataResponseMetadataResponseBrokerInput,
): void {
  const flexible = version >= 9;
  w.int32(v.nodeId);
  w.string(v.host, flexible);
  w.int32(v.port);
  if (version >= 1) {
    w.nullableString(v.rack ?? null, flexible);
  }
  if (flexible) w.noTaggedFields();
}

function writeMetadataResponseMetadataResponsePartition(
  w: KafkaWriter,
  version: number,
  v: MetadataResponseMetadataResponsePartitionInput,
): void {
  const flexible = version >= 9;
  w.int16(v.errorCode);
  w.int32(v.partitionIndex);
  w.int32(v.leaderId);
  if (version >= 7) {
    w.int32(v.leaderEpoch ?? -1);
  }
  w.array(v.replicaNodes, flexible, (item) => w.int32(item));
  w.array(v.isrNodes, flexible, (item) => w.int32(item));
  if (version >= 5) {
    w.array(v.offlineReplicas ?? EMPTY_ARRAY, flexible, (item) => w.int32(item));
  }
  if (flexible) w.noTaggedFields();
}

function writeMetadataResponseMetadataResponseTopic(
  w: KafkaWriter,
  version: number,
  v: MetadataResponseMetadataResponseTopicInput,
): void {
  const flexible = version >= 9;
  w.int16(v.errorCode);
  if (version >= 12) {
    w.nullableString(v.name, flexible);
  } else {
    w.string(notNull(v.name, version, 'name'), flexible);
  }
  if (version >= 10) {
    w.uuid(v.topicId ?? ZERO_UUID);
  }
  if (version >= 1) {
    w.bool(v.isInternal ?? false);
  }
  w.array(v.partitions, flexible, (item) => writeMetadataResponseMetadataResponsePartition(w, version, item));
  if (version >= 8) {
    w.int32(v.topicAuthorizedOperations ?? -2147483648);
  }
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link MetadataResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeMetadataResponse(w: KafkaWriter, version: number, v: MetadataResponseInput): void {
  const flexible = version >= 9;
  if (version >= 3) {
    w.int32(v.throttleTimeMs ?? 0);
  }
  w.array(v.brokers, flexible, (item) => writeMetadataResponseMetadataResponseBroker(w, version, item));
  if (version >= 2) {
    w.nullableString(v.clusterId ?? null, flexible);
  }
  if (version >= 1) {
    w.int32(v.controllerId ?? -1);
  }
  w.array(v.topics, flexible, (item) => writeMetadataResponseMetadataResponseTopic(w, version, item));
  if (version >= 8 && version <= 10) {
    w.int32(v.clusterAuthorizedOperations ?? -2147483648);
  }
  if (version >= 13) {
    w.int16(v.errorCode ?? 0);
  }
  if (flexible) w.noTaggedFields();
}
