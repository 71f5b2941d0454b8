// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** ResponseHeader as read; fields that its version lacks have their defaults. */
export interface ResponseHeader {
  readonly correlationId: number;
}

/** {@link ResponseHeader} as written: what has a default may be left out. */
export interface ResponseHeaderInput {
  readonly correlationId: number;
}

/** Reads a {@link ResponseHeader} of `version`; throws BrokerError 'malformed'. */
export function readResponseHeader(r: KafkaReader, version: number): ResponseHeader {
  const flexible = version >= 1;
  const correlationId = r.int32();
  if (flexible) r.skipTaggedFields();
  return { correlationId };
}

/** Writes a {@link ResponseHeader} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeResponseHeader(w: KafkaWriter, version: number, v: ResponseHeaderInput): void {
  const flexible = version >= 1;
  w.int32(v.correlationId);
  if (flexible) w.noTaggedFields();
}
