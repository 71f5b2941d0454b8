// What tests of other packages need: a group as Kafka configures it.

export { DEFAULT_GROUP_CONFIG } from './types.ts';
