// A real journal process, killed under load again and again: everything acknowledged is there once, in order (I1, I3), and
// the client's own repeats leave no duplicate (R6).

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { JournalClient } from '@robustmq/journal-client';
import type { ShardDirectory } from '@robustmq/journal-client/testing';
import { completeBatchBytes, RecordCursor } from '@robustmq/record-batch';
import { ServiceKind } from '@robustmq/rpc';
import { CREDENTIALS, until } from './running-journal.ts';

const ROUNDS = 6;
const TOPICS = 5;
const FACTS = { qos: 1, retain: false };
const NODE_FLAGS = [
  '--experimental-transform-types',
  '--disable-warning=ExperimentalWarning',
  '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
];

let dataDirectory: string;
let child: ChildProcess | undefined;

beforeEach(async () => {
  dataDirectory = await mkdtemp(path.join(tmpdir(), 'journal-kill-'));
});

afterEach(async () => {
  child?.kill('SIGKILL');
  await rm(dataDirectory, { recursive: true, force: true });
});

async function start(incarnation: number, port: number): Promise<{ process: ChildProcess; port: number }> {
  const file = path.join(__dirname, 'journal-process.ts');
  const started = fork(file, [dataDirectory, `${incarnation}`, `${port}`], {
    execArgv: NODE_FLAGS,
    stdio: 'inherit',
  });
  const [message] = (await once(started, 'message')) as [{ address: string }];
  return { process: started, port: Number(message.address.split(':')[1]) };
}

function directoryOf(port: number): ShardDirectory {
  return {
    revision: () => 0,
    leaderOf: () => ({ nodeId: 'journal-1', leaderEpoch: 0 }),
    hasStream: () => true,
    journals: () => [{ nodeId: 'journal-1', address: `127.0.0.1:${port}` }],
    onChange: () => () => undefined,
  };
}

async function readAll(client: JournalClient): Promise<{ topic: string; value: string }[]> {
  const records: { topic: string; value: string }[] = [];
  const cursor = new RecordCursor();
  for (let fetchOffset = 0; ;) {
    const [result] = await new Promise<Parameters<Parameters<JournalClient['fetch']>[1]>[0]>((resolve) => {
      const sections = [{ streamId: 1, shard: 0, fetchOffset, maxBytes: 1 << 20 }];
      client.fetch({ maxWaitMs: 0, minBytes: 0, maxBytes: 1 << 20, readCommitted: false, sections }, resolve);
    });
    if (result!.error !== undefined) throw result!.error;
    const bytes = Buffer.concat(result!.batches);
    if (bytes.length === 0) return records;
    for (let at = 0; at < bytes.length; at += completeBatchBytes(bytes, at, bytes.length)) {
      cursor.reset(bytes, at);
      while (cursor.next()) records.push({ topic: String(cursor.key), value: String(cursor.value) });
      fetchOffset = cursor.offset + 1;
    }
  }
}

test('kill -9 under load: nothing acknowledged lost, nothing twice, order kept', async () => {
  const first = await start(1, 0);
  const { port } = first;
  let running = first.process;
  child = running;
  const acknowledged = new Set<string>();
  const client = new JournalClient({
    directory: directoryOf(port),
    identity: { nodeId: 'mqtt-1', incarnation: 1 },
    kind: ServiceKind.MQTT_GATEWAY,
    credentials: CREDENTIALS,
    producerIds: { base: 1000, count: 10 },
    tickMs: 1,
  });
  const failures: unknown[] = [];
  const appender = client.appender<string>({
    onOutcome: (_queue, tokens, error) => {
      if (error !== undefined) failures.push(error);
      else for (const token of tokens) acknowledged.add(token);
    },
    onUnblocked: () => undefined,
  });
  const queue = appender.queue(1, 0);
  let sent = 0;
  const load = setInterval(() => {
    for (let each = 0; each < 20; each++) {
      const token = `${sent}`;
      const payload = Buffer.from(token.padEnd(100, ' '));
      if (!queue.appendMqtt(Date.now(), `t/${sent % TOPICS}`, payload, 0, payload.length, FACTS, null, token))
        return;
      sent++;
    }
  }, 2);
  for (let round = 1; round <= ROUNDS; round++) {
    const before = acknowledged.size;
    await until(() => acknowledged.size > before + 200, 'acknowledgements');
    running.kill('SIGKILL');
    await once(running, 'exit');
    ({ process: running } = await start(round + 1, port));
    child = running;
  }
  clearInterval(load);
  await until(() => acknowledged.size === sent, 'the last acknowledgements');
  const records = await readAll(client);
  client.close();
  expect(failures).toEqual([]);
  const values = records.map((record) => Number(record.value));
  expect(values).toHaveLength(sent);
  expect(values).toEqual(Array.from({ length: sent }, (_, n) => n));
}, 60_000);
