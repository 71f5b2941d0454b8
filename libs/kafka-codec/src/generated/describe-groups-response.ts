// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of DescribeGroupsResponse as read; fields that its version lacks have their defaults. */
export interface DescribeGroupsResponseDescribedGroupMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly memberMetadata: Buffer;
  readonly memberAssignment: Buffer;
}

/** {@link DescribeGroupsResponseDescribedGroupMember} as written: what has a default may be left out. */
export interface DescribeGroupsResponseDescribedGroupMemberInput {
  readonly memberId: string;
  readonly groupInstanceId?: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly memberMetadata: Buffer;
  readonly memberAssignment: Buffer;
}

/** Struct of DescribeGroupsResponse as read; fields that its version lacks have their defaults. */
export interface DescribeGroupsResponseDescribedGroup {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly groupId: string;
  readonly groupState: string;
  readonly protocolType: string;
  readonly protocolData: string;
  readonly members: readonly DescribeGroupsResponseDescribedGroupMember[];
  readonly authorizedOperations: number;
}

/** {@link DescribeGroupsResponseDescribedGroup} as written: what has a default may be left out. */
export interface DescribeGroupsResponseDescribedGroupInput {
  readonly errorCode: number;
  readonly errorMessage?: string | null;
  readonly groupId: string;
  readonly groupState: string;
  readonly protocolType: string;
  readonly protocolData: string;
  readonly members: readonly DescribeGroupsResponseDescribedGroupMemberInput[];
  readonly authorizedOperations?: number;
}

/** DescribeGroupsResponse as read; fields that its version lacks have their defaults. */
export interface DescribeGroupsResponse {
  readonly throttleTimeMs: number;
  readonly groups: readonly DescribeGroupsResponseDescribedGroup[];
}

/** {@link DescribeGroupsResponse} as written: what has a default may be left out. */
export interface DescribeGroupsResponseInput {
  readonly throttleTimeMs?: number;
  readonly groups: readonly DescribeGroupsResponseDescribedGroupInput[];
}

function readDescribeGroupsResponseDescribedGroupMember(
  r: KafkaReader,
  version: number,
): DescribeGroupsResponseDescribedGroupMember {
  const flexible = version >= 5;
  const memberId = r.string(flexible);
  const groupInstanceId: DescribeGroupsResponseDescribedGroupMember['groupInstanceId'] =
    version >= 4 ? r.nullableString(flexible) : null;
  const clientId = r.string(flexible);
  const clientHost = r.string(flexible);
  const memberMetadata = r.bytes(flexible);
  const memberAssignment = r.bytes(flexible);
  if (flexible) r.skipTaggedFields();
  return { memberId, groupInstanceId, clientId, clientHost, memberMetadata, memberAssignment };
}

function readDescribeGroupsResponseDescribedGroup(
  r: KafkaReader,
  version: number,
): DescribeGroupsResponseDescribedGroup {
  const flexible = version >= 5;
  const errorCode = r.int16();
  const errorMessage: DescribeGroupsResponseDescribedGroup['errorMessage'] =
    version >= 6 ? r.nullableString(flexible) : null;
  const groupId = r.string(flexible);
  const groupState = r.string(flexible);
  const protocolType = r.string(flexible);
  const protocolData = r.string(flexible);
  const members = r.array(flexible, 5, () => readDescribeGroupsResponseDescribedGroupMember(r, version));
  const authorizedOperations: DescribeGroupsResponseDescribedGroup['authorizedOperations'] =
    version >= 3 ? r.int32() : -2147483648;
  if (flexible) r.skipTaggedFields();
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState,
    protocolType,
    protocolData,
    members,
    authorizedOperations,
  };
}

/** Reads a {@link DescribeGroupsResponse} of `version`; throws BrokerError 'malformed'. */
export function readDescribeGroupsResponse(r: KafkaReader, version: number): DescribeGroupsResponse {
  const flexible = version >= 5;
  const throttleTimeMs: DescribeGroupsResponse['throttleTimeMs'] = version >= 1 ? r.int32() : 0;
  const groups = r.array(flexible, 7, () => readDescribeGroupsResponseDescribedGroup(r, version));
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, groups };
}

function writeDescribeGroupsResponseDescribedGroupMember(
  w: KafkaWriter,
  version: number,
  v: DescribeGroupsResponseDescribedGroupMemberInput,
): void {
  const flexible = version >= 5;
  w.string(v.memberId, flexible);
  if (version >= 4) {
    w.nullableString(v.groupInstanceId ?? null, flexible);
  }
  w.string(v.clientId, flexible);
  w.string(v.clientHost, flexible);
  w.bytes(v.memberMetadata, flexible);
  w.bytes(v.memberAssignment, flexible);
  if (flexible) w.noTaggedFields();
}

function writeDescribeGroupsResponseDescribedGroup(
  w: KafkaWriter,
  version: number,
  v: DescribeGroupsResponseDescribedGroupInput,
): void {
  const flexible = version >= 5;
  w.int16(v.errorCode);
  if (version >= 6) {
    w.nullableString(v.errorMessage ?? null, flexible);
  }
  w.string(v.groupId, flexible);
  w.string(v.groupState, flexible);
  w.string(v.protocolType, flexible);
  w.string(v.protocolData, flexible);
  w.array(v.members, flexible, (item) => writeDescribeGroupsResponseDescribedGroupMember(w, version, item));
  if (version >= 3) {
    w.int32(v.authorizedOperations ?? -2147483648);
  }
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link DescribeGroupsResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeDescribeGroupsResponse(
  w: KafkaWriter,
  version: number,
  v: DescribeGroupsResponseInput,
): void {
  const flexible = version >= 5;
  if (version >= 1) {
    w.int32(v.throttleTimeMs ?? 0);
  }
  w.array(v.groups, flexible, (item) => writeDescribeGroupsResponseDescribedGroup(w, version, item));
  if (flexible) w.noTaggedFields();
}
