// DescribeTopicPartitions (75): topics in name order, page by page.
import {
  KAFKA_ERRORS,
  type DescribeTopicPartitionsRequest,
  type DescribeTopicPartitionsResponseInput,
} from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import { claimedAnswer, noRoom } from '../bounded-answer.ts';
import { topicOperations } from '../authorized-operations.ts';
import { partitionBrokers } from '../brokers.ts';
import type { RequestContext } from '../context.ts';
import { mapInTurns } from '../map-in-turns.ts';
import type { PartitionView, TopicView } from '../ports.ts';
import { topicNameProblem } from '../topic-name.ts';

type Topic = DescribeTopicPartitionsResponseInput['topics'][number];
type Partition = Topic['partitions'][number];
type Asked = DescribeTopicPartitionsRequest['topics'];
type Cursor = NonNullable<DescribeTopicPartitionsRequest['cursor']>;

const MAX_PARTITIONS = 2_000;
/** Bytes of a topic, beside its name, and of a partition in an answer, roughly. */
const TOPIC_BYTES = 32;
const PARTITION_BYTES = 64;

export const describeTopicPartitions = api(75, {
  answer: 'claimed',
  access: [{ operation: 'describe', resource: 'topic' }],
  handle: async (request, context): Promise<DescribeTopicPartitionsResponseInput> => {
    const { cursor } = request;
    if (cursor !== null && !isPossible(cursor, request.topics)) return refused(request.topics);
    const names = wantedNames(request.topics, context).filter(
      (name) => cursor === null || name >= cursor.topicName,
    );
    const room = Math.min(Math.max(request.responsePartitionLimit, 1), MAX_PARTITIONS);
    const sizeBytes = await bytesOf(names, room, context);
    return claimedAnswer(sizeBytes, context, () => pageOf(names, room, cursor, context), noRoom);
  },
});

/** What an answer about these topics has at most, roughly; of those that are not there it has the names. */
async function bytesOf(names: readonly string[], room: number, { gateway }: RequestContext): Promise<number> {
  let partitions = 0;
  let sizeBytes = 0;
  await mapInTurns(names, gateway.turns, (name) => {
    if (partitions >= room) return;
    partitions += gateway.cluster.topicByName(name)?.partitions.length ?? 0;
    sizeBytes += TOPIC_BYTES + name.length;
  });
  return sizeBytes + Math.min(partitions, room) * PARTITION_BYTES;
}

async function pageOf(
  names: readonly string[],
  limit: number,
  cursor: Cursor | null,
  context: RequestContext,
): Promise<DescribeTopicPartitionsResponseInput> {
  let room = limit;
  const topics: Topic[] = [];
  const { turns } = context.gateway;
  for (const name of names) {
    if (turns.isSpent) await turns.yield();
    const topic = context.gateway.cluster.topicByName(name);
    if (topic === undefined) {
      topics.push(unknownTopic(name));
      continue;
    }
    const from = cursor !== null && cursor.topicName === name ? cursor.partitionIndex : 0;
    if (room === 0) return { topics, nextCursor: { topicName: name, partitionIndex: from } };
    const page = topic.partitions.slice(from, from + room);
    room -= page.length;
    topics.push(await describe(topic, page, context));
    const next = from + page.length;
    if (next < topic.partitions.length)
      return { topics, nextCursor: { topicName: name, partitionIndex: next } };
  }
  return { topics };
}

/** A cursor goes on within what is asked for; of all topics the one that it names may be gone. */
function isPossible({ topicName, partitionIndex }: Cursor, asked: Asked): boolean {
  return partitionIndex >= 0 && (asked.length === 0 || asked.some(({ name }) => name === topicName));
}

function refused(asked: Asked): DescribeTopicPartitionsResponseInput {
  const names = [...new Set(asked.map(({ name }) => name))];
  const errorCode = KAFKA_ERRORS.INVALID_REQUEST;
  return { topics: names.map((name) => ({ errorCode, name, partitions: [] })) };
}

/** No names means all topics. */
function wantedNames(asked: readonly { readonly name: string }[], { gateway }: RequestContext): string[] {
  const names =
    asked.length === 0 ? gateway.cluster.topics().map(({ name }) => name) : asked.map(({ name }) => name);
  return [...new Set(names)].sort();
}

function unknownTopic(name: string): Topic {
  const legal = topicNameProblem(name) === undefined;
  const errorCode = KAFKA_ERRORS[legal ? 'UNKNOWN_TOPIC_OR_PARTITION' : 'INVALID_TOPIC_EXCEPTION'];
  return { errorCode, name, partitions: [] };
}

async function describe(
  topic: TopicView,
  page: readonly PartitionView[],
  { gateway }: RequestContext,
): Promise<Topic> {
  const brokers = gateway.cluster.brokers();
  return {
    errorCode: KAFKA_ERRORS.NONE,
    name: topic.name,
    topicId: topic.topicId,
    isInternal: topic.internal,
    topicAuthorizedOperations: topicOperations(topic, gateway.settings),
    partitions: await mapInTurns(page, gateway.turns, (partition): Partition => {
      const nodes = partitionBrokers(brokers, topic.streamId, partition.shard, partition.replicaCount);
      return {
        errorCode: partition.hasLeader ? KAFKA_ERRORS.NONE : KAFKA_ERRORS.LEADER_NOT_AVAILABLE,
        partitionIndex: partition.shard,
        leaderId: partition.hasLeader ? (nodes[0] ?? -1) : -1,
        leaderEpoch: partition.leaderEpoch,
        replicaNodes: nodes,
        isrNodes: nodes.slice(0, Math.max(partition.hasLeader ? 1 : 0, partition.isrCount)),
        eligibleLeaderReplicas: [],
        lastKnownElr: [],
        offlineReplicas: [],
      };
    }),
  };
}
