// The configurations of a stream that exist. Each is enforced; everything else is refused by name.

import { MAX_BATCH_BYTES } from '@robustmq/record-batch';

type Check = (value: string) => boolean;

/** Every process that watches the cluster holds the filters of all streams (I8). */
const MAX_FILTER_BYTES = 1_024;

/** Kafka's largest long, which people write for "no limit". */
const MAX_LONG = 2n ** 63n - 1n;

const integer =
  (min: number, max?: number): Check =>
  (value) =>
    /^-?\d{1,19}$/.test(value) &&
    BigInt(value) >= min &&
    BigInt(value) <= (max === undefined ? MAX_LONG : BigInt(max));
const oneOf =
  (...values: string[]): Check =>
  (value) =>
    values.includes(value);

const CONFIGS: Readonly<
  Record<string, { readonly check: Check; readonly expects: string; readonly alterable: boolean }>
> = {
  'cleanup.policy': { check: oneOf('delete'), expects: 'delete', alterable: true },
  'compression.type': { check: oneOf('producer'), expects: 'producer', alterable: true },
  'max.message.bytes': {
    check: integer(0, MAX_BATCH_BYTES),
    expects: `0 to ${MAX_BATCH_BYTES}`,
    alterable: true,
  },
  'message.timestamp.after.max.ms': {
    check: integer(0),
    expects: 'a number of milliseconds',
    alterable: true,
  },
  'message.timestamp.before.max.ms': {
    check: integer(0),
    expects: 'a number of milliseconds',
    alterable: true,
  },
  'message.timestamp.type': {
    check: oneOf('CreateTime', 'LogAppendTime'),
    expects: 'CreateTime or LogAppendTime',
    alterable: true,
  },
  'min.insync.replicas': { check: integer(1, 32), expects: '1 to 32', alterable: true },
  'retention.bytes': { check: integer(-1), expects: '-1 or a number of bytes', alterable: true },
  'retention.ms': { check: integer(-1), expects: '-1 or a number of milliseconds', alterable: true },
  'segment.bytes': {
    check: integer(1_048_576, 2_147_483_647),
    expects: '1048576 to 2147483647',
    alterable: true,
  },
  'segment.ms': { check: integer(1), expects: 'a number of milliseconds', alterable: true },
  'mqtt.filter': {
    check: (value) => Buffer.byteLength(value) <= MAX_FILTER_BYTES,
    expects: `a topic filter of at most ${MAX_FILTER_BYTES} bytes`,
    alterable: false,
  },
  'mqtt.durability': { check: oneOf('disk', 'memory'), expects: 'disk or memory', alterable: true },
};

/** Why these settings are refused (the first bad one, by name), or undefined. An undefined value stands for a removal. */
export function streamConfigProblem(
  config: Readonly<Record<string, string | undefined>>,
  altering: boolean,
): string | undefined {
  for (const [name, value] of Object.entries(config)) {
    const known = Object.hasOwn(CONFIGS, name) ? CONFIGS[name] : undefined;
    if (known === undefined) return `configuration ${name} is not supported`;
    if (altering && !known.alterable) return `configuration ${name} is fixed at creation`;
    if (value !== undefined && !known.check(value))
      return `configuration ${name} is ${known.expects}, not '${value}'`;
  }
  return undefined;
}
