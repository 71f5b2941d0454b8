// One connection: order and overlap of its requests (K1).

import { KAFKA_ERRORS } from '@robustmq/kafka-codec';
import { until } from '@robustmq/testkit';
import { RunningGateway, type TestOptions } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';
import { fetchOf, produceOf } from './fakes/requests.ts';

const PRODUCE = 0;
const FETCH = 1;
const METADATA = 3;
const HEARTBEAT = 12;

let running: RunningGateway;

const start = async (options: TestOptions = {}): Promise<WireClient> => {
  running = await RunningGateway.start(options);
  return running.client();
};

afterEach(() => running.stop());

test('appends of one connection are handed over in the order of the requests, answers too (K1)', async () => {
  const client = await start();
  running.meta.add('t', 20);
  running.journal.hold = true;
  const ids = Array.from({ length: 10 }, (_, index) => client.send(PRODUCE, 8, produceOf(index)));
  await until(() => running.journal.produced.length === 10);
  expect(running.journal.produced.map(({ shard }) => shard)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  // The last one is done first; its answer waits for its turn.
  for (const answer of running.journal.held.splice(0).reverse()) answer();
  for (const id of ids) await client.receive(PRODUCE, 8, id);
});

test('while debug lines are wanted, each request is one, by its client id', async () => {
  const client = await start();
  await client.receive(METADATA, 12, client.send(METADATA, 12, { topics: null }));
  running.debug.isOn = true;
  await client.receive(METADATA, 12, client.send(METADATA, 12, { topics: null }));
  const requests = running.lines.filter(({ message }) => message === 'request');
  expect(requests).toEqual([
    {
      level: 'debug',
      message: 'request',
      fields: expect.objectContaining({
        client_id: expect.any(String),
        tenant: 'default',
        api: 'Metadata',
        api_version: 12,
      }),
    },
  ]);
});

test('an answer that is ready waits for the one before it', async () => {
  const client = await start();
  running.meta.add('t');
  const waiting = client.send(FETCH, 11, fetchOf(300));
  const quick = client.send(METADATA, 12, { topics: null });
  await until(() => running.gateway.counters.requests === 2);
  expect(client.pendingFrames).toBe(0);
  await client.receive(FETCH, 11, waiting);
  await client.receive(METADATA, 12, quick);
});

test('a long poll holds up no heartbeat', async () => {
  const client = await start();
  running.meta.add('t');
  client.send(FETCH, 11, fetchOf(60_000));
  client.send(HEARTBEAT, 4, { groupId: 'g', generationId: 1, memberId: 'm' });
  const other = await running.client();
  await until(() => running.gateway.counters.requests === 2);
  await other.call(PRODUCE, 8, produceOf(0));
  await client.receive(FETCH, 11);
  expect((await client.receive(HEARTBEAT, 4)).errorCode).toBe(KAFKA_ERRORS.UNKNOWN_MEMBER_ID);
});

test('one long poll at a time: a client cannot make us hold many answers (I8)', async () => {
  const client = await start();
  running.meta.add('t');
  for (let n = 0; n < 5; n += 1) client.send(FETCH, 11, fetchOf(60_000));
  await until(() => running.gateway.counters.requests === 5 && running.journal.fetched.length === 2);
  expect(running.journal.waitingCount).toBe(1);
  await (await running.client()).call(PRODUCE, 8, produceOf(0));
  for (let n = 0; n < 5; n += 1) await client.receive(FETCH, 11);
});

test('acks=0 gets no response, the next request does', async () => {
  const client = await start();
  running.meta.add('t');
  client.send(PRODUCE, 8, produceOf(0, 0));
  const next = client.send(METADATA, 12, { topics: null });
  await client.receive(METADATA, 12, next);
  expect(running.journal.produced).toHaveLength(1);
});

test('a failed acks=0 ends the connection, so that the client looks for the leader', async () => {
  const client = await start();
  client.send(PRODUCE, 8, produceOf(0, 0));
  await client.closed();
});

test.each([
  ['negative', -1],
  ['too short', 3],
  ['huge', 2 ** 31 - 1],
  ['over the limit of its API', 2 * 1024 * 1024],
])('a frame whose size is %s ends the connection, nobody else (I8)', async (_name, size) => {
  const client = await start();
  const other = await running.client();
  const bytes = Buffer.alloc(12);
  bytes.writeInt32BE(size);
  bytes.writeInt16BE(METADATA, 4);
  client.socket.write(bytes);
  await client.closed();
  expect((await other.call(METADATA, 12, { topics: null })).topics).toEqual([]);
  expect(running.gateway.counters.malformedFrames).toBe(1);
});

test('a body that cannot be read ends the connection', async () => {
  const client = await start();
  const frame = client.frame(METADATA, 1, { topics: [{ name: 'abc' }] });
  // The array count claims far more than there is.
  frame.writeInt32BE(2 ** 30, frame.length - 9);
  client.socket.write(frame);
  await client.closed();
  expect(running.gateway.counters.malformedFrames).toBe(1);
});

test('bytes that arrive one by one make the same request', async () => {
  const client = await start();
  for (const byte of client.frame(METADATA, 12, { topics: null })) client.socket.write(Buffer.from([byte]));
  expect((await client.receive(METADATA, 12)).errorCode).toBe(0);
});

test('a connection before the gateway is open is refused', async () => {
  running = new RunningGateway();
  running.port = (await running.gateway.bind()).port;
  const early = await running.client();
  await early.closed();
});
