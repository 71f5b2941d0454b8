// Kafka's protocol where no client library lets a test speak: sequences, times, fetches, sessions, coordinators.
import { ZERO_UUID } from '@robustmq/kafka-codec';
import { kafkaErrorName } from '@robustmq/kafka-codec/testing';
import { RecordBatchBuilder } from '@robustmq/record-batch';
import { type Cluster, ONE_OF_EACH, waitUntil } from '@robustmq/testkit/cluster';

import { residentBytes } from '../bench/processes.ts';
import { READY_TIMEOUT_MS, removeTestCluster, startTestCluster } from '../cluster/test-cluster.ts';
import { KafkaWireClient } from './kafka-wire-client.ts';

const [PRODUCE, FETCH, LIST_OFFSETS, METADATA] = [0, 1, 2, 3] as const;
const [COORDINATOR, JOIN, HEARTBEAT, SYNC] = [10, 11, 12, 14] as const;
const [CREATE_TOPICS, DELETE_TOPICS, PRODUCER_ID, LEADER_EPOCH] = [19, 20, 22, 23] as const;
const MiB = 1024 * 1024;

let cluster: Cluster;
let client: KafkaWireClient;
beforeAll(async () => {
  cluster = await startTestCluster({ counts: { ...ONE_OF_EACH, 'kafka-gateway': 2 } });
  client = await KafkaWireClient.connect(address(0));
});
afterAll(async () => {
  client.close();
  await removeTestCluster(cluster);
});

function address(gateway: number): string {
  return cluster.of('kafka-gateway')[gateway]?.address('kafka') ?? '';
}

type Finish = Parameters<RecordBatchBuilder['finishCopy']>[0];

function batch(values: readonly string[], finish: Finish = {}, timestampMs = Date.now()): Buffer {
  const builder = new RecordBatchBuilder({ maxBatchBytes: 2 * MiB });
  for (const value of values) builder.append(timestampMs, null, Buffer.from(value));
  return builder.finishCopy(finish);
}

async function create(name: string, settings: Readonly<Record<string, string>> = {}): Promise<string> {
  const configs = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs };
  const { topics } = await client.call(CREATE_TOPICS, 7, { topics: [topic], timeoutMs: 10_000 });
  expect(topics[0]?.errorMessage ?? '').toBe('');
  return topics[0]?.topicId ?? '';
}

/** Repeats a request as every client does while a shard changes its leader, which a loaded machine may bring about. */
async function settled<T extends { readonly error: string }>(ask: () => Promise<T>): Promise<T> {
  let answer = await ask();
  await waitUntil('a leader', 20_000, async () => {
    if (answer.error !== 'NOT_LEADER_OR_FOLLOWER') return true;
    answer = await ask();
    return false;
  });
  return answer;
}

function produce(name: string, records: Buffer, acks = -1) {
  const topicData = [{ name, partitionData: [{ index: 0, records }] }];
  const request = { transactionalId: null, acks, timeoutMs: 5_000, topicData };
  return settled(async () => {
    const answer = (await client.call(PRODUCE, 9, request)).responses[0]?.partitionResponses[0];
    return { error: kafkaErrorName(answer?.errorCode ?? -1), offset: answer?.baseOffset };
  });
}

const wanted = (topic: string, fetchOffset: number, more: object = {}) => ({
  topic,
  partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: MiB, ...more }],
});

function fetchRequest(topics: readonly ReturnType<typeof wanted>[], more: object = {}) {
  return { maxWaitMs: 200, minBytes: 1, maxBytes: 8 * MiB, sessionId: 0, sessionEpoch: -1, topics, ...more };
}

function fetch(name: string, offset: number, partition: object = {}, request: object = {}) {
  return settled(async () => {
    const answer = await client.call(FETCH, 12, fetchRequest([wanted(name, offset, partition)], request));
    const [part] = answer.responses[0]?.partitions ?? [];
    return {
      error: kafkaErrorName(part?.errorCode ?? -1),
      sizeBytes: part?.records?.length ?? 0,
      highWatermark: part?.highWatermark,
      divergesAt: part?.divergingEpoch?.endOffset,
    };
  });
}

test('a repeat is answered with the first offset; gaps, old epochs and half repeats are refused (KIP-98)', async () => {
  await create('wire-sequences');
  const { producerId } = await client.call(PRODUCER_ID, 4, {
    transactionalId: null,
    transactionTimeoutMs: 1_000,
  });
  const send = (baseSequence: number, count = 2, producerEpoch = 0) =>
    produce('wire-sequences', batch(Array(count).fill('v'), { producerId, producerEpoch, baseSequence }));
  expect(await send(0)).toEqual({ error: 'NONE', offset: 0 });
  expect(await send(2)).toEqual({ error: 'NONE', offset: 2 });
  expect(await send(0)).toEqual({ error: 'NONE', offset: 0 });
  expect((await send(9)).error).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
  expect((await send(2, 3)).error).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
  expect((await send(5, 1, 1)).error).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
  expect(await send(0, 1, 1)).toEqual({ error: 'NONE', offset: 4 });
  expect((await send(4)).error).toBe('INVALID_PRODUCER_EPOCH');
  expect((await fetch('wire-sequences', 0)).highWatermark).toBe(5);
});

test('LogAppendTime replaces what producers say', async () => {
  await create('wire-append-time', { 'message.timestamp.type': 'LogAppendTime' });
  for (const timestampMs of [1_000, Date.now() * 2])
    expect((await produce('wire-append-time', batch(['v'], {}, timestampMs))).error).toBe('NONE');
  const partitions = [{ partitionIndex: 0, timestamp: Date.now() - 60_000 }];
  const { topics } = await client.call(LIST_OFFSETS, 7, {
    replicaId: -1,
    topics: [{ name: 'wire-append-time', partitions }],
  });
  expect(topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, offset: 0 });
});

test('max.message.bytes is enforced', async () => {
  await create('wire-limits', { 'max.message.bytes': '1000' });
  expect((await produce('wire-limits', batch(['x'.repeat(1_000)]), 1)).error).toBe('MESSAGE_TOO_LARGE');
  expect((await produce('wire-limits', batch(['x']), 1)).error).toBe('NONE');
});

test.each([
  ['a replication factor', 2, [], 'INVALID_REPLICATION_FACTOR'],
  ['min.insync.replicas', 1, [{ name: 'min.insync.replicas', value: '2' }], 'INVALID_CONFIG'],
])('R1: %s above the copies that are kept is refused', async (_what, replicationFactor, configs, error) => {
  const topic = { name: 'wire-copies', numPartitions: 1, replicationFactor, assignments: [], configs };
  const { topics } = await client.call(CREATE_TOPICS, 7, { topics: [topic], timeoutMs: 10_000 });
  expect(kafkaErrorName(topics[0]?.errorCode ?? -1)).toBe(error);
});

describe('fetch', () => {
  const topic = 'wire-fetch';
  beforeAll(async () => {
    await create(topic);
    for (let n = 0; n < 5; n += 1) await produce(topic, batch(['x'.repeat(1_000)]));
  });

  test('whole batches within the limits, and one beyond them (KIP-74)', async () => {
    const { sizeBytes: all } = await fetch(topic, 0);
    const one = all / 5;
    expect((await fetch(topic, 0, {}, { maxBytes: 1 })).sizeBytes).toBe(one);
    expect((await fetch(topic, 0, { partitionMaxBytes: 1 })).sizeBytes).toBe(one);
    expect((await fetch(topic, 3)).sizeBytes).toBe(2 * one);
    expect(await fetch(topic, 5)).toMatchObject({ error: 'NONE', sizeBytes: 0, highWatermark: 5 });
    expect((await fetch(topic, 6)).error).toBe('OFFSET_OUT_OF_RANGE');
  });

  test('epochs of the leader and of the reader count (KIP-320)', async () => {
    expect((await fetch(topic, 0, { currentLeaderEpoch: 99 })).error).toBe('UNKNOWN_LEADER_EPOCH');
    expect(await fetch(topic, 9, { lastFetchedEpoch: 0 })).toMatchObject({ sizeBytes: 0, divergesAt: 5 });
    expect((await fetch(topic, 3, { lastFetchedEpoch: 99 })).error).toBe('OFFSET_OUT_OF_RANGE');
    const end = async (leaderEpoch: number, currentLeaderEpoch = -1) => {
      const partitions = [{ partition: 0, currentLeaderEpoch, leaderEpoch }];
      const { topics } = await client.call(LEADER_EPOCH, 4, {
        replicaId: -1,
        topics: [{ topic, partitions }],
      });
      const [part] = topics[0]?.partitions ?? [];
      return [kafkaErrorName(part?.errorCode ?? -1), part?.endOffset];
    };
    expect(await end(0)).toEqual(['NONE', 5]);
    expect(await end(99)).toEqual(['NONE', -1]);
    expect(await end(0, 99)).toEqual(['UNKNOWN_LEADER_EPOCH', -1]);
  });

  test('a long poll ends with enough bytes, not before', async () => {
    const waiting = await KafkaWireClient.connect(address(1));
    const answer = waiting.call(
      FETCH,
      12,
      fetchRequest([wanted(topic, 5)], { maxWaitMs: 15_000, minBytes: 1_500 }),
    );
    const startedMs = performance.now();
    await produce(topic, batch(['y'.repeat(1_000)]));
    await produce(topic, batch(['y'.repeat(1_000)]));
    const [part] = (await answer).responses[0]?.partitions ?? [];
    expect(part?.records?.length).toBeGreaterThan(2_000);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    waiting.close();
  });

  test('a session tells only what is new, until it is ended (KIP-227)', async () => {
    await create('wire-session');
    const topics = [wanted(topic, 7), wanted('wire-session', 0)];
    const full = await client.call(FETCH, 12, fetchRequest(topics, { sessionEpoch: 0 }));
    expect(full.responses).toHaveLength(2);
    const next = async (sessionEpoch: number, more: object = {}) => {
      const request = fetchRequest([], { sessionId: full.sessionId, sessionEpoch, maxWaitMs: 100, ...more });
      const answer = await client.call(FETCH, 12, request);
      return answer.errorCode === 0
        ? answer.responses.map((one) => one.topic)
        : kafkaErrorName(answer.errorCode);
    };
    expect(await next(1)).toEqual([]);
    await produce('wire-session', batch(['news']));
    expect(await next(2)).toEqual(['wire-session']);
    expect(await next(2)).toBe('INVALID_FETCH_SESSION_EPOCH');
    expect(await next(3, { forgottenTopicsData: [{ topic: 'wire-session', partitions: [0] }] })).toEqual([]);
    expect(await next(-1)).toEqual([]);
    expect(await next(4)).toBe('FETCH_SESSION_ID_NOT_FOUND');
  });
});

test('a topic that is deleted and made again is another one', async () => {
  const topicId = await create('wire-again');
  await produce('wire-again', batch(['old']));
  const topics = [{ name: 'wire-again', topicId: ZERO_UUID }];
  expect((await client.call(DELETE_TOPICS, 6, { topics, timeoutMs: 5_000 })).responses[0]?.topicId).toBe(
    topicId,
  );
  expect(await create('wire-again')).not.toBe(topicId);
  expect(await fetch('wire-again', 0)).toMatchObject({ error: 'NONE', highWatermark: 0 });
  const old = await client.call(FETCH, 13, fetchRequest([{ ...wanted('', 0), topicId } as never]));
  expect(kafkaErrorName(old.responses[0]?.partitions[0]?.errorCode ?? -1)).toBe('UNKNOWN_TOPIC_ID');
});

describe('groups over two gateways (K2, F1)', () => {
  const identity = { groupId: 'wire-group', groupInstanceId: null };
  const join = {
    ...identity,
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) }],
  };

  async function coordinatorOf(from: KafkaWireClient): Promise<string> {
    const request = { keyType: 0, coordinatorKeys: [identity.groupId] };
    const [found] = (await from.call(COORDINATOR, 4, request)).coordinators;
    return `${found?.host}:${found?.port}`;
  }

  test('both name one coordinator, the other one refuses, and its death is no rebalance', async () => {
    const [first, second] = [
      await KafkaWireClient.connect(address(0)),
      await KafkaWireClient.connect(address(1)),
    ];
    const named = await coordinatorOf(first);
    const owner = named === address(0) ? first : second;
    const { memberId } = await owner.call(JOIN, 9, { ...join, memberId: '' });
    const { generationId } = await owner.call(JOIN, 9, { ...join, memberId });
    const assignments = [{ memberId, assignment: Buffer.from('mine') }];
    const synced = await owner.call(SYNC, 5, {
      ...{ ...identity, memberId, generationId, assignments },
      ...{ protocolType: 'consumer', protocolName: 'range' },
    });
    expect(synced.assignment.toString()).toBe('mine');
    expect(await coordinatorOf(first)).toBe(named);
    expect(await coordinatorOf(second)).toBe(named);
    const heartbeat = { ...identity, memberId, generationId };
    const other = owner === first ? second : first;
    expect(kafkaErrorName((await other.call(HEARTBEAT, 4, heartbeat)).errorCode)).toBe('NOT_COORDINATOR');

    const dying = cluster.of('kafka-gateway').filter((each) => each.address('kafka') === named);
    await cluster.kill(dying);
    await waitUntil('another coordinator', 20_000, async () => (await coordinatorOf(other)) !== named);
    await waitUntil(
      'the member is known there',
      20_000,
      async () => (await other.call(HEARTBEAT, 4, heartbeat)).errorCode === 0,
    );
    await cluster.restart(dying, READY_TIMEOUT_MS);
    expect((await other.call(HEARTBEAT, 4, heartbeat)).errorCode).toBe(0);
    for (const each of [first, second]) each.close();
    client.close();
    client = await KafkaWireClient.connect(address(0));
  }, 90_000);
});

describe('bad input closes at most its own connection', () => {
  test('a damaged batch is refused, and the connection goes on', async () => {
    await create('wire-damage');
    const damaged = batch(['x']);
    damaged[damaged.length - 1]! ^= 1;
    expect((await produce('wire-damage', damaged)).error).toBe('CORRUPT_MESSAGE');
    expect(await produce('wire-damage', batch(['x']))).toEqual({ error: 'NONE', offset: 0 });
  });

  test.each([
    ['garbage behind a good header', Buffer.from('000000140003000c00000001ffff00ffffffffffffffffff', 'hex')],
    ['an array of two billion', Buffer.from('0000000e0003000100000001ffff7fffffff', 'hex')],
  ])('%s', async (_name, bytes) => {
    const bad = await KafkaWireClient.connect(address(0));
    bad.socket.write(bytes);
    await waitUntil('the broker closes', 10_000, () => bad.closed);
    expect((await client.call(METADATA, 12, { topics: [] })).topics).toEqual([]);
  });

  test('consumers that never read hold bounded memory, and others are served (I8)', async () => {
    await create('wire-lazy');
    for (let n = 0; n < 20; n += 1) await produce('wire-lazy', batch(['x'.repeat(MiB - 1_000)]));
    const pids = () => residentBytes(cluster.of('kafka-gateway').flatMap((each) => each.pid ?? []));
    const before = pids();
    const all = fetchRequest([wanted('wire-lazy', 0, { partitionMaxBytes: 16 * MiB })], {
      maxBytes: 16 * MiB,
    });
    const lazy = await Promise.all(Array.from({ length: 100 }, () => KafkaWireClient.connect(address(0))));
    for (const each of lazy) {
      each.socket.pause();
      for (let n = 0; n < 5; n += 1) each.send(FETCH, 12, all);
    }
    for (let n = 0; n < 10; n += 1) expect((await produce('wire-lazy', batch(['y']), -1)).error).toBe('NONE');
    await waitUntil('others read', 30_000, async () => (await fetch('wire-lazy', 20)).sizeBytes > 0);
    // Without a bound: 100 times 16 MiB.
    expect(pids() - before).toBeLessThan(600 * MiB);
    for (const each of lazy) each.close();
  }, 120_000);
});
