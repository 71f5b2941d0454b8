// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** DeleteGroupsRequest as read; fields that its version lacks have their defaults. */
export interface DeleteGroupsRequest {
  readonly groupsNames: readonly string[];
}

/** {@link DeleteGroupsRequest} as written: what has a default may be left out. */
export interface DeleteGroupsRequestInput {
  readonly groupsNames: readonly string[];
}

/** Reads a {@link DeleteGroupsRequest} of `version`; throws BrokerError 'malformed'. */
export function readDeleteGroupsRequest(r: KafkaReader, version: number): DeleteGroupsRequest {
  const flexible = version >= 2;
  const groupsNames = r.array(flexible, 1, () => r.string(flexible));
  if (flexible) r.skipTaggedFields();
  return { groupsNames };
}

/** Writes a {@link DeleteGroupsRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeDeleteGroupsRequest(w: KafkaWriter, version: number, v: DeleteGroupsRequestInput): void {
  const flexible = version >= 2;
  w.array(v.groupsNames, flexible, (item) => w.string(item, flexible));
  if (flexible) w.noTaggedFields();
}
