// A flood of new shards (rule N8): they are created a few per turn, and those that are there go on being served.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NodeDisk } from '@robustmq/commit-log';
import { systemClock } from '@robustmq/runtime';
import { FakeCluster } from './fake-cluster.ts';
import { batchOf } from './records.ts';
import { REPLICA, startJournal, until, type RunningJournal } from './running-journal.ts';

const SHARDS = 300;
let dataDirectory: string;
let cluster: FakeCluster;
let running: RunningJournal;
let skewMs = 0;
let created = 0;

/** Every directory that is made takes two milliseconds of the clock. */
class SlowDisk extends NodeDisk {
  override makeDirectory(name: string): void {
    skewMs += 2;
    created++;
    super.makeDirectory(name);
  }
}

beforeEach(async () => {
  dataDirectory = await mkdtemp(path.join(tmpdir(), 'journal-'));
  cluster = new FakeCluster();
  cluster.create(1, REPLICA, { name: 'served' });
  const clock = { nowMs: () => systemClock.nowMs(), monotonicMs: () => systemClock.monotonicMs() + skewMs };
  running = await startJournal({ dataDirectory, cluster, incarnation: 1, clock, disk: new SlowDisk() });
});

afterEach(async () => {
  await running.close();
  await rm(dataDirectory, { recursive: true, force: true });
});

test('N8: three hundred shards at once take a slice per turn, and appends to others pass between', async () => {
  const client = running.client();
  await until(() => client.connected && running.journal.problem === null, 'the journal');
  let longest = 0;
  let before = created;
  let isOver = false;
  const turn = (): void => {
    longest = Math.max(longest, created - before);
    before = created;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  cluster.create(2, REPLICA, { shards: SHARDS });
  const answered = new Promise<number>((resolve, reject) => {
    client.produce({ streamId: 1, shard: 0, batch: batchOf(['x']), acks: -1, timeoutMs: 5_000 }, (error) =>
      error === undefined ? resolve(running.journal.shards.size) : reject(error),
    );
  });
  expect(await answered).toBeLessThan(SHARDS);
  await until(() => running.journal.shards.size === SHARDS + 1, 'all shards');
  isOver = true;
  // Three of two milliseconds each, twice where a change of the view falls into the turn.
  expect(longest).toBeLessThanOrEqual(6);
  await until(
    () => [...running.journal.shards.values()].every(({ leader }) => leader !== undefined),
    'leaders',
  );
});

test('a stream that is deleted while its shards are still being created leaves none', async () => {
  await until(() => running.journal.problem === null, 'the journal');
  cluster.create(2, REPLICA, { shards: SHARDS });
  cluster.delete(2);
  await until(() => running.journal.shards.size === 1, 'the removal');
});
