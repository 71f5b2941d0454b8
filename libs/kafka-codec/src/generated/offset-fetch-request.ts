// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.
import type { KafkaReader } from '../reader.ts';
import type { KafkaWriter } from '../writer.ts';
import { ZERO_UUID, EMPTY_ARRAY, notNull, refuseUnlessDefault } from '../defaults.ts';

/** Struct of OffsetFetchRequest as read; fields that its version lacks have their defaults. */
export interface OffsetFetchRequestOffsetFetchRequestTopic {
  readonly name: string;
  readonly partitionIndexes: readonly number[];
}

/** {@link OffsetFetchRequestOffsetFetchRequestTopic} as written: what has a default may be left out. */
export interface OffsetFetchRequestOffsetFetchRequestTopicInput {
  readonly name: string;
  readonly partitionIndexes: readonly number[];
}

/** Struct of OffsetFetchRequest as read; fields that its version lacks have their defaults. */
export interface OffsetFetchRequestOffsetFetchRequestTopics {
  readonly name: string;
  readonly topicId: string;
  readonly partitionIndexes: readonly number[];
}

/** {@link OffsetFetchRequestOffsetFetchRequestTopics} as written: what has a default may be left out. */
export interface OffsetFetchRequestOffsetFetchRequestTopicsInput {
  readonly name?: string;
  readonly topicId?: string;
  readonly partitionIndexes: readonly number[];
}

/** Struct of OffsetFetchRequest as read; fields that its version lacks have their defaults. */
export interface OffsetFetchRequestOffsetFetchRequestGroup {
  readonly groupId: string;
  readonly memberId: string | null;
  readonly memberEpoch: number;
  readonly topics: readonly OffsetFetchRequestOffsetFetchRequestTopics[] | null;
}

/** {@link OffsetFetchRequestOffsetFetchRequestGroup} as written: what has a default may be left out. */
export interface OffsetFetchRequestOffsetFetchRequestGroupInput {
  readonly groupId: string;
  readonly memberId?: string | null;
  readonly memberEpoch?: number;
  readonly topics: readonly OffsetFetchRequestOffsetFetchRequestTopicsInput[] | null;
}

/** OffsetFetchRequest as read; fields that its version lacks have their defaults. */
export interface OffsetFetchRequest {
  readonly groupId: string;
  readonly topics: readonly OffsetFetchRequestOffsetFetchRequestTopic[] | null;
  readonly groups: readonly OffsetFetchRequestOffsetFetchRequestGroup[];
  readonly requireStable: boolean;
}

/** {@link OffsetFetchRequest} as written: what has a default may be left out. */
export interface OffsetFetchRequestInput {
  readonly groupId?: string;
  readonly topics?: readonly OffsetFetchRequestOffsetFetchRequestTopicInput[] | null;
  readonly groups?: readonly OffsetFetchRequestOffsetFetchRequestGroupInput[];
  readonly requireStable?: boolean;
}

function readOffsetFetchRequestOffsetFetchRequestTopic(
  r: KafkaReader,
  version: number,
): OffsetFetchRequestOffsetFetchRequestTopic {
  const flexible = version >= 6;
  const name = r.string(flexible);
  const partitionIndexes = r.array(flexible, 4, () => r.int32());
  if (flexible) r.skipTaggedFields();
  return { name, partitionIndexes };
}

function readOffsetFetchRequestOffsetFetchRequestTopics(
  r: KafkaReader,
  version: number,
): OffsetFetchRequestOffsetFetchRequestTopics {
  const flexible = true;
  const name: OffsetFetchRequestOffsetFetchRequestTopics['name'] = version <= 9 ? r.string(flexible) : '';
  const topicId: OffsetFetchRequestOffsetFetchRequestTopics['topicId'] = version >= 10 ? r.uuid() : ZERO_UUID;
  const partitionIndexes = r.array(flexible, 4, () => r.int32());
  r.skipTaggedFields();
  return { name, topicId, partitionIndexes };
}

function readOffsetFetchRequestOffsetFetchRequestGroup(
  r: KafkaReader,
  version: number,
): OffsetFetchRequestOffsetFetchRequestGroup {
  const flexible = true;
  const groupId = r.string(flexible);
  const memberId: OffsetFetchRequestOffsetFetchRequestGroup['memberId'] =
    version >= 9 ? r.nullableString(flexible) : null;
  const memberEpoch: OffsetFetchRequestOffsetFetchRequestGroup['memberEpoch'] = version >= 9 ? r.int32() : -1;
  const topics = r.nullableArray(flexible, 1, () =>
    readOffsetFetchRequestOffsetFetchRequestTopics(r, version),
  );
  r.skipTaggedFields();
  return { groupId, memberId, memberEpoch, topics };
}

/** Reads a {@link OffsetFetchRequest} of `version`; throws BrokerError 'malformed'. */
export function readOffsetFetchRequest(r: KafkaReader, version: number): OffsetFetchRequest {
  const flexible = version >= 6;
  const groupId: OffsetFetchRequest['groupId'] = version <= 7 ? r.string(flexible) : '';
  const topics: OffsetFetchRequest['topics'] =
    version <= 7
      ? version >= 2
        ? r.nullableArray(flexible, 2, () => readOffsetFetchRequestOffsetFetchRequestTopic(r, version))
        : r.array(flexible, 2, () => readOffsetFetchRequestOffsetFetchRequestTopic(r, version))
      : EMPTY_ARRAY;
  const groups: OffsetFetchRequest['groups'] =
    version >= 8
      ? r.array(flexible, 2, () => readOffsetFetchRequestOffsetFetchRequestGroup(r, version))
      : EMPTY_ARRAY;
  const requireStable: OffsetFetchRequest['requireStable'] = version >= 7 ? r.bool() : false;
  if (flexible) r.skipTaggedFields();
  return { groupId, topics, groups, requireStable };
}

function writeOffsetFetchRequestOffsetFetchRequestTopic(
  w: KafkaWriter,
  version: number,
  v: OffsetFetchRequestOffsetFetchRequestTopicInput,
): void {
  const flexible = version >= 6;
  w.string(v.name, flexible);
  w.array(v.partitionIndexes, flexible, (item) => w.int32(item));
  if (flexible) w.noTaggedFields();
}

function writeOffsetFetchRequestOffsetFetchRequestTopics(
  w: KafkaWriter,
  version: number,
  v: OffsetFetchRequestOffsetFetchRequestTopicsInput,
): void {
  const flexible = true;
  if (version <= 9) {
    w.string(v.name ?? '', flexible);
  }
  if (version >= 10) {
    w.uuid(v.topicId ?? ZERO_UUID);
  }
  w.array(v.partitionIndexes, flexible, (item) => w.int32(item));
  w.noTaggedFields();
}

function writeOffsetFetchRequestOffsetFetchRequestGroup(
  w: KafkaWriter,
  version: number,
  v: OffsetFetchRequestOffsetFetchRequestGroupInput,
): void {
  const flexible = true;
  w.string(v.groupId, flexible);
  if (version >= 9) {
    w.nullableString(v.memberId ?? null, flexible);
  }
  if (version >= 9) {
    w.int32(v.memberEpoch ?? -1);
  }
  w.nullableArray(v.topics, flexible, (item) =>
    writeOffsetFetchRequestOffsetFetchRequestTopics(w, version, item),
  );
  w.noTaggedFields();
}

/** Writes a {@link OffsetFetchRequest} of `version`; throws BrokerError 'unsupported' for what it cannot carry. */
export function writeOffsetFetchRequest(w: KafkaWriter, version: number, v: OffsetFetchRequestInput): void {
  const flexible = version >= 6;
  if (version <= 7) {
    w.string(v.groupId ?? '', flexible);
  } else refuseUnlessDefault(v.groupId, '', version, 'OffsetFetchRequest.groupId');
  if (version <= 7) {
    if (version >= 2) {
      w.nullableArray(v.topics === undefined ? EMPTY_ARRAY : v.topics, flexible, (item) =>
        writeOffsetFetchRequestOffsetFetchRequestTopic(w, version, item),
      );
    } else {
      w.array(notNull(v.topics === undefined ? EMPTY_ARRAY : v.topics, version, 'topics'), flexible, (item) =>
        writeOffsetFetchRequestOffsetFetchRequestTopic(w, version, item),
      );
    }
  } else refuseUnlessDefault(v.topics, EMPTY_ARRAY, version, 'OffsetFetchRequest.topics');
  if (version >= 8) {
    w.array(v.groups ?? EMPTY_ARRAY, flexible, (item) =>
      writeOffsetFetchRequestOffsetFetchRequestGroup(w, version, item),
    );
  } else refuseUnlessDefault(v.groups, EMPTY_ARRAY, version, 'OffsetFetchRequest.groups');
  if (version >= 7) {
    w.bool(v.requireStable ?? false);
  } else refuseUnlessDefault(v.requireStable, false, version, 'OffsetFetchRequest.requireStable');
  if (flexible) w.noTaggedFields();
}
