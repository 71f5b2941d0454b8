// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of DescribeClusterResponse as read; fields that its version lacks have their defaults. */
export interface DescribeClusterResponseDescribeClusterBroker {
  readonly brokerId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
  readonly isFenced: boolean;
}

/** {@link DescribeClusterResponseDescribeClusterBroker} as written: what has a default may be left out. */
export interface DescribeClusterResponseDescribeClusterBrokerInput {
  readonly brokerId: number;
  readonly host: string;
  readonly port: number;
  readonly rack?: string | null;
  readonly isFenced?: boolean;
}

/** DescribeClusterResponse as read; fields that its version lacks have their defaults. */
export interface DescribeClusterResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly endpointType: number;
  readonly clusterId: string;
  readonly controllerId: number;
  readonly brokers: readonly DescribeClusterResponseDescribeClusterBroker[];
  readonly clusterAuthorizedOperations: number;
}

/** {@link DescribeClusterResponse} as written: what has a default may be left out. */
export interface DescribeClusterResponseInput {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly errorMessage?: string | null;
  readonly endpointType?: number;
  readonly clusterId: string;
  readonly controllerId?: number;
  readonly brokers: readonly DescribeClusterResponseDescribeClusterBrokerInput[];
  readonly clusterAuthorizedOperations?: number;
}

function readDescribeClusterResponseDescribeClusterBroker(
  r: KafkaReader,
  version: number,
): DescribeClusterResponseDescribeClusterBroker {
  const flexible = true;
  const brokerId = r.int32();
  const host = r.string(flexible);
  const port = r.int32();
  const rack = r.nullableString(flexible);
  const isFenced: DescribeClusterResponseDescribeClusterBroker['isFenced'] = version >= 2 ? r.bool() : false;
  r.skipTaggedFields();
  return { brokerId, host, port, rack, isFenced };
}

/** Reads a {@link DescribeClusterResponse} of `version`; throws BrokerError 'malformed'. */
export function readDescribeClusterResponse(r: KafkaReader, version: number): DescribeClusterResponse {
  const flexible = true;
  const throttleTimeMs = r.int32();
  const errorCode = r.int16();
  const errorMessage = r.nullableString(flexible);
  const endpointType: DescribeClusterResponse['endpointType'] = version >= 1 ? r.int8() : 1;
  const clusterId = r.string(flexible);
  const controllerId = r.int32();
  const brokers = r.array(flexible, 10, () => readDescribeClusterResponseDescribeClusterBroker(r, version));
  const clusterAuthorizedOperations = r.int32();
  r.skipTaggedFields();
  return {
    throttleTimeMs,
    errorCode,
    errorMessage,
    endpointType,
    clusterId,
    controllerId,
    brokers,
    clusterAuthorizedOperations,
  };
}

function writeDescribeClusterResponseDescribeClusterBroker(
  w: KafkaWriter,
  version: number,
  v: DescribeClusterResponseDescribeClusterBrokerInput,
): void {
  const flexible = true;
  w.int32(v.brokerId);
  w.string(v.host, flexible);
  w.int32(v.port);
  w.nullableString(v.rack ?? null, flexible);
  if (version >= 2) {
    w.bool(v.isFenced ?? false);
  }
  w.noTaggedFields();
}

/** Writes a {@link DescribeClusterResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeDescribeClusterResponse(
  w: KafkaWriter,
  version: number,
  v: DescribeClusterResponseInput,
): void {
  const flexible = true;
  w.int32(v.throttleTimeMs);
  w.int16(v.errorCode);
  w.nullableString(v.errorMessage ?? null, flexible);
  if (version >= 1) {
    w.int8(v.endpointType ?? 1);
  }
  w.string(v.clusterId, flexible);
  w.int32(v.controllerId ?? -1);
  w.array(v.brokers, flexible, (item) => writeDescribeClusterResponseDescribeClusterBroker(w, version, item));
  w.int32(v.clusterAuthorizedOperations ?? -2147483648);
  w.noTaggedFields();
}
