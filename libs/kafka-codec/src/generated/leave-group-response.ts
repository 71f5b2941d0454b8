// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { EMPTY_ARRAY } from '../defaults.ts';

/** Struct of LeaveGroupResponse as read; fields that its version lacks have their defaults. */
export interface LeaveGroupResponseMemberResponse {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly errorCode: number;
}

/** {@link LeaveGroupResponseMemberResponse} as written: what has a default may be left out. */
export interface LeaveGroupResponseMemberResponseInput {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly errorCode: number;
}

/** LeaveGroupResponse as read; fields that its version lacks have their defaults. */
export interface LeaveGroupResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly members: readonly LeaveGroupResponseMemberResponse[];
}

/** {@link LeaveGroupResponse} as written: what has a default may be left out. */
export interface LeaveGroupResponseInput {
  readonly throttleTimeMs?: number;
  readonly errorCode: number;
  readonly members?: readonly LeaveGroupResponseMemberResponseInput[];
}

function readLeaveGroupResponseMemberResponse(
  r: KafkaReader,
  version: number,
): LeaveGroupResponseMemberResponse {
  const flexible = version >= 4;
  const memberId = r.string(flexible);
  const groupInstanceId = r.nullableString(flexible);
  const errorCode = r.int16();
  if (flexible) r.skipTaggedFields();
  return { memberId, groupInstanceId, errorCode };
}

/** Reads a {@link LeaveGroupResponse} of `version`; throws BrokerError 'malformed'. */
export function readLeaveGroupResponse(r: KafkaReader, version: number): LeaveGroupResponse {
  const flexible = version >= 4;
  const throttleTimeMs: LeaveGroupResponse['throttleTimeMs'] = version >= 1 ? r.int32() : 0;
  const errorCode = r.int16();
  const members: LeaveGroupResponse['members'] =
    version >= 3 ? r.array(flexible, 4, () => readLeaveGroupResponseMemberResponse(r, version)) : EMPTY_ARRAY;
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, errorCode, members };
}

function writeLeaveGroupResponseMemberResponse(
  w: KafkaWriter,
  version: number,
  v: LeaveGroupResponseMemberResponseInput,
): void {
  const flexible = version >= 4;
  w.string(v.memberId, flexible);
  w.nullableString(v.groupInstanceId, flexible);
  w.int16(v.errorCode);
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link LeaveGroupResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeLeaveGroupResponse(w: KafkaWriter, version: number, v: LeaveGroupResponseInput): void {
  const flexible = version >= 4;
  if (version >= 1) {
    w.int32(v.throttleTimeMs ?? 0);
  }
  w.int16(v.errorCode);
  if (version >= 3) {
    w.array(v.members ?? EMPTY_ARRAY, flexible, (item) =>
      writeLeaveGroupResponseMemberResponse(w, version, item),
    );
  }
  if (flexible) w.noTaggedFields();
}
