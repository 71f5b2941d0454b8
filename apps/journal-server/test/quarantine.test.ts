// What a quarantine must not take with it (N4): records that were acknowledged and are sound, in memory, in the commit log or
// on their way.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NodeDisk, type Disk } from '@robustmq/commit-log';
import type { FetchSectionResult, JournalClient } from '@robustmq/journal-client';
import { BrokerError } from '@robustmq/errors';
import type { Shard } from '../src/shard/shard.ts';
import { FakeCluster } from './fake-cluster.ts';
import { GatedDisk } from './gated-disk.ts';
import { batchOf } from './records.ts';
import { REPLICA, startJournal, until, type RunningJournal } from './running-journal.ts';

let dataDirectory: string;
let cluster: FakeCluster;
let running: RunningJournal;
let client: JournalClient;

beforeEach(() => {
  dataDirectory = mkdtempSync(path.join(tmpdir(), 'journal-'));
  cluster = new FakeCluster();
  cluster.create(1, REPLICA);
  cluster.create(2, REPLICA);
});

afterEach(async () => {
  await running.close();
  rmSync(dataDirectory, { recursive: true, force: true });
});

async function start(incarnation: number, disk?: Disk): Promise<void> {
  running = await startJournal({
    dataDirectory,
    cluster,
    incarnation,
    fileBytes: 1 << 20,
    ...(disk === undefined ? {} : { disk }),
  });
  client = running.client();
  await until(() => client.connected && running.journal.problem === null, 'journal');
}

function produce(streamId: number, value: string): Promise<string> {
  return new Promise((resolve) => {
    const request = { streamId, shard: 0, batch: batchOf([value]), acks: -1, timeoutMs: 60_000 };
    client.produce(request, (error) => resolve(error?.code ?? ''));
  });
}

function fetch(streamId: number, maxWaitMs = 0, fetchOffset = 0): Promise<FetchSectionResult> {
  return new Promise((resolve) => {
    const sections = [{ streamId, shard: 0, fetchOffset, maxBytes: 1 << 20 }];
    client.fetch({ maxWaitMs, minBytes: 1, maxBytes: 1 << 20, readCommitted: false, sections }, (results) =>
      resolve(results[0]!),
    );
  });
}

/** Files below the data directory that hold a text. */
function filesWith(text: string): string[] {
  return readdirSync(dataDirectory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file).includes(text))
    .map((file) => path.relative(dataDirectory, file));
}

const SEGMENT = `shards/1-0/${'0'.repeat(20)}.log`;

function flip(file: string, position: number): void {
  const bytes = readFileSync(path.join(dataDirectory, file));
  bytes[position]! ^= 1;
  writeFileSync(path.join(dataDirectory, file), bytes);
}

/** Appends so much elsewhere that the commit log goes round, with checkpoints. */
async function goRound(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 20; i++) await produce(2, 'y'.repeat(100_000));
    await running.journal.checkpointer.checkpoint();
  }
}

test.each(['kill', 'stop'])(
  'the healthy tail of a shard that is quarantined by a read outlives a %s (N4, I1)',
  async (how) => {
    await start(1);
    for (let i = 0; i < 20; i++) await produce(1, `old-${i}-${'x'.repeat(4000)}`);
    await running.journal.checkpointer.checkpoint();
    for (let i = 0; i < 10; i++) await produce(1, `PRECIOUS-${i}.`);
    flip(SEGMENT, 500);
    expect((await fetch(1)).error?.code).toBe('corrupt');
    await until(() => running.journal.failedShards === 1, 'quarantine');
    await goRound();
    if (how === 'kill') await running.abandon();
    else await running.close();
    for (let i = 0; i < 10; i++) expect(filesWith(`PRECIOUS-${i}.`)).toContain(SEGMENT);
    // The operator gives up the damaged batch: what is sound is set aside, not lost.
    rmSync(`${dataDirectory}/quarantine/1-0`);
    await start(2);
    expect(filesWith('PRECIOUS-9.')[0]).toMatch(/^shards\/1-0\.set-aside-2\//);
  },
);

test('the mark says what was met, and whoever asks hears it once, also behind a start (N4)', async () => {
  await start(1);
  for (let i = 0; i < 20; i++) await produce(1, `old-${i}-${'x'.repeat(4000)}`);
  await running.journal.checkpointer.checkpoint();
  flip(SEGMENT, 500);
  const { error: damage } = await fetch(1);
  await until(() => existsSync(`${dataDirectory}/quarantine/1-0`), 'the mark');
  await running.close();
  await start(2);
  expect((await fetch(1)).error?.message).toBe(`the shard is quarantined: ${damage?.message}`);
});

test('what waits for a shard that is quarantined is answered at once, appends and fetches (N4, N7)', async () => {
  const gate = new GatedDisk();
  await start(1, gate.wrap(new NodeDisk()));
  for (let i = 0; i < 20; i++) await produce(1, `old-${i}-${'x'.repeat(4000)}`);
  await running.journal.checkpointer.checkpoint();
  const waiting = fetch(1, 60_000, 20);
  gate.held = true;
  const inFlight = produce(1, 'in flight');
  const shard = running.journal.shardOf(1, 0) as Shard;
  await until(() => shard.log.logEndOffset === 21, 'the append');
  flip(SEGMENT, 500);
  expect((await fetch(1)).error?.code).toBe('corrupt');
  expect(await inFlight).toBe('quarantined');
  expect((await waiting).error?.code).toBe('quarantined');
  gate.release();
});

test('no checkpoint is made while a shard has failed and has no mark: it would forget the shard (L3)', async () => {
  await start(1);
  await produce(1, 'acknowledged');
  const shard = running.journal.shardOf(1, 0) as Shard;
  shard.fail(new BrokerError('storage_failed', 'its disk failed'));
  const before = running.checkpointPosition();
  await expect(running.journal.checkpointer.checkpoint()).rejects.toMatchObject({ code: 'unavailable' });
  expect(running.checkpointPosition()).toBe(before);
});

describe('what the commit log still holds of a shard that is quarantined at the start (N4)', () => {
  const rescued = (): string[] =>
    readdirSync(`${dataDirectory}/shards/1-0`).filter((name) => name.endsWith('.batches'));

  test('is kept when the segments do not fit it', async () => {
    await start(1);
    for (let i = 0; i < 20; i++) await produce(1, `old-${i}-${'x'.repeat(4000)}`);
    await running.journal.checkpointer.checkpoint();
    for (let i = 0; i < 10; i++) await produce(1, `PRECIOUS-${i}.`);
    await running.abandon();
    writeFileSync(
      path.join(dataDirectory, SEGMENT),
      readFileSync(path.join(dataDirectory, SEGMENT)).subarray(0, 5000),
    );
    await start(2);
    expect((await fetch(1)).error?.code).toBe('quarantined');
    await goRound();
    expect(rescued()).toHaveLength(1);
    for (let i = 0; i < 10; i++) expect(filesWith(`PRECIOUS-${i}.`)).toContain(`shards/1-0/${rescued()[0]}`);
  });

  test('is kept when one of its sections is damaged: all the others', async () => {
    await start(1);
    await running.journal.checkpointer.checkpoint();
    for (let i = 0; i < 10; i++) await produce(1, `PRECIOUS-${i}.`);
    await running.abandon();
    const log = filesWith('PRECIOUS-4.').find((file) => file.startsWith('commit-log/'))!;
    flip(log, readFileSync(path.join(dataDirectory, log)).indexOf('PRECIOUS-4.'));
    await start(2);
    expect((await fetch(1)).error?.code).toBe('quarantined');
    await goRound();
    for (const i of [0, 1, 2, 3, 5, 6, 7, 8, 9])
      expect(filesWith(`PRECIOUS-${i}.`)).toContain(`shards/1-0/${rescued()[0]}`);
    // Once more from the same log, after a crash before the next checkpoint: the same file, not another one.
    expect(rescued()).toHaveLength(1);
  });
});
