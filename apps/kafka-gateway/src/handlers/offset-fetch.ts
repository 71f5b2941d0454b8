// OffsetFetch (9): committed offsets straight from meta, which answers linearizably whoever coordinates (I7). Each may
// have kilobytes of metadata.
import {
  KAFKA_ERRORS,
  ZERO_UUID,
  type OffsetFetchRequest,
  type KafkaErrorName,
  type OffsetFetchResponseInput,
} from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import { boundedAnswer } from '../bounded-answer.ts';
import type { RequestContext } from '../context.ts';
import { groupErrorOf } from '../error-table.ts';
import type { CommittedOffset } from '@robustmq/meta-client';
import type { TopicView } from '../ports.ts';
import { mapBounded } from '../map-bounded.ts';
import { mapInTurns } from '../map-in-turns.ts';

type GroupResult = NonNullable<OffsetFetchResponseInput['groups']>[number];
type TopicResult = GroupResult['topics'][number];
type PartitionResult = TopicResult['partitions'][number];

interface AskedTopic {
  readonly name: string;
  readonly topicId: string;
  readonly partitionIndexes: readonly number[];
}

interface AskedGroup {
  readonly groupId: string;
  /** Null: all that it has. */
  readonly topics: readonly AskedTopic[] | null;
}

/** From here on an answer has an error of its own; before it each partition says it, or its reader takes it for no offset. */
const GROUP_ERROR_VERSION = 2;
/** From here on several groups are asked for at once. */
const BATCH_VERSION = 8;
const TOPIC_ID_VERSION = 10;
/** Partitions that are read without a claim: what most consumers have. */
const FEW_PARTITIONS = 64;
/** Of an answer for a partition, beside its metadata. */
const PARTITION_BYTES = 32;

export const offsetFetch = api(9, {
  answer: 'claimed',
  access: [
    { operation: 'describe', resource: 'group' },
    { operation: 'describe', resource: 'topic' },
  ],
  handle: async (request, context): Promise<OffsetFetchResponseInput> => {
    if (context.apiVersion >= BATCH_VERSION) {
      // A group that is named twice is answered once; else a small request makes an answer without bound (I8).
      const asks = new Map(request.groups.map((asked) => [asked.groupId, asked]));
      return { throttleTimeMs: 0, groups: await fetchGroups([...asks.values()], context) };
    }
    const [group] = await fetchGroups([{ groupId: request.groupId, topics: namedTopics(request) }], context);
    const { topics = [], errorCode = 0 } = group ?? {};
    if (errorCode !== 0 && context.apiVersion < GROUP_ERROR_VERSION) {
      return { throttleTimeMs: 0, topics: failedTopics(request, errorCode) };
    }
    const named = topics.map(({ name, partitions }) => ({ name: name ?? '', partitions }));
    return { throttleTimeMs: 0, topics: named, errorCode };
  },
});

function fetchGroups(asks: readonly AskedGroup[], context: RequestContext): Promise<GroupResult[]> {
  const read = ({ groupId, topics }: AskedGroup): Promise<GroupResult> =>
    fetchGroup(groupId, topics, context);
  if (areFew(asks)) return mapBounded(asks, context.gateway.turns, read);
  const refuse = ({ groupId }: AskedGroup): GroupResult => refused(groupId, 'COORDINATOR_LOAD_IN_PROGRESS');
  return boundedAnswer(asks, context, { read, sizeOf, refuse });
}

/** Whether so little is asked for that what may come is not worth a claim. */
function areFew(asks: readonly AskedGroup[]): boolean {
  let partitions = 0;
  for (const { topics } of asks) {
    if (topics === null) return false;
    for (const { partitionIndexes } of topics) partitions += partitionIndexes.length;
  }
  return partitions <= FEW_PARTITIONS;
}

function sizeOf({ topics }: GroupResult): number {
  let sizeBytes = 0;
  for (const { partitions } of topics)
    for (const { metadata } of partitions) sizeBytes += PARTITION_BYTES + (metadata?.length ?? 0);
  return sizeBytes;
}

const refused = (groupId: string, error: KafkaErrorName): GroupResult => ({
  groupId,
  topics: [],
  errorCode: KAFKA_ERRORS[error],
});

function failedTopics(
  { topics }: OffsetFetchRequest,
  errorCode: number,
): NonNullable<OffsetFetchResponseInput['topics']> {
  return (topics ?? []).map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((index) => ({ ...none(index), errorCode })),
  }));
}

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
    if (asked === null) {
      const rows = await gateway.groupStore.fetchOffsets(groupId, null);
      return { groupId, topics: await allTopics(rows, context), errorCode: KAFKA_ERRORS.NONE };
    }
    const shards: Pick<CommittedOffset, 'streamId' | 'shard'>[] = [];
    const wanted = await mapInTurns(asked, gateway.turns, async (each) => {
      const topic = topicOf(each, context);
      if (topic !== undefined) {
        await mapInTurns(each.partitionIndexes, gateway.turns, (shard) => {
          for (const known of shardsOf(topic, [shard])) shards.push(known);
        });
      }
      return { asked: each, topic };
    });
    const rows = shards.length === 0 ? [] : await gateway.groupStore.fetchOffsets(groupId, shards);
    const topics = await wantedTopics(wanted, rows, context);
    return { groupId, topics, errorCode: KAFKA_ERRORS.NONE };
  } catch (error) {
    return refused(groupId, groupErrorOf(error));
  }
}

/** Of a partition that is not there nothing was committed, and meta need not understand its number. */
function shardsOf({ streamId, partitions }: TopicView, partitionIndexes: readonly number[]) {
  return partitionIndexes
    .filter((shard) => partitions[shard] !== undefined)
    .map((shard) => ({ streamId, shard }));
}

function topicOf(asked: AskedTopic, { gateway, apiVersion }: RequestContext): TopicView | undefined {
  return apiVersion >= TOPIC_ID_VERSION
    ? gateway.cluster.topicById(asked.topicId)
    : gateway.cluster.topicByName(asked.name);
}

async function wantedTopics(
  wanted: readonly { readonly asked: AskedTopic; readonly topic: TopicView | undefined }[],
  rows: readonly CommittedOffset[],
  { apiVersion, gateway: { turns } }: RequestContext,
): Promise<TopicResult[]> {
  const byShard = new Map<string, CommittedOffset>();
  await mapInTurns(rows, turns, (row) => byShard.set(`${row.streamId}/${row.shard}`, row));
  return mapInTurns(wanted, turns, async ({ asked, topic }) => ({
    name: asked.name,
    topicId: asked.topicId,
    partitions: await mapInTurns(asked.partitionIndexes, turns, (partitionIndex): PartitionResult => {
      if (topic === undefined && apiVersion >= TOPIC_ID_VERSION) {
        return { ...none(partitionIndex), errorCode: KAFKA_ERRORS.UNKNOWN_TOPIC_ID };
      }
      const row = topic === undefined ? undefined : byShard.get(`${topic.streamId}/${partitionIndex}`);
      return row === undefined ? none(partitionIndex) : committed(row);
    }),
  }));
}

/** Offsets of topics that were deleted meanwhile are left out: stream ids are never reused (rule X4). */
async function allTopics(
  rows: readonly CommittedOffset[],
  { gateway }: RequestContext,
): Promise<TopicResult[]> {
  const byStream = new Map<number, PartitionResult[]>();
  await mapInTurns(rows, gateway.turns, (row) => {
    const partitions = byStream.get(row.streamId);
    if (partitions === undefined) byStream.set(row.streamId, [committed(row)]);
    else partitions.push(committed(row));
  });
  return [...byStream].flatMap(([streamId, partitions]): TopicResult[] => {
    const topic = gateway.cluster.topicByStreamId(streamId);
    return topic === undefined ? [] : [{ name: topic.name, topicId: topic.topicId, partitions }];
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
