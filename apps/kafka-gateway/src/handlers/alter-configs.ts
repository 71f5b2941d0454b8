// AlterConfigs (33): replaces all that was set on a topic. Deprecated since KIP-339, but kafkajs, Sarama and older admin
// tools know nothing else.
import type { AlterConfigsResponseInput } from '@robustmq/kafka-codec';
import { alterTopics } from '../alter-topic.ts';
import { api } from '../api.ts';
import { replacingChange } from '../config-change.ts';

export const alterConfigs = api(33, {
  answer: 24,
  access: [{ operation: 'alterConfigs', resource: 'topic' }],
  handle: async ({ resources, validateOnly }, context): Promise<AlterConfigsResponseInput> => ({
    throttleTimeMs: 0,
    responses: await alterTopics(resources, validateOnly, context, (topic, { configs }) =>
      replacingChange(topic, configs),
    ),
  }),
});
