// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { notNull } from '../defaults.ts';

/** Struct of JoinGroupResponse as read; fields that its version lacks have their defaults. */
export interface JoinGroupResponseJoinGroupResponseMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly metadata: Buffer;
}

/** {@link JoinGroupResponseJoinGroupResponseMember} as written: what has a default may be left out. */
export interface JoinGroupResponseJoinGroupResponseMemberInput {
  readonly memberId: string;
  readonly groupInstanceId?: string | null;
  readonly metadata: Buffer;
}

/** JoinGroupResponse as read; fields that its version lacks have their defaults. */
export interface JoinGroupResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly generationId: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly leader: string;
  readonly skipAssignment: boolean;
  readonly memberId: string;
  readonly members: readonly JoinGroupResponseJoinGroupResponseMember[];
}

/** {@link JoinGroupResponse} as written: what has a default may be left out. */
export interface JoinGroupResponseInput {
  readonly throttleTimeMs?: number;
  readonly errorCode: number;
  readonly generationId?: number;
  readonly protocolType?: string | null;
  readonly protocolName: string | null;
  readonly leader: string;
  readonly skipAssignment?: boolean;
  readonly memberId: string;
  readonly members: readonly JoinGroupResponseJoinGroupResponseMemberInput[];
}

function readJoinGroupResponseJoinGroupResponseMember(
  r: KafkaReader,
  version: number,
): JoinGroupResponseJoinGroupResponseMember {
  const flexible = version >= 6;
  const memberId = r.string(flexible);
  const groupInstanceId: JoinGroupResponseJoinGroupResponseMember['groupInstanceId'] =
    version >= 5 ? r.nullableString(flexible) : null;
  const metadata = r.bytes(flexible);
  if (flexible) r.skipTaggedFields();
  return { memberId, groupInstanceId, metadata };
}

/** Reads a {@link JoinGroupResponse} of `version`; throws BrokerError 'malformed'. */
export function readJoinGroupResponse(r: KafkaReader, version: number): JoinGroupResponse {
  const flexible = version >= 6;
  const throttleTimeMs: JoinGroupResponse['throttleTimeMs'] = version >= 2 ? r.int32() : 0;
  const errorCode = r.int16();
  const generationId = r.int32();
  const protocolType: JoinGroupResponse['protocolType'] = version >= 7 ? r.nullableString(flexible) : null;
  const protocolName = version >= 7 ? r.nullableString(flexible) : r.string(flexible);
  const leader = r.string(flexible);
  const skipAssignment: JoinGroupResponse['skipAssignment'] = version >= 9 ? r.bool() : false;
  const memberId = r.string(flexible);
  const members = r.array(flexible, 2, () => readJoinGroupResponseJoinGroupResponseMember(r, version));
  if (flexible) r.skipTaggedFields();
  return {
    throttleTimeMs,
    errorCode,
    generationId,
    protocolType,
    protocolName,
    leader,
    skipAssignment,
    memberId,
    members,
  };
}

function writeJoinGroupResponseJoinGroupResponseMember(
  w: KafkaWriter,
  version: number,
  v: JoinGroupResponseJoinGroupResponseMemberInput,
): void {
  const flexible = version >= 6;
  w.string(v.memberId, flexible);
  if (version >= 5) {
    w.nullableString(v.groupInstanceId ?? null, flexible);
  }
  w.bytes(v.metadata, flexible);
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link JoinGroupResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeJoinGroupResponse(w: KafkaWriter, version: number, v: JoinGroupResponseInput): void {
  const flexible = version >= 6;
  if (version >= 2) {
    w.int32(v.throttleTimeMs ?? 0);
  }
  w.int16(v.errorCode);
  w.int32(v.generationId ?? -1);
  if (version >= 7) {
    w.nullableString(v.protocolType ?? null, flexible);
  }
  if (version >= 7) {
    w.nullableString(v.protocolName, flexible);
  } else {
    w.string(notNull(v.protocolName, version, 'protocolName'), flexible);
  }
  w.string(v.leader, flexible);
  if (version >= 9) {
    w.bool(v.skipAssignment ?? false);
  }
  w.string(v.memberId, flexible);
  w.array(v.members, flexible, (item) => writeJoinGroupResponseJoinGroupResponseMember(w, version, item));
  if (flexible) w.noTaggedFields();
}
