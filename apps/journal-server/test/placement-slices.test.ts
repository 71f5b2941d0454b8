// Following the view (rule N8): a change costs what has changed, not what there is; a large view is followed in slices.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NodeDisk } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';
import { systemClock, TurnBudget } from '@robustmq/runtime';
import { FakeCluster } from './fake-cluster.ts';
import { batchOf } from './records.ts';
import { REPLICA, startJournal, until, type RunningJournal } from './running-journal.ts';

const STREAMS = 200;
/** What a look at one stream takes of the clock below. */
const LOOK_MS = 0.5;

/** A cluster in which looking at a stream takes time, and is counted. */
class CountedCluster extends FakeCluster {
  readonly looked: number[] = [];
  skewMs = 0;
  /** What a look at the clock takes. */
  clockMs = 0;

  override port(identity: Parameters<FakeCluster['port']>[0]): ReturnType<FakeCluster['port']> {
    const port = super.port(identity);
    return {
      ...port,
      stream: (streamId) => {
        this.looked.push(streamId);
        this.skewMs += LOOK_MS;
        return port.stream(streamId);
      },
    };
  }
}

/** A disk without room for shards. */
class FullDisk extends NodeDisk {
  isFull = false;
  refused = 0;
  listed = 0;

  override makeDirectory(path: string): void {
    if (!this.isFull || !path.includes('/shards/')) return super.makeDirectory(path);
    this.refused++;
    // So long that it ends the slice.
    cluster.skewMs += TurnBudget.sliceMs;
    throw new BrokerError('storage_full', 'no room for a shard');
  }

  override list(path: string): string[] {
    if (path.endsWith('/shards')) this.listed++;
    return super.list(path);
  }
}

let dataDirectory: string;
let cluster: CountedCluster;
let disk: FullDisk;
let running: RunningJournal;
/** Where the clock stands still but for the skew. */
let stillMs: number | undefined;

const followed = (): Promise<void> =>
  until(() => running.journal.waits.reached(cluster.revision), 'the whole view');

beforeEach(async () => {
  dataDirectory = await mkdtemp(path.join(tmpdir(), 'journal-'));
  cluster = new CountedCluster();
  for (let streamId = 1; streamId <= STREAMS; streamId++) cluster.create(streamId, REPLICA);
  disk = new FullDisk();
  stillMs = undefined;
  running = await startJournal({
    dataDirectory,
    cluster,
    disk,
    incarnation: 1,
    clock: {
      nowMs: () => systemClock.nowMs(),
      monotonicMs: () => (stillMs ?? systemClock.monotonicMs()) + (cluster.skewMs += cluster.clockMs),
    },
  });
  await until(
    () => running.journal.problem === null && [...running.journal.shards.values()].length === STREAMS,
    'shards',
  );
  await until(
    () => [...running.journal.shards.values()].every(({ leader }) => leader !== undefined),
    'leaders',
  );
  await followed();
  cluster.looked.length = 0;
});

afterEach(async () => {
  await running.close();
  await rm(dataDirectory, { recursive: true, force: true });
});

test('N8: a change of one stream is followed at once, and no other is looked at', () => {
  cluster.configure(17, { 'max.message.bytes': '4711' });
  expect(running.journal.shards.get(17 * 65_536)!.config.maxMessageBytes).toBe(4_711);
  expect(cluster.looked).toEqual([17]);
});

test('N8: a revision that says nothing of streams looks at none', () => {
  cluster.changed();
  expect(cluster.looked).toEqual([]);
});

test('N8: a change of all is followed in slices, and waits for the revision only until the last', async () => {
  const most: number[] = [];
  let isOver = false;
  const turn = (): void => {
    most.push(cluster.looked.length);
    cluster.looked.length = 0;
    if (!isOver) setImmediate(turn);
  };
  const { revision } = cluster;
  cluster.reelect();
  const sliced = cluster.looked.length;
  setImmediate(turn);
  expect(running.journal.waits.reached(revision + 1)).toBe(false);
  await until(() => running.journal.waits.reached(revision + 1), 'the whole view');
  isOver = true;
  expect([...running.journal.shards.values()].every(({ leaderEpoch }) => leaderEpoch === 1)).toBe(true);
  // Another of the same turn may follow the first.
  expect(Math.max(sliced, ...most)).toBeLessThanOrEqual((2 * TurnBudget.sliceMs) / LOOK_MS + 2);
});

test('what is appended to a shard whose new epoch has not been followed yet is answered all the same', async () => {
  const client = running.client();
  await until(() => client.connected, 'connection');
  cluster.reelect();
  const codes = await Promise.all(
    [1, STREAMS].map(
      (streamId) =>
        new Promise((resolve) => {
          const batch = batchOf(['x']);
          client.produce({ streamId, shard: 0, batch, acks: -1, timeoutMs: 10_000 }, (error) =>
            resolve(error?.code),
          );
        }),
    ),
  );
  expect(codes).toEqual([undefined, undefined]);
});

test('N8: a stream whose shards take more than a slice is followed to its last', async () => {
  const streamId = STREAMS + 1;
  cluster.clockMs = 1;
  cluster.create(streamId, REPLICA, { shards: 4 * TurnBudget.sliceMs });
  const led = (): number =>
    [...running.journal.shards.values()].filter(
      (shard) => shard.streamId === streamId && shard.leader !== undefined,
    ).length;
  await until(() => led() === 4 * TurnBudget.sliceMs, 'all shards');
});

test('N8: shards that a full disk keeps out are tried again only after a while', async () => {
  const count = 10;
  stillMs = systemClock.monotonicMs();
  disk.isFull = true;
  for (let streamId = STREAMS + 1; streamId <= STREAMS + count; streamId++) cluster.create(streamId, REPLICA);
  await followed();
  const { refused } = disk;
  expect(refused).toBeGreaterThanOrEqual(count);
  for (let turn = 0; turn < 20 * count; turn++) await new Promise(setImmediate);
  expect(disk.refused).toBe(refused);
  disk.isFull = false;
  stillMs += 3_000;
  await until(() => running.journal.shards.size === STREAMS + count, 'room');
});

test('N8: the directories of many deleted streams are looked for once', async () => {
  cluster.deletionsPerPage = 2 * STREAMS;
  const listed = disk.listed;
  for (let streamId = 2; streamId <= STREAMS; streamId++) {
    cluster.deletions.set(streamId, { streamId, topicId: `topic-${streamId}` });
    cluster.streams.delete(streamId);
  }
  cluster.delete(1);
  await until(() => cluster.deletions.size === 0, 'deletions');
  expect(disk.listed - listed).toBeLessThan(10);
  expect(running.journal.shards.size).toBe(0);
});
