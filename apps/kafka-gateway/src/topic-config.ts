// The topic configurations that exist: each is enforced by the system, anything else is refused by name. A
// configuration that is accepted but ignored would be a lie.
import { DEFAULT_MAX_MESSAGE_BYTES, MAX_BATCH_BYTES } from '@robustmq/record-batch';
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

/** Kafka's largest long, which people write for "no limit". */
const MAX_LONG = 2n ** 63n - 1n;

/** Digits that are read: numbers have fewer, and zeros before them are no reason to work without end. */
const MAX_DIGITS = 64;
const INTEGER = new RegExp(`^[+-]?\\d{1,${MAX_DIGITS}}$`);

/** A number as Java reads it: with a sign, with zeros before it. */
function integerOf(value: string): bigint | undefined {
  if (!INTEGER.test(value)) return undefined;
  return BigInt(value.startsWith('+') ? value.slice(1) : value);
}

function integer(min: number, max?: number): (value: string) => string | undefined {
  const highest = max === undefined ? MAX_LONG : BigInt(max);
  return (value) => {
    const number = integerOf(value);
    const sound = number !== undefined && number >= min && number <= highest;
    return sound ? undefined : `must be an integer from ${min}${max === undefined ? '' : ` to ${max}`}`;
  };
}

function oneOf(...values: string[]): (value: string) => string | undefined {
  return (value) => (values.includes(value) ? undefined : `must be ${values.join(' or ')}`);
}

/** The longest filter that meta-service keeps. */
const MAX_FILTER_BYTES = 1_024;
/** Kafka's since 4.0: segments with times far ahead would never expire (KIP-1030). */
const DEFAULT_TIMESTAMP_AFTER_MAX_MS = 3_600_000;

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
        problem: integer(0, MAX_BATCH_BYTES),
      },
      {
        name: 'message.timestamp.after.max.ms',
        type: 'LONG',
        default: String(DEFAULT_TIMESTAMP_AFTER_MAX_MS),
        alterable: true,
        documentation: 'How far the timestamp of a producer may be ahead of the clock of the gateway.',
        problem: integer(0),
      },
      {
        name: 'message.timestamp.before.max.ms',
        type: 'LONG',
        default: String(MAX_LONG),
        alterable: true,
        documentation: 'How far the timestamp of a producer may be behind the clock of the gateway.',
        problem: integer(0),
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
        problem: (value) =>
          Buffer.byteLength(value) <= MAX_FILTER_BYTES
            ? undefined
            : `is at most ${MAX_FILTER_BYTES} bytes long`,
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

/**
 * The value as it is meant: Kafka leaves out the spaces around it, which in an MQTT topic filter are part of it, and shows numbers
 * without the signs and zeros that nobody needs.
 */
export function meantValue(name: string, value: string): string {
  if (name === 'mqtt.filter') return value;
  const meant = value.trim();
  const type = TOPIC_CONFIG.get(name)?.type;
  return type === 'INT' || type === 'LONG' ? String(integerOf(meant) ?? meant) : meant;
}

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

/** The times that a producer may give, or undefined where the broker gives them. */
export function timestampLimitsOf({ config }: TopicView): TimestampLimits | undefined {
  if (config['message.timestamp.type'] === 'LogAppendTime') return undefined;
  const before = config['message.timestamp.before.max.ms'];
  const after = config['message.timestamp.after.max.ms'];
  return {
    beforeMaxMs: before === undefined ? Infinity : Number(before),
    afterMaxMs: after === undefined ? DEFAULT_TIMESTAMP_AFTER_MAX_MS : Number(after),
  };
}

/** How far timestamps may be from the clock. */
export interface TimestampLimits {
  readonly beforeMaxMs: number;
  readonly afterMaxMs: number;
}
