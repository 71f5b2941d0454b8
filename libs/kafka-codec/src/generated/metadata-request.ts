// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { ZERO_UUID, notNull, refuseUnlessDefault } from '../defaults.ts';

/** Struct of MetadataRequest as read; fields that its version lacks have their defaults. */
export interface MetadataRequestMetadataRequestTopic {
  readonly topicId: string;
  readonly name: string | null;
}

/** {@link MetadataRequestMetadataRequestTopic} as written: what has a default may be left out. */
export interface MetadataRequestMetadataRequestTopicInput {
  readonly topicId?: string;
  readonly name: string | null;
}

/** MetadataRequest as read; fields that its version lacks have their defaults. */
export interface MetadataRequest {
  readonly topics: readonly MetadataRequestMetadataRequestTopic[] | null;
  readonly allowAutoTopicCreation: boolean;
  readonly includeClusterAuthorizedOperations: boolean;
  readonly includeTopicAuthorizedOperations: boolean;
}

/** {@link MetadataRequest} as written: what has a default may be left out. */
export interface MetadataRequestInput {
  readonly topics: readonly MetadataRequestMetadataRequestTopicInput[] | null;
  readonly allowAutoTopicCreation?: boolean;
  readonly includeClusterAuthorizedOperations?: boolean;
  readonly includeTopicAuthorizedOperations?: boolean;
}

function readMetadataRequestMetadataRequestTopic(
  r: KafkaReader,
  version: number,
): MetadataRequestMetadataRequestTopic {
  const flexible = version >= 9;
  const topicId: MetadataRequestMetadataRequestTopic['topicId'] = version >= 10 ? r.uuid() : ZERO_UUID;
  const name = version >= 10 ? r.nullableString(flexible) : r.string(flexible);
  if (flexible) r.skipTaggedFields();
  return { topicId, name };
}

/** Reads a {@link MetadataRequest} of `version`; throws BrokerError 'malformed'. */
export function readMetadataRequest(r: KafkaReader, version: number): MetadataRequest {
  const flexible = version >= 9;
  const topics =
    version >= 1
      ? r.nullableArray(flexible, 1, () => readMetadataRequestMetadataRequestTopic(r, version))
      : r.array(flexible, 1, () => readMetadataRequestMetadataRequestTopic(r, version));
  const allowAutoTopicCreation: MetadataRequest['allowAutoTopicCreation'] = version >= 4 ? r.bool() : true;
  const includeClusterAuthorizedOperations: MetadataRequest['includeClusterAuthorizedOperations'] =
    version >= 8 && version <= 10 ? r.bool() : false;
  const includeTopicAuthorizedOperations: MetadataRequest['includeTopicAuthorizedOperations'] =
    version >= 8 ? r.bool() : false;
  if (flexible) r.skipTaggedFields();
  return {
    topics,
    allowAutoTopicCreation,
    includeClusterAuthorizedOperations,
    includeTopicAuthorizedOperations,
  };
}

function writeMetadataRequestMetadataRequestTopic(
  w: KafkaWriter,
  version: number,
  v: MetadataRequestMetadataRequestTopicInput,
): void {
  const flexible = version >= 9;
  if (version >= 10) {
    w.uuid(v.topicId ?? ZERO_UUID);
  }
  if (version >= 10) {
    w.nullableString(v.name, flexible);
  } else {
    w.string(notNull(v.name, version, 'name'), flexible);
  }
  if (flexible) w.noTaggedFields();
}

/** Writes a {@link MetadataRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeMetadataRequest(w: KafkaWriter, version: number, v: MetadataRequestInput): void {
  const flexible = version >= 9;
  if (version >= 1) {
    w.nullableArray(v.topics, flexible, (item) => writeMetadataRequestMetadataRequestTopic(w, version, item));
  } else {
    w.array(notNull(v.topics, version, 'topics'), flexible, (item) =>
      writeMetadataRequestMetadataRequestTopic(w, version, item),
    );
  }
  if (version >= 4) {
    w.bool(v.allowAutoTopicCreation ?? true);
  } else
    refuseUnlessDefault(v.allowAutoTopicCreation, true, version, 'MetadataRequest.allowAutoTopicCreation');
  if (version >= 8 && version <= 10) {
    w.bool(v.includeClusterAuthorizedOperations ?? false);
  } else
    refuseUnlessDefault(
      v.includeClusterAuthorizedOperations,
      false,
      version,
      'MetadataRequest.includeClusterAuthorizedOperations',
    );
  if (version >= 8) {
    w.bool(v.includeTopicAuthorizedOperations ?? false);
  } else
    refuseUnlessDefault(
      v.includeTopicAuthorizedOperations,
      false,
      version,
      'MetadataRequest.includeTopicAuthorizedOperations',
    );
  if (flexible) w.noTaggedFields();
}
