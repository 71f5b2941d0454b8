// Following the view (rule N8): a change costs what has changed, not what there is; a large view is followed in slices.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock, TURN_BUDGET_MS } from '@robustmq/runtime';
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

let dataDirectory: string;
let cluster: CountedCluster;
let running: RunningJournal;

beforeEach(async () => {
  dataDirectory = await mkdtemp(path.join(tmpdir(), 'journal-'));
  cluster = new CountedCluster();
  for (let streamId = 1; streamId <= STREAMS; streamId++) cluster.create(streamId, REPLICA);
  running = await startJournal({
    dataDirectory,
    cluster,
    incarnation: 1,
    clock: {
      nowMs: () => systemClock.nowMs(),
      monotonicMs: () => systemClock.monotonicMs() + cluster.skewMs,
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
  expect(Math.max(sliced, ...most)).toBeLessThanOrEqual((2 * TURN_BUDGET_MS) / LOOK_MS + 2);
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
