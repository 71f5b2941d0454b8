// Metadata (3): brokers, topics and partitions; creates topics on first use where that is allowed.
import {
  KAFKA_ERRORS,
  ZERO_UUID,
  type KafkaErrorName,
  type MetadataRequest,
  type MetadataResponseInput,
} from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import { claimedAnswer } from '../bounded-answer.ts';
import { CLUSTER_OPERATIONS, topicOperations } from '../authorized-operations.ts';
import { endpointOf, partitionBrokers } from '../brokers.ts';
import type { RequestContext } from '../context.ts';
import { topicErrorOf } from '../error-table.ts';
import type { TopicView } from '../ports.ts';
import { topicNameProblem } from '../topic-name.ts';
import { mapBounded } from '../map-bounded.ts';
import { mapInTurns } from '../map-in-turns.ts';

type ResponseTopic = MetadataResponseInput['topics'][number];
type ResponsePartition = ResponseTopic['partitions'][number];

/** Bytes of a topic and of a partition in an answer, roughly. */
const TOPIC_BYTES = 128;
const PARTITION_BYTES = 64;
const AUTO_CREATE_TIMEOUT_MS = 5_000;
/** Topics that one request may create; for more of them clients ask again. */
const MAX_AUTO_CREATIONS = 100;

export const metadata = api(3, {
  answer: 'claimed',
  access: [{ operation: 'describe', resource: 'topic' }],
  handle: async (request, context): Promise<MetadataResponseInput> => {
    const { cluster } = context.gateway;
    // Before version 4 a client cannot say, and Kafka took it for a yes.
    const mayCreate = context.apiVersion < 4 || request.allowAutoTopicCreation;
    const topics = await requestedTopics(request.topics, mayCreate, context);
    return {
      throttleTimeMs: 0,
      brokers: cluster.brokers().map((broker) => endpointOf(broker, context)),
      clusterId: cluster.clusterId,
      // Any gateway takes commands, so the one that is asked is the controller.
      controllerId: cluster.selfNumber,
      ...(await operationsOf(request, context, topics)),
    };
  },
});

/** KIP-430: told to those who ask; for the cluster DescribeCluster took that over in version 11. */
async function operationsOf(
  request: MetadataRequest,
  { apiVersion, gateway }: RequestContext,
  topics: ResponseTopic[],
): Promise<Pick<MetadataResponseInput, 'topics' | 'clusterAuthorizedOperations'>> {
  const clusterToo = apiVersion <= 10 && request.includeClusterAuthorizedOperations;
  return {
    topics: request.includeTopicAuthorizedOperations
      ? await mapInTurns(topics, gateway.turns, (shown) => {
          const topic = shown.errorCode === 0 ? gateway.cluster.topicById(shown.topicId ?? '') : undefined;
          if (topic === undefined) return shown;
          return { ...shown, topicAuthorizedOperations: topicOperations(topic, gateway.settings) };
        })
      : topics,
    ...(clusterToo ? { clusterAuthorizedOperations: CLUSTER_OPERATIONS } : {}),
  };
}

async function requestedTopics(
  asked: readonly { readonly topicId: string; readonly name: string | null }[] | null,
  mayCreate: boolean,
  context: RequestContext,
): Promise<ResponseTopic[]> {
  const { cluster, turns } = context.gateway;
  // Version 0 has no null: there an empty list means all topics.
  if (asked === null || (context.apiVersion === 0 && asked.length === 0)) {
    const all = cluster.topics();
    return claimedAnswer(
      await bytesOf(all, context),
      context,
      () => mapInTurns(all, turns, (topic) => describeTopic(topic, context)),
      () => mapInTurns(all, turns, ({ name, topicId }) => failedTopic('LEADER_NOT_AVAILABLE', name, topicId)),
    );
  }
  // Asked for twice is answered once, as in Kafka; else a small request makes an answer without bound (I8).
  const once = new Map(asked.map(({ topicId, name }) => [`${topicId}/${name}`, { topicId, name }]));
  let creations = 0;
  const beginCreation = (): boolean => (creations += 1) <= MAX_AUTO_CREATIONS;
  const names = [...once.values()];
  // The Java client leaves the name empty, not null, when it asks by id.
  const known = await mapInTurns(names, turns, ({ topicId, name }) =>
    topicId === ZERO_UUID ? cluster.topicByName(name ?? '') : cluster.topicById(topicId),
  );
  const unnamed = context.apiVersion >= 12 ? null : '';
  return claimedAnswer(
    await bytesOf(known, context),
    context,
    () =>
      mapBounded(names, turns, ({ topicId, name }) => {
        if (topicId === ZERO_UUID) return byName(name ?? '', mayCreate ? beginCreation : undefined, context);
        const topic = cluster.topicById(topicId);
        return topic === undefined
          ? failedTopic('UNKNOWN_TOPIC_ID', unnamed, topicId)
          : describeTopic(topic, context);
      }),
    () =>
      mapInTurns(names, turns, ({ topicId, name }) =>
        failedTopic('LEADER_NOT_AVAILABLE', topicId === ZERO_UUID ? (name ?? '') : unnamed, topicId),
      ),
  );
}

/** What an answer has of these topics, roughly; of the others no more than their names. */
async function bytesOf(
  topics: readonly (TopicView | undefined)[],
  { gateway }: RequestContext,
): Promise<number> {
  let sizeBytes = 0;
  await mapInTurns(topics, gateway.turns, (topic) => {
    if (topic !== undefined) sizeBytes += TOPIC_BYTES + topic.partitions.length * PARTITION_BYTES;
  });
  return sizeBytes;
}

/** Without `beginCreation` nothing may be created; it says whether one more may be. */
function byName(
  name: string,
  beginCreation: (() => boolean) | undefined,
  context: RequestContext,
): ResponseTopic | Promise<ResponseTopic> {
  const topic = context.gateway.cluster.topicByName(name);
  if (topic !== undefined) return describeTopic(topic, context);
  if (topicNameProblem(name) !== undefined) return failedTopic('INVALID_TOPIC_EXCEPTION', name);
  if (!context.gateway.settings.autoCreateTopics || beginCreation === undefined)
    return failedTopic('UNKNOWN_TOPIC_OR_PARTITION', name);
  if (context.gateway.cluster.collidingTopic(name) !== undefined)
    return failedTopic('INVALID_TOPIC_EXCEPTION', name);
  return beginCreation() ? autoCreate(name, context) : failedTopic('UNKNOWN_TOPIC_OR_PARTITION', name);
}

async function autoCreate(name: string, context: RequestContext): Promise<ResponseTopic> {
  const { cluster, topics, strangers } = context.gateway;
  try {
    const topic = await topics.createTopic({
      name,
      partitions: 0,
      replicationFactor: 0,
      config: {},
      validateOnly: false,
      autoCreated: true,
      timeoutMs: AUTO_CREATE_TIMEOUT_MS,
    });
    return describeTopic(topic, context);
  } catch (error) {
    // Another client was faster.
    const topic = cluster.topicByName(name);
    if (topic !== undefined) return describeTopic(topic, context);
    strangers.warn('auto-creation', { topic: name, err: error }, 'topic cannot be created on first use');
    const reason = topicErrorOf(error);
    // The one retriable answer that every client knows here.
    return failedTopic(
      reason === 'REQUEST_TIMED_OUT' || reason === 'TOPIC_ALREADY_EXISTS' ? 'LEADER_NOT_AVAILABLE' : reason,
      name,
    );
  }
}

function failedTopic(error: KafkaErrorName, name: string | null, topicId: string = ZERO_UUID): ResponseTopic {
  return { errorCode: KAFKA_ERRORS[error], name, topicId, isInternal: false, partitions: [] };
}

async function describeTopic(topic: TopicView, { gateway }: RequestContext): Promise<ResponseTopic> {
  const brokers = gateway.cluster.brokers();
  return {
    errorCode: KAFKA_ERRORS.NONE,
    name: topic.name,
    topicId: topic.topicId,
    isInternal: topic.internal,
    partitions: await mapInTurns(topic.partitions, gateway.turns, (partition): ResponsePartition => {
      const { shard, hasLeader, leaderEpoch, replicaCount, isrCount } = partition;
      const nodes = partitionBrokers(brokers, topic.streamId, shard, replicaCount);
      return {
        errorCode: hasLeader ? KAFKA_ERRORS.NONE : KAFKA_ERRORS.LEADER_NOT_AVAILABLE,
        partitionIndex: shard,
        leaderId: hasLeader ? (nodes[0] ?? -1) : -1,
        leaderEpoch,
        replicaNodes: nodes,
        isrNodes: nodes.slice(0, Math.max(hasLeader ? 1 : 0, isrCount)),
        offlineReplicas: [],
      };
    }),
  };
}
