import { defineConfig, section, setting, z } from '../src/index.ts';
import { sample } from './sample.ts';

describe('describe', () => {
  const rows = new Map(sample.describe().map((row) => [row.path, row]));

  it('has a row for every setting, in order', () => {
    expect([...rows.keys()]).toEqual([
      'listeners.tcp.host',
      'listeners.tcp.port',
      'listeners.tcp.enabled',
      'maxPacketBytes',
      'sessionExpiry',
      'tenants',
      'weights',
      'labels',
      'durability',
      'metaAddress',
      'password',
      'ratio',
    ]);
  });

  it.each<[string, string, string, string]>([
    ['listeners.tcp.port', 'integer', '1883', '≥ 0, ≤ 65535'],
    ['listeners.tcp.host', 'string', '127.0.0.1', 'length ≥ 1'],
    ['listeners.tcp.enabled', 'boolean', 'true', ''],
    ['maxPacketBytes', 'bytes', '1MiB', '≥ 128, ≤ 268435456'],
    ['sessionExpiry', 'duration', '2h', '≥ 0, ≤ 86400000'],
    ['tenants', 'list of string', '[]', ''],
    ['weights', 'list of integer', '[1]', ''],
    ['labels', 'map', '{}', ''],
    ['durability', 'choice', 'fsync', 'fsync, memory'],
    ['metaAddress', 'string', '', ''],
    ['password', 'secret', '', ''],
    ['ratio', 'number', '0.01', '≥ 0, ≤ 1'],
  ])('%s', (path, type, value, limits) => {
    expect(rows.get(path)).toMatchObject({ type, default: value, limits });
  });

  it('says what is required and where it can be set', () => {
    expect([...rows.values()].filter((row) => row.isRequired).map((row) => row.path)).toEqual([
      'metaAddress',
    ]);
    expect(rows.get('listeners.tcp.port')).toMatchObject({
      envName: 'ROBUSTMQ_MQTT_GATEWAY_LISTENERS_TCP_PORT',
      description: 'Port for MQTT over TCP.',
      descriptionZh: 'MQTT 端口。',
    });
  });

  it('shows a boolean with words beside it as the choice that it is', () => {
    const anonymous = defineConfig(
      'x',
      z.strictObject({
        a: z.union([z.boolean(), z.literal('ignore')]).default(false),
        b: z.union([z.int(), z.literal('all')]),
      }),
    );
    expect(anonymous.describe()).toMatchObject([
      { path: 'a', type: 'choice', default: 'false', limits: 'false, true, ignore' },
      { path: 'b', type: 'any', limits: '' },
    ]);
    const read = (text: string): unknown =>
      anonymous.load({ argv: [`--a=${text}`, '--b=1'], environment: {} }).values.a;
    expect([read('true'), read('false'), read('ignore')]).toEqual([true, false, 'ignore']);
    expect(() => read('maybe')).toThrow();
  });

  it('writes defaults in the unit that divides them', () => {
    const odd = defineConfig(
      'x',
      z.strictObject({
        a: setting.byteSize().default(1000),
        b: setting.byteSize().default(0),
        c: setting.duration().default(1500),
        d: setting.duration().default(0),
        e: z.literal(3).default(3),
        f: z.any().default('' as never),
        g: z.string().max(5).nullable().default(null),
        h: z
          .string()
          .transform((text) => text.length)
          .optional(),
      }),
    );
    expect(odd.describe().map((row) => row.default)).toEqual([
      '1000B',
      '0B',
      '1500ms',
      '0ms',
      '3',
      '""',
      'null',
      '',
    ]);
  });
});

describe('help', () => {
  it('names every flag', () => {
    const help = sample.help();
    for (const { path } of sample.settings) expect(help).toContain(`--${path} `);
    expect(help).toContain('(duration; ≥ 0, ≤ 86400000; default 2h)');
  });
});

describe('JSON schema', () => {
  const schema = sample.jsonSchema() as {
    required: string[];
    additionalProperties: boolean;
    properties: Record<string, Record<string, unknown>>;
  };

  it('requires only what has no default and forbids unknown keys', () => {
    expect(schema.required).toEqual(['metaAddress']);
    expect(schema.additionalProperties).toBe(false);
    expect(schema.properties['listeners']).not.toHaveProperty('required');
  });

  it('keeps defaults, limits, descriptions and units', () => {
    expect(schema.properties['maxPacketBytes']).toMatchObject({
      type: ['integer', 'string'],
      minimum: 128,
      maximum: 2 ** 28,
      default: 1_048_576,
      description: 'Largest packet | taken.',
    });
    expect('64KiB').toMatch(new RegExp(String(schema.properties['maxPacketBytes']!['pattern'])));
    expect('5 s').toMatch(new RegExp(String(schema.properties['sessionExpiry']!['pattern'])));
    expect(schema.properties['durability']).toMatchObject({ enum: ['fsync', 'memory'], default: 'fsync' });
  });

  it('keeps required where a section has required members', () => {
    const inner = defineConfig(
      'x',
      z.strictObject({ a: section({ b: z.string(), c: z.string().default('') }) }),
    );
    expect(inner.jsonSchema()).toMatchObject({ properties: { a: { required: ['b'] } } });
  });
});
