// The ends of connections: what was complete before is answered, and a drain or a stop waits for nobody without end (N7, N10, F1).

import { connect } from 'node:net';
import { KAFKA_ERRORS } from '@robustmq/kafka-codec';
import { until } from '@robustmq/testkit';
import { RunningGateway, type TestOptions } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';
import { JOIN, joinOf } from './fakes/members.ts';
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

test('N10: complete requests before the end of the stream are answered in order, however many wait', async () => {
  const client = await start({ limits: { maxRequestsInFlight: 2 } });
  running.meta.add('t');
  const asked = Array.from({ length: 12 }, () => client.frame(METADATA, 12, { topics: null }));
  client.socket.end(Buffer.concat([...asked, client.frame(METADATA, 12, { topics: null }).subarray(0, 9)]));
  for (let id = 1; id <= 12; id += 1) await client.receive(METADATA, 12, id);
  await client.closed();
  expect(client.pendingFrames).toBe(0);
});

test('F1: a drain ends long polls and does not wait for who reads or leaves slowly', async () => {
  const client = await start();
  await storeRecords(running, client, 500_000, 4);
  const lazy = await running.client();
  lazy.socket.pause();
  for (let n = 0; n < 10; n += 1) lazy.send(FETCH, 11, FETCH_MUCH);
  const waiting = await running.client();
  const polls = { partition: 0, fetchOffset: 4, partitionMaxBytes: 1_000 };
  const asked = waiting.send(FETCH, 11, {
    ...FETCH_MUCH,
    maxWaitMs: 60_000,
    topics: [{ topic: 't', partitions: [polls] }],
  });
  await until(() => running.journal.fetched.some(({ maxWaitMs }) => maxWaitMs > 0));
  await until(() => running.gateway.answerBytes > 0);
  const never = new AbortController().signal;
  await running.gateway.drain(never);
  expect((await waiting.receive(FETCH, 11, asked)).errorCode).toBe(0);
  expect(running.journal.cancelled).toBeGreaterThan(0);
  expect(running.gateway.groups.groupCount).toBe(0);
});

test('N7: a drained connection ends with its client, whatever that still sent', async () => {
  const client = await start();
  running.meta.add('t');
  running.journal.hold = true;
  client.send(PRODUCE, 8, produceOf(0));
  await until(() => running.journal.produced.length === 1);
  const stopped = running.gateway.stop(new AbortController().signal);
  client.send(METADATA, 12, { topics: null });
  running.journal.release();
  await client.receive(PRODUCE, 8);
  await stopped;
  expect(client.pendingFrames).toBe(0);
});

test('N7: a stop waits for no client that has its answers and does not read, but for those that take theirs', async () => {
  const slow = await start();
  await storeRecords(running, slow, 500_000, 4);
  // It does not end its side when it hears of the end, as one that never hears of it.
  const idle = connect({ port: running.port, host: '127.0.0.1', allowHalfOpen: true });
  await until(() => running.gateway.counters.connections === 2);
  slow.socket.pause();
  for (let n = 0; n < 3; n += 1) slow.send(FETCH, 11, FETCH_MUCH);
  await until(() => running.gateway.answerBytes > 0);
  const stopped = running.gateway.stop(new AbortController().signal);
  await until(() => running.gateway.counters.connections === 1);
  slow.socket.resume();
  await stopped;
  for (let n = 0; n < 3; n += 1) expect((await slow.receive(FETCH, 11)).errorCode).toBe(0);
  idle.destroy();
});

test('N7: what begins only after a drain waits for nothing either', async () => {
  const client = await start({ groups: { initialRebalanceDelayMs: 60_000 } });
  running.meta.add('t');
  running.journal.hold = true;
  const joining = await running.client();
  for (const blocked of [client, joining]) blocked.send(PRODUCE, 8, produceOf(0));
  client.send(FETCH, 11, { ...fetchOf(60_000), minBytes: 1_000_000 });
  client.send(FETCH, 11, { ...fetchOf(60_000), minBytes: 1_000_000 });
  joining.send(JOIN, 3, joinOf());
  await until(() => running.journal.held.length === 3 && running.journal.fetched.length === 1);
  running.journal.hold = false;
  const drained = running.gateway.drain(new AbortController().signal);
  running.journal.release();
  await drained;
  expect(running.journal.fetched.map(({ maxWaitMs }) => maxWaitMs)).toEqual([0, 0]);
  await joining.receive(PRODUCE, 8);
  expect((await joining.receive(JOIN, 3)).errorCode).toBe(KAFKA_ERRORS.NOT_COORDINATOR);
  expect(running.gateway.groups.groupCount).toBe(0);
});

test('N7: a member that has sent its last request is told so at once', async () => {
  const client = await start({ groups: { initialRebalanceDelayMs: 60_000 } });
  running.meta.add('t');
  running.journal.hold = true;
  client.send(PRODUCE, 8, produceOf(0));
  client.send(JOIN, 3, joinOf());
  const others = await running.client();
  client.socket.end();
  await until(() => running.journal.held.length === 1);
  // Whatever came before this answer has been read, the end of the stream included.
  for (let n = 0; n < 10; n += 1) await others.call(METADATA, 12, { topics: null });
  running.journal.release();
  await client.receive(PRODUCE, 8);
  expect((await client.receive(JOIN, 3)).errorCode).toBe(KAFKA_ERRORS.REBALANCE_IN_PROGRESS);
  await client.closed();
});

test('a client that has sent its last request still gets the answers', async () => {
  const client = await start();
  running.meta.add('t');
  running.journal.hold = true;
  client.send(PRODUCE, 8, produceOf(0));
  client.socket.end();
  await until(() => running.journal.held.length === 1);
  running.journal.release();
  await client.receive(PRODUCE, 8);
  await client.closed();
});

test('a stop lets running requests finish', async () => {
  const client = await start();
  running.meta.add('t');
  running.journal.hold = true;
  client.send(PRODUCE, 8, produceOf(0));
  await until(() => running.journal.held.length === 1);
  const stopped = running.gateway.stop(AbortSignal.timeout(5_000));
  running.journal.release();
  await client.receive(PRODUCE, 8);
  await client.closed();
  await stopped;
});
