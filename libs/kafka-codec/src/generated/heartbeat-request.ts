// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { refuseUnlessDefault } from '../defaults.ts';

/** HeartbeatRequest as read; fields that its version lacks have their defaults. */
export interface HeartbeatRequest {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

/** {@link HeartbeatRequest} as written: what has a default may be left out. */
export interface HeartbeatRequestInput {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId?: string | null;
}

/** Reads a {@link HeartbeatRequest} of `version`; throws BrokerError 'malformed'. */
export function readHeartbeatRequest(r: KafkaReader, version: number): HeartbeatRequest {
  const flexible = version >= 4;
  const groupId = r.string(flexible);
  const generationId = r.int32();
  const memberId = r.string(flexible);
  const groupInstanceId: HeartbeatRequest['groupInstanceId'] =
    version >= 3 ? r.nullableString(flexible) : null;
  if (flexible) r.skipTaggedFields();
  return { groupId, generationId, memberId, groupInstanceId };
}

/** Writes a {@link HeartbeatRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeHeartbeatRequest(w: KafkaWriter, version: number, v: HeartbeatRequestInput): void {
  const flexible = version >= 4;
  w.string(v.groupId, flexible);
  w.int32(v.generationId);
  w.string(v.memberId, flexible);
  if (version >= 3) {
    w.nullableString(v.groupInstanceId ?? null, flexible);
  } else refuseUnlessDefault(v.groupInstanceId, null, version, 'HeartbeatRequest.groupInstanceId');
  if (flexible) w.noTaggedFields();
}
