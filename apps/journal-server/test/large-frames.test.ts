// Answers at their configured sizes over real channels (rules N13, X5): a gateway's stream outlives them.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NodeDisk } from '@robustmq/commit-log';
import type { FetchSectionResult, JournalClient } from '@robustmq/journal-client';
import { FakeCluster } from './fake-cluster.ts';
import { GatedDisk } from './gated-disk.ts';
import { batchOf } from './records.ts';
import { REPLICA, startJournal, until, type RunningJournal } from './running-journal.ts';

let dataDirectory: string;
let running: RunningJournal;
let broken: string[];

beforeEach(async () => {
  dataDirectory = await mkdtemp(path.join(tmpdir(), 'journal-'));
  broken = [];
});

afterEach(async () => {
  await running.close();
  await rm(dataDirectory, { recursive: true, force: true });
});

function gateway(nodeId: string, base: number, more: Parameters<RunningJournal['client']>[0]): JournalClient {
  return running.client({
    identity: { nodeId, incarnation: 1 },
    producerIds: { base, count: 100 },
    onLink: (_nodeId, up, error) => {
      if (!up && error?.code !== 'cancelled') broken.push(String(error?.message));
    },
    ...more,
  });
}

function produced(client: JournalClient, shard: number, batch: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    client.produce({ streamId: 1, shard, batch, acks: -1, timeoutMs: 30_000 }, (error) =>
      error === undefined ? resolve() : reject(error),
    );
  });
}

test('N13: forty partitions of 430 KB each are fetched with the largest fetch that gateways allow', async () => {
  const shards = 40;
  const cluster = new FakeCluster();
  cluster.create(1, REPLICA, { shards });
  running = await startJournal({ dataDirectory, cluster, incarnation: 1, fileBytes: 32 << 20 });
  const client = gateway('kafka-1', 5000, {});
  await until(() => client.connected && running.journal.problem === null, 'the journal');
  const batch = batchOf(['x'.repeat(430 * 1024)]);
  await Promise.all(
    Array.from({ length: shards }, (_, shard) => produced(client, shard, Buffer.from(batch))),
  );
  const results = await new Promise<readonly FetchSectionResult[]>((resolve) =>
    client.fetch(
      {
        maxWaitMs: 5_000,
        minBytes: shards * batch.length,
        maxBytes: 64 * 1024 * 1024,
        readCommitted: false,
        sections: Array.from({ length: shards }, (_, shard) => ({
          streamId: 1,
          shard,
          fetchOffset: 0,
          maxBytes: 1024 * 1024,
        })),
      },
      resolve,
    ),
  );
  expect(broken).toEqual([]);
  expect(results.map(({ error, sizeBytes }) => [error, sizeBytes])).toEqual(
    results.map(() => [undefined, batch.length]),
  );
});

test('X5: own batches behind more foreign data than one frame takes are put back, stream after stream', async () => {
  const cluster = new FakeCluster();
  cluster.create(1, REPLICA, { name: 'mqtt', shards: 2 });
  const gate = new GatedDisk();
  const disk = gate.wrap(new NodeDisk());
  running = await startJournal({ dataDirectory, cluster, incarnation: 1, fileBytes: 32 << 20, disk });
  const kinds: string[] = [];
  const own = gateway('mqtt-1', 1000, { tickMs: 1, onTail: ({ kind }) => void kinds.push(kind) });
  const foreign = gateway('mqtt-2', 2000, { tickMs: 1 });
  await until(() => own.connected && foreign.connected && running.journal.problem === null, 'the journal');
  await new Promise<void>((resolve, reject) => {
    own.changeFilters({ add: [{ filterId: 1, tenant: 'default', filter: '#' }] }, (error) =>
      error === undefined ? resolve() : reject(error),
    );
  });
  let answered = 0;
  const appender = own.appender<number>({
    onOutcome: (_queue, tokens, error) => {
      if (error === undefined) answered += tokens.length;
    },
    onUnblocked: () => undefined,
  });
  const payload = Buffer.from('small');
  for (let round = 1; round <= 5; round++) {
    gate.held = true;
    const first = produced(foreign, 1, batchOf(['first'], { key: 'f' }));
    await until(() => gate.waiting > 0, 'a sync that is held');
    const appended = running.journal.commits.appendedBatches;
    const large = [0, 1].map(() => produced(foreign, 0, batchOf(['x'.repeat(350_000)], { key: 'large' })));
    await until(() => queued() >= 2, 'the foreign batches');
    for (const shard of [0, 1])
      appender
        .queue(1, shard)
        .appendMqtt(
          Date.now(),
          `own/${shard}`,
          payload,
          0,
          payload.length,
          { qos: 1, retain: false },
          null,
          round,
        );
    await until(() => queued() >= 4, 'our batches');
    expect(running.journal.commits.appendedBatches).toBe(appended);
    gate.release();
    await Promise.all([first, ...large]);
    await until(() => answered === 2 * round, `the answers of round ${round}`);
  }
  expect(broken).toEqual([]);
  await until(() => kinds.filter((kind) => kind === 'elided').length === 10, 'all elided sections');
});

function queued(): number {
  return running.journal.commits.queuedAppends;
}
