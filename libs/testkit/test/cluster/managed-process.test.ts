// One process: logs, ends, restarts; on small scripts instead of services.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { FreePorts, ManagedProcess, shellLine, waitUntil } from '../../src/cluster/index.ts';
import type { ManagedProcessOptions } from '../../src/cluster/managed-process.ts';
import { isPortFree } from '../../src/cluster/ports.ts';
import type { ProcessSpec } from '../../src/cluster/service.ts';

const HOST = '127.0.0.1';
let folder: string;
const started: ManagedProcess[] = [];

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'robustmq-process-'));
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((each) => each.kill()));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

let count = 0;
function processOf(script: string, opsPort = 0, options: ManagedProcessOptions = {}): ManagedProcess {
  count += 1;
  const spec: ProcessSpec = {
    service: 'journal-server',
    nodeId: `node-${count}`,
    addresses: { ops: `${HOST}:${opsPort}` },
    dataDir: path.join(folder, `node-${count}`),
    logFile: path.join(folder, 'logs', `node-${count}.log`),
    argv: [process.execPath, '-e', script],
    env: { GREETING: 'hello' },
  };
  const made = new ManagedProcess(spec, options);
  started.push(made);
  return made;
}

const FOREVER = 'setInterval(() => {}, 1000);';

test('its output is in the log, its environment is set, its end is told', async () => {
  const made = processOf('console.log(process.env.GREETING); process.exit(3)');
  made.start();
  expect(await made.exited()).toEqual({ code: 3, signal: null });
  expect(made.diedUnexpectedly).toBe(true);
  expect(made.logTail()).toBe('hello');
  expect(made.endReport()).toMatch(/node-\d+ ended with exit code 3; the end of .*:\nhello/);
});

test('stop sends SIGTERM, and SIGKILL to one that does not listen', async () => {
  const polite = processOf(`process.on('SIGTERM', () => process.exit(0)); console.log('up'); ${FOREVER}`);
  polite.start();
  await waitUntil('it is up', 10_000, () => polite.logTail() === 'up');
  expect(await polite.stop(5_000)).toEqual({ code: 0, signal: null });
  expect(polite.diedUnexpectedly).toBe(false);
  const deaf = processOf(`process.on('SIGTERM', () => {}); console.log('up'); ${FOREVER}`);
  deaf.start();
  await waitUntil('it is up', 10_000, () => deaf.logTail() === 'up');
  expect(await deaf.stop(100)).toEqual({ code: null, signal: 'SIGKILL' });
});

test('ready waits for /readyz and fails at once, with the log, when the process ends before', async () => {
  const port = await new FreePorts(HOST, process.pid + 11).take();
  const server = `require('http').createServer((q, a) => { a.statusCode = q.url === '/readyz' ? 200 : 404; a.end(); }).listen(${port});`;
  const good = processOf(server, port);
  good.start();
  await good.ready(10_000);
  const bad = processOf("console.log('no such setting'); process.exit(2)", port + 1);
  bad.start();
  await expect(bad.ready(10_000)).rejects.toThrow(/exit code 2; .*\nno such setting/);
});

test('paused, it does nothing; resumed, it goes on; started again, it is another run', async () => {
  const made = processOf(`let n = 0; setInterval(() => console.log(++n), 5);`);
  made.start();
  const size = (): number => readFileSync(made.spec.logFile).length;
  await waitUntil('it writes', 10_000, () => size() > 0);
  made.pause();
  const firstPid = made.pid;
  // The signal is on its way: wait until two looks see the same.
  let last = -1;
  await waitUntil('it stands still', 10_000, () => {
    const still = size() === last;
    last = size();
    return still;
  });
  made.resume();
  await waitUntil('it goes on', 10_000, () => size() > last);
  await made.kill();
  expect(made.pid).toBeUndefined();
  made.start();
  expect(made.pid).not.toBe(firstPid);
  expect(() => made.start()).toThrow('runs already');
});

test('one that asks to be started again (exit code 75) is, but not for ever', async () => {
  let restarts = 0;
  const made = processOf('process.exit(75)', 0, { onRestart: () => (restarts += 1) });
  made.start();
  expect(await made.exited()).toEqual({ code: 75, signal: null });
  expect(restarts).toBe(5);
}, 20_000);

test('one that is kept alive is started again after any end, once it was ready; told to stop, it stops', async () => {
  const port = await new FreePorts(HOST, process.pid + 23).take();
  const server = `require('http').createServer((q, a) => a.end()).listen(${port})`;
  let restarts = 0;
  const made = processOf(server, port, { restart: 'always', onRestart: () => (restarts += 1) });
  made.start();
  await made.ready(10_000);
  const firstPid = made.pid ?? 0;
  process.kill(firstPid, 'SIGKILL');
  await waitUntil('the next run', 10_000, () => restarts === 1 && made.pid !== firstPid);
  await made.ready(10_000);
  expect(made.diedUnexpectedly).toBe(false);
  await made.kill();
  expect([made.running, restarts]).toEqual([false, 1]);
});

test('one that never was ready is not kept alive: its mistake is told at once', async () => {
  const made = processOf('process.exit(2)', 0, { restart: 'always' });
  made.start();
  expect(await made.exited()).toEqual({ code: 2, signal: null });
});

test('stopped while it waits for its next run, it is over', async () => {
  const made = processOf('process.exit(75)');
  made.start();
  await waitUntil('it waits', 10_000, () => !made.running);
  expect(await made.stop(1_000)).toEqual({ code: 75, signal: null });
  expect(await made.exited()).toEqual({ code: 75, signal: null });
});

test('the command of a process is one line for a shell', () => {
  const line = shellLine({ argv: ['/bin/node', '--a=b', "it's here", 'c d'], env: { X: 'y z' } });
  expect(line).toBe(`X='y z' /bin/node --a=b 'it'\\''s here' 'c d'`);
});

test('free ports are free, and never the same twice', async () => {
  const ports = new FreePorts(HOST, process.pid + 17);
  const taken = [await ports.take(), await ports.take(), await ports.take()];
  expect(new Set(taken).size).toBe(3);
  for (const port of taken) expect(await isPortFree(HOST, port)).toBe(true);
});

test('a condition that never holds is named', async () => {
  await expect(waitUntil('pigs fly', 20, () => false)).rejects.toThrow('not within 20 ms: pigs fly');
});
