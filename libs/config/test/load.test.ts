import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { defineConfig, z } from '../src/index.ts';
import { sample } from './sample.ts';

interface Given {
  argv?: string[];
  environment?: Record<string, string | undefined>;
  file?: string;
}

function load({ argv = [], environment = {}, file }: Given): ReturnType<typeof sample.load> {
  const withFile = file === undefined ? argv : ['--config', 'gateway.yaml', ...argv];
  return sample.load({ argv: withFile, environment, readFile: () => file! });
}

/** The lines behind the head of the message. */
function problems(given: Given): string[] {
  try {
    load(given);
  } catch (error) {
    expect(error).toMatchObject({ name: 'BrokerError', code: 'invalid_argument' });
    return (error as Error).message
      .split('\n')
      .slice(1)
      .map((line) => line.trim());
  }
  throw new Error('configuration was taken');
}

const META = '--metaAddress=127.0.0.1:9000';

describe('defaults and precedence', () => {
  it('has defaults at every depth', () => {
    expect(load({ argv: [META] }).values).toEqual({
      listeners: { tcp: { host: '127.0.0.1', port: 1883, enabled: true } },
      maxPacketBytes: 1_048_576,
      sessionExpiry: 7_200_000,
      tenants: [],
      weights: [1],
      labels: {},
      durability: 'fsync',
      metaAddress: '127.0.0.1:9000',
      ratio: 0.01,
    });
  });

  it('flags beat environment, which beats the file; the source of each is known', () => {
    const { values, sources, file } = load({
      file: 'metaAddress: file:1\nlisteners:\n  tcp:\n    port: 1\n    host: file\nratio: 0.5\n',
      environment: {
        ROBUSTMQ_MQTT_GATEWAY_LISTENERS_TCP_PORT: '2',
        ROBUSTMQ_MQTT_GATEWAY_META_ADDRESS: 'env:1',
      },
      argv: ['--listeners.tcp.port=3'],
    });
    expect(values).toMatchObject({
      metaAddress: 'env:1',
      ratio: 0.5,
      listeners: { tcp: { port: 3, host: 'file' } },
    });
    expect(file).toBe('gateway.yaml');
    expect(Object.fromEntries(sources)).toEqual({
      'listeners.tcp.port': 'flag --listeners.tcp.port',
      'listeners.tcp.host': 'file gateway.yaml:5',
      metaAddress: 'environment ROBUSTMQ_MQTT_GATEWAY_META_ADDRESS',
      ratio: 'file gateway.yaml:6',
    });
  });

  it('takes empty files, empty sections and empty keys as not set', () => {
    expect(load({ file: '', argv: [META] }).values.ratio).toBe(0.01);
    expect(load({ file: 'listeners:\nratio:\n', argv: [META] }).values.listeners.tcp.port).toBe(1883);
  });

  it('reads a real file named by the environment', () => {
    const folder = mkdtempSync(join(tmpdir(), 'config-'));
    const path = join(folder, 'gateway.yaml');
    writeFileSync(path, 'metaAddress: disk:1\n');
    const environment = { ROBUSTMQ_MQTT_GATEWAY_CONFIG: path };
    expect(sample.load({ argv: [], environment }).values.metaAddress).toBe('disk:1');
    rmSync(folder, { recursive: true });
    expect(() => sample.load({ argv: [], environment })).toThrow(/ENOENT/);
  });
});

describe('texts from environment and flags', () => {
  it.each<[string, string, string, unknown]>([
    ['maxPacketBytes', 'MAX_PACKET_BYTES', '64KiB', 65_536],
    ['maxPacketBytes', 'MAX_PACKET_BYTES', '1.5 MB', 1_500_000],
    ['maxPacketBytes', 'MAX_PACKET_BYTES', '2Mi', 2_097_152],
    ['maxPacketBytes', 'MAX_PACKET_BYTES', '4096', 4096],
    ['sessionExpiry', 'SESSION_EXPIRY', '5s', 5000],
    ['sessionExpiry', 'SESSION_EXPIRY', '250ms', 250],
    ['sessionExpiry', 'SESSION_EXPIRY', '1d', 86_400_000],
    ['tenants', 'TENANTS', 'a, b', ['a', 'b']],
    ['tenants', 'TENANTS', '', []],
    ['tenants', 'TENANTS', '[x, y]', ['x', 'y']],
    ['weights', 'WEIGHTS', '1,2', [1, 2]],
    ['labels', 'LABELS', '{zone: a}', { zone: 'a' }],
    ['durability', 'DURABILITY', 'memory', 'memory'],
    ['metaAddress', 'META_ADDRESS', '12', '12'],
    ['ratio', 'RATIO', '1e-3', 0.001],
  ])('%s: %s=%s', (path, name, text, expected) => {
    const environment = { ROBUSTMQ_MQTT_GATEWAY_META_ADDRESS: 'm', [`ROBUSTMQ_MQTT_GATEWAY_${name}`]: text };
    expect(load({ environment }).values).toMatchObject({ [path]: expected });
    const argv = path === 'metaAddress' ? [] : [META];
    expect(load({ argv: [...argv, `--${path}=${text}`] }).values).toMatchObject({ [path]: expected });
    expect(load({ argv: [...argv, `--${path}`, text] }).values).toMatchObject({ [path]: expected });
  });

  it('a boolean flag needs no value', () => {
    const enabled = (...argv: string[]): boolean =>
      load({ argv: [...argv, META] }).values.listeners.tcp.enabled;
    expect(enabled('--listeners.tcp.enabled')).toBe(true);
    expect(enabled('--listeners.tcp.enabled', 'false')).toBe(false);
    expect(enabled('--listeners.tcp.enabled=false')).toBe(false);
  });

  it('knows a request for help', () => {
    expect(sample.wantsHelp(['--ratio', '1', '--help'])).toBe(true);
    expect(sample.wantsHelp(['-h'])).toBe(true);
    expect(sample.wantsHelp([])).toBe(false);
  });
});

describe('problems', () => {
  it('lists every one with its source', () => {
    expect(
      problems({
        file: 'listeners:\n  tcp:\n    port: 70000\n    prot: 1\nmaxPacketBytes: 5 apples\nextra: {a: 1}\n',
        environment: { ROBUSTMQ_MQTT_GATEWAY_RATIO: '2', ROBUSTMQ_MQTT_GATEWAY_RATIOS: '1' },
        argv: ['--durability=maybe', '--listeners.tcp.hots=x', 'stray', '--weights=[1,'],
      }).toSorted(),
    ).toEqual(
      [
        'argument stray: flags look like --path.to.key=value',
        'environment ROBUSTMQ_MQTT_GATEWAY_RATIO: ratio: Too big: expected number to be <=1',
        'environment ROBUSTMQ_MQTT_GATEWAY_RATIOS: no such setting',
        'file gateway.yaml:3: listeners.tcp.port: Too big: expected number to be <=65535',
        'file gateway.yaml:4: listeners.tcp.prot: no such setting',
        'file gateway.yaml:5: maxPacketBytes: expected a whole number, optionally with one of the units B, KB, MB, GB, TB, KiB, MiB, GiB, TiB, Ki, Mi, Gi, Ti',
        'file gateway.yaml:6: extra: no such setting',
        'file gateway.yaml: metaAddress: Invalid input: expected string, received undefined',
        'flag --durability: durability: Invalid option: expected one of "fsync"|"memory"',
        'flag --listeners.tcp.hots: no such setting',
        'flag --weights: weights: Invalid input: expected array, received string',
      ].toSorted(),
    );
  });

  it.each<[string, Given, string]>([
    [
      'missing without a file',
      {},
      'not set: metaAddress: Invalid input: expected string, received undefined',
    ],
    ['flag without a value', { argv: [META, '--ratio'] }, 'flag --ratio: has no value'],
    ['flag followed by a flag', { argv: ['--ratio', META] }, 'flag --ratio: has no value'],
    ['flag given twice', { argv: [META, '--ratio=0', '--ratio=1'] }, 'flag --ratio: is given twice'],
    ['--config without a value', { argv: [META, '--config'] }, 'flag --config: has no value'],
    [
      'bad list item',
      { argv: [META, '--weights=1,x'] },
      'flag --weights: weights.1: Invalid input: expected number, received string',
    ],
    ['file that is a list', { file: '- a', argv: [META] }, 'file gateway.yaml: is no map of settings'],
    [
      'section that is a text',
      { file: 'listeners: tcp', argv: [META] },
      'file gateway.yaml:1: listeners: Invalid input: expected object, received string',
    ],
    [
      'key given twice',
      { file: 'ratio: 0\nratio: 1\n', argv: [META] },
      'file gateway.yaml:2:1: Map keys must be unique',
    ],
    [
      'size above its limit',
      { argv: [META, '--maxPacketBytes=1TiB'] },
      'flag --maxPacketBytes: maxPacketBytes: Too big: expected number to be <=268435456',
    ],
  ])('%s', (_name, given, expected) => {
    expect(problems(given)).toContain(expected);
  });

  it('reports YAML syntax with its place and nothing that follows from it', () => {
    const found = problems({ file: 'ratio: 1\nlisteners: {tcp\n' });
    expect(found[0]).toMatch(/^file gateway.yaml:\d+:\d+: /);
    expect(found.every((line) => line.startsWith('file gateway.yaml'))).toBe(true);
  });

  it('bounds YAML aliases', () => {
    const levels = Array.from(
      { length: 9 },
      (_, index) => `a${index}: &a${index} [${`*a${index - 1},`.repeat(9)}]`,
    );
    const bomb = ['a: &a-1 x', ...levels].join('\n');
    expect(problems({ file: bomb }).join()).toMatch(/alias/i);
  });

  it('is not stopped by the variables that Kubernetes injects for services of the same name', () => {
    const prefix = 'ROBUSTMQ_MQTT_GATEWAY_';
    const names = [
      'SERVICE_HOST',
      'SERVICE_PORT',
      'SERVICE_PORT_MQTT',
      'PORT',
      'PORT_1883_TCP',
      'PORT_1883_TCP_ADDR',
    ];
    const environment = Object.fromEntries(names.map((name) => [prefix + name, 'tcp://10.0.0.1:1883']));
    expect(load({ environment, argv: [META] }).values.ratio).toBe(0.01);
    expect(problems({ environment: { [`${prefix}PORTS`]: '1' }, argv: [META] })).toHaveLength(1);
  });

  it('random flags and variables give a configuration or a list of problems', () => {
    const word = fc.constantFrom(
      '--',
      'listeners',
      '.tcp',
      '.port',
      '=',
      '1',
      'ratio',
      '__proto__',
      '-',
      ' ',
      '{',
      '[',
    );
    fc.assert(
      fc.property(
        fc.array(
          fc.array(word, { maxLength: 6 }).map((parts) => parts.join('')),
          { maxLength: 4 },
        ),
        (argv) => {
          try {
            load({ argv });
          } catch (error) {
            expect(error).toMatchObject({ code: 'invalid_argument' });
          }
          expect(({} as Record<string, unknown>)['port']).toBeUndefined();
        },
      ),
    );
  });
});

describe('defineConfig', () => {
  it('refuses two settings that share a variable', () => {
    const schema = z.strictObject({ aB: z.string(), a: z.strictObject({ b: z.string() }) });
    expect(() => defineConfig('x', schema)).toThrow(/unique/);
    expect(() => defineConfig('x', z.strictObject({ config: z.string() }))).toThrow(/CONFIG/);
  });

  it('redacts secrets that are set', () => {
    const { values } = load({ argv: [META, '--password=hunter2'] });
    expect(values.password).toBe('hunter2');
    expect(JSON.stringify(sample.redact(values))).not.toContain('hunter2');
    expect(sample.redact(load({ argv: [META] }).values)).not.toHaveProperty('password');
  });
});
