// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of ListGroupsResponse as read; fields that its version lacks have their defaults. */
export interface ListGroupsResponseListedGroup {
  readonly groupId: string;
  readonly protocolType: string;
  readonly groupState: string;
  readonly groupType: string;
}

/** {@link ListGroupsResponseListedGroup} as written: what has a default may be left out. */
export interface ListGroupsResponseListedGroupInput {
  readonly groupId: string;
  readonly protocolType: string;
  readonly groupState?: string;
  readonly groupType?: string;
}

/** ListGroupsResponse as read; fields that its version lacks have their defaults. */
export interface ListGroupsResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly groups: readonly ListGroupsResponseListedGroup[];
}

/** {@link ListGroupsResponse} as written: what has a default may be left out. */
export interface ListGroupsResponseInput {
  readonly throttleTimeMs?: number;
  readonly errorCode: number;
  readonly groups: readonly ListGroupsResponseListedGroupInput[];
}

function readListGroupsResponseListedGroup(r: KafkaReader, version: number): ListGroupsResponseListedGroup {
  const flexible = version >= 3;
  const groupId = r.string(flexible);
  const protocolType = r.string(flexible);
  const groupState: ListGroupsResponseListedGroup['groupState'] = version >= 4 ? r.string(flexible) : '';
  const groupType: ListGroupsResponseListedGroup['groupType'] = version >= 5 ? r.string(flexible) : '';
  if (flexible) r.skipTaggedFields();
  return { groupId, protocolType, groupState, groupType };
}

/** Reads a {@link ListGroupsResponse} of `version`; throws BrokerError 'malformed'. */
export function readListGroupsResponse(r: KafkaReader, version: number): ListGroupsResponse {
  const flexible = version >= 3;
  const throttleTimeMs: ListGroupsResponse['throttleTimeMs'] = version >= 1 ? r.int32() : 0;
  const errorCode = r.int16();
  const groups = r.array(flexible, 2, () => readListGroupsResponseListedGroup(r, version));
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, errorCode, groups };
}

function writeListGroupsResponseListedGroup(
  w: KafkaWriter,
  version: number,
  v: ListGroupsResponseListedGroupInput,
): void {
  const flexible = version >= 3;
  w.string(v.groupId, flexible);
  w.string(v.protocolType, flexible);
  if (version >= 4) {
    w.string(v.groupState ?? '', flexible);
  }
  if (version >= 5) {
    w.string(v.groupType ?? '', flexible);
  }
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link ListGroupsResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeListGroupsResponse(w: KafkaWriter, version: number, v: ListGroupsResponseInput): void {
  const flexible = version >= 3;
  if (version >= 1) {
    w.int32(v.throttleTimeMs ?? 0);
  }
  w.int16(v.errorCode);
  w.array(v.groups, flexible, (item) => writeListGroupsResponseListedGroup(w, version, item));
  if (flexible) w.noTaggedFields();
}
