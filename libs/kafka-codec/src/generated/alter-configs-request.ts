// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of AlterConfigsRequest as read; fields that its version lacks have their defaults. */
export interface AlterConfigsRequestAlterableConfig {
  readonly name: string;
  readonly value: string | null;
}

/** {@link AlterConfigsRequestAlterableConfig} as written: what has a default may be left out. */
export interface AlterConfigsRequestAlterableConfigInput {
  readonly name: string;
  readonly value: string | null;
}

/** Struct of AlterConfigsRequest as read; fields that its version lacks have their defaults. */
export interface AlterConfigsRequestAlterConfigsResource {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly configs: readonly AlterConfigsRequestAlterableConfig[];
}

/** {@link AlterConfigsRequestAlterConfigsResource} as written: what has a default may be left out. */
export interface AlterConfigsRequestAlterConfigsResourceInput {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly configs: readonly AlterConfigsRequestAlterableConfigInput[];
}

/** AlterConfigsRequest as read; fields that its version lacks have their defaults. */
export interface AlterConfigsRequest {
  readonly resources: readonly AlterConfigsRequestAlterConfigsResource[];
  readonly validateOnly: boolean;
}

/** {@link AlterConfigsRequest} as written: what has a default may be left out. */
export interface AlterConfigsRequestInput {
  readonly resources: readonly AlterConfigsRequestAlterConfigsResourceInput[];
  readonly validateOnly: boolean;
}

function readAlterConfigsRequestAlterableConfig(
  r: KafkaReader,
  version: number,
): AlterConfigsRequestAlterableConfig {
  const flexible = version >= 2;
  const name = r.string(flexible);
  const value = r.nullableString(flexible);
  if (flexible) r.skipTaggedFields();
  return { name, value };
}

function readAlterConfigsRequestAlterConfigsResource(
  r: KafkaReader,
  version: number,
): AlterConfigsRequestAlterConfigsResource {
  const flexible = version >= 2;
  const resourceType = r.int8();
  const resourceName = r.string(flexible);
  const configs = r.array(flexible, 2, () => readAlterConfigsRequestAlterableConfig(r, version));
  if (flexible) r.skipTaggedFields();
  return { resourceType, resourceName, configs };
}

/** Reads a {@link AlterConfigsRequest} of `version`; throws BrokerError 'malformed'. */
export function readAlterConfigsRequest(r: KafkaReader, version: number): AlterConfigsRequest {
  const flexible = version >= 2;
  const resources = r.array(flexible, 3, () => readAlterConfigsRequestAlterConfigsResource(r, version));
  const validateOnly = r.bool();
  if (flexible) r.skipTaggedFields();
  return { resources, validateOnly };
}

function writeAlterConfigsRequestAlterableConfig(
  w: KafkaWriter,
  version: number,
  v: AlterConfigsRequestAlterableConfigInput,
): void {
  const flexible = version >= 2;
  w.string(v.name, flexible);
  w.nullableString(v.value, flexible);
  if (flexible) w.noTaggedFields();
}

function writeAlterConfigsRequestAlterConfigsResource(
  w: KafkaWriter,
  version: number,
  v: AlterConfigsRequestAlterConfigsResourceInput,
): void {
  const flexible = version >= 2;
  w.int8(v.resourceType);
  w.string(v.resourceName, flexible);
  w.array(v.configs, flexible, (item) => writeAlterConfigsRequestAlterableConfig(w, version, item));
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link AlterConfigsRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeAlterConfigsRequest(w: KafkaWriter, version: number, v: AlterConfigsRequestInput): void {
  const flexible = version >= 2;
  w.array(v.resources, flexible, (item) => writeAlterConfigsRequestAlterConfigsResource(w, version, item));
  w.bool(v.validateOnly);
  if (flexible) w.noTaggedFields();
}
