// What is left of a deleted stream on the disk: nothing, whatever crash came between (L3, L2).

import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FetchSectionResult, JournalClient } from '@robustmq/journal-client';
import { FakeCluster } from './fake-cluster.ts';
import { batchOf, recordsOf } from './records.ts';
import { REPLICA, SILENT, startJournal, until, type RunningJournal } from './running-journal.ts';

let dataDirectory: string;
let cluster: FakeCluster;
let running: RunningJournal;
let client: JournalClient;
let said: unknown[];

beforeEach(async () => {
  dataDirectory = mkdtempSync(path.join(tmpdir(), 'journal-'));
  cluster = new FakeCluster();
  cluster.create(1, REPLICA);
  cluster.create(2, REPLICA);
  await start(1);
});

async function start(incarnation: number): Promise<void> {
  said = [];
  const log = { ...SILENT, error: (fields: object) => void said.push(fields) };
  running = await startJournal({ dataDirectory, cluster, incarnation, log });
  client = running.client();
  await until(() => client.connected && running.journal.problem === null, 'journal');
}

afterEach(async () => {
  await running.close();
  rmSync(dataDirectory, { recursive: true, force: true });
});

/** The code of the refusal; empty if it was taken. */
function produce(streamId: number, batch: Buffer): Promise<string> {
  return new Promise((resolve) => {
    client.produce({ streamId, shard: 0, batch, acks: -1, timeoutMs: 5000 }, (error) =>
      resolve(error?.code ?? ''),
    );
  });
}

function fetch(streamId: number, fetchOffset: number): Promise<FetchSectionResult> {
  return new Promise((resolve) => {
    const sections = [{ streamId, shard: 0, fetchOffset, maxBytes: 1 << 20 }];
    client.fetch(
      { maxWaitMs: 0, minBytes: 1, maxBytes: 1 << 20, readCommitted: false, sections },
      (results) => resolve(results[0]!),
    );
  });
}

const LOG = `${'0'.repeat(20)}.log`;

/** One flipped bit, found by a fetch under incarnation 2: the shard is quarantined, and no checkpoint lists it. */
async function damage(streamId: number): Promise<void> {
  await produce(streamId, batchOf(['kept for a look'.padEnd(300, '.')]));
  await running.close();
  const file = `${dataDirectory}/shards/${streamId}-0/${LOG}`;
  const bytes = readFileSync(file);
  bytes[200]! ^= 1;
  writeFileSync(file, bytes);
  await start(2);
  expect((await fetch(streamId, 0)).error?.code).toBe('corrupt');
  await until(() => existsSync(`${dataDirectory}/quarantine/${streamId}-0`), 'mark');
  await running.journal.checkpointer.checkpoint();
}

const shards = (): string[] => readdirSync(`${dataDirectory}/shards`);
const files = (streamId: number): boolean => existsSync(`${dataDirectory}/shards/${streamId}-0`);
const marks = (): string[] => readdirSync(`${dataDirectory}/quarantine`);

describe('files of deleted streams', () => {
  test('go once a checkpoint has forgotten the shard: no crash takes it for damaged (L3)', async () => {
    await produce(1, batchOf(['x']));
    await running.journal.checkpointer.checkpoint();
    await produce(1, batchOf(['y']));
    cluster.delete(1);
    await until(() => !files(1), 'the files to go');
    await running.abandon();
    await start(2);
    expect(marks()).toEqual([]);
    expect(await produce(2, batchOf(['z']))).toBe('');
  });

  test('go after the next start if a crash came between, and the deletion is acknowledged only then (N2)', async () => {
    await produce(1, batchOf(['x']));
    await produce(2, batchOf(['x']));
    await running.journal.checkpointer.checkpoint();
    await running.abandon();
    // What a crash leaves between the checkpoint without the shard and the removal of its files.
    cpSync(`${dataDirectory}/shards/1-0`, `${dataDirectory}/shards/77-0`, { recursive: true });
    cpSync(`${dataDirectory}/shards/1-0`, `${dataDirectory}/shards/78-0.deleted`, { recursive: true });
    cluster.create(77, REPLICA);
    cluster.delete(77);
    await start(2);
    await until(() => !files(77) && cluster.deletions.size === 0, 'the files to go');
    await until(() => shards().length === 2, 'what another crash left');
    expect(shards().sort()).toEqual(['1-0', '2-0']);
  });

  test('go although the journal was away when the stream was deleted (N2)', async () => {
    await produce(1, batchOf(['x']));
    await running.close();
    cluster.delete(1);
    await start(2);
    await until(() => !files(1) && cluster.deletions.size === 0, 'the files to go');
    expect(files(2)).toBe(true);
  });

  test('stay whatever the view lacks, and are served again when it is back (N2, I1)', async () => {
    await produce(2, batchOf(['acknowledged']));
    const lost = cluster.streams.get(2)!;
    cluster.forget(2);
    await until(() => said.length > 0, 'a word to the operator');
    expect(said).toEqual([expect.objectContaining({ stream_id: 2, shard: 0 })]);
    expect(running.journal.shardOf(2, 0)).toMatchObject({ code: 'not_found' });
    // Two checkpoints and a restart later as well.
    await running.journal.checkpointer.checkpoint();
    await running.journal.checkpointer.checkpoint();
    await running.close();
    await start(2);
    await until(() => running.journal.placement.unplacedShards === 1, 'the shard without a place');
    cluster.streams.set(2, lost);
    cluster.changed(2);
    await until(() => running.journal.placement.unplacedShards === 0, 'its place');
    await until(() => running.journal.problem === null, 'leaderships');
    const found = await fetch(2, 0);
    expect([found.error, recordsOf(Buffer.concat(found.batches)).map(({ value }) => value)]).toEqual([
      undefined,
      ['acknowledged'],
    ]);
  });

  test('stay when the view places nothing of them in this directory, as after a change of the node id (N2)', async () => {
    await produce(1, batchOf(['x']));
    for (const [streamId, stream] of cluster.streams) {
      const replicas = [{ nodeId: 'journal-1', directoryId: 'another' }];
      cluster.streams.set(streamId, {
        ...stream,
        shards: stream.shards.map((shard) => ({ ...shard, replicas })),
      });
    }
    cluster.changed(1, 2);
    await until(() => running.journal.placement.unplacedShards === 2, 'the shards without a place');
    await running.journal.checkpointer.checkpoint();
    await running.journal.checkpointer.checkpoint();
    expect([files(1), files(2)]).toEqual([true, true]);
  });

  test('stay when their id was given again to another stream, and when that one is deleted (N2)', async () => {
    await produce(1, batchOf(['of the first']));
    await running.journal.checkpointer.checkpoint();
    await running.close();
    cluster.create(1, REPLICA, { topicId: 'another topic' });
    await start(2);
    await until(() => running.journal.placement.unplacedShards === 1, 'the shard without a place');
    expect(await produce(1, batchOf(['of the second']))).toBe('not_leader');
    cluster.delete(1);
    // It asks what was deleted when it is back.
    await running.close();
    await start(3);
    await until(() => said.some((fields) => 'topic_id' in (fields as object)), 'a word to the operator');
    await running.journal.checkpointer.checkpoint();
    await running.journal.checkpointer.checkpoint();
    expect([files(1), cluster.deletions.size]).toEqual([true, 1]);
  }, 20_000);

  test('go with their mark if the shard was quarantined', async () => {
    await produce(1, batchOf(['x'.repeat(300)]));
    await running.close();
    const file = `${dataDirectory}/shards/1-0/${'0'.repeat(20)}.log`;
    const bytes = readFileSync(file);
    bytes[200]! ^= 1;
    writeFileSync(file, bytes);
    await start(2);
    expect((await fetch(1, 0)).error?.code).toBe('corrupt');
    await until(() => existsSync(`${dataDirectory}/quarantine/1-0`), 'mark');
    await running.journal.checkpointer.checkpoint();
    await running.abandon();
    await start(3);
    expect(files(1)).toBe(true);
    cluster.delete(1);
    await until(() => !files(1) && marks().length === 0, 'all to go');
    await until(() => running.journal.failedShards === 0, 'the count');
  });

  test('go with what was set aside of them, and with their rows in the index (N2)', async () => {
    await damage(1);
    await running.abandon();
    rmSync(`${dataDirectory}/quarantine/1-0`);
    await start(3);
    expect(await produce(1, batchOf(['new']))).toBe('');
    expect(shards().sort()).toEqual(['1-0', '1-0.set-aside-3', '2-0']);
    await running.close();
    await start(4);
    expect(shards()).toContain('1-0.set-aside-3');
    cluster.delete(1);
    await until(() => shards().join() === '2-0', 'all to go');
    await until(() => cluster.deletions.size === 0, 'the acknowledgement');
  }, 20_000);

  test('of a quarantined shard make way for another stream under the id, and are kept (N2)', async () => {
    await damage(1);
    const bytes = readFileSync(`${dataDirectory}/shards/1-0/${LOG}`);
    await running.abandon();
    cluster.create(1, REPLICA, { topicId: 'another topic' });
    await start(3);
    await until(() => marks().length === 0, 'the mark to go');
    await until(() => running.journal.problem === null && files(1), 'the new stream');
    await until(() => !(running.journal.shardOf(1, 0) instanceof Error), 'its shard');
    expect(await produce(1, batchOf(['of the second']))).toBe('');
    const aside = `${dataDirectory}/shards/1-0.set-aside-3.topic-1`;
    expect(readFileSync(`${aside}/${LOG}`).equals(bytes)).toBe(true);
    // A crash replays nothing of the first into the second.
    await running.abandon();
    await start(4);
    const found = await fetch(1, 0);
    expect(recordsOf(Buffer.concat(found.batches)).map(({ value }) => value)).toEqual(['of the second']);
    // The deletion of the second is none of the first.
    cluster.delete(1);
    await until(() => !files(1) && cluster.deletions.size === 0, 'the second to go');
    expect(shards().sort()).toEqual(['1-0.set-aside-3.topic-1', '2-0']);
  }, 20_000);

  test('of a quarantined shard stay when another stream with its id is deleted (N2)', async () => {
    await damage(1);
    cluster.forget(1);
    cluster.deletions.set(1, { streamId: 1, topicId: 'another topic' });
    cluster.changed();
    await until(() => said.some((fields) => 'topic_id' in (fields as object)), 'a word to the operator');
    await running.journal.checkpointer.checkpoint();
    await running.journal.checkpointer.checkpoint();
    expect([files(1), marks(), cluster.deletions.size]).toEqual([true, ['1-0'], 1]);
  });

  test('are set aside, not deleted, when the mark of a quarantined shard is removed by hand', async () => {
    await produce(1, batchOf(['kept for a look'.padEnd(300, '.')]));
    await running.close();
    const name = `${'0'.repeat(20)}.log`;
    const bytes = readFileSync(`${dataDirectory}/shards/1-0/${name}`);
    bytes[200]! ^= 1;
    writeFileSync(`${dataDirectory}/shards/1-0/${name}`, bytes);
    await start(2);
    expect((await fetch(1, 0)).error?.code).toBe('corrupt');
    await until(() => existsSync(`${dataDirectory}/quarantine/1-0`), 'mark');
    await running.journal.checkpointer.checkpoint();
    await running.abandon();
    rmSync(`${dataDirectory}/quarantine/1-0`);
    await start(3);
    expect(await produce(1, batchOf(['new']))).toBe('');
    const aside = readdirSync(`${dataDirectory}/shards`).find((each) => each.startsWith('1-0.'))!;
    expect(readFileSync(`${dataDirectory}/shards/${aside}/${name}`).equals(bytes)).toBe(true);
  });
});
