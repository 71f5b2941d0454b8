// OffsetCommit (8): checked against the group's generation, stored in meta under the coordinator epoch (rule K2).
import {
  KAFKA_ERRORS,
  type OffsetCommitRequest,
  type OffsetCommitResponseInput,
} from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import type { RequestContext } from '../context.ts';
import { groupErrorOf } from '../error-table.ts';
import type { OwnedGroup } from '../groups/group-coordinator.ts';
import { mapInTurns } from '../map-in-turns.ts';
import type { CommittedOffset } from '@robustmq/meta-client';
import type { TopicView } from '../ports.ts';

type TopicResult = OffsetCommitResponseInput['topics'][number];
type PartitionResult = TopicResult['partitions'][number];

const TOPIC_ID_VERSION = 10;
/** Since KIP-848 a client can be told that there is no such group. */
const NOT_FOUND_VERSION = 9;

export const offsetCommit = api(8, {
  answer: 1,
  access: [
    { operation: 'read', resource: 'group' },
    { operation: 'read', resource: 'topic' },
  ],
  handle: async (request, context): Promise<OffsetCommitResponseInput> => {
    const simple = request.generationIdOrMemberEpoch < 0;
    // The empty group id is one of simple consumers, which have no generation.
    const opened = await context.gateway.groups.open(request.groupId, simple);
    if (opened === 'missing') {
      const notFound = context.apiVersion >= NOT_FOUND_VERSION;
      return failAll(request, KAFKA_ERRORS[notFound ? 'GROUP_ID_NOT_FOUND' : 'ILLEGAL_GENERATION']);
    }
    if (typeof opened === 'string') return failAll(request, KAFKA_ERRORS[opened]);
    const { group } = opened;
    const error = group.checkCommit(
      request,
      request.generationIdOrMemberEpoch,
      context.gateway.groups.nowMs(),
    );
    if (error !== 'NONE') return failAll(request, KAFKA_ERRORS[error]);
    return store(request, opened, context);
  },
});

async function store(
  request: OffsetCommitRequest,
  owned: OwnedGroup,
  context: RequestContext,
): Promise<OffsetCommitResponseInput> {
  const { gateway, apiVersion } = context;
  const rows: CommittedOffset[] = [];
  const stored: { errorCode: number }[] = [];
  const { turns } = gateway;
  const topics = await mapInTurns(request.topics, turns, async (asked): Promise<TopicResult> => {
    const { name, topicId } = asked;
    const byId = apiVersion >= TOPIC_ID_VERSION;
    const topic = byId ? gateway.cluster.topicById(topicId) : gateway.cluster.topicByName(name);
    const unknown = byId ? KAFKA_ERRORS.UNKNOWN_TOPIC_ID : KAFKA_ERRORS.UNKNOWN_TOPIC_OR_PARTITION;
    return {
      name,
      topicId,
      partitions: await mapInTurns(asked.partitions, turns, (partition): PartitionResult => {
        const { partitionIndex } = partition;
        if (topic === undefined) return { partitionIndex, errorCode: unknown };
        const row = rowOf(topic, partition, context);
        if (typeof row === 'number') return { partitionIndex, errorCode: row };
        const result = { partitionIndex, errorCode: KAFKA_ERRORS.NONE };
        rows.push(row);
        stored.push(result);
        return result;
      }),
    };
  });
  const errorCode = rows.length === 0 ? KAFKA_ERRORS.NONE : await commit(owned, rows, context);
  for (const result of stored) result.errorCode = errorCode;
  return { throttleTimeMs: 0, topics };
}

function rowOf(
  topic: TopicView,
  partition: OffsetCommitRequest['topics'][number]['partitions'][number],
  { gateway }: RequestContext,
): CommittedOffset | number {
  const metadata = partition.committedMetadata ?? '';
  if (topic.partitions[partition.partitionIndex] === undefined)
    return KAFKA_ERRORS.UNKNOWN_TOPIC_OR_PARTITION;
  // Kafka counts characters as well; in bytes it is bounded as every string of a request is.
  if (metadata.length > gateway.settings.maxOffsetMetadataBytes)
    return KAFKA_ERRORS.OFFSET_METADATA_TOO_LARGE;
  return {
    streamId: topic.streamId,
    shard: partition.partitionIndex,
    offset: partition.committedOffset,
    leaderEpoch: partition.committedLeaderEpoch,
    metadata,
    committedAtMs: gateway.nowMs(),
  };
}

async function commit(
  owned: OwnedGroup,
  rows: readonly CommittedOffset[],
  { gateway }: RequestContext,
): Promise<number> {
  try {
    await gateway.groupStore.commitOffsets(owned.group.groupId, owned.coordinatorEpoch, rows);
    return KAFKA_ERRORS.NONE;
  } catch (error) {
    gateway.groups.fencedBy(owned, error);
    return KAFKA_ERRORS[groupErrorOf(error)];
  }
}

function failAll(request: OffsetCommitRequest, errorCode: number): OffsetCommitResponseInput {
  const topics = request.topics.map(({ name, topicId, partitions }) => ({
    name,
    topicId,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
  }));
  return { throttleTimeMs: 0, topics };
}
