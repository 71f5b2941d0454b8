// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { refuseUnlessDefault } from '../defaults.ts';

/** Struct of SyncGroupRequest as read; fields that its version lacks have their defaults. */
export interface SyncGroupRequestSyncGroupRequestAssignment {
  readonly memberId: string;
  readonly assignment: Buffer;
}

/** {@link SyncGroupRequestSyncGroupRequestAssignment} as written: what has a default may be left out. */
export interface SyncGroupRequestSyncGroupRequestAssignmentInput {
  readonly memberId: string;
  readonly assignment: Buffer;
}

/** SyncGroupRequest as read; fields that its version lacks have their defaults. */
export interface SyncGroupRequest {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignments: readonly SyncGroupRequestSyncGroupRequestAssignment[];
}

/** {@link SyncGroupRequest} as written: what has a default may be left out. */
export interface SyncGroupRequestInput {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId?: string | null;
  readonly protocolType?: string | null;
  readonly protocolName?: string | null;
  readonly assignments: readonly SyncGroupRequestSyncGroupRequestAssignmentInput[];
}

function readSyncGroupRequestSyncGroupRequestAssignment(
  r: KafkaReader,
  version: number,
): SyncGroupRequestSyncGroupRequestAssignment {
  const flexible = version >= 4;
  const memberId = r.string(flexible);
  const assignment = r.bytes(flexible);
  if (flexible) r.skipTaggedFields();
  return { memberId, assignment };
}

/** Reads a {@link SyncGroupRequest} of `version`; throws BrokerError 'malformed'. */
export function readSyncGroupRequest(r: KafkaReader, version: number): SyncGroupRequest {
  const flexible = version >= 4;
  const groupId = r.string(flexible);
  const generationId = r.int32();
  const memberId = r.string(flexible);
  const groupInstanceId: SyncGroupRequest['groupInstanceId'] =
    version >= 3 ? r.nullableString(flexible) : null;
  const protocolType: SyncGroupRequest['protocolType'] = version >= 5 ? r.nullableString(flexible) : null;
  const protocolName: SyncGroupRequest['protocolName'] = version >= 5 ? r.nullableString(flexible) : null;
  const assignments = r.array(flexible, 2, () => readSyncGroupRequestSyncGroupRequestAssignment(r, version));
  if (flexible) r.skipTaggedFields();
  return { groupId, generationId, memberId, groupInstanceId, protocolType, protocolName, assignments };
}

function writeSyncGroupRequestSyncGroupRequestAssignment(
  w: KafkaWriter,
  version: number,
  v: SyncGroupRequestSyncGroupRequestAssignmentInput,
): void {
  const flexible = version >= 4;
  w.string(v.memberId, flexible);
  w.bytes(v.assignment, flexible);
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link SyncGroupRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeSyncGroupRequest(w: KafkaWriter, version: number, v: SyncGroupRequestInput): void {
  const flexible = version >= 4;
  w.string(v.groupId, flexible);
  w.int32(v.generationId);
  w.string(v.memberId, flexible);
  if (version >= 3) {
    w.nullableString(v.groupInstanceId ?? null, flexible);
  } else refuseUnlessDefault(v.groupInstanceId, null, version, 'SyncGroupRequest.groupInstanceId');
  if (version >= 5) {
    w.nullableString(v.protocolType ?? null, flexible);
  }
  if (version >= 5) {
    w.nullableString(v.protocolName ?? null, flexible);
  }
  w.array(v.assignments, flexible, (item) =>
    writeSyncGroupRequestSyncGroupRequestAssignment(w, version, item),
  );
  if (flexible) w.noTaggedFields();
}
