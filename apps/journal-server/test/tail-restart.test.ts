// A tail over a restart of its journal (rule X5, I5): it goes on where the gateway had come to, whatever the view knows of
// leaders at the moment in which the stream comes up.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { JournalClient } from '@robustmq/journal-client';
import type { ShardDirectory } from '@robustmq/journal-client/testing';
import { FakeCluster } from './fake-cluster.ts';
import { batchOf, recordsOf } from './records.ts';
import { NODE_ID, REPLICA, startJournal, until, type RunningJournal } from './running-journal.ts';

const ORDERS = 1;
let dataDirectory: string;
let cluster: FakeCluster;
const servers: RunningJournal[] = [];

beforeEach(async () => {
  dataDirectory = await mkdtemp(path.join(tmpdir(), 'journal-'));
  cluster = new FakeCluster();
  cluster.create(ORDERS, REPLICA, { name: 'orders', mqttFilter: 'orders' });
});

afterEach(async () => {
  for (const server of servers) server.closeClients();
  await servers.at(-1)?.stopServer();
  await rm(dataDirectory, { recursive: true, force: true });
});

async function start(incarnation: number): Promise<RunningJournal> {
  const server = await startJournal({ dataDirectory, cluster, incarnation });
  servers.push(server);
  return server;
}

async function producer(server: RunningJournal): Promise<(value: string) => Promise<void>> {
  const client: JournalClient = server.client({
    identity: { nodeId: 'kafka-1', incarnation: servers.length },
    producerIds: { base: 5000, count: 1 },
  });
  await until(() => client.connected && server.journal.problem === null, 'connection');
  return (value) =>
    new Promise((resolve, reject) => {
      const batch = batchOf([value]);
      client.produce({ streamId: ORDERS, shard: 0, batch, acks: -1, timeoutMs: 5000 }, (error) =>
        error === undefined ? resolve() : reject(error),
      );
    });
}

test.each([
  ['is known', true],
  ['is not known yet', false],
])('nothing is passed over if the leader %s when the stream comes up', async (_name, isKnown) => {
  const first = await start(1);
  let address = first.address;
  let isLeaderKnown = true;
  const listeners = new Set<() => void>();
  const directory: ShardDirectory = {
    ...first.directory(),
    leaderOf: (streamId, shard) => (isLeaderKnown ? first.directory().leaderOf(streamId, shard) : undefined),
    journals: () => [{ nodeId: NODE_ID, address }],
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  const values: string[] = [];
  const gateway = first.client({
    directory,
    onTail: ({ batches }) => values.push(...recordsOf(batches).map(({ value }) => value)),
  });
  await until(() => gateway.connected, 'connection');
  await new Promise((resolve) =>
    gateway.changeFilters({ add: [{ filterId: 1, tenant: 'default', filter: 'orders' }] }, resolve),
  );
  await (
    await producer(first)
  )('seen');
  await until(() => values.length === 1, 'the tail');
  await first.abandonServer();
  const second = await start(2);
  const produce = await producer(second);
  // Committed and never sent to the gateway: as what a crash leaves between the sync and the tail.
  await produce('missed');
  isLeaderKnown = isKnown;
  address = second.address;
  changed();
  await until(() => gateway.connected, 'connection');
  isLeaderKnown = true;
  changed();
  await produce('after');
  await until(() => values.includes('after'), 'the tail');
  expect(values).toEqual(['seen', 'missed', 'after']);
});
