// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of AlterConfigsResponse as read; fields that its version lacks have their defaults. */
export interface AlterConfigsResponseAlterConfigsResourceResponse {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly resourceType: number;
  readonly resourceName: string;
}

/** {@link AlterConfigsResponseAlterConfigsResourceResponse} as written: what has a default may be left out. */
export interface AlterConfigsResponseAlterConfigsResourceResponseInput {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly resourceType: number;
  readonly resourceName: string;
}

/** AlterConfigsResponse as read; fields that its version lacks have their defaults. */
export interface AlterConfigsResponse {
  readonly throttleTimeMs: number;
  readonly responses: readonly AlterConfigsResponseAlterConfigsResourceResponse[];
}

/** {@link AlterConfigsResponse} as written: what has a default may be left out. */
export interface AlterConfigsResponseInput {
  readonly throttleTimeMs: number;
  readonly responses: readonly AlterConfigsResponseAlterConfigsResourceResponseInput[];
}

function readAlterConfigsResponseAlterConfigsResourceResponse(
  r: KafkaReader,
  version: number,
): AlterConfigsResponseAlterConfigsResourceResponse {
  const flexible = version >= 2;
  const errorCode = r.int16();
  const errorMessage = r.nullableString(flexible);
  const resourceType = r.int8();
  const resourceName = r.string(flexible);
  if (flexible) r.skipTaggedFields();
  return { errorCode, errorMessage, resourceType, resourceName };
}

/** Reads a {@link AlterConfigsResponse} of `version`; throws BrokerError 'malformed'. */
export function readAlterConfigsResponse(r: KafkaReader, version: number): AlterConfigsResponse {
  const flexible = version >= 2;
  const throttleTimeMs = r.int32();
  const responses = r.array(flexible, 5, () =>
    readAlterConfigsResponseAlterConfigsResourceResponse(r, version),
  );
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, responses };
}

function writeAlterConfigsResponseAlterConfigsResourceResponse(
  w: KafkaWriter,
  version: number,
  v: AlterConfigsResponseAlterConfigsResourceResponseInput,
): void {
  const flexible = version >= 2;
  w.int16(v.errorCode);
  w.nullableString(v.errorMessage, flexible);
  w.int8(v.resourceType);
  w.string(v.resourceName, flexible);
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link AlterConfigsResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeAlterConfigsResponse(
  w: KafkaWriter,
  version: number,
  v: AlterConfigsResponseInput,
): void {
  const flexible = version >= 2;
  w.int32(v.throttleTimeMs);
  w.array(v.responses, flexible, (item) =>
    writeAlterConfigsResponseAlterConfigsResourceResponse(w, version, item),
  );
  if (flexible) w.noTaggedFields();
}
