// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { ZERO_UUID, notNull } from '../defaults.ts';

/** Struct of DeleteTopicsResponse as read; fields that its version lacks have their defaults. */
export interface DeleteTopicsResponseDeletableTopicResult {
  readonly name: string | null;
  readonly topicId: string;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

/** {@link DeleteTopicsResponseDeletableTopicResult} as written: what has a default may be left out. */
export interface DeleteTopicsResponseDeletableTopicResultInput {
  readonly name: string | null;
  readonly topicId?: string;
  readonly errorCode: number;
  readonly errorMessage?: string | null;
}

/** DeleteTopicsResponse as read; fields that its version lacks have their defaults. */
export interface DeleteTopicsResponse {
  readonly throttleTimeMs: number;
  readonly responses: readonly DeleteTopicsResponseDeletableTopicResult[];
}

/** {@link DeleteTopicsResponse} as written: what has a default may be left out. */
export interface DeleteTopicsResponseInput {
  readonly throttleTimeMs?: number;
  readonly responses: readonly DeleteTopicsResponseDeletableTopicResultInput[];
}

function readDeleteTopicsResponseDeletableTopicResult(
  r: KafkaReader,
  version: number,
): DeleteTopicsResponseDeletableTopicResult {
  const flexible = version >= 4;
  const name = version >= 6 ? r.nullableString(flexible) : r.string(flexible);
  const topicId: DeleteTopicsResponseDeletableTopicResult['topicId'] = version >= 6 ? r.uuid() : ZERO_UUID;
  const errorCode = r.int16();
  const errorMessage: DeleteTopicsResponseDeletableTopicResult['errorMessage'] =
    version >= 5 ? r.nullableString(flexible) : null;
  if (flexible) r.skipTaggedFields();
  return { name, topicId, errorCode, errorMessage };
}

/** Reads a {@link DeleteTopicsResponse} of `version`; throws BrokerError 'malformed'. */
export function readDeleteTopicsResponse(r: KafkaReader, version: number): DeleteTopicsResponse {
  const flexible = version >= 4;
  const throttleTimeMs = r.int32();
  const responses = r.array(flexible, 3, () => readDeleteTopicsResponseDeletableTopicResult(r, version));
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, responses };
}

function writeDeleteTopicsResponseDeletableTopicResult(
  w: KafkaWriter,
  version: number,
  v: DeleteTopicsResponseDeletableTopicResultInput,
): void {
  const flexible = version >= 4;
  if (version >= 6) {
    w.nullableString(v.name, flexible);
  } else {
    w.string(notNull(v.name, version, 'name'), flexible);
  }
  if (version >= 6) {
    w.uuid(v.topicId ?? ZERO_UUID);
  }
  w.int16(v.errorCode);
  if (version >= 5) {
    w.nullableString(v.errorMessage ?? null, flexible);
  }
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link DeleteTopicsResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeDeleteTopicsResponse(
  w: KafkaWriter,
  version: number,
  v: DeleteTopicsResponseInput,
): void {
  const flexible = version >= 4;
  w.int32(v.throttleTimeMs ?? 0);
  w.array(v.responses, flexible, (item) => writeDeleteTopicsResponseDeletableTopicResult(w, version, item));
  if (flexible) w.noTaggedFields();
}
