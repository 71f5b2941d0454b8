// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of IncrementalAlterConfigsResponse as read; fields that its version lacks have their defaults. */
export interface IncrementalAlterConfigsResponseAlterConfigsResourceResponse {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly resourceType: number;
  readonly resourceName: string;
}

/** {@link IncrementalAlterConfigsResponseAlterConfigsResourceResponse} as written: what has a default may be left out. */
export interface IncrementalAlterConfigsResponseAlterConfigsResourceResponseInput {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly resourceType: number;
  readonly resourceName: string;
}

/** IncrementalAlterConfigsResponse as read; fields that its version lacks have their defaults. */
export interface IncrementalAlterConfigsResponse {
  readonly throttleTimeMs: number;
  readonly responses: readonly IncrementalAlterConfigsResponseAlterConfigsResourceResponse[];
}

/** {@link IncrementalAlterConfigsResponse} as written: what has a default may be left out. */
export interface IncrementalAlterConfigsResponseInput {
  readonly throttleTimeMs: number;
  readonly responses: readonly IncrementalAlterConfigsResponseAlterConfigsResourceResponseInput[];
}

function readIncrementalAlterConfigsResponseAlterConfigsResourceResponse(
  r: KafkaReader,
  version: number,
): IncrementalAlterConfigsResponseAlterConfigsResourceResponse {
  const flexible = version >= 1;
  const errorCode = r.int16();
  const errorMessage = r.nullableString(flexible);
  const resourceType = r.int8();
  const resourceName = r.string(flexible);
  if (flexible) r.skipTaggedFields();
  return { errorCode, errorMessage, resourceType, resourceName };
}

/** Reads a {@link IncrementalAlterConfigsResponse} of `version`; throws BrokerError 'malformed'. */
export function readIncrementalAlterConfigsResponse(
  r: KafkaReader,
  version: number,
): IncrementalAlterConfigsResponse {
  const flexible = version >= 1;
  const throttleTimeMs = r.int32();
  const responses = r.array(flexible, 5, () =>
    readIncrementalAlterConfigsResponseAlterConfigsResourceResponse(r, version),
  );
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, responses };
}

function writeIncrementalAlterConfigsResponseAlterConfigsResourceResponse(
  w: KafkaWriter,
  version: number,
  v: IncrementalAlterConfigsResponseAlterConfigsResourceResponseInput,
): void {
  const flexible = version >= 1;
  w.int16(v.errorCode);
  w.nullableString(v.errorMessage, flexible);
  w.int8(v.resourceType);
  w.string(v.resourceName, flexible);
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link IncrementalAlterConfigsResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeIncrementalAlterConfigsResponse(
  w: KafkaWriter,
  version: number,
  v: IncrementalAlterConfigsResponseInput,
): void {
  const flexible = version >= 1;
  w.int32(v.throttleTimeMs);
  w.array(v.responses, flexible, (item) =>
    writeIncrementalAlterConfigsResponseAlterConfigsResourceResponse(w, version, item),
  );
  if (flexible) w.noTaggedFields();
}
