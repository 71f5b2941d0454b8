// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { EMPTY_ARRAY, refuseUnlessDefault } from '../defaults.ts';

/** ListGroupsRequest as read; fields that its version lacks have their defaults. */
export interface ListGroupsRequest {
  readonly statesFilter: readonly string[];
  readonly typesFilter: readonly string[];
}

/** {@link ListGroupsRequest} as written: what has a default may be left out. */
export interface ListGroupsRequestInput {
  readonly statesFilter?: readonly string[];
  readonly typesFilter?: readonly string[];
}

/** Reads a {@link ListGroupsRequest} of `version`; throws BrokerError 'malformed'. */
export function readListGroupsRequest(r: KafkaReader, version: number): ListGroupsRequest {
  const flexible = version >= 3;
  const statesFilter: ListGroupsRequest['statesFilter'] =
    version >= 4 ? r.array(flexible, 1, () => r.string(flexible)) : EMPTY_ARRAY;
  const typesFilter: ListGroupsRequest['typesFilter'] =
    version >= 5 ? r.array(flexible, 1, () => r.string(flexible)) : EMPTY_ARRAY;
  if (flexible) r.skipTaggedFields();
  return { statesFilter, typesFilter };
}

/** Writes a {@link ListGroupsRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeListGroupsRequest(w: KafkaWriter, version: number, v: ListGroupsRequestInput): void {
  const flexible = version >= 3;
  if (version >= 4) {
    w.array(v.statesFilter ?? EMPTY_ARRAY, flexible, (item) => w.string(item, flexible));
  } else refuseUnlessDefault(v.statesFilter, EMPTY_ARRAY, version, 'ListGroupsRequest.statesFilter');
  if (version >= 5) {
    w.array(v.typesFilter ?? EMPTY_ARRAY, flexible, (item) => w.string(item, flexible));
  } else refuseUnlessDefault(v.typesFilter, EMPTY_ARRAY, version, 'ListGroupsRequest.typesFilter');
  if (flexible) w.noTaggedFields();
}
