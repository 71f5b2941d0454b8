// The real process on a data folder: one at a time, and only its own node (N2, N3). No meta-service is needed: whose folder
// it is is settled before anybody is asked.

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from './running-journal.ts';

const APP = path.resolve(__dirname, '..');
let directory: string;
let children: ChildProcess[];

beforeAll(() => {
  execFileSync(process.execPath, ['../../tools/build-app.mjs'], { cwd: APP });
});

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'journal-process-'));
  writeFileSync(`${directory}/secret`, 'a'.repeat(64), { mode: 0o600 });
  children = [];
});

afterEach(async () => {
  for (const child of children) await ended(child, 'SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

const exits = new Map<ChildProcess, Promise<number | null>>();

function ended(child: ChildProcess, signal?: NodeJS.Signals): Promise<number | null> {
  if (signal !== undefined) child.kill(signal);
  return exits.get(child)!;
}

interface Started {
  readonly child: ChildProcess;
  /** So far. */
  readonly output: () => string;
}

/** A journal-server on the folder of the test. */
function start(...flags: string[]): Started {
  return startOn(`${directory}/data`, ...flags);
}

function startOn(folder: string, ...flags: string[]): Started {
  const own = [`--data.dir=${folder}`, `--cluster.secretFile=${directory}/secret`];
  const args = ['dist/main.js', ...own, '--grpc.port=0', '--ops.port=0', ...flags];
  const child = spawn(process.execPath, args, { cwd: APP, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  exits.set(child, new Promise((resolve) => child.once('exit', resolve)));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { child, output: () => output };
}

/** One that has recovered the folder. */
async function holder(...flags: string[]): Promise<ChildProcess> {
  const { child, output } = start(...flags);
  await until(() => output().includes('data directory recovered'), `recovery: ${output()}`);
  return child;
}

test('a second process is refused with exit code 2 and names the first; a killed one leaves no lock (N3)', async () => {
  const first = await holder();
  const second = start();
  expect(await ended(second.child)).toBe(2);
  expect(second.output()).toContain(`in use by process ${first.pid} on `);
  expect(first.exitCode).toBeNull();
  await ended(first, 'SIGKILL');
  await holder();
});

test.each(['/proc/robustmq', `${__filename}/below`])(
  'a folder that can hold no data is refused at once, with exit code 2: %s (N7)',
  async (folder) => {
    const refused = startOn(folder);
    expect(await ended(refused.child)).toBe(2);
    expect(refused.output()).toContain(`the folder ${folder} can not be used for data`);
  },
);

test('another node id on the folder is refused with exit code 2 and both names, and changes nothing (N2)', async () => {
  await ended(await holder(), 'SIGKILL');
  const facts = readFileSync(`${directory}/data/directory.json`);
  const other = start('--node.id=journal-a');
  expect(await ended(other.child)).toBe(2);
  expect(other.output()).toMatch(/data of node 'journal-1'[^]* this is node 'journal-a'/);
  expect(readFileSync(`${directory}/data/directory.json`).equals(facts)).toBe(true);
  expect(existsSync(`${directory}/data/checkpoint-0`)).toBe(true);
});

test('a folder whose facts are damaged twice ends it with 1 and the names of the files (N2)', async () => {
  await ended(await holder(), 'SIGKILL');
  for (const name of ['directory.json', 'directory.json.copy']) {
    const bytes = readFileSync(`${directory}/data/${name}`);
    bytes[40]! ^= 1;
    writeFileSync(`${directory}/data/${name}`, bytes);
  }
  const damaged = start();
  expect(await ended(damaged.child)).toBe(1);
  expect(damaged.output()).toContain(`${directory}/data/directory.json and `);
});
