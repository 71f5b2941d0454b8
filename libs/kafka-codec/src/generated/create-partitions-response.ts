// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** Struct of CreatePartitionsResponse as read; fields that its version lacks have their defaults. */
export interface CreatePartitionsResponseCreatePartitionsTopicResult {
  readonly name: string;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

/** {@link CreatePartitionsResponseCreatePartitionsTopicResult} as written: what has a default may be left out. */
export interface CreatePartitionsResponseCreatePartitionsTopicResultInput {
  readonly name: string;
  readonly errorCode: number;
  readonly errorMessage?: string | null;
}

/** CreatePartitionsResponse as read; fields that its version lacks have their defaults. */
export interface CreatePartitionsResponse {
  readonly throttleTimeMs: number;
  readonly results: readonly CreatePartitionsResponseCreatePartitionsTopicResult[];
}

/** {@link CreatePartitionsResponse} as written: what has a default may be left out. */
export interface CreatePartitionsResponseInput {
  readonly throttleTimeMs: number;
  readonly results: readonly CreatePartitionsResponseCreatePartitionsTopicResultInput[];
}

function readCreatePartitionsResponseCreatePartitionsTopicResult(
  r: KafkaReader,
  version: number,
): CreatePartitionsResponseCreatePartitionsTopicResult {
  const flexible = version >= 2;
  const name = r.string(flexible);
  const errorCode = r.int16();
  const errorMessage = r.nullableString(flexible);
  if (flexible) r.skipTaggedFields();
  return { name, errorCode, errorMessage };
}

/** Reads a {@link CreatePartitionsResponse} of `version`; throws BrokerError 'malformed'. */
export function readCreatePartitionsResponse(r: KafkaReader, version: number): CreatePartitionsResponse {
  const flexible = version >= 2;
  const throttleTimeMs = r.int32();
  const results = r.array(flexible, 4, () =>
    readCreatePartitionsResponseCreatePartitionsTopicResult(r, version),
  );
  if (flexible) r.skipTaggedFields();
  return { throttleTimeMs, results };
}

function writeCreatePartitionsResponseCreatePartitionsTopicResult(
  w: KafkaWriter,
  version: number,
  v: CreatePartitionsResponseCreatePartitionsTopicResultInput,
): void {
  const flexible = version >= 2;
  w.string(v.name, flexible);
  w.int16(v.errorCode);
  w.nullableString(v.errorMessage ?? null, flexible);
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link CreatePartitionsResponse} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeCreatePartitionsResponse(
  w: KafkaWriter,
  version: number,
  v: CreatePartitionsResponseInput,
): void {
  const flexible = version >= 2;
  w.int32(v.throttleTimeMs);
  w.array(v.results, flexible, (item) =>
    writeCreatePartitionsResponseCreatePartitionsTopicResult(w, version, item),
  );
  if (flexible) w.noTaggedFields();
}
