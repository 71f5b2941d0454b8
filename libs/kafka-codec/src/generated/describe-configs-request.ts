// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { refuseUnlessDefault } from '../defaults.ts';

/** Struct of DescribeConfigsRequest as read; fields that its version lacks have their defaults. */
export interface DescribeConfigsRequestDescribeConfigsResource {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly configurationKeys: readonly string[] | null;
}

/** {@link DescribeConfigsRequestDescribeConfigsResource} as written: what has a default may be left out. */
export interface DescribeConfigsRequestDescribeConfigsResourceInput {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly configurationKeys: readonly string[] | null;
}

/** DescribeConfigsRequest as read; fields that its version lacks have their defaults. */
export interface DescribeConfigsRequest {
  readonly resources: readonly DescribeConfigsRequestDescribeConfigsResource[];
  readonly includeSynonyms: boolean;
  readonly includeDocumentation: boolean;
}

/** {@link DescribeConfigsRequest} as written: what has a default may be left out. */
export interface DescribeConfigsRequestInput {
  readonly resources: readonly DescribeConfigsRequestDescribeConfigsResourceInput[];
  readonly includeSynonyms?: boolean;
  readonly includeDocumentation?: boolean;
}

function readDescribeConfigsRequestDescribeConfigsResource(
  r: KafkaReader,
  version: number,
): DescribeConfigsRequestDescribeConfigsResource {
  const flexible = version >= 4;
  const resourceType = r.int8();
  const resourceName = r.string(flexible);
  const configurationKeys = r.nullableArray(flexible, 1, () => r.string(flexible));
  if (flexible) r.skipTaggedFields();
  return { resourceType, resourceName, configurationKeys };
}

/** Reads a {@link DescribeConfigsRequest} of `version`; throws BrokerError 'malformed'. */
export function readDescribeConfigsRequest(r: KafkaReader, version: number): DescribeConfigsRequest {
  const flexible = version >= 4;
  const resources = r.array(flexible, 3, () => readDescribeConfigsRequestDescribeConfigsResource(r, version));
  const includeSynonyms = r.bool();
  const includeDocumentation: DescribeConfigsRequest['includeDocumentation'] =
    version >= 3 ? r.bool() : false;
  if (flexible) r.skipTaggedFields();
  return { resources, includeSynonyms, includeDocumentation };
}

function writeDescribeConfigsRequestDescribeConfigsResource(
  w: KafkaWriter,
  version: number,
  v: DescribeConfigsRequestDescribeConfigsResourceInput,
): void {
  const flexible = version >= 4;
  w.int8(v.resourceType);
  w.string(v.resourceName, flexible);
  w.nullableArray(v.configurationKeys, flexible, (item) => w.string(item, flexible));
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link DescribeConfigsRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeDescribeConfigsRequest(
  w: KafkaWriter,
  version: number,
  v: DescribeConfigsRequestInput,
): void {
  const flexible = version >= 4;
  w.array(v.resources, flexible, (item) =>
    writeDescribeConfigsRequestDescribeConfigsResource(w, version, item),
  );
  w.bool(v.includeSynonyms ?? false);
  if (version >= 3) {
    w.bool(v.includeDocumentation ?? false);
  } else
    refuseUnlessDefault(
      v.includeDocumentation,
      false,
      version,
      'DescribeConfigsRequest.includeDocumentation',
    );
  if (flexible) w.noTaggedFields();
}
