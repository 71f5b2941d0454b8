// CreatePartitions (37): added partitions serve Kafka producers only; MQTT topics keep their partition (rule O4).
import {
  KAFKA_ERRORS,
  type CreatePartitionsRequest,
  type CreatePartitionsResponseInput,
} from '@robustmq/kafka-codec';
import { assert } from '@robustmq/errors';
import { api } from '../api.ts';
import type { RequestContext } from '../context.ts';
import type { NamedError } from '../named-error.ts';
import { topicErrorOf } from '../error-table.ts';
import { mapBounded } from '../map-bounded.ts';

type Asked = CreatePartitionsRequest['topics'][number];
type Result = CreatePartitionsResponseInput['results'][number];

export const createPartitions = api(37, {
  answer: 16,
  access: [{ operation: 'alter', resource: 'topic' }],
  handle: async (request, context): Promise<CreatePartitionsResponseInput> => ({
    throttleTimeMs: 0,
    results: await mapBounded(
      [...Map.groupBy(request.topics, ({ name }) => name).values()],
      context.gateway.turns,
      async ([asked, twice]): Promise<Result> => {
        assert(asked !== undefined, 'a group has a first member');
        if (twice === undefined) return add(asked, request.validateOnly, context);
        return failed(asked.name, { name: 'INVALID_REQUEST', message: `topic ${asked.name} is named twice` });
      },
    ),
  }),
});

async function add(asked: Asked, validateOnly: boolean, { gateway }: RequestContext): Promise<Result> {
  const topic = gateway.cluster.topicByName(asked.name);
  if (topic === undefined)
    return failed(asked.name, { name: 'UNKNOWN_TOPIC_OR_PARTITION', message: 'no such topic' });
  if (asked.assignments !== null && asked.assignments.length > 0) {
    const message = 'replicas are placed by the cluster, not by the client';
    return failed(asked.name, { name: 'INVALID_REPLICA_ASSIGNMENT', message });
  }
  const present = topic.partitions.length;
  if (asked.count <= present) {
    const message = `topic ${asked.name} has ${present} partitions; the new count must be higher than that, not ${asked.count}`;
    return failed(asked.name, { name: 'INVALID_PARTITIONS', message });
  }
  try {
    await gateway.topics.addPartitions(topic, asked.count, validateOnly);
  } catch (error) {
    return failed(asked.name, { name: topicErrorOf(error), message: (error as Error).message });
  }
  return { name: asked.name, errorCode: KAFKA_ERRORS.NONE, errorMessage: null };
}

function failed(name: string, problem: NamedError): Result {
  return { name, errorCode: KAFKA_ERRORS[problem.name], errorMessage: problem.message };
}
