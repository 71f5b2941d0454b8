// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { EMPTY_ARRAY, refuseUnlessDefault } from '../defaults.ts';

/** Struct of LeaveGroupRequest as read; fields that its version lacks have their defaults. */
export interface LeaveGroupRequestMemberIdentity {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly reason: string | null;
}

/** {@link LeaveGroupRequestMemberIdentity} as written: what has a default may be left out. */
export interface LeaveGroupRequestMemberIdentityInput {
  readonly memberId: string;
  readonly groupInstanceId?: string | null;
  readonly reason?: string | null;
}

/** LeaveGroupRequest as read; fields that its version lacks have their defaults. */
export interface LeaveGroupRequest {
  readonly groupId: string;
  readonly memberId: string;
  readonly members: readonly LeaveGroupRequestMemberIdentity[];
}

/** {@link LeaveGroupRequest} as written: what has a default may be left out. */
export interface LeaveGroupRequestInput {
  readonly groupId: string;
  readonly memberId?: string;
  readonly members?: readonly LeaveGroupRequestMemberIdentityInput[];
}

function readLeaveGroupRequestMemberIdentity(
  r: KafkaReader,
  version: number,
): LeaveGroupRequestMemberIdentity {
  const flexible = version >= 4;
  const memberId = r.string(flexible);
  const groupInstanceId = r.nullableString(flexible);
  const reason: LeaveGroupRequestMemberIdentity['reason'] = version >= 5 ? r.nullableString(flexible) : null;
  if (flexible) r.skipTaggedFields();
  return { memberId, groupInstanceId, reason };
}

/** Reads a {@link LeaveGroupRequest} of `version`; throws BrokerError 'malformed'. */
export function readLeaveGroupRequest(r: KafkaReader, version: number): LeaveGroupRequest {
  const flexible = version >= 4;
  const groupId = r.string(flexible);
  const memberId: LeaveGroupRequest['memberId'] = version <= 2 ? r.string(flexible) : '';
  const members: LeaveGroupRequest['members'] =
    version >= 3 ? r.array(flexible, 2, () => readLeaveGroupRequestMemberIdentity(r, version)) : EMPTY_ARRAY;
  if (flexible) r.skipTaggedFields();
  return { groupId, memberId, members };
}

function writeLeaveGroupRequestMemberIdentity(
  w: KafkaWriter,
  version: number,
  v: LeaveGroupRequestMemberIdentityInput,
): void {
  const flexible = version >= 4;
  w.string(v.memberId, flexible);
  w.nullableString(v.groupInstanceId ?? null, flexible);
  if (version >= 5) {
    w.nullableString(v.reason ?? null, flexible);
  }
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link LeaveGroupRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeLeaveGroupRequest(w: KafkaWriter, version: number, v: LeaveGroupRequestInput): void {
  const flexible = version >= 4;
  w.string(v.groupId, flexible);
  if (version <= 2) {
    w.string(v.memberId ?? '', flexible);
  } else refuseUnlessDefault(v.memberId, '', version, 'LeaveGroupRequest.memberId');
  if (version >= 3) {
    w.array(v.members ?? EMPTY_ARRAY, flexible, (item) =>
      writeLeaveGroupRequestMemberIdentity(w, version, item),
    );
  } else refuseUnlessDefault(v.members, EMPTY_ARRAY, version, 'LeaveGroupRequest.members');
  if (flexible) w.noTaggedFields();
}
