// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** RequestHeader as read; fields that its version lacks have their defaults. */
export interface RequestHeader {
  readonly requestApiKey: number;
  readonly requestApiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
}

/** {@link RequestHeader} as written: what has a default may be left out. */
export interface RequestHeaderInput {
  readonly requestApiKey: number;
  readonly requestApiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
}

/** Reads a {@link RequestHeader} of `version`; throws BrokerError 'malformed'. */
export function readRequestHeader(r: KafkaReader, version: number): RequestHeader {
  const flexible = version >= 2;
  const requestApiKey = r.int16();
  const requestApiVersion = r.int16();
  const correlationId = r.int32();
  const clientId = r.nullableString(false);
  if (flexible) r.skipTaggedFields();
  return { requestApiKey, requestApiVersion, correlationId, clientId };
}

/** Writes a {@link RequestHeader} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeRequestHeader(w: KafkaWriter, version: number, v: RequestHeaderInput): void {
  const flexible = version >= 2;
  w.int16(v.requestApiKey);
  w.int16(v.requestApiVersion);
  w.int32(v.correlationId);
  w.nullableString(v.clientId, false);
  if (flexible) w.noTaggedFields();
}
