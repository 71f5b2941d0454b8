// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { EMPTY_ARRAY } from '../defaults.ts';

/** Struct of DescribeConfigsResponse as read; fields that its version lacks have their defaults. */
export interface DescribeConfigsResponseDescribeConfigsSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: number;
}

/** {@link DescribeConfigsResponseDescribeConfigsSynonym} as written: what has a default may be left out. */
export interface DescribeConfigsResponseDescribeConfigsSynonymInput {
  readonly name: string;
  readonly value: string | null;
  readonly source: number;
}

/** Struct of DescribeConfigsResponse as read; fields that its version lacks have their defaults. */
export interface DescribeConfigsResponseDescribeConfigsResourceResult {
  readonly name: string;
  readonly value: string | null;
  readonly readOnly: boolean;
  readonly configSource: number;
  readonly isSensitive: boolean;
  readonly synonyms: readonly DescribeConfigsResponseDescribeConfigsSynonym[];
  readonly configType: number;
  readonly documentation: string | null;
}

/** {@link DescribeConfigsResponseDescribeConfigsResourceResult} as written: what has a default may be left out. */
export interface DescribeConfigsResponseDescribeConfigsResourceResultInput {
  readonly name: string;
  readonly value: string | null;
  readonly readOnly: boolean;
  readonly configSource?: number;
  readonly isSensitive: boolean;
  readonly synonyms?: readonly DescribeConfigsResponseDescribeConfigsSynonymInput[];
  readonly configType?: number;
  readonly documentation?: string | null;
}

/** Struct of DescribeConfigsResponse as read; fields that its version lacks have their defaults. */
export interface DescribeConfigsResponseDescribeConfigsResult {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly resourceType: number;
  readonly resourceName: string;
  readonly configs: readonly DescribeConfigsResponseDescribeConfigsResourceResult[];
}

/** {@link DescribeConfigsResponseDescribeConfigsResult} as written: what has a default may be left out. */
export interface DescribeConfigsResponseDescribeConfigsResultInput {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly resourceType: number;
  readonly resourceName: string;
  readonly configs: readonly DescribeConfigsResponseDescribeConfigsResourceResultInput[];
}

/** DescribeConfigsResponse as read; fields that its version lacks have their defaults. */
export interface DescribeConfigsResponse {
  readonly throttleTimeMs: number;
  readonly results: readonly DescribeConfigsResponseDescribeConfigsResult[];
}

/** {@link DescribeConfigsResponse} as written: what has a default may be left out. */
export interface DescribeConfigsResponseInput {
  readonly throttleTimeMs: number;
  readonly results: readonly DescribeConfigsResponseDescribeConfigsResultInput[];
}

function readDescribeConfigsResponseDescribeConfigsSynonym(
  r: KafkaReader,
  version: number,
): DescribeConfigsResponseDescribeConfigsSynonym {
  const flexible = version >= 4;
  const name = r.string(flexible);
  const value = r.nullableString(flexible);
  const source = r.int8();
  if (flexible) r.skipTaggedFields();
  return { name, value, source };
}

function readDescribeConfigsResponseDescribeConfigsResourceResult(
  r: KafkaReader,
  version: number,
): DescribeConfigsResponseDescribeConfigsResourceResult {
  const flexible = version >= 4;
  const name = r.string(flexible);
  const value = r.nullableString(flexible);
  const readOnly = r.bool();
  const configSource = r.int8();
  const isSensitive = r.bool();
  const synonyms = r.array(flexible, 3, () => readDescribeConfigsResponseDescribeConfigsSynonym(r, version));
  const configType: DescribeConfigsResponseDescribeConfigsResourceResult['configType'] =
    version >= 3 ? r.int8() : 0;
  const documentation: DescribeConfigsResponseDescribeConfigsResourceResult['documentation'] =
    version >= 3 ? r.nullableString(flexible) : '';
  if (flexible) r.skipTaggedFields();
  return { name, value, readOnly, configSource, isSensitive, synonyms, configType, documentation };
}

function readDescribeConfigsResponseDescribeConfigsResult(
  r: KafkaReader,
  version: number,
): DescribeConfigsResponseDescribeConfigsResult {
  const flexible = version >= 4;
  const errorCode = r.int16();
  const errorMessage = r.nullableString(flexible);
  const resourceType = r.int8();
  const resourceName = r.string(flexible);
  const configs = r.array(flexible, 6, () =>
    readDescribeConfigsResponseDescribeConfigsResourceResult(r, version),
  );
  if (flexible) r.skipTaggedFields();
  return { errorCode, errorMessage, resourceType, resourceName, configs };
}

/** Reads a {@link DescribeConfigsResponse} of `version`; throws BrokerError 'malformed'. */
export function readDescribeConfigsResponse(r: KafkaReader, version: number): DescribeConfigsResponse {
  const flexible = version >= 4;
  const throttleTimeMs = r.int32();
  const results = r.array(flexible, 6, () => readDescribeConfigsResponseDescribeConfigsResult(r, version));
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, results };
}

function writeDescribeConfigsResponseDescribeConfigsSynonym(
  w: KafkaWriter,
  version: number,
  v: DescribeConfigsResponseDescribeConfigsSynonymInput,
): void {
  const flexible = version >= 4;
  w.string(v.name, flexible);
  w.nullableString(v.value, flexible);
  w.int8(v.source);
  if (flexible) w.noTaggedFields();
}

function writeDescribeConfigsResponseDescribeConfigsResourceResult(
  w: KafkaWriter,
  version: number,
  v: DescribeConfigsResponseDescribeConfigsResourceResultInput,
): void {
  const flexible = version >= 4;
  w.string(v.name, flexible);
  w.nullableString(v.value, flexible);
  w.bool(v.readOnly);
  w.int8(v.configSource ?? -1);
  w.bool(v.isSensitive);
  w.array(v.synonyms ?? EMPTY_ARRAY, flexible, (item) =>
    writeDescribeConfigsResponseDescribeConfigsSynonym(w, version, item),
  );
  if (version >= 3) {
    w.int8(v.configType ?? 0);
  }
  if (version >= 3) {
    w.nullableString(v.documentation === undefined ? '' : v.documentation, flexible);
  }
  if (flexible) w.noTaggedFields();
}

function writeDescribeConfigsResponseDescribeConfigsResult(
  w: KafkaWriter,
  version: number,
  v: DescribeConfigsResponseDescribeConfigsResultInput,
): void {
  const flexible = version >= 4;
  w.int16(v.errorCode);
  w.nullableString(v.errorMessage, flexible);
  w.int8(v.resourceType);
  w.string(v.resourceName, flexible);
  w.array(v.configs, flexible, (item) =>
    writeDescribeConfigsResponseDescribeConfigsResourceResult(w, version, item),
  );
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link DescribeConfigsResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeDescribeConfigsResponse(
  w: KafkaWriter,
  version: number,
  v: DescribeConfigsResponseInput,
): void {
  const flexible = version >= 4;
  w.int32(v.throttleTimeMs);
  w.array(v.results, flexible, (item) => writeDescribeConfigsResponseDescribeConfigsResult(w, version, item));
  if (flexible) w.noTaggedFields();
}
