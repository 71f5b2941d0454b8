// Topics and the cluster as clients see them, and the versions of these APIs.

import { BrokerError } from '@robustmq/errors';
import { KAFKA_ERRORS } from '@robustmq/kafka-codec';
import { kafkaErrorName } from '@robustmq/kafka-codec/testing';
import { RunningGateway, type TestOptions } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';

const METADATA = 3;
const REASSIGNMENTS = 46;
const DESCRIBE_CLUSTER = 60;
const DESCRIBE_TOPIC_PARTITIONS = 75;

let running: RunningGateway;
let client: WireClient;

async function start(options: TestOptions = {}): Promise<void> {
  ({ running, client } = await RunningGateway.withClient(options));
}

afterEach(() => running.stop());

describe('Metadata', () => {
  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])(
    'version %i: all topics, brokers at the address dialled',
    async (version) => {
      await start();
      running.meta.add('t', 2);
      const response = await client.call(METADATA, version, { topics: version === 0 ? [] : null });
      expect(response.brokers).toEqual([
        expect.objectContaining({ nodeId: 1, host: '127.0.0.1', port: running.port }),
      ]);
      expect(response.topics).toMatchObject([{ name: 't', errorCode: 0 }]);
      expect(response.topics[0]?.partitions).toMatchObject([
        { partitionIndex: 0, leaderId: 1, replicaNodes: [1], isrNodes: [1] },
        { partitionIndex: 1 },
      ]);
      if (version >= 1) expect(response.controllerId).toBe(1);
      if (version >= 7) expect(response.topics[0]?.partitions[0]?.leaderEpoch).toBe(3);
      if (version >= 10) expect(response.topics[0]?.topicId).toBe(running.meta.topicByName('t')?.topicId);
    },
  );

  test('an advertised address is shown instead', async () => {
    await start({ settings: { advertisedAddress: { host: 'kafka.example', port: 443 } } });
    const { brokers } = await client.call(METADATA, 12, { topics: null });
    expect(brokers).toMatchObject([{ host: 'kafka.example', port: 443 }]);
  });

  test('leaders are spread over the live gateways and stay where they are when another one goes', async () => {
    await start();
    running.meta.add('t', 60);
    for (const number of [2, 3]) {
      running.meta.live.push({
        nodeId: `kafka-${number}`,
        incarnation: 1,
        number,
        address: `[::1]:${number}`,
        rack: 'r',
      });
    }
    const leaders = async () =>
      (await client.call(METADATA, 12, { topics: null })).topics[0]?.partitions.map(
        ({ leaderId }) => leaderId,
      ) ?? [];
    const before = await leaders();
    expect(new Set(before)).toEqual(new Set([1, 2, 3]));
    expect((await client.call(METADATA, 12, { topics: null })).brokers[1]).toEqual({
      nodeId: 2,
      host: '::1',
      port: 2,
      rack: 'r',
    });
    running.meta.live.pop();
    const after = await leaders();
    before.forEach((leader, index) => {
      if (leader !== 3) expect(after[index]).toBe(leader);
    });
  });

  test('an unknown topic is created on first use, if the client lets us', async () => {
    await start();
    const ask = (allowAutoTopicCreation: boolean, name: string) =>
      client.call(METADATA, 12, { topics: [{ name }], allowAutoTopicCreation });
    expect((await ask(false, 'a')).topics[0]?.errorCode).toBe(KAFKA_ERRORS.UNKNOWN_TOPIC_OR_PARTITION);
    expect((await ask(true, 'a')).topics[0]).toMatchObject({ errorCode: 0, name: 'a' });
    expect((await ask(true, 'not legal!')).topics[0]?.errorCode).toBe(KAFKA_ERRORS.INVALID_TOPIC_EXCEPTION);
    expect((await client.call(METADATA, 3, { topics: [{ name: 'old' }] })).topics[0]?.errorCode).toBe(0);
    running.meta.commandError = new BrokerError('unavailable', '');
    expect((await ask(true, 'b')).topics[0]?.errorCode).toBe(KAFKA_ERRORS.LEADER_NOT_AVAILABLE);
  });

  test('not where it is switched off', async () => {
    await start({ settings: { autoCreateTopics: false } });
    const response = await client.call(METADATA, 12, {
      topics: [{ name: 'a' }],
      allowAutoTopicCreation: true,
    });
    expect(response.topics[0]?.errorCode).toBe(KAFKA_ERRORS.UNKNOWN_TOPIC_OR_PARTITION);
  });

  test('topics by id', async () => {
    await start();
    const { topicId } = running.meta.add('t');
    const unknown = Buffer.alloc(16, 7).toString('base64url');
    const ask = (version: number, id: string) =>
      client.call(METADATA, version, { topics: [{ name: null, topicId: id }] });
    expect((await ask(12, topicId)).topics[0]).toMatchObject({ name: 't', errorCode: 0 });
    expect((await ask(12, unknown)).topics[0]).toMatchObject({
      name: null,
      errorCode: KAFKA_ERRORS.UNKNOWN_TOPIC_ID,
    });
    expect((await ask(10, unknown)).topics[0]).toMatchObject({
      name: '',
      errorCode: KAFKA_ERRORS.UNKNOWN_TOPIC_ID,
    });
  });

  test('an id counts, whatever name comes with it: Java leaves it empty instead of null', async () => {
    await start();
    const { topicId } = running.meta.add('t');
    const { topics } = await client.call(METADATA, 13, { topics: [{ name: '', topicId }] });
    expect(topics).toMatchObject([{ name: 't', topicId, errorCode: 0 }]);
  });

  test('a topic asked for many times is answered once (I8)', async () => {
    await start();
    const { topicId } = running.meta.add('t', 50);
    const topics = Array.from({ length: 10_000 }, (_, n) =>
      n % 2 === 0 ? { name: 't' } : { name: '', topicId },
    );
    expect((await client.call(METADATA, 12, { topics })).topics).toHaveLength(2);
  });

  test('one request creates a bounded number of topics, the next one more (I8)', async () => {
    await start();
    const topics = Array.from({ length: 150 }, (_, n) => ({ name: `t${n}` }));
    const ask = () => client.call(METADATA, 12, { topics, allowAutoTopicCreation: true });
    const codes = (await ask()).topics.map(({ errorCode }) => kafkaErrorName(errorCode));
    expect(codes.filter((code) => code === 'NONE')).toHaveLength(100);
    expect(codes.filter((code) => code === 'UNKNOWN_TOPIC_OR_PARTITION')).toHaveLength(50);
    expect((await ask()).topics.every(({ errorCode }) => errorCode === 0)).toBe(true);
  });

  test("a name that differs in '.' and '_' only is not created on first use", async () => {
    await start();
    running.meta.add('a.b');
    const response = await client.call(METADATA, 12, {
      topics: [{ name: 'a_b' }],
      allowAutoTopicCreation: true,
    });
    expect(response.topics[0]?.errorCode).toBe(KAFKA_ERRORS.INVALID_TOPIC_EXCEPTION);
    expect(running.meta.created).toEqual([]);
  });

  test('a partition without a leader says so', async () => {
    await start();
    const topic = running.meta.add('t');
    running.meta.all.set('t', {
      ...topic,
      partitions: [{ shard: 0, leaderEpoch: 1, hasLeader: false, replicaCount: 1, isrCount: 0 }],
    });
    const [partition] = (await client.call(METADATA, 12, { topics: null })).topics[0]?.partitions ?? [];
    expect(partition).toMatchObject({
      errorCode: KAFKA_ERRORS.LEADER_NOT_AVAILABLE,
      leaderId: -1,
      isrNodes: [],
    });
  });
});

describe('looking at the cluster', () => {
  test.each([0, 1, 2])('DescribeCluster version %i', async (version) => {
    await start();
    const response = await client.call(DESCRIBE_CLUSTER, version, {
      includeClusterAuthorizedOperations: false,
    });
    expect(response).toMatchObject({
      errorCode: 0,
      clusterId: 'fake-cluster',
      controllerId: 1,
      brokers: [{ brokerId: 1, port: running.port }],
    });
  });

  test.each([
    ['controllers', 2, 114],
    ['what nobody knows', 3, 115],
  ])('of %s nothing is described', async (_name, endpointType, error) => {
    await start();
    const asked = { includeClusterAuthorizedOperations: false, endpointType };
    expect((await client.call(DESCRIBE_CLUSTER, 1, asked)).errorCode).toBe(error);
  });

  test('DescribeTopicPartitions goes page by page in name order', async () => {
    await start();
    running.meta.add('b', 3);
    running.meta.add('a', 2);
    const page = (
      cursor: { topicName: string; partitionIndex: number } | null,
      topics: { name: string }[] = [],
    ) => client.call(DESCRIBE_TOPIC_PARTITIONS, 0, { topics, responsePartitionLimit: 2, cursor });
    const first = await page(null);
    expect(first.topics.map(({ name, partitions }) => [name, partitions.length])).toEqual([['a', 2]]);
    expect(first.nextCursor).toEqual({ topicName: 'b', partitionIndex: 0 });
    const second = await page(first.nextCursor);
    expect(second.topics.map(({ name, partitions }) => [name, partitions.length])).toEqual([['b', 2]]);
    const third = await page(second.nextCursor);
    expect(third.topics[0]?.partitions.map(({ partitionIndex }) => partitionIndex)).toEqual([2]);
    expect(third.nextCursor).toBeNull();
    const unknown = await page(null, [{ name: 'nope' }, { name: '!' }]);
    expect(unknown.topics.map(({ errorCode }) => errorCode)).toEqual([17, 3]);
  });

  test('no reassignment is ever under way', async () => {
    await start();
    expect(await client.call(REASSIGNMENTS, 0, { topics: null })).toMatchObject({ errorCode: 0, topics: [] });
  });
});
