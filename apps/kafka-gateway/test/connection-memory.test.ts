// What clients that do not read, or send in parts, can make the gateway hold (I8).

import { connect, type Socket } from 'node:net';
import { until } from '@robustmq/testkit';
import { batchOf } from './fakes/batches.ts';
import { RunningGateway, type TestOptions } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';
import { FETCH_MUCH, fetchOf, produceOf, storeRecords } from './fakes/requests.ts';

const PRODUCE = 0;
const FETCH = 1;
const METADATA = 3;

let running: RunningGateway;

const start = async (options: TestOptions = {}): Promise<WireClient> => {
  running = await RunningGateway.start(options);
  return running.client();
};

afterEach(() => running.stop());

test('a client that never reads stops being served and holds a bounded amount (I8)', async () => {
  const client = await start({ limits: { maxUnsentBytes: 64 * 1024, maxRequestsInFlight: 10 } });
  const topic = running.meta.add('t');
  running.journal.shard(topic.streamId, 0);
  const big = batchOf(['x'.repeat(200_000)]);
  await client.call(PRODUCE, 8, {
    ...produceOf(0),
    topicData: [{ name: 't', partitionData: [{ index: 0, records: big }] }],
  });
  client.socket.pause();
  const request = client.frame(FETCH, 11, {
    ...fetchOf(0),
    topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000 }] }],
  });
  for (let n = 0; n < 500; n += 1) client.socket.write(request);
  const other = await running.client();
  let served = -1;
  // Serving stops by itself: the count of fetches stays where it is while others are served.
  while (served !== running.journal.fetched.length) {
    served = running.journal.fetched.length;
    for (let n = 0; n < 20; n += 1) await other.call(METADATA, 12, { topics: null });
  }
  expect(served).toBeLessThan(400);
  client.socket.resume();
  for (let n = 0; n < 500; n += 1) await client.receiveFrame();
});

test('answers that wait for an earlier one count as unsent (I8)', async () => {
  const client = await start({ limits: { maxUnsentBytes: 300_000 } });
  await storeRecords(running, client, 200_000, 1);
  running.journal.hold = true;
  const slow = client.send(PRODUCE, 8, produceOf(0));
  await until(() => running.journal.held.length === 1);
  const [answerOfProduce] = running.journal.held.splice(0);
  running.journal.hold = false;
  const fetches = Array.from({ length: 50 }, () => client.send(FETCH, 11, FETCH_MUCH));
  await until(() => running.journal.fetched.length > 0);
  const other = await running.client();
  for (let n = 0; n < 20; n += 1) await other.call(METADATA, 12, { topics: null });
  expect(running.journal.fetched.length).toBeLessThan(5);
  answerOfProduce?.();
  await client.receive(PRODUCE, 8, slow);
  for (const id of fetches) await client.receive(FETCH, 11, id);
  await until(() => running.gateway.answerBytes === 0);
});

test('what all clients together leave unread is bounded: one batch each, then none, and all again later (I8)', async () => {
  const client = await start({ answerMemoryBytes: 2_000_000, limits: { maxUnsentBytes: 1_000_000 } });
  await storeRecords(running, client, 500_000, 8);
  const sizeOfFetch = async (reader: WireClient) => {
    const response = await reader.call(FETCH, 11, FETCH_MUCH);
    return response.responses[0]?.partitions[0]?.records?.length ?? 0;
  };
  const readsAll = async (): Promise<boolean> => (await sizeOfFetch(client)) > 3_500_000;
  while (!(await readsAll()));
  const lazy: WireClient[] = [];
  while (running.gateway.answerBytes < 2_000_000) {
    const one = await running.client();
    one.socket.pause();
    for (let n = 0; n < 10; n += 1) one.send(FETCH, 11, FETCH_MUCH);
    await client.call(METADATA, 12, { topics: null });
    lazy.push(one);
  }
  const few = await sizeOfFetch(client);
  expect([0, 500_000].map((least) => few >= least && few < least + 1_000)).toContain(true);
  for (let n = 0; n < 60; n += 1) {
    const one = await running.client();
    one.socket.pause();
    for (let m = 0; m < 10; m += 1) one.send(FETCH, 11, FETCH_MUCH);
    await client.call(METADATA, 12, { topics: null });
    lazy.push(one);
  }
  // Twice the bound and the answers that were on their way when it was reached.
  expect(running.gateway.answerBytes).toBeLessThan(4_000_000 + 2 * 4_100_000);
  for (const one of lazy) one.close();
  await until(() => running.gateway.answerBytes === 0);
  while (!(await readsAll()));
});

test('I8, N8: reads under way never bring more than the memory for answers; every client gets its turn', async () => {
  const client = await start({ answerMemoryBytes: 8 * 1024 * 1024 });
  await storeRecords(running, client, 500_000, 8);
  running.journal.hold = true;
  const readers = await Promise.all(Array.from({ length: 60 }, () => running.client()));
  for (const reader of readers)
    for (let n = 0; n < 3; n += 1) reader.send(FETCH, 11, { ...FETCH_MUCH, maxWaitMs: 60_000 });
  await until(() => running.gateway.waitingFetches > 0);
  await client.call(METADATA, 12, { topics: null });
  let underWay = 0;
  for (const { maxBytes } of running.journal.fetched) underWay += maxBytes;
  expect(underWay).toBeLessThanOrEqual(8 * 1024 * 1024);
  expect(running.gateway.claimedAnswerBytes).toBe(underWay);
  running.journal.hold = false;
  running.journal.release();
  for (const reader of readers) {
    for (let n = 0; n < 3; n += 1) {
      const { responses } = await reader.receive(FETCH, 11);
      expect(responses[0]?.partitions[0]?.records?.length).toBeGreaterThan(500_000);
    }
  }
  await until(() => running.gateway.claimedAnswerBytes === 0 && running.gateway.waitingFetches === 0);
});

test('while memory is short who reads nothing is let go, and who reads is served (I8)', async () => {
  const limits = { maxUnsentBytes: 1_000_000, pressureTimeoutMs: 100 };
  const client = await start({ answerMemoryBytes: 2_000_000, limits });
  await storeRecords(running, client, 500_000, 8);
  const lazy: WireClient[] = [];
  while (running.gateway.answerBytes < 2_000_000) {
    const one = await running.client();
    one.socket.pause();
    for (let n = 0; n < 10; n += 1) one.send(FETCH, 11, FETCH_MUCH);
    await client.call(METADATA, 12, { topics: null });
    lazy.push(one);
  }
  const before = running.gateway.counters.connections;
  await until(() => running.gateway.answerBytes < 2_000_000);
  expect(running.gateway.counters.connections).toBeLessThan(before);
  for (let sizeBytes = 0; sizeBytes < 3_500_000;) {
    const { responses } = await client.call(FETCH, 11, FETCH_MUCH);
    sizeBytes = responses[0]?.partitions[0]?.records?.length ?? 0;
  }
  for (const one of lazy) one.close();
});

test('many silent connections cost nothing and disturb nobody', async () => {
  const client = await start();
  const silent: Socket[] = [];
  for (let batch = 0; batch < 20; batch += 1) {
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        const socket = connect(running.port, '127.0.0.1');
        silent.push(socket);
        await new Promise((resolve) => socket.once('connect', resolve));
      }),
    );
  }
  await until(() => running.gateway.counters.connections === 1001);
  expect((await client.call(METADATA, 12, { topics: null })).topics).toEqual([]);
  expect(running.gateway.requestBytes).toBe(0);
  for (const socket of silent) socket.destroy();
  await until(() => running.gateway.counters.connections === 1);
});

test('over the memory for requests connections stop reading, and go on when there is room (I8)', async () => {
  const client = await start({ requestMemoryBytes: 1_000_000 });
  running.meta.add('t', 40);
  running.journal.hold = true;
  const records = batchOf(['x'.repeat(200_000)]);
  for (let index = 0; index < 40; index += 1) {
    client.send(PRODUCE, 8, {
      ...produceOf(0),
      topicData: [{ name: 't', partitionData: [{ index, records }] }],
    });
  }
  await until(() => running.gateway.requestBytes >= 1_000_000);
  // Others with nothing under way are still served, one request at a time.
  const other = await running.client();
  for (let n = 0; n < 20; n += 1) await other.call(METADATA, 12, { topics: null });
  expect(running.gateway.requestBytes).toBeLessThan(2_000_000);
  running.journal.hold = false;
  running.journal.release();
  for (let index = 0; index < 40; index += 1) await client.receive(PRODUCE, 8);
  await until(() => running.gateway.requestBytes === 0);
});

test('N7: those that have sent parts of large requests, and fill the memory with them, all come to an end', async () => {
  const clients = [await start({ requestMemoryBytes: 1_000_000, limits: { firstRequestTimeoutMs: 60_000 } })];
  running.meta.add('t');
  while (clients.length < 4) clients.push(await running.client());
  const records = batchOf(['x'.repeat(800_000)]);
  const request = {
    ...produceOf(0),
    topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
  };
  const rests = clients.map((client) => {
    const frame = client.frame(PRODUCE, 8, request);
    client.socket.write(frame.subarray(0, 400_000));
    return frame.subarray(400_000);
  });
  await until(() => running.gateway.requestBytes >= 1_000_000);
  clients.forEach(({ socket }, index) => socket.write(rests[index] ?? ''));
  for (const client of clients) {
    const { responses } = await client.receive(PRODUCE, 8);
    expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(0);
  }
  await until(() => running.gateway.requestBytes === 0);
});
