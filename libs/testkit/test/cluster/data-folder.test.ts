// Who may have the data folder of a cluster, and what its owner is told.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { claimDataFolder, ManagedProcess } from '../../src/cluster/index.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'robustmq-folder-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const modeOf = (file: string): number => statSync(file).mode & 0o777;

test('N3: a second claim is refused with the pid of the first, and granted after its release', () => {
  const first = claimDataFolder(folder);
  expect(() => claimDataFolder(folder)).toThrow(
    new RegExp(`^the folder ${folder} is in use by process ${process.pid} on .*`),
  );
  first.release();
  claimDataFolder(folder).release();
});

test('N3: the end of the process is the end of its claim', () => {
  const script = [
    "import { claimDataFolder } from './src/cluster/data-folder.ts';",
    `claimDataFolder(${JSON.stringify(folder)});`,
    "process.kill(process.pid, 'SIGKILL');",
  ].join('\n');
  const ended = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: path.join(__dirname, '..', '..'),
  });
  expect(ended.signal).toBe('SIGKILL');
  claimDataFolder(folder).release();
});

test('a folder is made with its parents; one that is there is closed to others', () => {
  const made = path.join(folder, 'a', 'b');
  claimDataFolder(made).release();
  expect(modeOf(made)).toBe(0o700);
  chmodSync(folder, 0o755);
  claimDataFolder(folder).release();
  expect(modeOf(folder)).toBe(0o700);
});

test('a folder that can not be made is one sentence with the reason', () => {
  const file = path.join(folder, 'file');
  writeFileSync(file, '');
  for (const impossible of [file, path.join(file, 'below'), '/proc/robustmq']) {
    expect(() => claimDataFolder(impossible)).toThrow(
      new RegExp(`^the folder ${impossible} can not be used for data: (EEXIST|ENOTDIR|ENOENT)`),
    );
  }
});

test('logs are readable by their owner only', async () => {
  const logFile = path.join(folder, 'logs', 'one.log');
  const made = new ManagedProcess({
    service: 'journal-server',
    nodeId: 'one',
    addresses: {},
    dataDir: path.join(folder, 'one'),
    logFile,
    argv: [process.execPath, '-e', ''],
    env: {},
  });
  made.start();
  await made.exited();
  expect([path.dirname(logFile), logFile, made.spec.dataDir].map(modeOf)).toEqual([0o700, 0o600, 0o700]);
});
