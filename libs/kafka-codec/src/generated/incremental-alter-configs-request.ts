// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of IncrementalAlterConfigsRequest as read; fields that its version lacks have their defaults. */
export interface IncrementalAlterConfigsRequestAlterableConfig {
  readonly name: string;
  readonly configOperation: number;
  readonly value: string | null;
}

/** {@link IncrementalAlterConfigsRequestAlterableConfig} as written: what has a default may be left out. */
export interface IncrementalAlterConfigsRequestAlterableConfigInput {
  readonly name: string;
  readonly configOperation: number;
  readonly value: string | null;
}

/** Struct of IncrementalAlterConfigsRequest as read; fields that its version lacks have their defaults. */
export interface IncrementalAlterConfigsRequestAlterConfigsResource {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly configs: readonly IncrementalAlterConfigsRequestAlterableConfig[];
}

/** {@link IncrementalAlterConfigsRequestAlterConfigsResource} as written: what has a default may be left out. */
export interface IncrementalAlterConfigsRequestAlterConfigsResourceInput {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly configs: readonly IncrementalAlterConfigsRequestAlterableConfigInput[];
}

/** IncrementalAlterConfigsRequest as read; fields that its version lacks have their defaults. */
export interface IncrementalAlterConfigsRequest {
  readonly resources: readonly IncrementalAlterConfigsRequestAlterConfigsResource[];
  readonly validateOnly: boolean;
}

/** {@link IncrementalAlterConfigsRequest} as written: what has a default may be left out. */
export interface IncrementalAlterConfigsRequestInput {
  readonly resources: readonly IncrementalAlterConfigsRequestAlterConfigsResourceInput[];
  readonly validateOnly: boolean;
}

function readIncrementalAlterConfigsRequestAlterableConfig(
  r: KafkaReader,
  version: number,
): IncrementalAlterConfigsRequestAlterableConfig {
  const flexible = version >= 1;
  const name = r.string(flexible);
  const configOperation = r.int8();
  const value = r.nullableString(flexible);
  if (flexible) r.skipTaggedFields();
  return { name, configOperation, value };
}

function readIncrementalAlterConfigsRequestAlterConfigsResource(
  r: KafkaReader,
  version: number,
): IncrementalAlterConfigsRequestAlterConfigsResource {
  const flexible = version >= 1;
  const resourceType = r.int8();
  const resourceName = r.string(flexible);
  const configs = r.array(flexible, 3, () => readIncrementalAlterConfigsRequestAlterableConfig(r, version));
  if (flexible) r.skipTaggedFields();
  return { resourceType, resourceName, configs };
}

/** Reads a {@link IncrementalAlterConfigsRequest} of `version`; throws BrokerError 'malformed'. */
export function readIncrementalAlterConfigsRequest(
  r: KafkaReader,
  version: number,
): IncrementalAlterConfigsRequest {
  const flexible = version >= 1;
  const resources = r.array(flexible, 3, () =>
    readIncrementalAlterConfigsRequestAlterConfigsResource(r, version),
  );
  const validateOnly = r.bool();
  if (flexible) r.skipTaggedFields();
  return { resources, validateOnly };
}

function writeIncrementalAlterConfigsRequestAlterableConfig(
  w: KafkaWriter,
  version: number,
  v: IncrementalAlterConfigsRequestAlterableConfigInput,
): void {
  const flexible = version >= 1;
  w.string(v.name, flexible);
  w.int8(v.configOperation);
  w.nullableString(v.value, flexible);
  if (flexible) w.noTaggedFields();
}

function writeIncrementalAlterConfigsRequestAlterConfigsResource(
  w: KafkaWriter,
  version: number,
  v: IncrementalAlterConfigsRequestAlterConfigsResourceInput,
): void {
  const flexible = version >= 1;
  w.int8(v.resourceType);
  w.string(v.resourceName, flexible);
  w.array(v.configs, flexible, (item) =>
    writeIncrementalAlterConfigsRequestAlterableConfig(w, version, item),
  );
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link IncrementalAlterConfigsRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeIncrementalAlterConfigsRequest(
  w: KafkaWriter,
  version: number,
  v: IncrementalAlterConfigsRequestInput,
): void {
  const flexible = version >= 1;
  w.array(v.resources, flexible, (item) =>
    writeIncrementalAlterConfigsRequestAlterConfigsResource(w, version, item),
  );
  w.bool(v.validateOnly);
  if (flexible) w.noTaggedFields();
}
