// A journal over gRPC with the client that gateways use: append, acknowledge, fetch, tail, backlog, restart.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { BrokerError } from '@robustmq/errors';
import type { FetchSectionResult, TailBatches } from '@robustmq/journal-client';
import { RecordBatchBuilder, RecordCursor, completeBatchBytes } from '@robustmq/record-batch';
import { FakeCluster } from './fake-cluster.ts';
import { REPLICA, startJournal, until, type RunningJournal } from './running-journal.ts';

const FACTS = { qos: 1, retain: false };
let dataDirectory: string;
let cluster: FakeCluster;
let running: RunningJournal;

beforeEach(async () => {
  dataDirectory = await mkdtemp(path.join(tmpdir(), 'journal-'));
  cluster = new FakeCluster();
  cluster.create(1, REPLICA, { name: 'mqtt', mqttFilter: '#' });
  cluster.create(2, REPLICA, { name: 'orders', mqttFilter: 'orders' });
  running = await startJournal({ dataDirectory, cluster, incarnation: 1 });
});

afterEach(async () => {
  await running.close();
  await rm(dataDirectory, { recursive: true, force: true });
});

interface Outcome {
  tokens: readonly string[];
  error: BrokerError | undefined;
  baseOffset: number;
}

function collectingAppender(client: ReturnType<RunningJournal['client']>) {
  const outcomes: Outcome[] = [];
  const appender = client.appender<string>({
    onOutcome: (_queue, tokens, error, baseOffset) => outcomes.push({ tokens, error, baseOffset }),
    onUnblocked: () => undefined,
  });
  return { appender, outcomes };
}

function batchOf(values: readonly string[], key: string | null = null): Buffer {
  const builder = new RecordBatchBuilder();
  for (const value of values) builder.append(1_700_000_000_000, key, Buffer.from(value));
  return builder.finishCopy();
}

/** Keys and values of all records of batches laid end to end. */
function recordsOf(bytes: Buffer): { offset: number; key: string; value: string }[] {
  const records: { offset: number; key: string; value: string }[] = [];
  const cursor = new RecordCursor();
  for (let at = 0; at < bytes.length; at += completeBatchBytes(bytes, at, bytes.length)) {
    cursor.reset(bytes, at);
    while (cursor.next()) {
      records.push({ offset: cursor.offset, key: String(cursor.key), value: String(cursor.value) });
    }
  }
  return records;
}

function fetchOnce(
  client: ReturnType<RunningJournal['client']>,
  streamId: number,
  fetchOffset: number,
  maxWaitMs = 0,
): Promise<FetchSectionResult> {
  return new Promise((resolve) => {
    client.fetch(
      {
        maxWaitMs,
        minBytes: 1,
        maxBytes: 1 << 20,
        readCommitted: false,
        sections: [{ streamId, shard: 0, fetchOffset, maxBytes: 1 << 20 }],
      },
      (results) => resolve(results[0]!),
    );
  });
}

describe('append and read', () => {
  test('what a gateway appends is acknowledged once and fetched in order (I1, I3)', async () => {
    const client = running.client();
    const { appender, outcomes } = collectingAppender(client);
    const queue = appender.queue(1, 0);
    for (let n = 0; n < 100; n++) {
      const payload = Buffer.from(`payload ${n}`);
      expect(queue.appendMqtt(1, `a/${n % 7}`, payload, 0, payload.length, FACTS, null, `t${n}`)).toBe(true);
    }
    await until(() => outcomes.flatMap((outcome) => outcome.tokens).length === 100, 'acknowledgements');
    expect(outcomes.every((outcome) => outcome.error === undefined)).toBe(true);
    const result = await fetchOnce(client, 1, 0);
    expect(result.error).toBeUndefined();
    expect(result.highWatermark).toBe(100);
    const records = recordsOf(Buffer.concat(result.batches));
    expect(records.map((record) => record.value)).toEqual(
      Array.from({ length: 100 }, (_, n) => `payload ${n}`),
    );
    expect(records.map((record) => record.offset)).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  test('a produce passes through and answers with its offset', async () => {
    const client = running.client();
    await until(() => client.connected, 'connection');
    const outcomes: number[] = [];
    for (let n = 0; n < 3; n++) {
      client.produce(
        { streamId: 2, shard: 0, batch: batchOf(['x', 'y']), acks: -1, timeoutMs: 5000 },
        (error, outcome) => outcomes.push(error === undefined ? outcome!.baseOffset : -1),
      );
    }
    await until(() => outcomes.length === 3, 'outcomes');
    expect(outcomes).toEqual([0, 2, 4]);
  });

  test('a fetch at the end waits for data', async () => {
    const client = running.client();
    await until(() => client.connected, 'connection');
    const started = Date.now();
    const waiting = fetchOnce(client, 2, 0, 5000);
    client.produce(
      { streamId: 2, shard: 0, batch: batchOf(['late']), acks: -1, timeoutMs: 5000 },
      () => undefined,
    );
    const result = await waiting;
    expect(recordsOf(Buffer.concat(result.batches)).map((record) => record.value)).toEqual(['late']);
    expect(Date.now() - started).toBeLessThan(4000);
  });
});

describe('tail (X5)', () => {
  test('own batches come back elided, others whole or sparse, nothing twice', async () => {
    const tails: TailBatches[] = [];
    const client = running.client({ onTail: (batches) => tails.push(batches) });
    const other = running.client({
      identity: { nodeId: 'mqtt-2', incarnation: 1 },
      producerIds: { base: 2000, count: 10 },
    });
    await until(() => client.connected && other.connected && running.journal.problem === null, 'connections');
    const active = await new Promise<number[]>((resolve) => {
      client.changeFilters({ add: [{ filterId: 1, tenant: 'default', filter: 'a/+' }] }, (_error, answer) =>
        resolve(answer.activeFrom.map((position) => position.offset)),
      );
    });
    expect(active).toEqual([0]);
    const own = collectingAppender(client);
    const payload = Buffer.from('p');
    own.appender.queue(1, 0).appendMqtt(1, 'a/1', payload, 0, 1, FACTS, null, 'own');
    await until(() => own.outcomes.length === 1, 'own');
    const foreign = collectingAppender(other);
    const queue = foreign.appender.queue(1, 0);
    for (const topic of ['b/1', 'b/2', 'a/2', 'b/3', 'b/4'])
      queue.appendMqtt(1, topic, payload, 0, 1, FACTS, null, topic);
    await until(() => foreign.outcomes.length === 1, 'foreign');
    await until(() => tails.at(-1)?.nextOffset === 6, 'tail');
    expect(tails.map((tail) => tail.kind)).toEqual(['elided', 'batches']);
    expect(recordsOf(tails[0]!.batches)).toEqual([{ offset: 0, key: 'a/1', value: 'p' }]);
    expect(recordsOf(tails[1]!.batches)).toEqual([{ offset: 3, key: 'a/2', value: 'p' }]);
  });
});

describe('backlog', () => {
  test('reads only what matches, in slices that go on', async () => {
    const client = running.client();
    const { appender, outcomes } = collectingAppender(client);
    const queue = appender.queue(1, 0);
    for (let n = 0; n < 50; n++) {
      queue.appendMqtt(
        1,
        n % 10 === 0 ? 'wanted/x' : `other/${n}`,
        Buffer.from(`${n}`),
        0,
        `${n}`.length,
        FACTS,
        null,
        '',
      );
    }
    await until(() => outcomes.flatMap((outcome) => outcome.tokens).length === 50, 'appends');
    const shard = running.journal.shards.get(65_536)!;
    await running.index.feed.settled(shard);
    const found: string[] = [];
    let next = 0;
    while (next < 50) {
      const result = await new Promise<{ nextOffset: number; batches: Buffer }>((resolve, reject) => {
        client.readBacklog(
          {
            streamId: 1,
            shard: 0,
            fromOffset: next,
            toOffset: -1,
            maxBytes: 1,
            maxRecords: 2,
            filters: ['wanted/+'],
          },
          (error, value) => (error === undefined ? resolve(value!) : reject(error)),
        );
      });
      expect(result.nextOffset).toBeGreaterThan(next);
      next = result.nextOffset;
      found.push(
        ...recordsOf(result.batches)
          .filter((record) => record.key === 'wanted/x')
          .map((record) => record.value),
      );
    }
    expect(found).toEqual(['0', '10', '20', '30', '40']);
  });
});

describe('restart', () => {
  test('all acknowledged is there, under a new leader epoch, and a repeat is recognised (I1, R3, R6)', async () => {
    const client = running.client();
    const { appender, outcomes } = collectingAppender(client);
    for (let n = 0; n < 20; n++)
      appender.queue(1, 0).appendMqtt(1, 't', Buffer.from(`${n}`), 0, `${n}`.length, FACTS, null, '');
    await until(() => outcomes.flatMap((outcome) => outcome.tokens).length === 20, 'appends');
    const epochBefore = cluster.streams.get(1)!.shards[0]!.leaderEpoch;
    await running.abandon();
    running = await startJournal({ dataDirectory, cluster, incarnation: 2 });
    expect(cluster.streams.get(1)!.shards[0]!.leaderEpoch).toBeGreaterThan(epochBefore);
    const again = running.client();
    await until(() => again.connected, 'connection');
    const result = await fetchOnce(again, 1, 0);
    expect(recordsOf(Buffer.concat(result.batches)).map((record) => record.value)).toEqual(
      Array.from({ length: 20 }, (_, n) => `${n}`),
    );
  });
});
