// CreateTopics (19): a topic is a stream; every configuration is enforced or refused by name.
import {
  KAFKA_ERRORS,
  type CreateTopicsRequest,
  type CreateTopicsResponseInput,
} from '@robustmq/kafka-codec';
import { assert } from '@robustmq/errors';
import { api } from '../api.ts';
import type { RequestContext } from '../context.ts';
import type { NamedError } from '../named-error.ts';
import { topicErrorOf } from '../error-table.ts';
import { claimedAnswer } from '../bounded-answer.ts';
import { describeTopicConfig, topicConfigBytes } from '../config-view.ts';
import { isKafkaDefault } from '../kafka-defaults.ts';
import type { TopicView } from '../ports.ts';
import { meantValue, topicConfigProblem } from '../topic-config.ts';
import { topicNameProblem } from '../topic-name.ts';
import { mapBounded } from '../map-bounded.ts';

type Asked = CreateTopicsRequest['topics'][number];
type Result = CreateTopicsResponseInput['topics'][number];

const MIN_TIMEOUT_MS = 1_000;
const MAX_TIMEOUT_MS = 60_000;

export const createTopics = api(19, {
  answer: 'claimed',
  access: [{ operation: 'create', resource: 'topic' }],
  handle: async (request, context): Promise<CreateTopicsResponseInput> => {
    const asks = [...Map.groupBy(request.topics, ({ name }) => name).entries()];
    // Each is answered with all of its configurations, also one that is only looked at (I8).
    const topics = await claimedAnswer(
      asks.length * topicConfigBytes(),
      context,
      () =>
        mapBounded(asks, context.gateway.turns, async ([, [asked, twice]]): Promise<Result> => {
          assert(asked !== undefined, 'a group has a first member');
          const problem =
            twice !== undefined
              ? { name: 'INVALID_REQUEST' as const, message: `topic ${asked.name} is named twice` }
              : problemOf(asked, context);
          return problem === undefined ? create(asked, request, context) : failed(asked.name, problem);
        }),
      () => asks.map(([name]) => failed(name, NO_ROOM)),
    );
    return { throttleTimeMs: 0, topics };
  },
});

/** Clients ask again. */
const NO_ROOM: NamedError = {
  name: 'REQUEST_TIMED_OUT',
  message: 'there is no room for the answer now: ask again, or for fewer at a time',
};

function problemOf(asked: Asked, context: RequestContext): NamedError | undefined {
  const nameProblem = topicNameProblem(asked.name);
  if (nameProblem !== undefined)
    return { name: 'INVALID_TOPIC_EXCEPTION', message: `topic name: ${nameProblem}` };
  const { cluster } = context.gateway;
  if (cluster.topicByName(asked.name) !== undefined) {
    return { name: 'TOPIC_ALREADY_EXISTS', message: `topic ${asked.name} exists` };
  }
  const taken = cluster.collidingTopic(asked.name);
  if (taken !== undefined) {
    return { name: 'INVALID_TOPIC_EXCEPTION', message: `topic ${asked.name} collides with topic ${taken}` };
  }
  if (asked.assignments.length > 0) {
    return {
      name: 'INVALID_REPLICA_ASSIGNMENT',
      message: 'replicas are placed by the cluster, not by the client',
    };
  }
  return countProblem(asked) ?? configProblem(asked);
}

/** -1 is the cluster's default: KIP-464 came with version 4, but clients send it in older ones as well. */
function countProblem({ numPartitions, replicationFactor }: Asked): NamedError | undefined {
  if (numPartitions < 1 && numPartitions !== -1) {
    return { name: 'INVALID_PARTITIONS', message: `a topic cannot have ${numPartitions} partitions` };
  }
  if (replicationFactor < 1 && replicationFactor !== -1) {
    return {
      name: 'INVALID_REPLICATION_FACTOR',
      message: `the replication factor cannot be ${replicationFactor}`,
    };
  }
  return undefined;
}

function configProblem({ configs }: Asked): NamedError | undefined {
  const missing = configs.find(({ value }) => value === null);
  if (missing !== undefined)
    return { name: 'INVALID_CONFIG', message: `topic configuration ${missing.name} has no value` };
  const problem = topicConfigProblem(configOf(configs), false);
  return problem === undefined ? undefined : { name: 'INVALID_CONFIG', message: problem };
}

function configOf(configs: Asked['configs']): Record<string, string> {
  const own = configs.filter(({ name, value }) => !isKafkaDefault(name, value));
  return Object.fromEntries(own.map(({ name, value }) => [name, meantValue(name, value ?? '')]));
}

async function create(asked: Asked, request: CreateTopicsRequest, context: RequestContext): Promise<Result> {
  try {
    const topic = await context.gateway.topics.createTopic({
      name: asked.name,
      partitions: Math.max(0, asked.numPartitions),
      replicationFactor: Math.max(0, asked.replicationFactor),
      config: configOf(asked.configs),
      validateOnly: request.validateOnly,
      autoCreated: false,
      timeoutMs: Math.min(Math.max(request.timeoutMs, MIN_TIMEOUT_MS), MAX_TIMEOUT_MS),
    });
    return created(topic);
  } catch (error) {
    return failed(asked.name, { name: topicErrorOf(error), message: (error as Error).message });
  }
}

function created(topic: TopicView): Result {
  return {
    name: topic.name,
    topicId: topic.topicId,
    errorCode: KAFKA_ERRORS.NONE,
    errorMessage: null,
    numPartitions: topic.partitions.length,
    replicationFactor: topic.partitions[0]?.replicaCount ?? -1,
    configs: describeTopicConfig(topic).map(({ name, value, readOnly, configSource }) => ({
      name,
      value,
      readOnly,
      configSource,
      isSensitive: false,
    })),
  };
}

function failed(name: string, problem: NamedError): Result {
  return { name, errorCode: KAFKA_ERRORS[problem.name], errorMessage: problem.message, configs: null };
}
