// `npm run cluster` and `npm start` as a person or a fault tool uses them: a process is killed from outside, and started
// again by the command in cluster.json, or by the launcher.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import {
  answersOk,
  type ClusterFile,
  type ClusterFileProcess,
  FreePorts,
  repositoryRoot,
  waitUntil,
} from '@robustmq/testkit/cluster';
import mqtt from 'mqtt';

import { READY_TIMEOUT_MS } from './test-cluster.ts';

const NODE_FLAGS = [
  '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
  '--disable-warning=ExperimentalWarning',
];
const ports = new FreePorts('127.0.0.1', process.pid + 31);
let dataDir: string;
let children: ChildProcess[];
let output: string;
/** Launchers that would stay when the test fails that expects their end. */
let stragglers: number[];

beforeEach(() => {
  dataDir = mkdtempSync(path.join(tmpdir(), 'robustmq-launcher-'));
  children = [];
  output = '';
  stragglers = [];
});
afterEach(async () => {
  for (const pid of stragglers) if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGTERM');
  await Promise.all(
    children.toReversed().map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'close');
      child.kill('SIGTERM');
      await ended;
    }),
  );
  rmSync(dataDir, { recursive: true, force: true });
});

function launch(script: string, args: readonly string[]): ChildProcess {
  const file = path.join(repositoryRoot(), 'tools', script, 'main.ts');
  const child = spawn(process.execPath, [...NODE_FLAGS, file, '--data', dataDir, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  return child;
}

/** Options of `npm start` that give each endpoint a port of its own. */
async function startPorts(): Promise<string[]> {
  const options: string[] = [];
  for (const option of [
    'meta-grpc-port',
    'meta-ops-port',
    'journal-grpc-port',
    'journal-ops-port',
    'mqtt-port',
    'ws-port',
    'mqtt-grpc-port',
    'mqtt-ops-port',
    'kafka-port',
    'kafka-ops-port',
    'http-port',
    'admin-ops-port',
  ])
    options.push(`--${option}`, `${await ports.take()}`);
  return options;
}

function parentOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1]);
}

const printed = (what: RegExp): Promise<boolean> =>
  waitUntil(`${String(what)} in: ${output}`, READY_TIMEOUT_MS, () => what.test(output));

function described(nodeId: string): ClusterFileProcess {
  const file = JSON.parse(readFileSync(path.join(dataDir, 'cluster.json'), 'utf8')) as ClusterFile;
  return file.processes.find((each) => each.nodeId === nodeId)!;
}

async function ready(nodeId: string): Promise<void> {
  const url = `http://${described(nodeId).addresses['ops'] ?? ''}/readyz`;
  await waitUntil(`${nodeId} ready; ${output}`, READY_TIMEOUT_MS, () => answersOk(url, 1_000));
}

/** A QoS 1 publish that must be acknowledged within the deadline of one attempt after another. */
async function acknowledged(payload: string): Promise<void> {
  const client = mqtt.connect(`mqtt://${described('mqtt-1').addresses['mqtt'] ?? ''}`, {
    reconnectPeriod: 50,
  });
  client.on('error', () => undefined);
  await client.publishAsync('launched', payload, { qos: 1 });
  await client.endAsync(true);
}

test('npm run cluster: killed from outside, the others go on; started again by the command of cluster.json, all is well', async () => {
  const basePort = await ports.take();
  const launcher = launch('cluster', ['--base-port', `${basePort}`]);
  await printed(/described in .*cluster\.json/);
  await acknowledged('before');
  for (const nodeId of ['journal-1', 'meta-1', 'mqtt-1', 'kafka-1', 'admin-1']) {
    const { pid, command } = described(nodeId);
    process.kill(pid ?? 0, 'SIGKILL');
    await printed(new RegExp(`${nodeId} ended \\(SIGKILL\\); the others go on`));
    expect(described(nodeId).pid).toBeNull();
    const again = spawn(command.shell, { shell: '/bin/sh', cwd: '/', stdio: 'ignore', detached: true });
    children.push(again);
    await ready(nodeId);
    await acknowledged(`after the end of ${nodeId}`);
    // The shell and what it started form a group of their own.
    const ended = once(again, 'close');
    process.kill(-(again.pid ?? 0), 'SIGKILL');
    await ended;
    const [program = '', ...args] = command.argv;
    children.push(spawn(program, args, { stdio: 'ignore', env: { ...process.env, ...command.env } }));
    await ready(nodeId);
  }
  await acknowledged('after all');
  expect(launcher.exitCode).toBeNull();
}, 120_000);

test('npm start: a process that dies is started again; Ctrl-C ends everything with exit code 0', async () => {
  const launcher = launch('start', await startPorts());
  await printed(/Ctrl-C drains and stops/);
  expect(output).toMatch(/admin +first password \S+/);
  for (const nodeId of ['journal-1', 'mqtt-1']) {
    const { pid } = described(nodeId);
    process.kill(pid ?? 0, 'SIGKILL');
    await waitUntil(`${nodeId} has another pid`, READY_TIMEOUT_MS, () => {
      const next = described(nodeId).pid;
      return next !== null && next !== pid;
    });
    await ready(nodeId);
    await acknowledged(`after ${nodeId}`);
  }
  const ended = once(launcher, 'close');
  launcher.kill('SIGINT');
  expect(await ended).toEqual([0, null]);
  expect(output).toMatch(/stopped; all data is kept/);
}, 120_000);

describe('npm start ends its processes with npm, whatever ended that', () => {
  test.each([
    ['npm', 'SIGTERM'],
    ['npm', 'SIGHUP'],
    ['npm', 'SIGKILL'],
    ['bootstrap', 'SIGKILL'],
  ] as const)(
    '%s got %s',
    async (victim, signal) => {
      const npm = spawn('npm', ['start', '--', '--data', dataDir, ...(await startPorts())], {
        cwd: repositoryRoot(),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      children.push(npm);
      for (const stream of [npm.stdout, npm.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => (output += text));
      await printed(/Ctrl-C drains and stops/);
      await acknowledged('before the end');
      const service = described('mqtt-1').pid!;
      const launcher = parentOf(service);
      const bootstrap = parentOf(launcher);
      const pids = [service, described('meta-1').pid!, described('journal-1').pid!, launcher, bootstrap];
      // Its output ends with the last process that holds it.
      const ended = once(npm, 'close');
      process.kill(victim === 'npm' ? npm.pid! : bootstrap, signal);
      await ended;
      await waitUntil('all are gone', READY_TIMEOUT_MS, () =>
        pids.every((pid) => !existsSync(`/proc/${pid}`)),
      );
      expect(output).toMatch(/stopped; all data is kept/);
    },
    90_000,
  );
});

test('a launcher that is killed takes its processes with it: the next start finds the ports free and the data there', async () => {
  const basePort = await ports.take();
  const first = launch('cluster', ['--base-port', `${basePort}`]);
  await printed(/described in/);
  await acknowledged('before the end of the launcher');
  const pids = ['meta-1', 'journal-1', 'mqtt-1', 'kafka-1', 'admin-1'].map(
    (nodeId) => described(nodeId).pid!,
  );
  first.kill('SIGKILL');
  await waitUntil('all are gone', 10_000, () => pids.every((pid) => !existsSync(`/proc/${pid}`)));
  output = '';
  launch('cluster', ['--base-port', `${basePort}`]);
  await printed(/described in/);
  await acknowledged('after it');
}, 60_000);

test('a taken port is an error that names port and option', async () => {
  const port = await ports.take();
  const first = launch('cluster', ['--base-port', `${port}`]);
  await printed(/described in/);
  const second = launch('cluster', ['--base-port', `${port}`, '--data', path.join(dataDir, 'other')]);
  expect(await once(second, 'close')).toEqual([1, null]);
  expect(output).toMatch(new RegExp(`port ${port} of meta-service is taken.*--base-port`));
  expect(first.exitCode).toBeNull();
}, 60_000);

test.each(['cluster', 'start'])(
  'N3: npm run %s on the data of a running launcher is refused with its pid, and cluster.json stays',
  async (script) => {
    const first = launch('cluster', ['--base-port', `${await ports.take()}`]);
    await printed(/described in/);
    const file = path.join(dataDir, 'cluster.json');
    const before = readFileSync(file, 'utf8');
    const second = launch(script, script === 'cluster' ? ['--base-port', `${await ports.take()}`] : []);
    expect(await once(second, 'close')).toEqual([2, null]);
    expect(output).toContain(`the folder ${dataDir} is in use by process ${first.pid} on `);
    expect(output).not.toMatch(/^ +at /m);
    expect(readFileSync(file, 'utf8')).toBe(before);
    await acknowledged('the first goes on');
  },
  60_000,
);

test('a data folder that can not be made is one sentence', async () => {
  const file = path.join(dataDir, 'file');
  writeFileSync(file, '');
  const launcher = launch('start', ['--data', path.join(file, 'below')]);
  expect(await once(launcher, 'close')).toEqual([2, null]);
  expect(output.trim()).toMatch(/^the folder .*below can not be used for data: ENOTDIR.*$/);
}, 60_000);
