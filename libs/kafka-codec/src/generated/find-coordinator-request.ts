// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { EMPTY_ARRAY, refuseUnlessDefault } from '../defaults.ts';

/** FindCoordinatorRequest as read; fields that its version lacks have their defaults. */
export interface FindCoordinatorRequest {
  readonly key: string;
  readonly keyType: number;
  readonly coordinatorKeys: readonly string[];
}

/** {@link FindCoordinatorRequest} as written: what has a default may be left out. */
export interface FindCoordinatorRequestInput {
  readonly key?: string;
  readonly keyType?: number;
  readonly coordinatorKeys?: readonly string[];
}

/** Reads a {@link FindCoordinatorRequest} of `version`; throws BrokerError 'malformed'. */
export function readFindCoordinatorRequest(r: KafkaReader, version: number): FindCoordinatorRequest {
  const flexible = version >= 3;
  const key: FindCoordinatorRequest['key'] = version <= 3 ? r.string(flexible) : '';
  const keyType: FindCoordinatorRequest['keyType'] = version >= 1 ? r.int8() : 0;
  const coordinatorKeys: FindCoordinatorRequest['coordinatorKeys'] =
    version >= 4 ? r.array(flexible, 1, () => r.string(flexible)) : EMPTY_ARRAY;
  if (flexible) r.skipTaggedFields();
  return { key, keyType, coordinatorKeys };
}

/** Writes a {@link FindCoordinatorRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeFindCoordinatorRequest(
  w: KafkaWriter,
  version: number,
  v: FindCoordinatorRequestInput,
): void {
  const flexible = version >= 3;
  if (version <= 3) {
    w.string(v.key ?? '', flexible);
  } else refuseUnlessDefault(v.key, '', version, 'FindCoordinatorRequest.key');
  if (version >= 1) {
    w.int8(v.keyType ?? 0);
  } else refuseUnlessDefault(v.keyType, 0, version, 'FindCoordinatorRequest.keyType');
  if (version >= 4) {
    w.array(v.coordinatorKeys ?? EMPTY_ARRAY, flexible, (item) => w.string(item, flexible));
  } else
    refuseUnlessDefault(v.coordinatorKeys, EMPTY_ARRAY, version, 'FindCoordinatorRequest.coordinatorKeys');
  if (flexible) w.noTaggedFields();
}
