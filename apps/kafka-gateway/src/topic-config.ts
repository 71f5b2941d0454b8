// The topic configurations that exist: each is enforced by the system, anything else is refused by name. A
// configuration that is accepted but ignored would be a lie.
import type { TopicView } from './ports.ts';

/** Kafka's numbers for the type of a configuration, as DescribeConfigs shows them. */
export const CONFIG_TYPES = { BOOLEAN: 1, STRING: 2, INT: 3, LONG: 5, DOUBLE: 6, LIST: 7 } as const;

/** One topic configuration. */
export interface TopicConfigKey {
  readonly name: string;
  readonly type: keyof typeof CONFIG_TYPES;
  readonly default: string;
  /** May change after creation. */
  readonly alterable: boolean;
  readonly documentation: string;
  /** Why a value is refused, or undefined. */
  problem(value: string): string | undefined;
}

function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): (value: string) => string | undefined {
  return (value) => {
    const number = Number(value);
    const sound = /^-?\d+$/.test(value) && number >= min && number <= max;
    return sound
      ? undefined
      : `must be an integer from ${min}${max === Number.MAX_SAFE_INTEGER ? '' : ` to ${max}`}`;
  };
}

function oneOf(...values: string[]): (value: string) => string | undefined {
  return (value) => (values.includes(value) ? undefined : `must be ${values.join(' or ')}`);
}

/** A batch has to fit one frame between the services. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;

/** All topic configurations, by name. */
export const TOPIC_CONFIG: ReadonlyMap<string, TopicConfigKey> = new Map(
  (
    [
      {
        name: 'cleanup.policy',
        type: 'LIST',
        default: 'delete',
        alterable: true,
        documentation: 'Old segments are deleted by time and size.',
        problem: oneOf('delete'),
      },
      {
        name: 'compression.type',
        type: 'STRING',
        default: 'producer',
        alterable: true,
        documentation: 'Batches are stored as their producer compressed them.',
        problem: oneOf('producer'),
      },
      {
        name: 'max.message.bytes',
        type: 'INT',
        default: String(DEFAULT_MAX_MESSAGE_BYTES),
        alterable: true,
        documentation: 'Largest record batch, after compression.',
        problem: integer(0, MAX_MESSAGE_BYTES),
      },
      {
        name: 'message.timestamp.type',
        type: 'STRING',
        default: 'CreateTime',
        alterable: true,
        documentation: 'Whether timestamps are those of the producer or of the append.',
        problem: oneOf('CreateTime', 'LogAppendTime'),
      },
      {
        name: 'min.insync.replicas',
        type: 'INT',
        default: '1',
        alterable: true,
        documentation: 'In-sync replicas without which acks=all is refused.',
        problem: integer(1, 32),
      },
      {
        name: 'retention.bytes',
        type: 'LONG',
        default: '-1',
        alterable: true,
        documentation: 'Bytes of a partition beyond which old segments are deleted; -1: no limit.',
        problem: integer(-1),
      },
      {
        name: 'retention.ms',
        type: 'LONG',
        default: '604800000',
        alterable: true,
        documentation: 'Age at which segments are deleted; -1: no limit.',
        problem: integer(-1),
      },
      {
        name: 'segment.bytes',
        type: 'INT',
        default: '1073741824',
        alterable: true,
        documentation: 'Size at which a new segment is started.',
        problem: integer(1_048_576, 2_147_483_647),
      },
      {
        name: 'segment.ms',
        type: 'LONG',
        default: '604800000',
        alterable: true,
        documentation: 'Age at which a new segment is started.',
        problem: integer(1),
      },
      {
        name: 'mqtt.filter',
        type: 'STRING',
        default: '',
        alterable: false,
        documentation: 'MQTT topic filter whose topics this topic owns; fixed at creation.',
        problem: (value) => (Buffer.byteLength(value) <= 65_535 ? undefined : 'is longer than 65535 bytes'),
      },
      {
        name: 'mqtt.durability',
        type: 'STRING',
        default: 'disk',
        alterable: true,
        documentation:
          'When MQTT publishes are acknowledged: once committed, or from the memory of the leader.',
        problem: oneOf('disk', 'memory'),
      },
    ] satisfies TopicConfigKey[]
  ).map((key) => [key.name, key]),
);

/** Why these settings are refused, naming the first bad one, or undefined. */
export function topicConfigProblem(
  config: Readonly<Record<string, string>>,
  altering: boolean,
): string | undefined {
  for (const [name, value] of Object.entries(config)) {
    const key = TOPIC_CONFIG.get(name);
    if (key === undefined) return `topic configuration ${name} is not supported`;
    if (altering && !key.alterable) return `topic configuration ${name} is fixed at creation`;
    const problem = key.problem(value);
    if (problem !== undefined) return `topic configuration ${name} ${problem}, not '${value}'`;
  }
  return undefined;
}

/** Largest batch that the topic takes. */
export function maxMessageBytesOf(topic: TopicView): number {
  const value = topic.config['max.message.bytes'];
  return value === undefined ? DEFAULT_MAX_MESSAGE_BYTES : Number(value);
}
