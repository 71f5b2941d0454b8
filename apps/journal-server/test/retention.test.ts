// What a journal lets go of and what it never serves: retention by time and size (L4), damage (L2, I9), and the room on
// the disk (L6).

import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FetchSectionResult, JournalClient } from '@robustmq/journal-client';
import { fromFailure } from '@robustmq/rpc';
import { FakeCluster } from './fake-cluster.ts';
import { batchOf, recordsOf } from './records.ts';
import { REPLICA, startJournal, until, type RunningJournal } from './running-journal.ts';

let dataDirectory: string;
let cluster: FakeCluster;
let running: RunningJournal;
let client: JournalClient;
/** How far the journal's monotonic clock is ahead. */
let skewMs = 0;

beforeEach(() => {
  dataDirectory = mkdtempSync(path.join(tmpdir(), 'journal-'));
  cluster = new FakeCluster();
  skewMs = 0;
});

afterEach(async () => {
  await running?.close();
  rmSync(dataDirectory, { recursive: true, force: true });
});

async function start(incarnation: number): Promise<void> {
  const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() + skewMs };
  running = await startJournal({ dataDirectory, cluster, incarnation, clock });
  client = running.client();
  await until(() => client.connected && running.journal.problem === null, 'journal');
}

function produce(streamId: number, value: string, timestampMs = Date.now()): Promise<string> {
  return new Promise((resolve) => {
    const batch = batchOf([value], { timestampMs });
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

function segments(streamId: number): string[] {
  return readdirSync(`${dataDirectory}/shards/${streamId}-0`).filter((name) => name.endsWith('.log'));
}

describe('retention (L4)', () => {
  test('keeps records without a timestamp for as long as the time of their segment says (L4)', async () => {
    cluster.create(1, REPLICA, { config: { 'segment.bytes': '1048576', 'retention.ms': '604800000' } });
    await start(1);
    for (let i = 0; i < 30; i++) expect(await produce(1, 'x'.repeat(100_000), -1)).toBe('');
    running.journal.checkpointer.retain();
    await running.journal.checkpointer.checkpoint();
    expect(segments(1)).toHaveLength(3);
    expect((await fetch(1, 0)).error).toBeUndefined();
    const long = new Date(Date.now() - 8 * 86_400_000);
    utimesSync(`${dataDirectory}/shards/1-0/${segments(1).sort()[0]!}`, long, long);
    running.journal.checkpointer.retain();
    await until(() => running.journal.shardOf(1, 0) instanceof Error === false, 'the shard');
    await running.journal.checkpointer.checkpoint();
    await running.journal.checkpointer.checkpoint();
    expect(segments(1)).toHaveLength(2);
  });

  test('by size: whole segments go, after a checkpoint, and stay gone', async () => {
    cluster.create(1, REPLICA, { config: { 'segment.bytes': '2000', 'retention.bytes': '4000' } });
    await start(1);
    for (let n = 0; n < 30; n++) await produce(1, `${n}`.padEnd(500, '.'));
    const shard = running.journal.shards.get(65_536)!;
    const before = segments(1).length;
    running.journal.checkpointer.retain();
    await until(() => shard.log.logStartOffset > 0, 'log start');
    expect(segments(1)).toHaveLength(before);
    await running.journal.checkpointer.checkpoint();
    expect(segments(1).length).toBeLessThan(before);
    const { logStartOffset } = shard.log;
    expect((await fetch(1, 0)).error?.code).toBe('out_of_range');
    expect(recordsOf(Buffer.concat((await fetch(1, logStartOffset)).batches))[0]!.offset).toBe(
      logStartOffset,
    );
    await running.abandon();
    await start(2);
    expect(running.journal.shards.get(65_536)!.log.logStartOffset).toBe(logStartOffset);
    expect(await produce(1, 'after')).toBe('');
  });

  test('by time: also the active segment, once nothing young is in it', async () => {
    cluster.create(1, REPLICA, { config: { 'retention.ms': '60000' } });
    await start(1);
    await produce(1, 'old', Date.now() - 120_000);
    await produce(1, 'young', Date.now());
    running.journal.checkpointer.retain();
    await running.journal.checkpointer.checkpoint();
    expect((await fetch(1, 0)).error).toBeUndefined();
    cluster.create(2, REPLICA, { config: { 'retention.ms': '10' } });
    await until(() => running.journal.shards.get(2 * 65_536)?.leader !== undefined, 'leader');
    await produce(2, 'old', Date.now() - 120_000);
    await until(() => {
      running.journal.checkpointer.retain();
      return running.journal.shards.get(2 * 65_536)!.log.logStartOffset === 1;
    }, 'log start');
    expect(await produce(2, 'new')).toBe('');
  });

  test.each(['running', 'restarted'])(
    'who writes of long ago is not forgotten: its repeats are still repeats, %s (R6)',
    async (how) => {
      cluster.create(1, REPLICA);
      await start(1);
      const send = (baseSequence: number): Promise<number> =>
        new Promise((resolve) => {
          const numbers = { producerId: 7, producerEpoch: 0, baseSequence, timestampMs: 1_000 };
          client.produce(
            { streamId: 1, shard: 0, batch: batchOf(['x'], numbers), acks: -1, timeoutMs: 5000 },
            (_error, outcome) => resolve(outcome?.baseOffset ?? -1),
          );
        });
      expect([await send(0), await send(1)]).toEqual([0, 1]);
      if (how === 'restarted') {
        await running.abandon();
        await start(2);
      }
      running.journal.checkpointer.retain();
      expect(await send(1)).toBe(1);
    },
  );

  test('what has just come stays for a while, whatever its time says, or nobody could read it', async () => {
    cluster.create(1, REPLICA);
    await start(1);
    await produce(1, 'of 1970', 1_000);
    const shard = running.journal.shards.get(65_536)!;
    running.journal.checkpointer.retain();
    await running.journal.checkpointer.checkpoint();
    expect(recordsOf(Buffer.concat((await fetch(1, 0)).batches))[0]!.value).toBe('of 1970');
    skewMs = 300_001;
    running.journal.checkpointer.retain();
    await until(() => shard.log.logStartOffset === 1, 'log start');
  });
});

describe('damage is never served (L2, I9)', () => {
  test('a flipped bit in a segment: that shard stops, for good, the others go on', async () => {
    cluster.create(1, REPLICA);
    cluster.create(2, REPLICA);
    await start(1);
    for (const streamId of [1, 2])
      for (let n = 0; n < 5; n++) await produce(streamId, `${n}`.padEnd(200, '.'));
    await running.close();
    const file = `${dataDirectory}/shards/1-0/${segments(1)[0]!}`;
    const bytes = readFileSync(file);
    bytes[400]! ^= 4;
    writeFileSync(file, bytes);
    await start(2);
    expect((await fetch(1, 0)).error?.code).toBe('corrupt');
    await until(() => existsSync(`${dataDirectory}/quarantine/1-0`), 'mark');
    expect((await fetch(1, 0)).error?.code).toBe('quarantined');
    expect(await produce(1, 'x')).toBe('quarantined');
    expect((await fetch(2, 0)).error).toBeUndefined();
    // Marked and failed, and still one shard.
    expect(running.journal.failedShards).toBe(1);
    await running.journal.checkpointer.checkpoint();
    await running.close();
    await start(3);
    expect(running.journal.failedShards).toBe(1);
    expect((await fetch(1, 0)).error?.code).toBe('quarantined');
    expect(await produce(2, 'x')).toBe('');
    const { shards } = await client.callsOf(2, 0)!.describeShards({ shards: [{ streamId: 1, shard: 0 }] });
    expect(shards[0]).toMatchObject({ quarantined: true });
    // O2: whoever watches the cluster asks for these alone, and finds it among all.
    const { shards: failed } = await client.callsOf(2, 0)!.describeShards({ onlyFailed: true });
    expect(failed).toMatchObject([{ marks: { streamId: 1, shard: 0 }, quarantined: true }]);
    const all = await client.callsOf(2, 0)!.describeShards({});
    expect(all.shards.map(({ marks }) => marks?.streamId).sort()).toEqual([1, 2]);
    expect(readFileSync(file).equals(bytes)).toBe(true);
    // The operator gives the data up (docs/en/operations.md): the shard begins empty.
    await running.close();
    rmSync(`${dataDirectory}/quarantine/1-0`);
    await start(4);
    expect(running.journal.failedShards).toBe(0);
    expect(await produce(1, 'anew')).toBe('');
    const { error, batches } = await fetch(1, 0);
    expect([error, recordsOf(Buffer.concat(batches)).length]).toEqual([undefined, 1]);
    const aside = readdirSync(`${dataDirectory}/shards`).find((name) => name.startsWith('1-0.set-aside-'))!;
    expect(readFileSync(`${dataDirectory}/shards/${aside}/${segments(1)[0]!}`).equals(bytes)).toBe(true);
  });

  test.each<[string, () => Promise<string | undefined>]>([
    ['a search by time', () => listOffset(1)],
    ['a backlog read', () => readBacklog(1)],
  ])('%s that meets damage stops the shard as a fetch does', async (_name, read) => {
    cluster.create(1, REPLICA, { mqttFilter: 'orders' });
    await start(1);
    for (let n = 0; n < 5; n++) await produce(1, `${n}`.padEnd(200, '.'));
    await running.close();
    const file = `${dataDirectory}/shards/1-0/${segments(1)[0]!}`;
    const bytes = readFileSync(file);
    bytes[100]! ^= 4;
    writeFileSync(file, bytes);
    await start(2);
    expect(await read()).toBe('corrupt');
    await until(() => existsSync(`${dataDirectory}/quarantine/1-0`), 'mark');
    expect(await produce(1, 'x')).toBe('quarantined');
  });

  async function listOffset(streamId: number): Promise<string | undefined> {
    const { outcomes } = await client.callsOf(streamId, 0)!.listOffsets({
      entries: [{ streamId, shard: 0, currentLeaderEpoch: -1, timestampMs: 1n }],
    });
    return fromFailure(outcomes[0]!.failure)?.code;
  }

  function readBacklog(streamId: number): Promise<string | undefined> {
    const range = { fromOffset: 0, toOffset: -1, maxBytes: 1000, maxRecords: 10 };
    return new Promise((resolve) =>
      client.readBacklog({ streamId, shard: 0, ...range, filters: ['orders'] }, (error) =>
        resolve(error?.code),
      ),
    );
  }

  test('a flipped bit in a durable frame of the commit log: only its shard', async () => {
    cluster.create(1, REPLICA);
    cluster.create(2, REPLICA);
    await start(1);
    await produce(1, 'marker-of-the-first'.padEnd(300, '.'));
    await produce(2, 'second'.padEnd(300, '.'));
    await produce(2, 'third'.padEnd(300, '.'));
    await running.abandon();
    const name = readdirSync(`${dataDirectory}/commit-log`).find((each) =>
      readFileSync(`${dataDirectory}/commit-log/${each}`).includes('marker-of-the-first'),
    )!;
    const file = `${dataDirectory}/commit-log/${name}`;
    const bytes = readFileSync(file);
    bytes[bytes.indexOf('marker-of-the-first')]! ^= 1;
    writeFileSync(file, bytes);
    await start(2);
    expect((await fetch(1, 0)).error?.code).toBe('quarantined');
    expect(recordsOf(Buffer.concat((await fetch(2, 0)).batches))).toHaveLength(2);
    await running.journal.checkpointer.checkpoint();
    await running.abandon();
    await start(3);
    expect((await fetch(1, 0)).error?.code).toBe('quarantined');
  });
});

test('a flipped bit in the last frame of an idle journal is damage, not a torn tail (L2, I1)', async () => {
  cluster.create(1, REPLICA);
  await start(1);
  await produce(1, 'the-last-record'.padEnd(300, '.'));
  await until(() => running.commitLog.endPosition > 1, 'witness');
  await until(() => running.commitLog.durablePosition > 1, 'witness');
  await running.abandon();
  const name = readdirSync(`${dataDirectory}/commit-log`).find((each) =>
    readFileSync(`${dataDirectory}/commit-log/${each}`).includes('the-last-record'),
  )!;
  const file = `${dataDirectory}/commit-log/${name}`;
  const bytes = readFileSync(file);
  bytes[bytes.indexOf('the-last-record')]! ^= 1;
  writeFileSync(file, bytes);
  await start(2);
  expect((await fetch(1, 0)).error?.code).toBe('quarantined');
});
