// IncrementalAlterConfigs (44): topics only; a configuration that is not enforced is refused by name.
import type { IncrementalAlterConfigsResponseInput } from '@robustmq/kafka-codec';
import { alterTopics } from '../alter-topic.ts';
import { api } from '../api.ts';
import { incrementalChange, removesOnlyThrottles } from '../config-change.ts';

export const incrementalAlterConfigs = api(44, {
  answer: 24,
  access: [{ operation: 'alterConfigs', resource: 'topic' }],
  handle: async ({ resources, validateOnly }, context): Promise<IncrementalAlterConfigsResponseInput> => ({
    throttleTimeMs: 0,
    responses: await alterTopics(
      resources,
      validateOnly,
      context,
      (topic, { configs }) => incrementalChange(topic, configs),
      ({ configs }) => removesOnlyThrottles(configs),
    ),
  }),
});
