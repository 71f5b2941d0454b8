// One connection: order, overlap and bounds.
import { connect, type Socket } from 'node:net';
import { KAFKA_ERRORS } from '@robustmq/kafka-codec';
import { batchOf } from './fakes/batches.ts';
import { RunningGateway, type TestOptions } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';

const PRODUCE = 0;
const FETCH = 1;
const METADATA = 3;
const JOIN = 11;
const HEARTBEAT = 12;

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new RangeError('the condition never came true');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('KafkaConnection', () => {
  let running: RunningGateway;
  const start = async (options: TestOptions = {}): Promise<WireClient> => {
    running = await RunningGateway.start(options);
    return running.client();
  };
  afterEach(() => running.stop());

  const produceOf = (index: number, acks = -1) => ({
    transactionalId: null,
    acks,
    timeoutMs: 1000,
    topicData: [{ name: 't', partitionData: [{ index, records: batchOf([`v${index}`]) }] }],
  });

  const joinOf = {
    groupId: 'g',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 30_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
  };

  const fetchOf = (maxWaitMs: number) => ({
    maxWaitMs,
    minBytes: 1,
    topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }],
  });

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

  test('half a frame, then nothing: closed after the stall timeout', async () => {
    const client = await start({ limits: { stallTimeoutMs: 150 } });
    await client.call(METADATA, 12, { topics: null });
    client.socket.write(client.frame(METADATA, 12, { topics: null }).subarray(0, 7));
    await client.closed();
  });

  test('a connection that says nothing is closed after the first-request timeout', async () => {
    const client = await start({ limits: { firstRequestTimeoutMs: 150 } });
    await client.closed();
  });

  test('a first request that comes in drips has no longer than one that does not come', async () => {
    const client = await start({ limits: { firstRequestTimeoutMs: 150 } });
    const frame = client.frame(METADATA, 12, { topics: [{ name: 'x'.repeat(30_000) }] });
    let sentBytes = 0;
    const drip = setInterval(() => client.socket.write(frame.subarray(sentBytes, ++sentBytes)), 5);
    await client.closed();
    clearInterval(drip);
    expect(sentBytes).toBeLessThan(frame.length);
  });

  test('an idle connection is closed, a waiting one is not', async () => {
    const client = await start({ limits: { idleTimeoutMs: 150 } });
    running.meta.add('t');
    const waits = await running.client();
    waits.send(FETCH, 11, fetchOf(600));
    await client.call(METADATA, 12, { topics: null });
    await client.closed();
    await waits.receive(FETCH, 11);
  });

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

  const stored = async (client: WireClient, sizeBytes: number, count: number): Promise<void> => {
    running.meta.add('t');
    for (let n = 0; n < count; n += 1) {
      const records = batchOf(['x'.repeat(sizeBytes)]);
      const topicData = [{ name: 't', partitionData: [{ index: 0, records }] }];
      await client.call(PRODUCE, 8, { ...produceOf(0), topicData });
    }
  };
  const fetchMuch = {
    maxWaitMs: 0,
    minBytes: 1,
    topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 4_000_000 }] }],
  };

  test('answers that wait for an earlier one count as unsent (I8)', async () => {
    const client = await start({ limits: { maxUnsentBytes: 300_000 } });
    await stored(client, 200_000, 1);
    running.journal.hold = true;
    const slow = client.send(PRODUCE, 8, produceOf(0));
    await until(() => running.journal.held.length === 1);
    const [answerOfProduce] = running.journal.held.splice(0);
    running.journal.hold = false;
    const fetches = Array.from({ length: 50 }, () => client.send(FETCH, 11, fetchMuch));
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
    await stored(client, 500_000, 8);
    const sizeOfFetch = async (reader: WireClient) => {
      const response = await reader.call(FETCH, 11, fetchMuch);
      return response.responses[0]?.partitions[0]?.records?.length ?? 0;
    };
    const readsAll = async (): Promise<boolean> => (await sizeOfFetch(client)) > 3_500_000;
    while (!(await readsAll()));
    const lazy: WireClient[] = [];
    while (running.gateway.answerBytes < 2_000_000) {
      const one = await running.client();
      one.socket.pause();
      for (let n = 0; n < 10; n += 1) one.send(FETCH, 11, fetchMuch);
      await client.call(METADATA, 12, { topics: null });
      lazy.push(one);
    }
    const few = await sizeOfFetch(client);
    expect([0, 500_000].map((least) => few >= least && few < least + 1_000)).toContain(true);
    for (let n = 0; n < 60; n += 1) {
      const one = await running.client();
      one.socket.pause();
      for (let m = 0; m < 10; m += 1) one.send(FETCH, 11, fetchMuch);
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
    await stored(client, 500_000, 8);
    running.journal.hold = true;
    const readers = await Promise.all(Array.from({ length: 60 }, () => running.client()));
    for (const reader of readers)
      for (let n = 0; n < 3; n += 1) reader.send(FETCH, 11, { ...fetchMuch, maxWaitMs: 60_000 });
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
    await stored(client, 500_000, 8);
    const lazy: WireClient[] = [];
    while (running.gateway.answerBytes < 2_000_000) {
      const one = await running.client();
      one.socket.pause();
      for (let n = 0; n < 10; n += 1) one.send(FETCH, 11, fetchMuch);
      await client.call(METADATA, 12, { topics: null });
      lazy.push(one);
    }
    const before = running.gateway.counters.connections;
    await until(() => running.gateway.answerBytes < 2_000_000);
    expect(running.gateway.counters.connections).toBeLessThan(before);
    for (let sizeBytes = 0; sizeBytes < 3_500_000;) {
      const { responses } = await client.call(FETCH, 11, fetchMuch);
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
    const clients = [
      await start({ requestMemoryBytes: 1_000_000, limits: { firstRequestTimeoutMs: 60_000 } }),
    ];
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
    await stored(client, 500_000, 4);
    const lazy = await running.client();
    lazy.socket.pause();
    for (let n = 0; n < 10; n += 1) lazy.send(FETCH, 11, fetchMuch);
    const waiting = await running.client();
    const polls = { partition: 0, fetchOffset: 4, partitionMaxBytes: 1_000 };
    const asked = waiting.send(FETCH, 11, {
      ...fetchMuch,
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
    await stored(slow, 500_000, 4);
    // It does not end its side when it hears of the end, as one that never hears of it.
    const idle = connect({ port: running.port, host: '127.0.0.1', allowHalfOpen: true });
    await until(() => running.gateway.counters.connections === 2);
    slow.socket.pause();
    for (let n = 0; n < 3; n += 1) slow.send(FETCH, 11, fetchMuch);
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
    joining.send(JOIN, 3, joinOf);
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
    client.send(JOIN, 3, joinOf);
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
});
