// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { ZERO_UUID, EMPTY_ARRAY, sameValue } from '../defaults.ts';

/** Struct of CreateTopicsResponse as read; fields that its version lacks have their defaults. */
export interface CreateTopicsResponseCreatableTopicConfigs {
  readonly name: string;
  readonly value: string | null;
  readonly readOnly: boolean;
  readonly configSource: number;
  readonly isSensitive: boolean;
}

/** {@link CreateTopicsResponseCreatableTopicConfigs} as written: what has a default may be left out. */
export interface CreateTopicsResponseCreatableTopicConfigsInput {
  readonly name: string;
  readonly value: string | null;
  readonly readOnly: boolean;
  readonly configSource?: number;
  readonly isSensitive: boolean;
}

/** Struct of CreateTopicsResponse as read; fields that its version lacks have their defaults. */
export interface CreateTopicsResponseCreatableTopicResult {
  readonly name: string;
  readonly topicId: string;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly topicConfigErrorCode: number;
  readonly numPartitions: number;
  readonly replicationFactor: number;
  readonly configs: readonly CreateTopicsResponseCreatableTopicConfigs[] | null;
}

/** {@link CreateTopicsResponseCreatableTopicResult} as written: what has a default may be left out. */
export interface CreateTopicsResponseCreatableTopicResultInput {
  readonly name: string;
  readonly topicId?: string;
  readonly errorCode: number;
  readonly errorMessage?: string | null;
  readonly topicConfigErrorCode?: number;
  readonly numPartitions?: number;
  readonly replicationFactor?: number;
  readonly configs?: readonly CreateTopicsResponseCreatableTopicConfigsInput[] | null;
}

/** CreateTopicsResponse as read; fields that its version lacks have their defaults. */
export interface CreateTopicsResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly CreateTopicsResponseCreatableTopicResult[];
}

/** {@link CreateTopicsResponse} as written: what has a default may be left out. */
export interface CreateTopicsResponseInput {
  readonly throttleTimeMs?: number;
  readonly topics: readonly CreateTopicsResponseCreatableTopicResultInput[];
}

function readCreateTopicsResponseCreatableTopicConfigs(
  r: KafkaReader,
  _version: number,
): CreateTopicsResponseCreatableTopicConfigs {
  const flexible = true;
  const name = r.string(flexible);
  const value = r.nullableString(flexible);
  const readOnly = r.bool();
  const configSource = r.int8();
  const isSensitive = r.bool();
  r.skipTaggedFields();
  return { name, value, readOnly, configSource, isSensitive };
}

function readCreateTopicsResponseCreatableTopicResult(
  r: KafkaReader,
  version: number,
): CreateTopicsResponseCreatableTopicResult {
  const flexible = version >= 5;
  const name = r.string(flexible);
  const topicId: CreateTopicsResponseCreatableTopicResult['topicId'] = version >= 7 ? r.uuid() : ZERO_UUID;
  const errorCode = r.int16();
  const errorMessage = r.nullableString(flexible);
  let topicConfigErrorCode: CreateTopicsResponseCreatableTopicResult['topicConfigErrorCode'] = 0;
  const numPartitions: CreateTopicsResponseCreatableTopicResult['numPartitions'] =
    version >= 5 ? r.int32() : -1;
  const replicationFactor: CreateTopicsResponseCreatableTopicResult['replicationFactor'] =
    version >= 5 ? r.int16() : -1;
  const configs: CreateTopicsResponseCreatableTopicResult['configs'] =
    version >= 5
      ? r.nullableArray(flexible, 5, () => readCreateTopicsResponseCreatableTopicConfigs(r, version))
      : EMPTY_ARRAY;
  if (flexible) {
    for (let tags = r.tagCount(); tags > 0; tags -= 1) {
      const tag = r.uvarint();
      const end = r.tagEnd();
      switch (tag) {
        case 0:
          if (version >= 5) topicConfigErrorCode = r.int16();
          break;
        default:
          break;
      }
      r.seekTagEnd(end);
    }
  }
  return {
    name,
    topicId,
    errorCode,
    errorMessage,
    topicConfigErrorCode,
    numPartitions,
    replicationFactor,
    configs,
  };
}

/** Reads a {@link CreateTopicsResponse} of `version`; throws BrokerError 'malformed'. */
export function readCreateTopicsResponse(r: KafkaReader, version: number): CreateTopicsResponse {
  const flexible = version >= 5;
  const throttleTimeMs = r.int32();
  const topics = r.array(flexible, 4, () => readCreateTopicsResponseCreatableTopicResult(r, version));
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, topics };
}

function writeCreateTopicsResponseCreatableTopicConfigs(
  w: KafkaWriter,
  _version: number,
  v: CreateTopicsResponseCreatableTopicConfigsInput,
): void {
  const flexible = true;
  w.string(v.name, flexible);
  w.nullableString(v.value, flexible);
  w.bool(v.readOnly);
  w.int8(v.configSource ?? -1);
  w.bool(v.isSensitive);
  w.noTaggedFields();
}

function writeCreateTopicsResponseCreatableTopicResult(
  w: KafkaWriter,
  version: number,
  v: CreateTopicsResponseCreatableTopicResultInput,
): void {
  const flexible = version >= 5;
  w.string(v.name, flexible);
  if (version >= 7) {
    w.uuid(v.topicId ?? ZERO_UUID);
  }
  w.int16(v.errorCode);
  w.nullableString(v.errorMessage === undefined ? '' : v.errorMessage, flexible);
  if (version >= 5) {
    w.int32(v.numPartitions ?? -1);
  }
  if (version >= 5) {
    w.int16(v.replicationFactor ?? -1);
  }
  if (version >= 5) {
    w.nullableArray(v.configs === undefined ? EMPTY_ARRAY : v.configs, flexible, (item) =>
      writeCreateTopicsResponseCreatableTopicConfigs(w, version, item),
    );
  }
  if (flexible) {
    const tags = w.taggedFields();
    if (version >= 5 && v.topicConfigErrorCode !== undefined && !sameValue(v.topicConfigErrorCode, 0)) {
      const value = v.topicConfigErrorCode;
      tags.add(0, (w) => {
        w.int16(value);
      });
    }
    tags.end();
  }
}

/** Writes a {@link CreateTopicsResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeCreateTopicsResponse(
  w: KafkaWriter,
  version: number,
  v: CreateTopicsResponseInput,
): void {
  const flexible = version >= 5;
  w.int32(v.throttleTimeMs ?? 0);
  w.array(v.topics, flexible, (item) => writeCreateTopicsResponseCreatableTopicResult(w, version, item));
  if (flexible) w.noTaggedFields();
}
