// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { EMPTY_ARRAY, refuseUnlessDefault } from '../defaults.ts';

/** Struct of DeleteTopicsRequest as read; fields that its version lacks have their defaults. */
export interface DeleteTopicsRequestDeleteTopicState {
  readonly name: string | null;
  readonly topicId: string;
}

/** {@link DeleteTopicsRequestDeleteTopicState} as written: what has a default may be left out. */
export interface DeleteTopicsRequestDeleteTopicStateInput {
  readonly name?: string | null;
  readonly topicId: string;
}

/** DeleteTopicsRequest as read; fields that its version lacks have their defaults. */
export interface DeleteTopicsRequest {
  readonly topics: readonly DeleteTopicsRequestDeleteTopicState[];
  readonly topicNames: readonly string[];
  readonly timeoutMs: number;
}

/** {@link DeleteTopicsRequest} as written: what has a default may be left out. */
export interface DeleteTopicsRequestInput {
  readonly topics?: readonly DeleteTopicsRequestDeleteTopicStateInput[];
  readonly topicNames?: readonly string[];
  readonly timeoutMs: number;
}

function readDeleteTopicsRequestDeleteTopicState(
  r: KafkaReader,
  _version: number,
): DeleteTopicsRequestDeleteTopicState {
  const flexible = true;
  const name = r.nullableString(flexible);
  const topicId = r.uuid();
  r.skipTaggedFields();
  return { name, topicId };
}

/** Reads a {@link DeleteTopicsRequest} of `version`; throws BrokerError 'malformed'. */
export function readDeleteTopicsRequest(r: KafkaReader, version: number): DeleteTopicsRequest {
  const flexible = version >= 4;
  const topics: DeleteTopicsRequest['topics'] =
    version >= 6
      ? r.array(flexible, 17, () => readDeleteTopicsRequestDeleteTopicState(r, version))
      : EMPTY_ARRAY;
  const topicNames: DeleteTopicsRequest['topicNames'] =
    version <= 5 ? r.array(flexible, 1, () => r.string(flexible)) : EMPTY_ARRAY;
  const timeoutMs = r.int32();
  if (flexible) r.skipTaggedFields();
  return { topics, topicNames, timeoutMs };
}

function writeDeleteTopicsRequestDeleteTopicState(
  w: KafkaWriter,
  _version: number,
  v: DeleteTopicsRequestDeleteTopicStateInput,
): void {
  const flexible = true;
  w.nullableString(v.name ?? null, flexible);
  w.uuid(v.topicId);
  w.noTaggedFields();
}

/** Writes a {@link DeleteTopicsRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeDeleteTopicsRequest(w: KafkaWriter, version: number, v: DeleteTopicsRequestInput): void {
  const flexible = version >= 4;
  if (version >= 6) {
    w.array(v.topics ?? EMPTY_ARRAY, flexible, (item) =>
      writeDeleteTopicsRequestDeleteTopicState(w, version, item),
    );
  } else refuseUnlessDefault(v.topics, EMPTY_ARRAY, version, 'DeleteTopicsRequest.topics');
  if (version <= 5) {
    w.array(v.topicNames ?? EMPTY_ARRAY, flexible, (item) => w.string(item, flexible));
  }
  w.int32(v.timeoutMs);
  if (flexible) w.noTaggedFields();
}
