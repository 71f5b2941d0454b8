// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** InitProducerIdResponse as read; fields that its version lacks have their defaults. */
export interface InitProducerIdResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** {@link InitProducerIdResponse} as written: what has a default may be left out. */
export interface InitProducerIdResponseInput {
  readonly throttleTimeMs?: number;
  readonly errorCode: number;
  readonly producerId?: number;
  readonly producerEpoch: number;
}

/** Reads a {@link InitProducerIdResponse} of `version`; throws BrokerError 'malformed'. */
export function readInitProducerIdResponse(r: KafkaReader, version: number): InitProducerIdResponse {
  const flexible = version >= 2;
  const throttleTimeMs = r.int32();
  const errorCode = r.int16();
  const producerId = r.int64();
  const producerEpoch = r.int16();
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, errorCode, producerId, producerEpoch };
}

/** Writes a {@link InitProducerIdResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeInitProducerIdResponse(
  w: KafkaWriter,
  version: number,
  v: InitProducerIdResponseInput,
): void {
  const flexible = version >= 2;
  w.int32(v.throttleTimeMs ?? 0);
  w.int16(v.errorCode);
  w.int64(v.producerId ?? -1);
  w.int16(v.producerEpoch);
  if (flexible) w.noTaggedFields();
}
