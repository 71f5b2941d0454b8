// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { refuseUnlessDefault } from '../defaults.ts';

/** DescribeGroupsRequest as read; fields that its version lacks have their defaults. */
export interface DescribeGroupsRequest {
  readonly groups: readonly string[];
  readonly includeAuthorizedOperations: boolean;
}

/** {@link DescribeGroupsRequest} as written: what has a default may be left out. */
export interface DescribeGroupsRequestInput {
  readonly groups: readonly string[];
  readonly includeAuthorizedOperations?: boolean;
}

/** Reads a {@link DescribeGroupsRequest} of `version`; throws BrokerError 'malformed'. */
export function readDescribeGroupsRequest(r: KafkaReader, version: number): DescribeGroupsRequest {
  const flexible = version >= 5;
  const groups = r.array(flexible, 1, () => r.string(flexible));
  const includeAuthorizedOperations: DescribeGroupsRequest['includeAuthorizedOperations'] =
    version >= 3 ? r.bool() : false;
  if (flexible) r.skipTaggedFields();
  return { groups, includeAuthorizedOperations };
}

/** Writes a {@link DescribeGroupsRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeDescribeGroupsRequest(
  w: KafkaWriter,
  version: number,
  v: DescribeGroupsRequestInput,
): void {
  const flexible = version >= 5;
  w.array(v.groups, flexible, (item) => w.string(item, flexible));
  if (version >= 3) {
    w.bool(v.includeAuthorizedOperations ?? false);
  } else
    refuseUnlessDefault(
      v.includeAuthorizedOperations,
      false,
      version,
      'DescribeGroupsRequest.includeAuthorizedOperations',
    );
  if (flexible) w.noTaggedFields();
}
