// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { EMPTY_ARRAY } from '../defaults.ts';

/** Struct of FindCoordinatorResponse as read; fields that its version lacks have their defaults. */
export interface FindCoordinatorResponseCoordinator {
  readonly key: string;
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

/** {@link FindCoordinatorResponseCoordinator} as written: what has a default may be left out. */
export interface FindCoordinatorResponseCoordinatorInput {
  readonly key: string;
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly errorCode: number;
  readonly errorMessage?: string | null;
}

/** FindCoordinatorResponse as read; fields that its version lacks have their defaults. */
export interface FindCoordinatorResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly coordinators: readonly FindCoordinatorResponseCoordinator[];
}

/** {@link FindCoordinatorResponse} as written: what has a default may be left out. */
export interface FindCoordinatorResponseInput {
  readonly throttleTimeMs?: number;
  readonly errorCode?: number;
  readonly errorMessage?: string | null;
  readonly nodeId?: number;
  readonly host?: string;
  readonly port?: number;
  readonly coordinators?: readonly FindCoordinatorResponseCoordinatorInput[];
}

function readFindCoordinatorResponseCoordinator(
  r: KafkaReader,
  _version: number,
): FindCoordinatorResponseCoordinator {
  const flexible = true;
  const key = r.string(flexible);
  const nodeId = r.int32();
  const host = r.string(flexible);
  const port = r.int32();
  const errorCode = r.int16();
  const errorMessage = r.nullableString(flexible);
  r.skipTaggedFields();
  return { key, nodeId, host, port, errorCode, errorMessage };
}

/** Reads a {@link FindCoordinatorResponse} of `version`; throws BrokerError 'malformed'. */
export function readFindCoordinatorResponse(r: KafkaReader, version: number): FindCoordinatorResponse {
  const flexible = version >= 3;
  const throttleTimeMs: FindCoordinatorResponse['throttleTimeMs'] = version >= 1 ? r.int32() : 0;
  const errorCode: FindCoordinatorResponse['errorCode'] = version <= 3 ? r.int16() : 0;
  const errorMessage: FindCoordinatorResponse['errorMessage'] =
    version >= 1 && version <= 3 ? r.nullableString(flexible) : '';
  const nodeId: FindCoordinatorResponse['nodeId'] = version <= 3 ? r.int32() : 0;
  const host: FindCoordinatorResponse['host'] = version <= 3 ? r.string(flexible) : '';
  const port: FindCoordinatorResponse['port'] = version <= 3 ? r.int32() : 0;
  const coordinators: FindCoordinatorResponse['coordinators'] =
    version >= 4
      ? r.array(flexible, 13, () => readFindCoordinatorResponseCoordinator(r, version))
      : EMPTY_ARRAY;
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, errorCode, errorMessage, nodeId, host, port, coordinators };
}

function writeFindCoordinatorResponseCoordinator(
  w: KafkaWriter,
  _version: number,
  v: FindCoordinatorResponseCoordinatorInput,
): void {
  const flexible = true;
  w.string(v.key, flexible);
  w.int32(v.nodeId);
  w.string(v.host, flexible);
  w.int32(v.port);
  w.int16(v.errorCode);
  w.nullableString(v.errorMessage === undefined ? '' : v.errorMessage, flexible);
  w.noTaggedFields();
}

/** Writes a {@link FindCoordinatorResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeFindCoordinatorResponse(
  w: KafkaWriter,
  version: number,
  v: FindCoordinatorResponseInput,
): void {
  const flexible = version >= 3;
  if (version >= 1) {
    w.int32(v.throttleTimeMs ?? 0);
  }
  if (version <= 3) {
    w.int16(v.errorCode ?? 0);
  }
  if (version >= 1 && version <= 3) {
    w.nullableString(v.errorMessage === undefined ? '' : v.errorMessage, flexible);
  }
  if (version <= 3) {
    w.int32(v.nodeId ?? 0);
  }
  if (version <= 3) {
    w.string(v.host ?? '', flexible);
  }
  if (version <= 3) {
    w.int32(v.port ?? 0);
  }
  if (version >= 4) {
    w.array(v.coordinators ?? EMPTY_ARRAY, flexible, (item) =>
      writeFindCoordinatorResponseCoordinator(w, version, item),
    );
  }
  if (flexible) w.noTaggedFields();
}
