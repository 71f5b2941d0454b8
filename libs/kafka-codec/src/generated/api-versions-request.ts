// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';

/** ApiVersionsRequest as read; fields that its version lacks have their defaults. */
export interface ApiVersionsRequest {
  readonly clientSoftwareName: string;
  readonly clientSoftwareVersion: string;
}

/** {@link ApiVersionsRequest} as written: what has a default may be left out. */
export interface ApiVersionsRequestInput {
  readonly clientSoftwareName?: string;
  readonly clientSoftwareVersion?: string;
}

/** Reads a {@link ApiVersionsRequest} of `version`; throws BrokerError 'malformed'. */
export function readApiVersionsRequest(r: KafkaReader, version: number): ApiVersionsRequest {
  const flexible = version >= 3;
  const clientSoftwareName: ApiVersionsRequest['clientSoftwareName'] = version >= 3 ? r.string(flexible) : '';
  const clientSoftwareVersion: ApiVersionsRequest['clientSoftwareVersion'] =
    version >= 3 ? r.string(flexible) : '';
  if (flexible) r.skipTaggedFields();
  return { clientSoftwareName, clientSoftwareVersion };
}

/** Writes a {@link ApiVersionsRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeApiVersionsRequest(w: KafkaWriter, version: number, v: ApiVersionsRequestInput): void {
  const flexible = version >= 3;
  if (version >= 3) {
    w.string(v.clientSoftwareName ?? '', flexible);
  }
  if (version >= 3) {
    w.string(v.clientSoftwareVersion ?? '', flexible);
  }
  if (flexible) w.noTaggedFields();
}
