// What a client may do, as bit fields of Kafka's numbers of operations (KIP-430). Until there are access rules everyone
// may do what the gateway serves at all.
import type { GatewaySettings } from './context.ts';
import type { TopicView } from './ports.ts';
import { MQTT_TOPIC } from './topic-name.ts';

const OPERATION = {
  READ: 3,
  WRITE: 4,
  CREATE: 5,
  DELETE: 6,
  ALTER: 7,
  DESCRIBE: 8,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
  IDEMPOTENT_WRITE: 12,
} as const;

function bitsOf(...operations: (keyof typeof OPERATION)[]): number {
  return operations.reduce((bits, operation) => bits | (1 << OPERATION[operation]), 0);
}

/** On the cluster. */
export const CLUSTER_OPERATIONS = bitsOf('CREATE', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'IDEMPOTENT_WRITE');
/** On any group. */
export const GROUP_OPERATIONS = bitsOf('READ', 'DELETE', 'DESCRIBE');

const TOPIC_OPERATIONS = bitsOf(
  'READ',
  'WRITE',
  'CREATE',
  'DELETE',
  'ALTER',
  'DESCRIBE',
  'DESCRIBE_CONFIGS',
  'ALTER_CONFIGS',
);

/** On a topic: the built-in one is not deleted, and written only where the gateway is told so. */
export function topicOperations(topic: TopicView, settings: GatewaySettings): number {
  if (topic.name !== MQTT_TOPIC) return TOPIC_OPERATIONS;
  const denied = settings.allowProduceToMqtt ? bitsOf('DELETE') : bitsOf('DELETE', 'WRITE');
  return TOPIC_OPERATIONS & ~denied;
}
