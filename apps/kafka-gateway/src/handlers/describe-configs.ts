// DescribeConfigs (32): topics in full; of a broker what clients and tools look at.
import {
  KAFKA_ERRORS,
  type DescribeConfigsRequest,
  type DescribeConfigsResponseInput,
} from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import { claimedAnswer } from '../bounded-answer.ts';
import { CONFIG_SOURCE, describeTopicConfig, topicConfigBytes, type ConfigView } from '../config-view.ts';
import type { RequestContext } from '../context.ts';
import { mapInTurns } from '../map-in-turns.ts';
import type { NamedError } from '../named-error.ts';
import { CONFIG_TYPES } from '../topic-config.ts';
import { topicNameProblem } from '../topic-name.ts';

type Asked = DescribeConfigsRequest['resources'][number];
type Result = DescribeConfigsResponseInput['results'][number];

/** Kafka's numbers of the kinds of things that have configurations. */
export const RESOURCE_TYPE = { TOPIC: 2, BROKER: 4 } as const;

export const describeConfigs = api(32, {
  answer: 'claimed',
  access: [{ operation: 'describeConfigs', resource: 'topic' }],
  handle: async (request, context): Promise<DescribeConfigsResponseInput> => {
    const { turns } = context.gateway;
    // Asked for twice is answered once, as in Kafka; else a small request makes an answer without bound (I8).
    const resources = uniqueResources(request.resources);
    let sizeBytes = 0;
    await mapInTurns(resources, turns, (asked) => (sizeBytes += sizeOf(asked, request, context)));
    const results = await claimedAnswer(
      sizeBytes,
      context,
      () => mapInTurns(resources, turns, (asked) => describe(asked, request, context)),
      () => mapInTurns(resources, turns, (asked) => failed(asked, NO_ROOM)),
    );
    return { throttleTimeMs: 0, results };
  },
});

/** Clients ask again. */
const NO_ROOM: NamedError = {
  name: 'REQUEST_TIMED_OUT',
  message: 'there is no room for this answer now: ask again, or for less at a time',
};

/** What the answer has of a topic that is there, roughly; the rest is no longer than its question. */
function sizeOf(
  { resourceType, resourceName, configurationKeys }: Asked,
  { includeSynonyms, includeDocumentation }: DescribeConfigsRequest,
  { gateway }: RequestContext,
): number {
  const isTopic = resourceType === RESOURCE_TYPE.TOPIC;
  if (!isTopic || gateway.cluster.topicByName(resourceName) === undefined) return 0;
  const keys = configurationKeys?.length ?? 0;
  return topicConfigBytes(includeSynonyms || includeDocumentation, keys === 0 ? undefined : keys);
}

function uniqueResources(asked: readonly Asked[]): Asked[] {
  return [...new Map(asked.map((each) => [`${each.resourceType}/${each.resourceName}`, each])).values()];
}

function describe(asked: Asked, request: DescribeConfigsRequest, context: RequestContext): Result {
  const found = configsOf(asked, context);
  if (!Array.isArray(found)) return failed(asked, found);
  const keys = new Set(asked.configurationKeys);
  // Some clients send an empty list for "all", as Kafka takes it.
  const wanted = keys.size === 0 ? found : found.filter(({ name }) => keys.has(name));
  return {
    ...resource(asked),
    errorCode: KAFKA_ERRORS.NONE,
    errorMessage: null,
    configs: wanted.map((config) => show(config, request)),
  };
}

function failed(asked: Asked, { name, message }: NamedError): Result {
  return { ...resource(asked), errorCode: KAFKA_ERRORS[name], errorMessage: message, configs: [] };
}

function resource({ resourceType, resourceName }: Asked): Pick<Result, 'resourceType' | 'resourceName'> {
  return { resourceType, resourceName };
}

function show(config: ConfigView, request: DescribeConfigsRequest): Result['configs'][number] {
  const { name, value, readOnly, configSource, configType, defaultValue, documentation } = config;
  const own = { name, value, source: configSource };
  const fallback = { name, value: defaultValue, source: CONFIG_SOURCE.DEFAULT };
  const synonyms = configSource === CONFIG_SOURCE.DEFAULT ? [own] : [own, fallback];
  return {
    name,
    value,
    readOnly,
    configSource,
    isSensitive: false,
    synonyms: request.includeSynonyms ? synonyms : [],
    configType,
    documentation: request.includeDocumentation ? documentation : null,
  };
}

function configsOf(asked: Asked, { gateway }: RequestContext): ConfigView[] | NamedError {
  if (asked.resourceType === RESOURCE_TYPE.TOPIC) {
    const topic = gateway.cluster.topicByName(asked.resourceName);
    if (topic !== undefined) return describeTopicConfig(topic);
    const legal = topicNameProblem(asked.resourceName) === undefined;
    return {
      name: legal ? 'UNKNOWN_TOPIC_OR_PARTITION' : 'INVALID_TOPIC_EXCEPTION',
      message: 'no such topic',
    };
  }
  if (asked.resourceType === RESOURCE_TYPE.BROKER) return brokerConfigs(asked.resourceName, gateway);
  return {
    name: 'INVALID_REQUEST',
    message: `resources of type ${asked.resourceType} have no configuration here`,
  };
}

function brokerConfigs(name: string, gateway: RequestContext['gateway']): ConfigView[] | NamedError {
  const known = name === '' || gateway.cluster.brokers().some(({ number }) => String(number) === name);
  if (!known) return { name: 'INVALID_REQUEST', message: `no broker ${name}` };
  const { settings } = gateway;
  return [
    readOnly('auto.create.topics.enable', 'BOOLEAN', String(settings.autoCreateTopics)),
    ...clusterConfigs(gateway),
    readOnly('message.max.bytes', 'INT', String(settings.maxBatchBytes)),
    readOnly('fetch.max.bytes', 'INT', String(settings.maxFetchBytes)),
    readOnly('offset.metadata.max.bytes', 'INT', String(settings.maxOffsetMetadataBytes)),
  ];
}

/** What holds for all gateways and is known to this one: it is left out while meta-service decides it by its own settings. */
function clusterConfigs({ cluster }: RequestContext['gateway']): ConfigView[] {
  const partitions = cluster.config('streams.default.partitions');
  if (partitions === undefined) return [];
  return [
    {
      ...readOnly('num.partitions', 'INT', partitions),
      configSource: CONFIG_SOURCE.DYNAMIC_ALL_BROKERS,
      documentation: 'Set for the cluster as streams.default.partitions.',
    },
  ];
}

function readOnly(name: string, type: keyof typeof CONFIG_TYPES, value: string): ConfigView {
  return {
    name,
    value,
    readOnly: true,
    configSource: CONFIG_SOURCE.STATIC_BROKER,
    configType: CONFIG_TYPES[type],
    defaultValue: value,
    documentation: 'Set in the configuration of the gateway.',
  };
}
