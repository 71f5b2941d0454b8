// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { ZERO_UUID, EMPTY_ARRAY, sameValue } from '../defaults.ts';

/** Struct of FetchResponse as read; fields that its version lacks have their defaults. */
export interface FetchResponseEpochEndOffset {
  readonly epoch: number;
  readonly endOffset: number;
}

/** {@link FetchResponseEpochEndOffset} as written: what has a default may be left out. */
export interface FetchResponseEpochEndOffsetInput {
  readonly epoch?: number;
  readonly endOffset?: number;
}

function defaultFetchResponseEpochEndOffset(): FetchResponseEpochEndOffset {
  return {
    epoch: -1,
    endOffset: -1,
  };
}

/** Struct of FetchResponse as read; fields that its version lacks have their defaults. */
export interface FetchResponseLeaderIdAndEpoch {
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

/** {@link FetchResponseLeaderIdAndEpoch} as written: what has a default may be left out. */
export interface FetchResponseLeaderIdAndEpochInput {
  readonly leaderId?: number;
  readonly leaderEpoch?: number;
}

function defaultFetchResponseLeaderIdAndEpoch(): FetchResponseLeaderIdAndEpoch {
  return {
    leaderId: -1,
    leaderEpoch: -1,
  };
}

/** Struct of FetchResponse as read; fields that its version lacks have their defaults. */
export interface FetchResponseSnapshotId {
  readonly endOffset: number;
  readonly epoch: number;
}

/** {@link FetchResponseSnapshotId} as written: what has a default may be left out. */
export interface FetchResponseSnapshotIdInput {
  readonly endOffset?: number;
  readonly epoch?: number;
}

function defaultFetchResponseSnapshotId(): FetchResponseSnapshotId {
  return {
    endOffset: -1,
    epoch: -1,
  };
}

/** Struct of FetchResponse as read; fields that its version lacks have their defaults. */
export interface FetchResponseAbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** {@link FetchResponseAbortedTransaction} as written: what has a default may be left out. */
export interface FetchResponseAbortedTransactionInput {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** Struct of FetchResponse as read; fields that its version lacks have their defaults. */
export interface FetchResponsePartitionData {
  readonly partitionIndex: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly divergingEpoch: FetchResponseEpochEndOffset;
  readonly currentLeader: FetchResponseLeaderIdAndEpoch;
  readonly snapshotId: FetchResponseSnapshotId;
  readonly abortedTransactions: readonly FetchResponseAbortedTransaction[] | null;
  readonly preferredReadReplica: number;
  readonly records: Buffer | null;
}

/** {@link FetchResponsePartitionData} as written: what has a default may be left out. */
export interface FetchResponsePartitionDataInput {
  readonly partitionIndex: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset?: number;
  readonly logStartOffset?: number;
  readonly divergingEpoch?: FetchResponseEpochEndOffsetInput;
  readonly currentLeader?: FetchResponseLeaderIdAndEpochInput;
  readonly snapshotId?: FetchResponseSnapshotIdInput;
  readonly abortedTransactions?: readonly FetchResponseAbortedTransactionInput[] | null;
  readonly preferredReadReplica?: number;
  readonly records: Buffer | readonly Buffer[] | null;
}

/** Struct of FetchResponse as read; fields that its version lacks have their defaults. */
export interface FetchResponseFetchableTopicResponse {
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: readonly FetchResponsePartitionData[];
}

/** {@link FetchResponseFetchableTopicResponse} as written: what has a default may be left out. */
export interface FetchResponseFetchableTopicResponseInput {
  readonly topic?: string;
  readonly topicId?: string;
  readonly partitions: readonly FetchResponsePartitionDataInput[];
}

/** Struct of FetchResponse as read; fields that its version lacks have their defaults. */
export interface FetchResponseNodeEndpoint {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

/** {@link FetchResponseNodeEndpoint} as written: what has a default may be left out. */
export interface FetchResponseNodeEndpointInput {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack?: string | null;
}

/** FetchResponse as read; fields that its version lacks have their defaults. */
export interface FetchResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly sessionId: number;
  readonly responses: readonly FetchResponseFetchableTopicResponse[];
  readonly nodeEndpoints: readonly FetchResponseNodeEndpoint[];
}

/** {@link FetchResponse} as written: what has a default may be left out. */
export interface FetchResponseInput {
  readonly throttleTimeMs?: number;
  readonly errorCode?: number;
  readonly sessionId?: number;
  readonly responses: readonly FetchResponseFetchableTopicResponseInput[];
  readonly nodeEndpoints?: readonly FetchResponseNodeEndpointInput[];
}

function readFetchResponseEpochEndOffset(r: KafkaReader, _version: number): FetchResponseEpochEndOffset {
  const epoch = r.int32();
  const endOffset = r.int64();
  r.skipTaggedFields();
  return { epoch, endOffset };
}

function readFetchResponseLeaderIdAndEpoch(r: KafkaReader, _version: number): FetchResponseLeaderIdAndEpoch {
  const leaderId = r.int32();
  const leaderEpoch = r.int32();
  r.skipTaggedFields();
  return { leaderId, leaderEpoch };
}

function readFetchResponseSnapshotId(r: KafkaReader, _version: number): FetchResponseSnapshotId {
  const endOffset = r.int64();
  const epoch = r.int32();
  r.skipTaggedFields();
  return { endOffset, epoch };
}

function readFetchResponseAbortedTransaction(
  r: KafkaReader,
  version: number,
): FetchResponseAbortedTransaction {
  const flexible = version >= 12;
  const producerId = r.int64();
  const firstOffset = r.int64();
  if (flexible) r.skipTaggedFields();
  return { producerId, firstOffset };
}

function readFetchResponsePartitionData(r: KafkaReader, version: number): FetchResponsePartitionData {
  const flexible = version >= 12;
  const partitionIndex = r.int32();
  const errorCode = r.int16();
  const highWatermark = r.int64();
  const lastStableOffset = r.int64();
  const logStartOffset: FetchResponsePartitionData['logStartOffset'] = version >= 5 ? r.int64() : -1;
  let divergingEpoch: FetchResponsePartitionData['divergingEpoch'] = defaultFetchResponseEpochEndOffset();
  let currentLeader: FetchResponsePartitionData['currentLeader'] = defaultFetchResponseLeaderIdAndEpoch();
  let snapshotId: FetchResponsePartitionData['snapshotId'] = defaultFetchResponseSnapshotId();
  const abortedTransactions = r.nullableArray(flexible, 16, () =>
    readFetchResponseAbortedTransaction(r, version),
  );
  const preferredReadReplica: FetchResponsePartitionData['preferredReadReplica'] =
    version >= 11 ? r.int32() : -1;
  const records = r.nullableBytes(flexible);
  if (flexible) {
    for (let tags = r.tagCount(); tags > 0; tags -= 1) {
      const tag = r.uvarint();
      const end = r.tagEnd();
      switch (tag) {
        case 0:
          if (version >= 12) divergingEpoch = readFetchResponseEpochEndOffset(r, version);
          break;
        case 1:
          if (version >= 12) currentLeader = readFetchResponseLeaderIdAndEpoch(r, version);
          break;
        case 2:
          if (version >= 12) snapshotId = readFetchResponseSnapshotId(r, version);
          break;
        default:
          break;
      }
      r.seekTagEnd(end);
    }
  }
  return {
    partitionIndex,
    errorCode,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    divergingEpoch,
    currentLeader,
    snapshotId,
    abortedTransactions,
    preferredReadReplica,
    records,
  };
}

function readFetchResponseFetchableTopicResponse(
  r: KafkaReader,
  version: number,
): FetchResponseFetchableTopicResponse {
  const flexible = version >= 12;
  const topic: FetchResponseFetchableTopicResponse['topic'] = version <= 12 ? r.string(flexible) : '';
  const topicId: FetchResponseFetchableTopicResponse['topicId'] = version >= 13 ? r.uuid() : ZERO_UUID;
  const partitions = r.array(flexible, 24, () => readFetchResponsePartitionData(r, version));
  if (flexible) r.skipTaggedFields();
  return { topic, topicId, partitions };
}

function readFetchResponseNodeEndpoint(r: KafkaReader, _version: number): FetchResponseNodeEndpoint {
  const flexible = true;
  const nodeId = r.int32();
  const host = r.string(flexible);
  const port = r.int32();
  const rack = r.nullableString(flexible);
  r.skipTaggedFields();
  return { nodeId, host, port, rack };
}

/** Reads a {@link FetchResponse} of `version`; throws BrokerError 'malformed'. */
export function readFetchResponse(r: KafkaReader, version: number): FetchResponse {
  const flexible = version >= 12;
  const throttleTimeMs = r.int32();
  const errorCode: FetchResponse['errorCode'] = version >= 7 ? r.int16() : 0;
  const sessionId: FetchResponse['sessionId'] = version >= 7 ? r.int32() : 0;
  const responses = r.array(flexible, 1, () => readFetchResponseFetchableTopicResponse(r, version));
  let nodeEndpoints: FetchResponse['nodeEndpoints'] = EMPTY_ARRAY;
  if (flexible) {
    for (let tags = r.tagCount(); tags > 0; tags -= 1) {
      const tag = r.uvarint();
      const end = r.tagEnd();
      switch (tag) {
        case 0:
          if (version >= 16)
            nodeEndpoints = r.array(flexible, 10, () => readFetchResponseNodeEndpoint(r, version));
          break;
        default:
          break;
      }
      r.seekTagEnd(end);
    }
  }
  return { throttleTimeMs, errorCode, sessionId, responses, nodeEndpoints };
}

function writeFetchResponseEpochEndOffset(
  w: KafkaWriter,
  _version: number,
  v: FetchResponseEpochEndOffsetInput,
): void {
  w.int32(v.epoch ?? -1);
  w.int64(v.endOffset ?? -1);
  w.noTaggedFields();
}

function writeFetchResponseLeaderIdAndEpoch(
  w: KafkaWriter,
  _version: number,
  v: FetchResponseLeaderIdAndEpochInput,
): void {
  w.int32(v.leaderId ?? -1);
  w.int32(v.leaderEpoch ?? -1);
  w.noTaggedFields();
}

function writeFetchResponseSnapshotId(
  w: KafkaWriter,
  _version: number,
  v: FetchResponseSnapshotIdInput,
): void {
  w.int64(v.endOffset ?? -1);
  w.int32(v.epoch ?? -1);
  w.noTaggedFields();
}

function writeFetchResponseAbortedTransaction(
  w: KafkaWriter,
  version: number,
  v: FetchResponseAbortedTransactionInput,
): void {
  const flexible = version >= 12;
  w.int64(v.producerId);
  w.int64(v.firstOffset);
  if (flexible) w.noTaggedFields();
}

function writeFetchResponsePartitionData(
  w: KafkaWriter,
  version: number,
  v: FetchResponsePartitionDataInput,
): void {
  const flexible = version >= 12;
  w.int32(v.partitionIndex);
  w.int16(v.errorCode);
  w.int64(v.highWatermark);
  w.int64(v.lastStableOffset ?? -1);
  if (version >= 5) {
    w.int64(v.logStartOffset ?? -1);
  }
  w.nullableArray(
    v.abortedTransactions === undefined ? EMPTY_ARRAY : v.abortedTransactions,
    flexible,
    (item) => writeFetchResponseAbortedTransaction(w, version, item),
  );
  if (version >= 11) {
    w.int32(v.preferredReadReplica ?? -1);
  }
  w.nullableRecords(v.records, flexible);
  if (flexible) {
    const tags = w.taggedFields();
    if (
      version >= 12 &&
      v.divergingEpoch !== undefined &&
      !sameValue(v.divergingEpoch, defaultFetchResponseEpochEndOffset())
    ) {
      const value = v.divergingEpoch;
      tags.add(0, (w) => {
        writeFetchResponseEpochEndOffset(w, version, value);
      });
    }
    if (
      version >= 12 &&
      v.currentLeader !== undefined &&
      !sameValue(v.currentLeader, defaultFetchResponseLeaderIdAndEpoch())
    ) {
      const value = v.currentLeader;
      tags.add(1, (w) => {
        writeFetchResponseLeaderIdAndEpoch(w, version, value);
      });
    }
    if (
      version >= 12 &&
      v.snapshotId !== undefined &&
      !sameValue(v.snapshotId, defaultFetchResponseSnapshotId())
    ) {
      const value = v.snapshotId;
      tags.add(2, (w) => {
        writeFetchResponseSnapshotId(w, version, value);
      });
    }
    tags.end();
  }
}

function writeFetchResponseFetchableTopicResponse(
  w: KafkaWriter,
  version: number,
  v: FetchResponseFetchableTopicResponseInput,
): void {
  const flexible = version >= 12;
  if (version <= 12) {
    w.string(v.topic ?? '', flexible);
  }
  if (version >= 13) {
    w.uuid(v.topicId ?? ZERO_UUID);
  }
  w.array(v.partitions, flexible, (item) => writeFetchResponsePartitionData(w, version, item));
  if (flexible) w.noTaggedFields();
}

function writeFetchResponseNodeEndpoint(
  w: KafkaWriter,
  _version: number,
  v: FetchResponseNodeEndpointInput,
): void {
  const flexible = true;
  w.int32(v.nodeId);
  w.string(v.host, flexible);
  w.int32(v.port);
  w.nullableString(v.rack ?? null, flexible);
  w.noTaggedFields();
}

/** Writes a {@link FetchResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeFetchResponse(w: KafkaWriter, version: number, v: FetchResponseInput): void {
  const flexible = version >= 12;
  w.int32(v.throttleTimeMs ?? 0);
  if (version >= 7) {
    w.int16(v.errorCode ?? 0);
  }
  if (version >= 7) {
    w.int32(v.sessionId ?? 0);
  }
  w.array(v.responses, flexible, (item) => writeFetchResponseFetchableTopicResponse(w, version, item));
  if (flexible) {
    const tags = w.taggedFields();
    if (version >= 16 && v.nodeEndpoints !== undefined && !sameValue(v.nodeEndpoints, EMPTY_ARRAY)) {
      const value = v.nodeEndpoints;
      tags.add(0, (w) => {
        w.array(value, flexible, (item) => writeFetchResponseNodeEndpoint(w, version, item));
      });
    }
    tags.end();
  }
}
