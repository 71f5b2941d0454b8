// Configurations as DescribeConfigs and CreateTopics show them.
import type { TopicView } from './ports.ts';
import { CONFIG_TYPES, TOPIC_CONFIG } from './topic-config.ts';

/** Where a value comes from, by Kafka's numbers. */
export const CONFIG_SOURCE = {
  DYNAMIC_TOPIC: 1,
  DYNAMIC_ALL_BROKERS: 3,
  STATIC_BROKER: 4,
  DEFAULT: 5,
} as const;

/** One configuration with its value. */
export interface ConfigView {
  readonly name: string;
  readonly value: string;
  readonly readOnly: boolean;
  readonly configSource: number;
  readonly configType: number;
  readonly defaultValue: string;
  readonly documentation: string;
}

/** Bytes of one configuration in an answer, roughly, and of what some answers say beside it: where else it is set, what it means. */
const CONFIG_BYTES = 128;
const EXPLAINED_BYTES = 384;

/** Bytes of an answer about the configurations of a topic, or so many of them. */
export function topicConfigBytes(isExplained = false, count: number = TOPIC_CONFIG.size): number {
  return Math.min(count, TOPIC_CONFIG.size) * (isExplained ? EXPLAINED_BYTES : CONFIG_BYTES);
}

/** Every configuration of a topic. */
export function describeTopicConfig(topic: TopicView): ConfigView[] {
  return [...TOPIC_CONFIG.values()].map((key) => {
    const own = topic.config[key.name];
    const fallback = topic.defaults[key.name] ?? key.default;
    return {
      name: key.name,
      value: own ?? fallback,
      readOnly: !key.alterable,
      configSource: own === undefined ? CONFIG_SOURCE.DEFAULT : CONFIG_SOURCE.DYNAMIC_TOPIC,
      configType: CONFIG_TYPES[key.type],
      defaultValue: fallback,
      documentation: key.documentation,
    };
  });
}
