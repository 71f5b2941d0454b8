// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { refuseUnlessDefault } from '../defaults.ts';

/** DescribeClusterRequest as read; fields that its version lacks have their defaults. */
export interface DescribeClusterRequest {
  readonly includeClusterAuthorizedOperations: boolean;
  readonly endpointType: number;
  readonly includeFencedBrokers: boolean;
}

/** {@link DescribeClusterRequest} as written: what has a default may be left out. */
export interface DescribeClusterRequestInput {
  readonly includeClusterAuthorizedOperations: boolean;
  readonly endpointType?: number;
  readonly includeFencedBrokers?: boolean;
}

/** Reads a {@link DescribeClusterRequest} of `version`; throws BrokerError 'malformed'. */
export function readDescribeClusterRequest(r: KafkaReader, version: number): DescribeClusterRequest {
  const includeClusterAuthorizedOperations = r.bool();
  const endpointType: DescribeClusterRequest['endpointType'] = version >= 1 ? r.int8() : 1;
  const includeFencedBrokers: DescribeClusterRequest['includeFencedBrokers'] =
    version >= 2 ? r.bool() : false;
  r.skipTaggedFields();
  return { includeClusterAuthorizedOperations, endpointType, includeFencedBrokers };
}

/** Writes a {@link DescribeClusterRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeDescribeClusterRequest(
  w: KafkaWriter,
  version: number,
  v: DescribeClusterRequestInput,
): void {
  w.bool(v.includeClusterAuthorizedOperations);
  if (version >= 1) {
    w.int8(v.endpointType ?? 1);
  } else refuseUnlessDefault(v.endpointType, 1, version, 'DescribeClusterRequest.endpointType');
  if (version >= 2) {
    w.bool(v.includeFencedBrokers ?? false);
  } else
    refuseUnlessDefault(
      v.includeFencedBrokers,
      false,
      version,
      'DescribeClusterRequest.includeFencedBrokers',
    );
  w.noTaggedFields();
}
