// The part that AlterConfigs and IncrementalAlterConfigs share: resources in, answers out.
import { KAFKA_ERRORS } from '@robustmq/kafka-codec';
import type { ConfigChange } from './config-change.ts';
import type { RequestContext } from './context.ts';
import type { NamedError } from './named-error.ts';
import { topicErrorOf } from './error-table.ts';
import { RESOURCE_TYPE } from './handlers/describe-configs.ts';
import { mapBounded } from './map-bounded.ts';
import type { TopicView } from './ports.ts';
import { topicNameProblem } from './topic-name.ts';

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

/** The answer for one resource. */
export interface Altered extends Resource {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

/**
 * Alters each topic by its change; a resource that is named twice is refused once. Of brokers only what
 * `changesNothing` can be done.
 */
export function alterTopics<R extends Resource>(
  resources: readonly R[],
  validateOnly: boolean,
  context: RequestContext,
  changeOf: (topic: TopicView, asked: R) => ConfigChange | NamedError,
  changesNothing: (asked: R) => boolean = () => false,
): Promise<Altered[]> {
  const asks = Map.groupBy(resources, (asked) => `${asked.resourceType}/${asked.resourceName}`);
  return mapBounded([...asks.values()], context.gateway.turns, async (same): Promise<Altered> => {
    const [asked, twice] = same as [R, R?];
    const { resourceType, resourceName } = asked;
    if (asked.resourceType === RESOURCE_TYPE.BROKER && twice === undefined && changesNothing(asked))
      return { resourceType, resourceName, errorCode: KAFKA_ERRORS.NONE, errorMessage: null };
    const problem =
      twice === undefined
        ? await alter(asked, validateOnly, context, changeOf)
        : { name: 'INVALID_REQUEST' as const, message: `${resourceName} is named twice` };
    return {
      resourceType,
      resourceName,
      errorCode: problem === undefined ? KAFKA_ERRORS.NONE : KAFKA_ERRORS[problem.name],
      errorMessage: problem?.message ?? null,
    };
  });
}

async function alter<R extends Resource>(
  asked: R,
  validateOnly: boolean,
  { gateway }: RequestContext,
  changeOf: (topic: TopicView, asked: R) => ConfigChange | NamedError,
): Promise<NamedError | undefined> {
  if (asked.resourceType !== RESOURCE_TYPE.TOPIC) {
    return { name: 'INVALID_REQUEST', message: 'only topics have configurations that can be altered here' };
  }
  const topic = gateway.cluster.topicByName(asked.resourceName);
  if (topic === undefined) return unknownTopic(asked.resourceName);
  const change = changeOf(topic, asked);
  if ('message' in change) return change;
  try {
    await gateway.topics.alterConfig(topic, change.set, change.remove, validateOnly);
    return undefined;
  } catch (error) {
    return { name: topicErrorOf(error), message: (error as Error).message };
  }
}

/** As Kafka says it: a name that no topic can have is another error than one that none has. */
function unknownTopic(name: string): NamedError {
  if (name === '') return { name: 'INVALID_REQUEST', message: 'topic names cannot be empty' };
  const problem = topicNameProblem(name);
  if (problem === undefined) return { name: 'UNKNOWN_TOPIC_OR_PARTITION', message: 'no such topic' };
  return { name: 'INVALID_TOPIC_EXCEPTION', message: `topic name: ${problem}` };
}
