// DeleteTopics (20): by name, or by id from version 6 on.
import { KAFKA_ERRORS, ZERO_UUID, type DeleteTopicsResponseInput } from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import type { RequestContext } from '../context.ts';
import type { NamedError } from '../named-error.ts';
import { topicErrorOf } from '../error-table.ts';
import { MQTT_TOPIC } from '../topic-name.ts';
import { mapBounded } from '../map-bounded.ts';

type Result = DeleteTopicsResponseInput['responses'][number];

interface Target {
  readonly name: string | null;
  readonly topicId: string;
}

export const deleteTopics = api(20, {
  answer: 16,
  access: [{ operation: 'delete', resource: 'topic' }],
  handle: async (request, context): Promise<DeleteTopicsResponseInput> => {
    const named = request.topicNames.map((name): Target => ({ name, topicId: ZERO_UUID }));
    const targets = context.apiVersion >= 6 ? request.topics : named;
    return {
      throttleTimeMs: 0,
      responses: await mapBounded(
        uniqueTargets(targets, context),
        context.gateway.turns,
        ([target, problem]) => (problem === undefined ? remove(target, context) : failed(target, problem)),
      ),
    };
  },
});

const NOTHING: Target = { name: null, topicId: ZERO_UUID };
const NAMED_TWICE: NamedError = { name: 'INVALID_REQUEST', message: 'the topic is named twice' };
const NAMED_BOTH_WAYS: NamedError = {
  name: 'INVALID_REQUEST',
  message: 'the topic is named by name and by id',
};

/** Each target once, in order, and why it is refused: it was named more often, be it by its name and its id, as in Kafka. */
function uniqueTargets(
  targets: readonly Target[],
  { gateway }: RequestContext,
): [target: Target, problem: NamedError | undefined][] {
  const groups = [...Map.groupBy(targets, ({ name, topicId }) => `${name ?? ''}/${topicId}`).values()];
  const idOf = (name: string): string => gateway.cluster.topicByName(name)?.topicId ?? '';
  const ids = new Set(targets.flatMap(({ name, topicId }) => (name === null ? [topicId] : [])));
  const named = new Set<string>();
  for (const [{ name, topicId } = NOTHING, twice] of groups)
    if (twice === undefined && name !== null && topicId === ZERO_UUID && ids.size > 0) named.add(idOf(name));
  const isNamedBothWays = ({ name, topicId }: Target): boolean =>
    name === null ? named.has(topicId) : ids.size > 0 && ids.has(idOf(name));
  return groups.flatMap(([target, twice]) => {
    if (target === undefined) return [];
    const repeated = isNamedBothWays(target) ? NAMED_BOTH_WAYS : undefined;
    return [[target, twice === undefined ? repeated : NAMED_TWICE]];
  });
}

async function remove(target: Target, { gateway, apiVersion }: RequestContext): Promise<Result> {
  const { cluster } = gateway;
  const byId = target.name === null;
  if (!byId && target.topicId !== ZERO_UUID) {
    return failed(target, { name: 'INVALID_REQUEST', message: 'a topic is named by name or id, not both' });
  }
  if (byId && target.topicId === ZERO_UUID) {
    return failed(target, { name: 'INVALID_REQUEST', message: 'a topic is named by name or id' });
  }
  const topic = byId ? cluster.topicById(target.topicId) : cluster.topicByName(target.name ?? '');
  if (topic === undefined) {
    const name = byId ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION';
    return failed(target, { name, message: 'no such topic' });
  }
  if (topic.internal || topic.name === MQTT_TOPIC) {
    return failed(target, { name: 'TOPIC_AUTHORIZATION_FAILED', message: `topic ${topic.name} is built in` });
  }
  try {
    await gateway.topics.deleteTopic(topic);
  } catch (error) {
    return failed(target, { name: topicErrorOf(error), message: (error as Error).message });
  }
  return {
    name: topic.name,
    ...(apiVersion >= 6 ? { topicId: topic.topicId } : {}),
    errorCode: KAFKA_ERRORS.NONE,
  };
}

function failed({ name, topicId }: Target, problem: NamedError): Result {
  return { name, topicId, errorCode: KAFKA_ERRORS[problem.name], errorMessage: problem.message };
}
