// `npm run bench` with options that mean nothing: one line that names the mistake, before anything is started.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { repositoryRoot } from '@robustmq/testkit/cluster';

const FLAGS = ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON', '--disable-warning=ExperimentalWarning'];
/** Reads the options of every line of its input, and says what came of each: one process serves all cases. */
const READ_ALL = `
  import { createInterface } from 'node:readline';
  const { benchOptions } = await import('${pathToFileURL(path.join(__dirname, 'options.ts')).href}');
  for await (const line of createInterface({ input: process.stdin })) {
    const outcome = { said: '' };
    process.exit = (exitCode) => { throw Object.assign(new Error('exit'), { exitCode }); };
    process.stderr.write = (text) => { outcome.said += text; return true; };
    try { outcome.options = benchOptions(JSON.parse(line)); } catch (error) { outcome.exitCode = error.exitCode; }
    process.stdout.write(JSON.stringify(outcome) + '\\n');
  }
`;
const REFUSED: readonly (readonly [args: readonly string[], line: RegExp])[] = [
  [['--only', 'nosuch'], /--only .*'nosuch'/],
  [['--only', ''], /--only /],
  [['--only', 'qos0-fanout,'], /--only /],
  [['--systems', 'rabbitmq'], /--systems .*'rabbitmq', only mosquitto, kafka, robustmq, sink/],
  [['--rounds', '0'], /--rounds .*'0' is invalid.*from 1 to 100/],
  [['--rounds', '101'], /--rounds /],
  [['--seconds', 'x'], /--seconds .*'x' is invalid/],
  [['--seconds', '3601'], /--seconds /],
  [['--seconds', '1.5'], /--seconds /],
  [['--seconds=-1'], /--seconds /],
  [['--seconds=Infinity'], /--seconds /],
  [['--attach-mqtt', '65536'], /--attach-mqtt /],
  [['--attach-kafka', 'localhost'], /--attach-kafka /],
  [['--pids', '1,'], /--pids /],
  [['--pids', 'self'], /--pids /],
  [['--against', '/nowhere'], /--against .*'\/nowhere' is invalid.*an installed checkout/],
  [['--against', repositoryRoot(), '--attach-mqtt', '1883'], /--against .*--attach-mqtt/],
  [['--nosuch'], /unknown option '--nosuch'/],
  [['qos0-fanout'], /too many arguments/],
];

interface Outcome {
  readonly said: string;
  readonly options?: unknown;
  readonly exitCode?: number;
}

async function run(args: readonly string[], input = ''): Promise<{ code: unknown; output: string }> {
  const child = spawn(process.execPath, [...FLAGS, ...args], { stdio: 'pipe' });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [unknown];
  return { code, output };
}

async function readAll(calls: readonly (readonly string[])[]): Promise<Outcome[]> {
  const lines = calls.map((args) => `${JSON.stringify(args)}\n`).join('');
  const { output } = await run(['--input-type=module', '--eval', READ_ALL], lines);
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Outcome);
}

test('values are read as what they are; without any: every scenario on every system, warmed', async () => {
  const root = repositoryRoot();
  const outcomes = await readAll([
    [],
    ['--only', 'qos0-fanout,qos1-pairs', '--systems', 'robustmq,kafka', '--seconds', '3600', '--rounds=1'],
    ['--attach-mqtt', '1883', '--attach-kafka=9092', '--pids', '7,8', '--no-warm', '--write'],
    ['--against', root],
  ]);
  const defaults = { systems: ['mosquitto', 'kafka', 'robustmq', 'sink'], seconds: 8, rounds: 3, warm: true };
  expect(outcomes).toEqual([
    { said: '', options: defaults },
    {
      said: '',
      options: {
        ...defaults,
        only: ['qos0-fanout', 'qos1-pairs'],
        systems: ['robustmq', 'kafka'],
        seconds: 3600,
        rounds: 1,
      },
    },
    {
      said: '',
      options: {
        ...defaults,
        attachMqtt: 1883,
        attachKafka: 9092,
        pids: [7, 8],
        warm: false,
        write: true,
      },
    },
    { said: '', options: { ...defaults, against: root } },
  ]);
});

test('each wrong option is refused in one line that names it', async () => {
  const outcomes = await readAll(REFUSED.map(([args]) => args));
  for (const [index, [args, line]] of REFUSED.entries()) {
    const { said, exitCode } = outcomes[index]!;
    expect({ args, exitCode }).toEqual({ args, exitCode: 2 });
    expect(said).toMatch(line);
    expect(said.trim()).not.toContain('\n');
  }
});

test('npm run bench with a scenario that there is not ends with 2, without a stack', async () => {
  const { code, output } = await run([path.join(repositoryRoot(), 'e2e/bench/main.ts'), '--only', 'nosuch']);
  expect(code).toBe(2);
  expect(output).toMatch(/^error: .*'nosuch'.*\n$/);
});
