// IncrementalAlterConfigs (44): topics only; a configuration that is not enforced is refused by name.
import {
  KAFKA_ERRORS,
  type IncrementalAlterConfigsRequest,
  type IncrementalAlterConfigsResponseInput,
} from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import type { NamedError, RequestContext } from '../context.ts';
import { topicErrorOf } from '../error-table.ts';
import { TOPIC_CONFIG, topicConfigProblem } from '../topic-config.ts';
import { RESOURCE_TYPE } from './describe-configs.ts';

type Asked = IncrementalAlterConfigsRequest['resources'][number];
type Result = IncrementalAlterConfigsResponseInput['responses'][number];

const OPERATION = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const;

interface Change {
  readonly set: Record<string, string>;
  readonly remove: string[];
}

export const incrementalAlterConfigs = api(44, {
  handle: async (request, context): Promise<IncrementalAlterConfigsResponseInput> => ({
    throttleTimeMs: 0,
    responses: await Promise.all(
      request.resources.map((asked) => alter(asked, request.validateOnly, context)),
    ),
  }),
  failure: () => ({ throttleTimeMs: 0, responses: [] }),
});

async function alter(asked: Asked, validateOnly: boolean, { gateway }: RequestContext): Promise<Result> {
  if (asked.resourceType !== RESOURCE_TYPE.TOPIC) {
    return failed(asked, {
      name: 'INVALID_REQUEST',
      message: 'only topics have configurations that can be altered here',
    });
  }
  const topic = gateway.cluster.topicByName(asked.resourceName);
  if (topic === undefined)
    return failed(asked, { name: 'UNKNOWN_TOPIC_OR_PARTITION', message: 'no such topic' });
  const change = changeOf(asked);
  if ('message' in change) return failed(asked, change);
  try {
    await gateway.topics.alterConfig(topic, change.set, change.remove, validateOnly);
  } catch (error) {
    return failed(asked, { name: topicErrorOf(error), message: (error as Error).message });
  }
  return { ...resource(asked), errorCode: KAFKA_ERRORS.NONE, errorMessage: null };
}

function changeOf({ configs }: Asked): Change | NamedError {
  const change: Change = { set: {}, remove: [] };
  const seen = new Set<string>();
  for (const { name, configOperation, value } of configs) {
    if (seen.has(name))
      return { name: 'INVALID_REQUEST', message: `topic configuration ${name} is named twice` };
    seen.add(name);
    if (configOperation === OPERATION.DELETE) change.remove.push(name);
    else if (configOperation === OPERATION.SET && value !== null) change.set[name] = value;
    else return operationProblem(name, configOperation);
  }
  const problem = topicConfigProblem(change.set, true) ?? removeProblem(change.remove);
  return problem === undefined ? change : { name: 'INVALID_CONFIG', message: problem };
}

/** The one list, cleanup.policy, has one legal value: there is nothing to append or subtract. */
function operationProblem(name: string, operation: number): NamedError {
  return operation === OPERATION.SET
    ? { name: 'INVALID_REQUEST', message: `topic configuration ${name} is set to null` }
    : {
        name: 'INVALID_CONFIG',
        message: `topic configuration ${name} cannot be changed by operation ${operation}`,
      };
}

function removeProblem(names: readonly string[]): string | undefined {
  for (const name of names) {
    const key = TOPIC_CONFIG.get(name);
    if (key === undefined) return `topic configuration ${name} is not supported`;
    if (!key.alterable) return `topic configuration ${name} is fixed at creation`;
  }
  return undefined;
}

function resource({ resourceType, resourceName }: Asked): Pick<Result, 'resourceType' | 'resourceName'> {
  return { resourceType, resourceName };
}

function failed(asked: Asked, problem: NamedError): Result {
  return { ...resource(asked), errorCode: KAFKA_ERRORS[problem.name], errorMessage: problem.message };
}
