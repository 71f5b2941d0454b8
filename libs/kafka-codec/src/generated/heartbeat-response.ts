// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** HeartbeatResponse as read; fields that its version lacks have their defaults. */
export interface HeartbeatResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
}

/** {@link HeartbeatResponse} as written: what has a default may be left out. */
export interface HeartbeatResponseInput {
  readonly throttleTimeMs?: number;
  readonly errorCode: number;
}

/** Reads a {@link HeartbeatResponse} of `version`; throws BrokerError 'malformed'. */
export function readHeartbeatResponse(r: KafkaReader, version: number): HeartbeatResponse {
  const flexible = version >= 4;
  const throttleTimeMs: HeartbeatResponse['throttleTimeMs'] = version >= 1 ? r.int32() : 0;
  const errorCode = r.int16();
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, errorCode };
}

/** Writes a {@link HeartbeatResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeHeartbeatResponse(w: KafkaWriter, version: number, v: HeartbeatResponseInput): void {
  const flexible = version >= 4;
  if (version >= 1) {
    w.int32(v.throttleTimeMs ?? 0);
  }
  w.int16(v.errorCode);
  if (flexible) w.noTaggedFields();
}
