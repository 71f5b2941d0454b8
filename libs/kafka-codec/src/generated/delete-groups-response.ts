// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of DeleteGroupsResponse as read; fields that its version lacks have their defaults. */
export interface DeleteGroupsResponseDeletableGroupResult {
  readonly groupId: string;
  readonly errorCode: number;
}

/** {@link DeleteGroupsResponseDeletableGroupResult} as written: what has a default may be left out. */
export interface DeleteGroupsResponseDeletableGroupResultInput {
  readonly groupId: string;
  readonly errorCode: number;
}

/** DeleteGroupsResponse as read; fields that its version lacks have their defaults. */
export interface DeleteGroupsResponse {
  readonly throttleTimeMs: number;
  readonly results: readonly DeleteGroupsResponseDeletableGroupResult[];
}

/** {@link DeleteGroupsResponse} as written: what has a default may be left out. */
export interface DeleteGroupsResponseInput {
  readonly throttleTimeMs: number;
  readonly results: readonly DeleteGroupsResponseDeletableGroupResultInput[];
}

function readDeleteGroupsResponseDeletableGroupResult(
  r: KafkaReader,
  version: number,
): DeleteGroupsResponseDeletableGroupResult {
  const flexible = version >= 2;
  const groupId = r.string(flexible);
  const errorCode = r.int16();
  if (flexible) r.skipTaggedFields();
  return { groupId, errorCode };
}

/** Reads a {@link DeleteGroupsResponse} of `version`; throws BrokerError 'malformed'. */
export function readDeleteGroupsResponse(r: KafkaReader, version: number): DeleteGroupsResponse {
  const flexible = version >= 2;
  const throttleTimeMs = r.int32();
  const results = r.array(flexible, 3, () => readDeleteGroupsResponseDeletableGroupResult(r, version));
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, results };
}

function writeDeleteGroupsResponseDeletableGroupResult(
  w: KafkaWriter,
  version: number,
  v: DeleteGroupsResponseDeletableGroupResultInput,
): void {
  const flexible = version >= 2;
  w.string(v.groupId, flexible);
  w.int16(v.errorCode);
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link DeleteGroupsResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeDeleteGroupsResponse(
  w: KafkaWriter,
  version: number,
  v: DeleteGroupsResponseInput,
): void {
  const flexible = version >= 2;
  w.int32(v.throttleTimeMs);
  w.array(v.results, flexible, (item) => writeDeleteGroupsResponseDeletableGroupResult(w, version, item));
  if (flexible) w.noTaggedFields();
}
