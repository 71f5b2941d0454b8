// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { refuseUnlessDefault } from '../defaults.ts';

/** Struct of JoinGroupRequest as read; fields that its version lacks have their defaults. */
export interface JoinGroupRequestJoinGroupRequestProtocol {
  readonly name: string;
  readonly metadata: Buffer;
}

/** {@link JoinGroupRequestJoinGroupRequestProtocol} as written: what has a default may be left out. */
export interface JoinGroupRequestJoinGroupRequestProtocolInput {
  readonly name: string;
  readonly metadata: Buffer;
}

/** JoinGroupRequest as read; fields that its version lacks have their defaults. */
export interface JoinGroupRequest {
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly protocolType: string;
  readonly protocols: readonly JoinGroupRequestJoinGroupRequestProtocol[];
  readonly reason: string | null;
}

/** {@link JoinGroupRequest} as written: what has a default may be left out. */
export interface JoinGroupRequestInput {
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs?: number;
  readonly memberId: string;
  readonly groupInstanceId?: string | null;
  readonly protocolType: string;
  readonly protocols: readonly JoinGroupRequestJoinGroupRequestProtocolInput[];
  readonly reason?: string | null;
}

function readJoinGroupRequestJoinGroupRequestProtocol(
  r: KafkaReader,
  version: number,
): JoinGroupRequestJoinGroupRequestProtocol {
  const flexible = version >= 6;
  const name = r.string(flexible);
  const metadata = r.bytes(flexible);
  if (flexible) r.skipTaggedFields();
  return { name, metadata };
}

/** Reads a {@link JoinGroupRequest} of `version`; throws BrokerError 'malformed'. */
export function readJoinGroupRequest(r: KafkaReader, version: number): JoinGroupRequest {
  const flexible = version >= 6;
  const groupId = r.string(flexible);
  const sessionTimeoutMs = r.int32();
  const rebalanceTimeoutMs: JoinGroupRequest['rebalanceTimeoutMs'] = version >= 1 ? r.int32() : -1;
  const memberId = r.string(flexible);
  const groupInstanceId: JoinGroupRequest['groupInstanceId'] =
    version >= 5 ? r.nullableString(flexible) : null;
  const protocolType = r.string(flexible);
  const protocols = r.array(flexible, 2, () => readJoinGroupRequestJoinGroupRequestProtocol(r, version));
  const reason: JoinGroupRequest['reason'] = version >= 8 ? r.nullableString(flexible) : null;
  if (flexible) r.skipTaggedFields();
  return {
    groupId,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    memberId,
    groupInstanceId,
    protocolType,
    protocols,
    reason,
  };
}

function writeJoinGroupRequestJoinGroupRequestProtocol(
  w: KafkaWriter,
  version: number,
  v: JoinGroupRequestJoinGroupRequestProtocolInput,
): void {
  const flexible = version >= 6;
  w.string(v.name, flexible);
  w.bytes(v.metadata, flexible);
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link JoinGroupRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeJoinGroupRequest(w: KafkaWriter, version: number, v: JoinGroupRequestInput): void {
  const flexible = version >= 6;
  w.string(v.groupId, flexible);
  w.int32(v.sessionTimeoutMs);
  if (version >= 1) {
    w.int32(v.rebalanceTimeoutMs ?? -1);
  }
  w.string(v.memberId, flexible);
  if (version >= 5) {
    w.nullableString(v.groupInstanceId ?? null, flexible);
  } else refuseUnlessDefault(v.groupInstanceId, null, version, 'JoinGroupRequest.groupInstanceId');
  w.string(v.protocolType, flexible);
  w.array(v.protocols, flexible, (item) => writeJoinGroupRequestJoinGroupRequestProtocol(w, version, item));
  if (version >= 8) {
    w.nullableString(v.reason ?? null, flexible);
  }
  if (flexible) w.noTaggedFields();
}
