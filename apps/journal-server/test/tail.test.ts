// The tail as a gateway lives with it (rules X5, I2, I8): every matching record once and in order, through slow readers,
// reconnects and restarts; filters active from the offset that was answered.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FilterAnswer, JournalClient, TailBatches } from '@robustmq/journal-client';
import { FakeCluster } from './fake-cluster.ts';
import { batchOf, recordsOf } from './records.ts';
import { CREDENTIALS, REPLICA, startJournal, until, type RunningJournal } from './running-journal.ts';

const FACTS = { qos: 1, retain: false };
const MQTT = 1;
const ORDERS = 2;
let dataDirectory: string;
let cluster: FakeCluster;
let running: RunningJournal;

beforeEach(async () => {
  dataDirectory = await mkdtemp(path.join(tmpdir(), 'journal-'));
  cluster = new FakeCluster();
  cluster.create(MQTT, REPLICA, { name: 'mqtt' });
  cluster.create(ORDERS, REPLICA, { name: 'orders', mqttFilter: 'orders' });
  cluster.create(3, REPLICA, { name: 'invisible' });
  running = await startJournal({ dataDirectory, cluster, incarnation: 1 });
});

afterEach(async () => {
  await running.close();
  await rm(dataDirectory, { recursive: true, force: true });
});

/** A gateway's tail: checks that ranges follow each other, and keeps what came. */
class Tail {
  readonly values: string[] = [];
  readonly kinds: string[] = [];
  readonly next = new Map<number, number>();
  readonly receive = (batches: TailBatches): void => {
    const expected = this.next.get(batches.streamId);
    if (expected !== undefined && batches.fromOffset !== expected) {
      throw new Error(`tail of ${batches.streamId} jumped from ${expected} to ${batches.fromOffset}`);
    }
    this.next.set(batches.streamId, batches.nextOffset);
    this.kinds.push(batches.kind);
    for (const record of recordsOf(batches.batches)) this.values.push(record.value);
  };
}

function subscribe(client: JournalClient, filter: string, filterId = 1): Promise<FilterAnswer> {
  return new Promise((resolve, reject) => {
    client.changeFilters({ add: [{ filterId, tenant: 'default', filter }] }, (error, answer) =>
      error === undefined ? resolve(answer) : reject(error),
    );
  });
}

function produce(client: JournalClient, streamId: number, batch: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    client.produce({ streamId, shard: 0, batch, acks: -1, timeoutMs: 5000 }, (error) =>
      error === undefined ? resolve() : reject(error),
    );
  });
}

function connect(tail: Tail, more: Parameters<RunningJournal['client']>[0] = {}): JournalClient {
  return running.client({ onTail: tail.receive, tickMs: 1, ...more });
}

async function producer(): Promise<JournalClient> {
  const client = running.client({
    identity: { nodeId: 'kafka-1', incarnation: 1 },
    producerIds: { base: 5000, count: 1 },
  });
  await until(() => client.connected && running.journal.problem === null, 'connection');
  return client;
}

test('Kafka records of a stream with one topic reach its subscribers, others are only counted', async () => {
  const tail = new Tail();
  const client = connect(tail);
  const kafka = await producer();
  await until(() => client.connected, 'connection');
  const answer = await subscribe(client, 'orders');
  expect(answer.activeFrom.map(({ streamId, offset }) => ({ streamId, offset }))).toEqual([
    { streamId: MQTT, offset: 0 },
    { streamId: ORDERS, offset: 0 },
  ]);
  await produce(kafka, ORDERS, batchOf(['one', 'two']));
  await produce(kafka, 3, batchOf(['unseen']));
  await produce(kafka, MQTT, batchOf(['other'], { key: 'other/topic' }));
  await until(() => tail.next.get(ORDERS) === 2 && tail.next.get(MQTT) === 1, 'tail');
  expect(tail.values).toEqual(['one', 'two']);
  expect(tail.next.has(3)).toBe(false);
});

test('marks say the HW of shards that can hold a filter (X3)', async () => {
  const client = connect(new Tail());
  const kafka = await producer();
  await produce(kafka, ORDERS, batchOf(['one', 'two']));
  const answer = await new Promise<FilterAnswer>((resolve) => {
    client.marksFor([{ tenant: 'default', filter: 'orders' }], (_error, each) => resolve(each));
  });
  expect(answer.marks.map(({ streamId, highWatermark }) => [streamId, highWatermark])).toEqual([
    [MQTT, 0],
    [ORDERS, 2],
  ]);
  const other = await new Promise<FilterAnswer>((resolve) => {
    client.marksFor([{ tenant: 'elsewhere', filter: '#' }], (_error, each) => resolve(each));
  });
  expect(other.marks).toEqual([]);
});

test('a removed filter is no longer sent', async () => {
  const tail = new Tail();
  const client = connect(tail);
  const kafka = await producer();
  await subscribe(client, 'a');
  await produce(kafka, MQTT, batchOf(['1'], { key: 'a' }));
  await until(() => tail.values.length === 1, 'first');
  await new Promise<void>((resolve) => client.changeFilters({ remove: [1] }, () => resolve()));
  await produce(kafka, MQTT, batchOf(['2'], { key: 'a' }));
  await until(() => tail.next.get(MQTT) === 2, 'skipped');
  expect(tail.values).toEqual(['1']);
});

test('a reader with little credit gets everything, from the segments, in order (I8)', async () => {
  const tail = new Tail();
  const client = connect(tail, { streamCreditBytes: 20_000, shardCreditBytes: 10_000 });
  const kafka = await producer();
  await until(() => client.connected, 'connection');
  await subscribe(client, 'big/#');
  const expected: string[] = [];
  const sent: Promise<void>[] = [];
  for (let n = 0; n < 200; n++) {
    const value = `${n}`.padEnd(3000, '.');
    if (n % 3 !== 0) expected.push(value);
    sent.push(produce(kafka, MQTT, batchOf([value], { key: n % 3 === 0 ? 'small/x' : 'big/x' })));
  }
  await Promise.all(sent);
  await until(() => tail.next.get(MQTT) === 200, 'tail');
  expect(tail.values).toEqual(expected);
});

test('a compressed batch is sent whole to whoever may want its stream', async () => {
  const tail = new Tail();
  const seen: TailBatches[] = [];
  const client = running.client({ onTail: (batches) => seen.push(batches) });
  const kafka = await producer();
  await until(() => client.connected, 'connection');
  await subscribe(client, 'nothing/matches/this');
  const compressed = batchOf(['x'], { key: 'k', attributes: 1 });
  await produce(kafka, MQTT, compressed);
  await until(() => seen.some((each) => each.streamId === MQTT && each.nextOffset === 1), 'tail');
  expect(seen.find((each) => each.streamId === MQTT)!.batches).toHaveLength(compressed.length);
  expect(tail.values).toEqual([]);
});

test.each(['clean', 'crash'])('a tail goes on without a seam after a %s restart', async (how) => {
  const tail = new Tail();
  const client = connect(tail);
  await until(() => client.connected && running.journal.problem === null, 'connection');
  await subscribe(client, 'a/#');
  const outcomes: string[] = [];
  const appender = client.appender<string>({
    onOutcome: (_queue, tokens, error) => {
      if (error === undefined) outcomes.push(...tokens);
    },
    onUnblocked: () => undefined,
  });
  const queue = appender.queue(MQTT, 0);
  const append = (value: string): boolean =>
    queue.appendMqtt(1, 'a/b', Buffer.from(value), 0, value.length, FACTS, null, value);
  const values = Array.from({ length: 300 }, (_, n) => `${n}`);
  for (const value of values.slice(0, 100)) append(value);
  await until(() => outcomes.length === 100, 'first hundred');
  for (const value of values.slice(100, 200)) append(value);
  const port = Number(running.address.split(':')[1]);
  const stopping = how === 'clean' ? running.stopServer() : running.abandonServer();
  for (const value of values.slice(200)) append(value);
  await stopping;
  const stopped = running;
  running = await startJournal({ dataDirectory, cluster, incarnation: 2, port });
  await until(() => outcomes.length === 300 && tail.next.get(MQTT) === 300, 'all');
  // Everything once and in order, although some of it was acknowledged by one process and delivered by the next.
  expect(tail.values).toEqual(values);
  expect(outcomes).toEqual(values);
  stopped.closeClients();
});

test('credit for less than a batch still gets one batch at a time', async () => {
  const seen: TailBatches[] = [];
  const client = running.client({
    onTail: (batches) => seen.push(batches),
    streamCreditBytes: 4000,
    shardCreditBytes: 2000,
  });
  const kafka = await producer();
  await until(() => client.connected, 'connection');
  await subscribe(client, 'a');
  for (let n = 0; n < 5; n++) await produce(kafka, MQTT, batchOf(['x'.repeat(1500)], { key: 'a' }));
  await until(() => seen.at(-1)?.nextOffset === 5, 'tail');
  const offsets = seen.flatMap((each) => recordsOf(each.batches).map((record) => record.offset));
  expect(offsets).toEqual([0, 1, 2, 3, 4]);
});

test('memory durability answers before HW and again behind it (R8)', async () => {
  const client = connect(new Tail());
  await until(() => client.connected && running.journal.problem === null, 'connection');
  const outcomes: number[] = [];
  const appender = client.appender<string>({
    onOutcome: (_queue, _tokens, error, baseOffset) => {
      expect(error).toBeUndefined();
      outcomes.push(baseOffset);
    },
    onUnblocked: () => undefined,
  });
  const queue = appender.queue(MQTT, 0, { acknowledgeInMemory: true });
  for (let n = 0; n < 3; n++) queue.appendMqtt(1, 't', Buffer.from('x'), 0, 1, FACTS, null, `${n}`);
  await until(() => outcomes.length === 1 && queue.unacknowledgedRecords === 0, 'both answers');
  expect(outcomes).toEqual([0]);
});

test('a sampled append has a span until it is acknowledged', async () => {
  const client = connect(new Tail());
  await until(() => client.connected && running.journal.problem === null, 'connection');
  let acknowledged = false;
  const appender = client.appender<string>({
    onOutcome: () => {
      acknowledged = true;
    },
    onUnblocked: () => undefined,
  });
  const queue = appender.queue(MQTT, 0);
  queue.appendMqtt(1, 't', Buffer.from('x'), 0, 1, FACTS, null, '');
  queue.sampled('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
  queue.sampled('00-00000000000000000000000000000001-0000000000000001-01');
  await until(() => acknowledged, 'acknowledgement');
  expect(running.spans).toEqual(['begin 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'end']);
});

test('a gateway whose lease has ended is cut off, and refused when it comes back (F1)', async () => {
  const errors: (string | undefined)[] = [];
  const client = running.client({ onLink: (_nodeId, up, error) => errors.push(up ? 'up' : error?.code) });
  await until(() => client.connected, 'connection');
  const fetched = new Promise((resolve) => {
    client.fetch(
      {
        maxWaitMs: 60_000,
        minBytes: 1,
        maxBytes: 1000,
        readCommitted: false,
        sections: [{ streamId: MQTT, shard: 0, fetchOffset: 0, maxBytes: 1000 }],
      },
      (results) => resolve(results[0]!.error?.code),
    );
  });
  cluster.ended.set('mqtt-1', 1);
  cluster.changed();
  await until(() => errors.length === 2, 'fencing');
  expect(errors).toEqual(['up', 'fenced']);
  // To what it had under way the journal is away: `fenced` would tell a Kafka client that its own producer is.
  expect(await fetched).toBe('unavailable');
  const next = running.client({ identity: { nodeId: 'mqtt-1', incarnation: 2 } });
  await until(() => next.connected, 'next incarnation');
  expect(client.connected).toBe(false);
});

test('F1: an incarnation that has ended is not greeted again, the next one is', async () => {
  const { createClient, JournalService, ExchangeRequestSchema } = await import('@robustmq/rpc');
  const { create } = await import('@bufbuild/protobuf');
  cluster.ended.set('mqtt-1', 1);
  const calls = createClient(JournalService, { address: running.address, credentials: CREDENTIALS });
  const greeting = (incarnation: bigint): Promise<string> =>
    new Promise((resolve) => {
      const stream = calls.exchange();
      stream.on('data', (response) => resolve(response.frame.case ?? ''));
      stream.on('error', (error) => resolve(error.message));
      const hello = { gateway: { nodeId: 'mqtt-1', incarnation } };
      stream.write(create(ExchangeRequestSchema, { frame: { case: 'hello', value: hello } }));
    });
  expect(await greeting(1n)).toContain('lease');
  expect(await greeting(2n)).toBe('hello');
  calls.close();
});

test('a frame before hello, and a second hello, end the stream', async () => {
  const { createClient, JournalService, ExchangeRequestSchema } = await import('@robustmq/rpc');
  const { create } = await import('@bufbuild/protobuf');
  const calls = createClient(JournalService, { address: running.address, credentials: CREDENTIALS });
  const failure = async (
    frames: Parameters<typeof create<typeof ExchangeRequestSchema>>[1][],
  ): Promise<string> => {
    const stream = calls.exchange();
    stream.on('data', () => undefined);
    const ended = new Promise<string>((resolve) => stream.on('error', (error) => resolve(error.message)));
    for (const frame of frames) stream.write(create(ExchangeRequestSchema, frame));
    return ended;
  };
  expect(await failure([{ frame: { case: 'append', value: {} } }])).toContain('hello');
  expect(
    await failure([{ frame: { case: 'hello', value: {} } }, { frame: { case: 'hello', value: {} } }]),
  ).toContain('hello');
  const oversized = { case: 'append' as const, value: { sections: [{ streamId: 1, sizeBytes: 100 }] } };
  expect(await failure([{ frame: { case: 'hello', value: {} } }, { frame: oversized }])).toContain('exceed');
  calls.close();
});
