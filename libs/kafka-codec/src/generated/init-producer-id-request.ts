// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { refuseUnlessDefault } from '../defaults.ts';

/** InitProducerIdRequest as read; fields that its version lacks have their defaults. */
export interface InitProducerIdRequest {
  readonly transactionalId: string | null;
  readonly transactionTimeoutMs: number;
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** {@link InitProducerIdRequest} as written: what has a default may be left out. */
export interface InitProducerIdRequestInput {
  readonly transactionalId: string | null;
  readonly transactionTimeoutMs: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
}

/** Reads a {@link InitProducerIdRequest} of `version`; throws BrokerError 'malformed'. */
export function readInitProducerIdRequest(r: KafkaReader, version: number): InitProducerIdRequest {
  const flexible = version >= 2;
  const transactionalId = r.nullableString(flexible);
  const transactionTimeoutMs = r.int32();
  const producerId: InitProducerIdRequest['producerId'] = version >= 3 ? r.int64() : -1;
  const producerEpoch: InitProducerIdRequest['producerEpoch'] = version >= 3 ? r.int16() : -1;
  if (flexible) r.skipTaggedFields();
  return { transactionalId, transactionTimeoutMs, producerId, producerEpoch };
}

/** Writes a {@link InitProducerIdRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeInitProducerIdRequest(
  w: KafkaWriter,
  version: number,
  v: InitProducerIdRequestInput,
): void {
  const flexible = version >= 2;
  w.nullableString(v.transactionalId, flexible);
  w.int32(v.transactionTimeoutMs);
  if (version >= 3) {
    w.int64(v.producerId ?? -1);
  } else refuseUnlessDefault(v.producerId, -1, version, 'InitProducerIdRequest.producerId');
  if (version >= 3) {
    w.int16(v.producerEpoch ?? -1);
  } else refuseUnlessDefault(v.producerEpoch, -1, version, 'InitProducerIdRequest.producerEpoch');
  if (flexible) w.noTaggedFields();
}
