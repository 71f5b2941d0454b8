// OffsetFetch (9): committed offsets straight from meta, which answers linearizably whoever coordinates (I7).
import {
  KAFKA_ERRORS,
  ZERO_UUID,
  type OffsetFetchRequest,
  type OffsetFetchResponseInput,
} from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import type { RequestContext } from '../context.ts';
import { groupErrorOf } from '../error-table.ts';
import type { CommittedOffset } from '@robustmq/meta-client';
import type { TopicView } from '../ports.ts';
import { mapBounded } from '../map-bounded.ts';

type GroupResult = NonNullable<OffsetFetchResponseInput['groups']>[number];
type TopicResult = GroupResult['topics'][number];
type PartitionResult = TopicResult['partitions'][number];

interface AskedTopic {
  readonly name: string;
  readonly topicId: string;
  readonly partitionIndexes: readonly number[];
}

/** From here on several groups are asked for at once. */
const BATCH_VERSION = 8;
const TOPIC_ID_VERSION = 10;

export const offsetFetch = api(9, {
  access: [
    { operation: 'describe', resource: 'group' },
    { operation: 'describe', resource: 'topic' },
  ],
  handle: async (request, context): Promise<OffsetFetchResponseInput> => {
    if (context.apiVersion >= BATCH_VERSION) {
      // A group that is named twice is answered once; else a small request makes an answer without bound (I8).
      const asks = new Map(request.groups.map((asked) => [asked.groupId, asked]));
      const groups = await mapBounded([...asks.values()], ({ groupId, topics }) =>
        fetchGroup(groupId, topics, context),
      );
      return { throttleTimeMs: 0, groups };
    }
    const { topics, errorCode } = await fetchGroup(request.groupId, namedTopics(request), context);
    const named = topics.map(({ name, partitions }) => ({ name: name ?? '', partitions }));
    return { throttleTimeMs: 0, topics: named, errorCode: errorCode ?? 0 };
  },
});

function namedTopics({ topics }: OffsetFetchRequest): AskedTopic[] | null {
  return topics === null ? null : topics.map((topic) => ({ ...topic, topicId: ZERO_UUID }));
}

async function fetchGroup(
  groupId: string,
  asked: readonly AskedTopic[] | null,
  context: RequestContext,
): Promise<GroupResult> {
  const { gateway } = context;
  try {
    const wanted = asked?.map((topic) => ({ asked: topic, topic: topicOf(topic, context) })) ?? null;
    const shards =
      wanted?.flatMap(({ asked: one, topic }) =>
        topic === undefined ? [] : one.partitionIndexes.map((shard) => ({ streamId: topic.streamId, shard })),
      ) ?? null;
    const rows = shards?.length === 0 ? [] : await gateway.groupStore.fetchOffsets(groupId, shards);
    const topics = wanted === null ? allTopics(rows, context) : wantedTopics(wanted, rows, context);
    return { groupId, topics, errorCode: KAFKA_ERRORS.NONE };
  } catch (error) {
    return { groupId, topics: [], errorCode: KAFKA_ERRORS[groupErrorOf(error)] };
  }
}

function topicOf(asked: AskedTopic, { gateway, apiVersion }: RequestContext): TopicView | undefined {
  return apiVersion >= TOPIC_ID_VERSION
    ? gateway.cluster.topicById(asked.topicId)
    : gateway.cluster.topicByName(asked.name);
}

function wantedTopics(
  wanted: readonly { readonly asked: AskedTopic; readonly topic: TopicView | undefined }[],
  rows: readonly CommittedOffset[],
  { apiVersion }: RequestContext,
): TopicResult[] {
  const byShard = new Map(rows.map((row) => [`${row.streamId}/${row.shard}`, row]));
  return wanted.map(({ asked, topic }) => ({
    name: asked.name,
    topicId: asked.topicId,
    partitions: asked.partitionIndexes.map((partitionIndex): PartitionResult => {
      if (topic === undefined && apiVersion >= TOPIC_ID_VERSION) {
        return { ...none(partitionIndex), errorCode: KAFKA_ERRORS.UNKNOWN_TOPIC_ID };
      }
      const row = topic === undefined ? undefined : byShard.get(`${topic.streamId}/${partitionIndex}`);
      return row === undefined ? none(partitionIndex) : committed(row);
    }),
  }));
}

/** Offsets of topics that were deleted meanwhile are left out: stream ids are never reused (rule X4). */
function allTopics(rows: readonly CommittedOffset[], { gateway }: RequestContext): TopicResult[] {
  const byStream = Map.groupBy(rows, ({ streamId }) => streamId);
  return [...byStream].flatMap(([streamId, own]): TopicResult[] => {
    const topic = gateway.cluster.topicByStreamId(streamId);
    if (topic === undefined) return [];
    return [{ name: topic.name, topicId: topic.topicId, partitions: own.map(committed) }];
  });
}

function committed(row: CommittedOffset): PartitionResult {
  return {
    partitionIndex: row.shard,
    committedOffset: row.offset,
    committedLeaderEpoch: row.leaderEpoch,
    metadata: row.metadata,
    errorCode: KAFKA_ERRORS.NONE,
  };
}

function none(partitionIndex: number): PartitionResult {
  return {
    partitionIndex,
    committedOffset: -1,
    committedLeaderEpoch: -1,
    metadata: '',
    errorCode: KAFKA_ERRORS.NONE,
  };
}
