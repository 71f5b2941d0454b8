// A disk that others have filled (rule L6): whatever the commit log has taken is kept and served, more is refused, and no process
// ends.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NodeDisk, type DiskFile } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';
import type { JournalClient } from '@robustmq/journal-client';
import { FakeCluster } from './fake-cluster.ts';
import { batchOf, recordsOf } from './records.ts';
import { REPLICA, startJournal, until, type RunningJournal } from './running-journal.ts';

/** Nothing grows below `shards/` while it is full; the commit log has its files already. */
class FullDisk extends NodeDisk {
  isFull = false;

  override open(name: string): DiskFile {
    return this.#bounded(super.open(name));
  }

  override create(name: string): DiskFile {
    return this.#bounded(super.create(name));
  }

  #bounded(file: DiskFile): DiskFile {
    const write = file.write.bind(file);
    file.write = (bytes, position) => {
      if (this.isFull && file.path.includes('/shards/') && position + bytes.length > file.sizeBytes())
        throw new BrokerError('storage_full', file.path);
      write(bytes, position);
    };
    return file;
  }
}

const VALUE = 'v'.repeat(40_000);

let dataDirectory: string;
let cluster: FakeCluster;
let disk: FullDisk;
let running: RunningJournal;
let client: JournalClient;
/** How far the journal's monotonic clock is ahead. */
let skewMs: number;

beforeEach(async () => {
  dataDirectory = await mkdtemp(path.join(tmpdir(), 'journal-'));
  cluster = new FakeCluster();
  disk = new FullDisk();
  skewMs = 0;
});

afterEach(async () => {
  disk.isFull = false;
  await running.close();
  await rm(dataDirectory, { recursive: true, force: true });
});

async function start(incarnation: number): Promise<void> {
  const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() + skewMs };
  running = await startJournal({ dataDirectory, cluster, incarnation, disk, clock });
  client = running.client();
  await until(() => client.connected && running.journal.problem === null, 'journal');
}

function produce(streamId: number, value: string, timestampMs = Date.now()): Promise<string> {
  return new Promise((resolve) =>
    client.produce(
      { streamId, shard: 0, batch: batchOf([value], { timestampMs }), acks: -1, timeoutMs: 5_000 },
      (error) => resolve(error?.code ?? ''),
    ),
  );
}

function recordCount(streamId: number): Promise<number> {
  const sections = [{ streamId, shard: 0, fetchOffset: 0, maxBytes: 1 << 20 }];
  return new Promise((resolve) =>
    client.fetch(
      { maxWaitMs: 0, minBytes: 1, maxBytes: 1 << 20, readCommitted: false, sections },
      ([result]) => resolve(recordsOf(Buffer.concat(result!.batches)).length),
    ),
  );
}

test('L6: batches of one tick that its segment has no room for are acknowledged, and only later ones refused', async () => {
  cluster.create(1, REPLICA);
  await start(1);
  disk.isFull = true;
  // They leave in one frame, and are one tick.
  expect(await Promise.all([1, 2, 3, 4].map(() => produce(1, VALUE)))).toEqual(['', '', '', '']);
  expect(await produce(1, VALUE)).toBe('storage_full');
  expect([running.fatal(), await recordCount(1)]).toEqual([undefined, 4]);
  disk.isFull = false;
  expect([await produce(1, VALUE), await recordCount(1)]).toEqual(['', 5]);
});

test('L6, I1: a start on the full disk serves all that the commit log has', async () => {
  cluster.create(1, REPLICA);
  await start(1);
  disk.isFull = true;
  expect(await Promise.all([1, 2, 3, 4].map(() => produce(1, VALUE)))).toEqual(['', '', '', '']);
  await running.abandon();
  await start(2);
  expect([await recordCount(1), running.fatal()]).toEqual([4, undefined]);
  expect(await produce(1, VALUE)).toBe('storage_full');
});

test('L6, N9: a shard whose old segment can not be closed keeps the retention of no other from being applied', async () => {
  for (const streamId of [1, 2]) cluster.create(streamId, REPLICA, { config: { 'retention.ms': '60000' } });
  await start(1);
  const old = Date.now() - 120_000;
  for (const streamId of [1, 2]) expect(await produce(streamId, 'old', old)).toBe('');
  const [first, second] = [1, 2].map((streamId) => running.journal.shards.get(streamId * 65_536)!);
  first!.log.roll = () => {
    throw new BrokerError('storage_full', 'no room for a segment');
  };
  skewMs = 120_000;
  running.journal.checkpointer.retain();
  await until(() => second!.log.logStartOffset === 1, 'log start of the second');
  expect([first!.log.logStartOffset, running.fatal()]).toEqual([0, undefined]);
});
