// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { ZERO_UUID, EMPTY_ARRAY, refuseUnlessDefault, sameValue } from '../defaults.ts';

/** Struct of FetchRequest as read; fields that its version lacks have their defaults. */
export interface FetchRequestReplicaState {
  readonly replicaId: number;
  readonly replicaEpoch: number;
}

/** {@link FetchRequestReplicaState} as written: what has a default may be left out. */
export interface FetchRequestReplicaStateInput {
  readonly replicaId?: number;
  readonly replicaEpoch?: number;
}

function defaultFetchRequestReplicaState(): FetchRequestReplicaState {
  return {
    replicaId: -1,
    replicaEpoch: -1,
  };
}

/** Struct of FetchRequest as read; fields that its version lacks have their defaults. */
export interface FetchRequestFetchPartition {
  readonly partition: number;
  readonly currentLeaderEpoch: number;
  readonly fetchOffset: number;
  readonly lastFetchedEpoch: number;
  readonly logStartOffset: number;
  readonly partitionMaxBytes: number;
  readonly replicaDirectoryId: string;
  readonly highWatermark: number;
}

/** {@link FetchRequestFetchPartition} as written: what has a default may be left out. */
export interface FetchRequestFetchPartitionInput {
  readonly partition: number;
  readonly currentLeaderEpoch?: number;
  readonly fetchOffset: number;
  readonly lastFetchedEpoch?: number;
  readonly logStartOffset?: number;
  readonly partitionMaxBytes: number;
  readonly replicaDirectoryId?: string;
  readonly highWatermark?: number;
}

/** Struct of FetchRequest as read; fields that its version lacks have their defaults. */
export interface FetchRequestFetchTopic {
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: readonly FetchRequestFetchPartition[];
}

/** {@link FetchRequestFetchTopic} as written: what has a default may be left out. */
export interface FetchRequestFetchTopicInput {
  readonly topic?: string;
  readonly topicId?: string;
  readonly partitions: readonly FetchRequestFetchPartitionInput[];
}

/** Struct of FetchRequest as read; fields that its version lacks have their defaults. */
export interface FetchRequestForgottenTopic {
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: readonly number[];
}

/** {@link FetchRequestForgottenTopic} as written: what has a default may be left out. */
export interface FetchRequestForgottenTopicInput {
  readonly topic?: string;
  readonly topicId?: string;
  readonly partitions: readonly number[];
}

/** FetchRequest as read; fields that its version lacks have their defaults. */
export interface FetchRequest {
  readonly clusterId: string | null;
  readonly replicaId: number;
  readonly replicaState: FetchRequestReplicaState;
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly isolationLevel: number;
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly topics: readonly FetchRequestFetchTopic[];
  readonly forgottenTopicsData: readonly FetchRequestForgottenTopic[];
  readonly rackId: string;
}

/** {@link FetchRequest} as written: what has a default may be left out. */
export interface FetchRequestInput {
  readonly clusterId?: string | null;
  readonly replicaId?: number;
  readonly replicaState?: FetchRequestReplicaStateInput;
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes?: number;
  readonly isolationLevel?: number;
  readonly sessionId?: number;
  readonly sessionEpoch?: number;
  readonly topics: readonly FetchRequestFetchTopicInput[];
  readonly forgottenTopicsData?: readonly FetchRequestForgottenTopicInput[];
  readonly rackId?: string;
}

function readFetchRequestReplicaState(r: KafkaReader, _version: number): FetchRequestReplicaState {
  const replicaId = r.int32();
  const replicaEpoch = r.int64();
  r.skipTaggedFields();
  return { replicaId, replicaEpoch };
}

function readFetchRequestFetchPartition(r: KafkaReader, version: number): FetchRequestFetchPartition {
  const flexible = version >= 12;
  const partition = r.int32();
  const currentLeaderEpoch: FetchRequestFetchPartition['currentLeaderEpoch'] = version >= 9 ? r.int32() : -1;
  const fetchOffset = r.int64();
  const lastFetchedEpoch: FetchRequestFetchPartition['lastFetchedEpoch'] = version >= 12 ? r.int32() : -1;
  const logStartOffset: FetchRequestFetchPartition['logStartOffset'] = version >= 5 ? r.int64() : -1;
  const partitionMaxBytes = r.int32();
  let replicaDirectoryId: FetchRequestFetchPartition['replicaDirectoryId'] = ZERO_UUID;
  let highWatermark: FetchRequestFetchPartition['highWatermark'] = Number.MAX_SAFE_INTEGER;
  if (flexible) {
    for (let tags = r.tagCount(); tags > 0; tags -= 1) {
      const tag = r.uvarint();
      const end = r.tagEnd();
      switch (tag) {
        case 0:
          if (version >= 17) replicaDirectoryId = r.uuid();
          break;
        case 1:
          if (version >= 18) highWatermark = r.int64();
          break;
        default:
          break;
      }
      r.seekTagEnd(end);
    }
  }
  return {
    partition,
    currentLeaderEpoch,
    fetchOffset,
    lastFetchedEpoch,
    logStartOffset,
    partitionMaxBytes,
    replicaDirectoryId,
    highWatermark,
  };
}

function readFetchRequestFetchTopic(r: KafkaReader, version: number): FetchRequestFetchTopic {
  const flexible = version >= 12;
  const topic: FetchRequestFetchTopic['topic'] = version <= 12 ? r.string(flexible) : '';
  const topicId: FetchRequestFetchTopic['topicId'] = version >= 13 ? r.uuid() : ZERO_UUID;
  const partitions = r.array(flexible, 16, () => readFetchRequestFetchPartition(r, version));
  if (flexible) r.skipTaggedFields();
  return { topic, topicId, partitions };
}

function readFetchRequestForgottenTopic(r: KafkaReader, version: number): FetchRequestForgottenTopic {
  const flexible = version >= 12;
  const topic: FetchRequestForgottenTopic['topic'] = version <= 12 ? r.string(flexible) : '';
  const topicId: FetchRequestForgottenTopic['topicId'] = version >= 13 ? r.uuid() : ZERO_UUID;
  const partitions = r.array(flexible, 4, () => r.int32());
  if (flexible) r.skipTaggedFields();
  return { topic, topicId, partitions };
}

/** Reads a {@link FetchRequest} of `version`; throws BrokerError 'malformed'. */
export function readFetchRequest(r: KafkaReader, version: number): FetchRequest {
  const flexible = version >= 12;
  let clusterId: FetchRequest['clusterId'] = null;
  const replicaId: FetchRequest['replicaId'] = version <= 14 ? r.int32() : -1;
  let replicaState: FetchRequest['replicaState'] = defaultFetchRequestReplicaState();
  const maxWaitMs = r.int32();
  const minBytes = r.int32();
  const maxBytes = r.int32();
  const isolationLevel = r.int8();
  const sessionId: FetchRequest['sessionId'] = version >= 7 ? r.int32() : 0;
  const sessionEpoch: FetchRequest['sessionEpoch'] = version >= 7 ? r.int32() : -1;
  const topics = r.array(flexible, 1, () => readFetchRequestFetchTopic(r, version));
  const forgottenTopicsData: FetchRequest['forgottenTopicsData'] =
    version >= 7 ? r.array(flexible, 1, () => readFetchRequestForgottenTopic(r, version)) : EMPTY_ARRAY;
  const rackId: FetchRequest['rackId'] = version >= 11 ? r.string(flexible) : '';
  if (flexible) {
    for (let tags = r.tagCount(); tags > 0; tags -= 1) {
      const tag = r.uvarint();
      const end = r.tagEnd();
      switch (tag) {
        case 0:
          if (version >= 12) clusterId = r.nullableString(flexible);
          break;
        case 1:
          if (version >= 15) replicaState = readFetchRequestReplicaState(r, version);
          break;
        default:
          break;
      }
      r.seekTagEnd(end);
    }
  }
  return {
    clusterId,
    replicaId,
    replicaState,
    maxWaitMs,
    minBytes,
    maxBytes,
    isolationLevel,
    sessionId,
    sessionEpoch,
    topics,
    forgottenTopicsData,
    rackId,
  };
}

function writeFetchRequestReplicaState(
  w: KafkaWriter,
  _version: number,
  v: FetchRequestReplicaStateInput,
): void {
  w.int32(v.replicaId ?? -1);
  w.int64(v.replicaEpoch ?? -1);
  w.noTaggedFields();
}

function writeFetchRequestFetchPartition(
  w: KafkaWriter,
  version: number,
  v: FetchRequestFetchPartitionInput,
): void {
  const flexible = version >= 12;
  w.int32(v.partition);
  if (version >= 9) {
    w.int32(v.currentLeaderEpoch ?? -1);
  }
  w.int64(v.fetchOffset);
  if (version >= 12) {
    w.int32(v.lastFetchedEpoch ?? -1);
  } else refuseUnlessDefault(v.lastFetchedEpoch, -1, version, 'FetchRequestFetchPartition.lastFetchedEpoch');
  if (version >= 5) {
    w.int64(v.logStartOffset ?? -1);
  }
  w.int32(v.partitionMaxBytes);
  if (flexible) {
    const tags = w.taggedFields();
    if (version >= 17 && v.replicaDirectoryId !== undefined && !sameValue(v.replicaDirectoryId, ZERO_UUID)) {
      const value = v.replicaDirectoryId;
      tags.add(0, (w) => {
        w.uuid(value);
      });
    }
    if (
      version >= 18 &&
      v.highWatermark !== undefined &&
      !sameValue(v.highWatermark, Number.MAX_SAFE_INTEGER)
    ) {
      const value = v.highWatermark;
      tags.add(1, (w) => {
        w.int64(value);
      });
    }
    tags.end();
  }
}

function writeFetchRequestFetchTopic(w: KafkaWriter, version: number, v: FetchRequestFetchTopicInput): void {
  const flexible = version >= 12;
  if (version <= 12) {
    w.string(v.topic ?? '', flexible);
  }
  if (version >= 13) {
    w.uuid(v.topicId ?? ZERO_UUID);
  }
  w.array(v.partitions, flexible, (item) => writeFetchRequestFetchPartition(w, version, item));
  if (flexible) w.noTaggedFields();
}

function writeFetchRequestForgottenTopic(
  w: KafkaWriter,
  version: number,
  v: FetchRequestForgottenTopicInput,
): void {
  const flexible = version >= 12;
  if (version <= 12) {
    w.string(v.topic ?? '', flexible);
  }
  if (version >= 13) {
    w.uuid(v.topicId ?? ZERO_UUID);
  }
  w.array(v.partitions, flexible, (item) => w.int32(item));
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link FetchRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeFetchRequest(w: KafkaWriter, version: number, v: FetchRequestInput): void {
  const flexible = version >= 12;
  if (version <= 14) {
    w.int32(v.replicaId ?? -1);
  } else refuseUnlessDefault(v.replicaId, -1, version, 'FetchRequest.replicaId');
  w.int32(v.maxWaitMs);
  w.int32(v.minBytes);
  w.int32(v.maxBytes ?? 2147483647);
  w.int8(v.isolationLevel ?? 0);
  if (version >= 7) {
    w.int32(v.sessionId ?? 0);
  }
  if (version >= 7) {
    w.int32(v.sessionEpoch ?? -1);
  }
  w.array(v.topics, flexible, (item) => writeFetchRequestFetchTopic(w, version, item));
  if (version >= 7) {
    w.array(v.forgottenTopicsData ?? EMPTY_ARRAY, flexible, (item) =>
      writeFetchRequestForgottenTopic(w, version, item),
    );
  } else refuseUnlessDefault(v.forgottenTopicsData, EMPTY_ARRAY, version, 'FetchRequest.forgottenTopicsData');
  if (version >= 11) {
    w.string(v.rackId ?? '', flexible);
  }
  if (flexible) {
    const tags = w.taggedFields();
    if (version >= 12 && v.clusterId !== undefined && !sameValue(v.clusterId, null)) {
      const value = v.clusterId;
      tags.add(0, (w) => {
        w.nullableString(value, flexible);
      });
    }
    if (
      version >= 15 &&
      v.replicaState !== undefined &&
      !sameValue(v.replicaState, defaultFetchRequestReplicaState())
    ) {
      const value = v.replicaState;
      tags.add(1, (w) => {
        writeFetchRequestReplicaState(w, version, value);
      });
    }
    tags.end();
  }
}
