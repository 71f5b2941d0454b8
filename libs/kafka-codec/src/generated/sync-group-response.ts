// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** SyncGroupResponse as read; fields that its version lacks have their defaults. */
export interface SyncGroupResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignment: Buffer;
}

/** {@link SyncGroupResponse} as written: what has a default may be left out. */
export interface SyncGroupResponseInput {
  readonly throttleTimeMs?: number;
  readonly errorCode: number;
  readonly protocolType?: string | null;
  readonly protocolName?: string | null;
  readonly assignment: Buffer;
}

/** Reads a {@link SyncGroupResponse} of `version`; throws BrokerError 'malformed'. */
export function readSyncGroupResponse(r: KafkaReader, version: number): SyncGroupResponse {
  const flexible = version >= 4;
  const throttleTimeMs: SyncGroupResponse['throttleTimeMs'] = version >= 1 ? r.int32() : 0;
  const errorCode = r.int16();
  const protocolType: SyncGroupResponse['protocolType'] = version >= 5 ? r.nullableString(flexible) : null;
  const protocolName: SyncGroupResponse['protocolName'] = version >= 5 ? r.nullableString(flexible) : null;
  const assignment = r.bytes(flexible);
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, errorCode, protocolType, protocolName, assignment };
}

/** Writes a {@link SyncGroupResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeSyncGroupResponse(w: KafkaWriter, version: number, v: SyncGroupResponseInput): void {
  const flexible = version >= 4;
  if (version >= 1) {
    w.int32(v.throttleTimeMs ?? 0);
  }
  w.int16(v.errorCode);
  if (version >= 5) {
    w.nullableString(v.protocolType ?? null, flexible);
  }
  if (version >= 5) {
    w.nullableString(v.protocolName ?? null, flexible);
  }
  w.bytes(v.assignment, flexible);
  if (flexible) w.noTaggedFields();
}
