// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { ZERO_UUID, EMPTY_ARRAY, sameValue } from '../defaults.ts';

/** Struct of ProduceResponse as read; fields that its version lacks have their defaults. */
export interface ProduceResponseBatchIndexAndErrorMessage {
  readonly batchIndex: number;
  readonly batchIndexErrorMessage: string | null;
}

/** {@link ProduceResponseBatchIndexAndErrorMessage} as written: what has a default may be left out. */
export interface ProduceResponseBatchIndexAndErrorMessageInput {
  readonly batchIndex: number;
  readonly batchIndexErrorMessage?: string | null;
}

/** Struct of ProduceResponse as read; fields that its version lacks have their defaults. */
export interface ProduceResponseLeaderIdAndEpoch {
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

/** {@link ProduceResponseLeaderIdAndEpoch} as written: what has a default may be left out. */
export interface ProduceResponseLeaderIdAndEpochInput {
  readonly leaderId?: number;
  readonly leaderEpoch?: number;
}

function defaultProduceResponseLeaderIdAndEpoch(): ProduceResponseLeaderIdAndEpoch {
  return {
    leaderId: -1,
    leaderEpoch: -1,
  };
}

/** Struct of ProduceResponse as read; fields that its version lacks have their defaults. */
export interface ProduceResponsePartitionProduceResponse {
  readonly index: number;
  readonly errorCode: number;
  readonly baseOffset: number;
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  readonly recordErrors: readonly ProduceResponseBatchIndexAndErrorMessage[];
  readonly errorMessage: string | null;
  readonly currentLeader: ProduceResponseLeaderIdAndEpoch;
}

/** {@link ProduceResponsePartitionProduceResponse} as written: what has a default may be left out. */
export interface ProduceResponsePartitionProduceResponseInput {
  readonly index: number;
  readonly errorCode: number;
  readonly baseOffset: number;
  readonly logAppendTimeMs?: number;
  readonly logStartOffset?: number;
  readonly recordErrors?: readonly ProduceResponseBatchIndexAndErrorMessageInput[];
  readonly errorMessage?: string | null;
  readonly currentLeader?: ProduceResponseLeaderIdAndEpochInput;
}

/** Struct of ProduceResponse as read; fields that its version lacks have their defaults. */
export interface ProduceResponseTopicProduceResponse {
  readonly name: string;
  readonly topicId: string;
  readonly partitionResponses: readonly ProduceResponsePartitionProduceResponse[];
}

/** {@link ProduceResponseTopicProduceResponse} as written: what has a default may be left out. */
export interface ProduceResponseTopicProduceResponseInput {
  readonly name?: string;
  readonly topicId?: string;
  readonly partitionResponses: readonly ProduceResponsePartitionProduceResponseInput[];
}

/** Struct of ProduceResponse as read; fields that its version lacks have their defaults. */
export interface ProduceResponseNodeEndpoint {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

/** {@link ProduceResponseNodeEndpoint} as written: what has a default may be left out. */
export interface ProduceResponseNodeEndpointInput {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack?: string | null;
}

/** ProduceResponse as read; fields that its version lacks have their defaults. */
export interface ProduceResponse {
  readonly responses: readonly ProduceResponseTopicProduceResponse[];
  readonly throttleTimeMs: number;
  readonly nodeEndpoints: readonly ProduceResponseNodeEndpoint[];
}

/** {@link ProduceResponse} as written: what has a default may be left out. */
export interface ProduceResponseInput {
  readonly responses: readonly ProduceResponseTopicProduceResponseInput[];
  readonly throttleTimeMs?: number;
  readonly nodeEndpoints?: readonly ProduceResponseNodeEndpointInput[];
}

function readProduceResponseBatchIndexAndErrorMessage(
  r: KafkaReader,
  version: number,
): ProduceResponseBatchIndexAndErrorMessage {
  const flexible = version >= 9;
  const batchIndex = r.int32();
  const batchIndexErrorMessage = r.nullableString(flexible);
  if (flexible) r.skipTaggedFields();
  return { batchIndex, batchIndexErrorMessage };
}

function readProduceResponseLeaderIdAndEpoch(
  r: KafkaReader,
  _version: number,
): ProduceResponseLeaderIdAndEpoch {
  const leaderId = r.int32();
  const leaderEpoch = r.int32();
  r.skipTaggedFields();
  return { leaderId, leaderEpoch };
}

function readProduceResponsePartitionProduceResponse(
  r: KafkaReader,
  version: number,
): ProduceResponsePartitionProduceResponse {
  const flexible = version >= 9;
  const index = r.int32();
  const errorCode = r.int16();
  const baseOffset = r.int64();
  const logAppendTimeMs = r.int64();
  const logStartOffset: ProduceResponsePartitionProduceResponse['logStartOffset'] =
    version >= 5 ? r.int64() : -1;
  const recordErrors: ProduceResponsePartitionProduceResponse['recordErrors'] =
    version >= 8
      ? r.array(flexible, 5, () => readProduceResponseBatchIndexAndErrorMessage(r, version))
      : EMPTY_ARRAY;
  const errorMessage: ProduceResponsePartitionProduceResponse['errorMessage'] =
    version >= 8 ? r.nullableString(flexible) : null;
  let currentLeader: ProduceResponsePartitionProduceResponse['currentLeader'] =
    defaultProduceResponseLeaderIdAndEpoch();
  if (flexible) {
    for (let tags = r.tagCount(); tags > 0; tags -= 1) {
      const tag = r.uvarint();
      const end = r.tagEnd();
      switch (tag) {
        case 0:
          if (version >= 10) currentLeader = readProduceResponseLeaderIdAndEpoch(r, version);
          break;
        default:
          break;
      }
      r.seekTagEnd(end);
    }
  }
  return {
    index,
    errorCode,
    baseOffset,
    logAppendTimeMs,
    logStartOffset,
    recordErrors,
    errorMessage,
    currentLeader,
  };
}

function readProduceResponseTopicProduceResponse(
  r: KafkaReader,
  version: number,
): ProduceResponseTopicProduceResponse {
  const flexible = version >= 9;
  const name: ProduceResponseTopicProduceResponse['name'] = version <= 12 ? r.string(flexible) : '';
  const topicId: ProduceResponseTopicProduceResponse['topicId'] = version >= 13 ? r.uuid() : ZERO_UUID;
  const partitionResponses = r.array(flexible, 22, () =>
    readProduceResponsePartitionProduceResponse(r, version),
  );
  if (flexible) r.skipTaggedFields();
  return { name, topicId, partitionResponses };
}

function readProduceResponseNodeEndpoint(r: KafkaReader, _version: number): ProduceResponseNodeEndpoint {
  const flexible = true;
  const nodeId = r.int32();
  const host = r.string(flexible);
  const port = r.int32();
  const rack = r.nullableString(flexible);
  r.skipTaggedFields();
  return { nodeId, host, port, rack };
}

/** Reads a {@link ProduceResponse} of `version`; throws BrokerError 'malformed'. */
export function readProduceResponse(r: KafkaReader, version: number): ProduceResponse {
  const flexible = version >= 9;
  const responses = r.array(flexible, 1, () => readProduceResponseTopicProduceResponse(r, version));
  const throttleTimeMs = r.int32();
  let nodeEndpoints: ProduceResponse['nodeEndpoints'] = EMPTY_ARRAY;
  if (flexible) {
    for (let tags = r.tagCount(); tags > 0; tags -= 1) {
      const tag = r.uvarint();
      const end = r.tagEnd();
      switch (tag) {
        case 0:
          if (version >= 10)
            nodeEndpoints = r.array(flexible, 10, () => readProduceResponseNodeEndpoint(r, version));
          break;
        default:
          break;
      }
      r.seekTagEnd(end);
    }
  }
  return { responses, throttleTimeMs, nodeEndpoints };
}

function writeProduceResponseBatchIndexAndErrorMessage(
  w: KafkaWriter,
  version: number,
  v: ProduceResponseBatchIndexAndErrorMessageInput,
): void {
  const flexible = version >= 9;
  w.int32(v.batchIndex);
  w.nullableString(v.batchIndexErrorMessage ?? null, flexible);
  if (flexible) w.noTaggedFields();
}

function writeProduceResponseLeaderIdAndEpoch(
  w: KafkaWriter,
  _version: number,
  v: ProduceResponseLeaderIdAndEpochInput,
): void {
  w.int32(v.leaderId ?? -1);
  w.int32(v.leaderEpoch ?? -1);
  w.noTaggedFields();
}

function writeProduceResponsePartitionProduceResponse(
  w: KafkaWriter,
  version: number,
  v: ProduceResponsePartitionProduceResponseInput,
): void {
  const flexible = version >= 9;
  w.int32(v.index);
  w.int16(v.errorCode);
  w.int64(v.baseOffset);
  w.int64(v.logAppendTimeMs ?? -1);
  if (version >= 5) {
    w.int64(v.logStartOffset ?? -1);
  }
  if (version >= 8) {
    w.array(v.recordErrors ?? EMPTY_ARRAY, flexible, (item) =>
      writeProduceResponseBatchIndexAndErrorMessage(w, version, item),
    );
  }
  if (version >= 8) {
    w.nullableString(v.errorMessage ?? null, flexible);
  }
  if (flexible) {
    const tags = w.taggedFields();
    if (
      version >= 10 &&
      v.currentLeader !== undefined &&
      !sameValue(v.currentLeader, defaultProduceResponseLeaderIdAndEpoch())
    ) {
      const value = v.currentLeader;
      tags.add(0, (w) => {
        writeProduceResponseLeaderIdAndEpoch(w, version, value);
      });
    }
    tags.end();
  }
}

function writeProduceResponseTopicProduceResponse(
  w: KafkaWriter,
  version: number,
  v: ProduceResponseTopicProduceResponseInput,
): void {
  const flexible = version >= 9;
  if (version <= 12) {
    w.string(v.name ?? '', flexible);
  }
  if (version >= 13) {
    w.uuid(v.topicId ?? ZERO_UUID);
  }
  w.array(v.partitionResponses, flexible, (item) =>
    writeProduceResponsePartitionProduceResponse(w, version, item),
  );
  if (flexible) w.noTaggedFields();
}

function writeProduceResponseNodeEndpoint(
  w: KafkaWriter,
  _version: number,
  v: ProduceResponseNodeEndpointInput,
): void {
  const flexible = true;
  w.int32(v.nodeId);
  w.string(v.host, flexible);
  w.int32(v.port);
  w.nullableString(v.rack ?? null, flexible);
  w.noTaggedFields();
}

/** Writes a {@link ProduceResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeProduceResponse(w: KafkaWriter, version: number, v: ProduceResponseInput): void {
  const flexible = version >= 9;
  w.array(v.responses, flexible, (item) => writeProduceResponseTopicProduceResponse(w, version, item));
  w.int32(v.throttleTimeMs ?? 0);
  if (flexible) {
    const tags = w.taggedFields();
    if (version >= 10 && v.nodeEndpoints !== undefined && !sameValue(v.nodeEndpoints, EMPTY_ARRAY)) {
      const value = v.nodeEndpoints;
      tags.add(0, (w) => {
        w.array(value, flexible, (item) => writeProduceResponseNodeEndpoint(w, version, item));
      });
    }
    tags.end();
  }
}
