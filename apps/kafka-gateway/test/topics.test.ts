import { BrokerError } from '@robustmq/errors';
import { KAFKA_ERRORS, ZERO_UUID } from '@robustmq/kafka-codec';
import { kafkaErrorName } from '@robustmq/kafka-codec/testing';
import { TOPIC_CONFIG } from '../src/topic-config.ts';
import { RunningGateway, type TestOptions } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';

const METADATA = 3;
const LIST_OFFSETS = 2;
const CREATE_TOPICS = 19;
const DELETE_TOPICS = 20;
const LEADER_EPOCH = 23;
const CREATE_PARTITIONS = 37;
const REASSIGNMENTS = 46;
const DESCRIBE_CLUSTER = 60;
const DESCRIBE_TOPIC_PARTITIONS = 75;

let running: RunningGateway;
let client: WireClient;

async function start(options: TestOptions = {}): Promise<void> {
  running = await RunningGateway.start(options);
  client = await running.client();
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

describe('CreateTopics', () => {
  const topic = (options: object = {}) => ({
    name: 't',
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: [],
    ...options,
  });
  const create = async (version: number, options: object = {}, validateOnly = false) =>
    (await client.call(CREATE_TOPICS, version, { topics: [topic(options)], timeoutMs: 1000, validateOnly }))
      .topics[0];

  test.each([2, 3, 4, 5, 6, 7])('version %i creates', async (version) => {
    await start();
    expect(await create(version, { numPartitions: 3 })).toMatchObject({ name: 't', errorCode: 0 });
    expect(running.meta.topicByName('t')?.partitions).toHaveLength(3);
  });

  test('the answer shows what was made, from version 5 and 7 on', async () => {
    await start();
    const result = await create(7, {
      numPartitions: -1,
      replicationFactor: -1,
      configs: [{ name: 'retention.ms', value: '5' }],
    });
    expect(result).toMatchObject({
      numPartitions: 1,
      replicationFactor: 1,
      topicId: running.meta.topicByName('t')?.topicId,
    });
    expect(result?.configs).toContainEqual({
      name: 'retention.ms',
      value: '5',
      readOnly: false,
      configSource: 1,
      isSensitive: false,
    });
    expect(result?.configs).toHaveLength(TOPIC_CONFIG.size);
  });

  test('validate-only makes nothing', async () => {
    await start();
    expect(await create(7, {}, true)).toMatchObject({ errorCode: 0 });
    expect(running.meta.all.size).toBe(0);
    expect(running.meta.created[0]?.validateOnly).toBe(true);
  });

  const config = (name: string, value: string | null) => ({ configs: [{ name, value }] });
  test.each([
    ['cleanup.policy', 'delete'],
    ['compression.type', 'producer'],
    ['max.message.bytes', '8388608'],
    ['message.timestamp.type', 'LogAppendTime'],
    ['min.insync.replicas', '2'],
    ['message.timestamp.after.max.ms', '1000'],
    ['message.timestamp.before.max.ms', '9223372036854775807'],
    ['retention.bytes', '-1'],
    ['retention.ms', '-1'],
    ['retention.ms', '9223372036854775807'],
    ['segment.bytes', '1048576'],
    ['segment.ms', '1000'],
    ['mqtt.filter', 'sensors/+/temp'],
    ['mqtt.durability', 'memory'],
  ])('%s=%s is enforced', async (name, value) => {
    await start();
    expect((await create(7, config(name, value)))?.errorCode).toBe(0);
    expect(running.meta.created[0]?.config).toEqual({ [name]: value });
  });

  test.each([
    ['retention.ms', ' 5 ', '5'],
    ['cleanup.policy', '\tdelete\n', 'delete'],
    ['mqtt.filter', ' a/b ', ' a/b '],
  ])('%s=%j is taken as Kafka does, but for what is part of an MQTT topic', async (name, given, meant) => {
    await start();
    expect((await create(7, config(name, given)))?.errorCode).toBe(0);
    expect(running.meta.created[0]?.config).toEqual({ [name]: meant });
  });

  test.each([
    ['cleanup.policy', 'compact'],
    ['compression.type', 'gzip'],
    ['max.message.bytes', '8388609'],
    ['message.timestamp.type', 'Now'],
    ['min.insync.replicas', '0'],
    ['message.timestamp.after.max.ms', '-1'],
    ['message.timestamp.before.max.ms', '-1'],
    ['retention.ms', '-2'],
    ['retention.ms', '9223372036854775808'],
    ['retention.ms', '1e3'],
    ['retention.ms', 'soon'],
    ['segment.bytes', '1000'],
    ['segment.ms', '0'],
    ['mqtt.durability', 'hope'],
    ['flush.messages', '1'],
    ['unclean.leader.election.enable', 'true'],
    ['retention.ms', null],
  ])('%s=%s is refused by name', async (name, value) => {
    await start();
    const result = await create(7, config(name, value));
    expect(kafkaErrorName(result?.errorCode ?? 0)).toBe('INVALID_CONFIG');
    expect(result?.errorMessage).toContain(name);
    expect(running.meta.created).toEqual([]);
  });

  test.each([
    ['an illegal name', { name: 'a b' }, 'INVALID_TOPIC_EXCEPTION'],
    ['an empty name', { name: '' }, 'INVALID_TOPIC_EXCEPTION'],
    ['the name .', { name: '.' }, 'INVALID_TOPIC_EXCEPTION'],
    ['a long name', { name: 'x'.repeat(250) }, 'INVALID_TOPIC_EXCEPTION'],
    ['no partitions', { numPartitions: 0 }, 'INVALID_PARTITIONS'],
    ['no replicas', { replicationFactor: 0 }, 'INVALID_REPLICATION_FACTOR'],
    ['an assignment', { assignments: [{ partitionIndex: 0, brokerIds: [1] }] }, 'INVALID_REPLICA_ASSIGNMENT'],
    ['a name that is taken', { name: 'there' }, 'TOPIC_ALREADY_EXISTS'],
    ["a name that collides in '.' and '_'", { name: 'x_y.z' }, 'INVALID_TOPIC_EXCEPTION'],
  ])('%s is refused', async (_name, options, error) => {
    await start();
    running.meta.add('there');
    running.meta.add('x.y_z');
    expect(kafkaErrorName((await create(7, options))?.errorCode ?? 0)).toBe(error);
  });

  test('a request full of names takes no longer than it has names (I8)', async () => {
    await start();
    const topics = Array.from({ length: 30_000 }, (_, n) => topic({ name: `!${n}` }));
    const startedMs = performance.now();
    expect((await client.call(CREATE_TOPICS, 7, { topics, timeoutMs: 1 })).topics).toHaveLength(30_000);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });

  test('a name given twice is refused once', async () => {
    await start();
    const response = await client.call(CREATE_TOPICS, 7, { topics: [topic(), topic()], timeoutMs: 1 });
    expect(response.topics).toMatchObject([{ errorCode: KAFKA_ERRORS.INVALID_REQUEST }]);
  });

  test.each([
    [
      new BrokerError('invalid_argument', '', { details: { field: 'replication_factor' } }),
      'INVALID_REPLICATION_FACTOR',
    ],
    [new BrokerError('invalid_argument', '', { details: { field: 'shards' } }), 'INVALID_PARTITIONS'],
    [new BrokerError('invalid_argument', '', { details: { field: 'name' } }), 'INVALID_TOPIC_EXCEPTION'],
    [new BrokerError('invalid_argument', '', { details: { field: 'config' } }), 'INVALID_CONFIG'],
    [new BrokerError('invalid_argument', ''), 'INVALID_REQUEST'],
    [new BrokerError('conflict', 'mqtt.filter overlaps'), 'INVALID_CONFIG'],
    [new BrokerError('deadline_exceeded', ''), 'REQUEST_TIMED_OUT'],
    [new BrokerError('quota_exceeded', ''), 'POLICY_VIOLATION'],
    [new BrokerError('already_exists', ''), 'TOPIC_ALREADY_EXISTS'],
    [new BrokerError('not_enough_replicas', ''), 'INVALID_REPLICATION_FACTOR'],
    [new BrokerError('quota_exceeded', '', { details: { quota: 'rate' } }), 'THROTTLING_QUOTA_EXCEEDED'],
    [new BrokerError('unsupported', ''), 'INVALID_CONFIG'],
  ])('meta refuses with %s: the client hears %s', async (failure, error) => {
    await start();
    running.meta.commandError = failure;
    expect(kafkaErrorName((await create(7))?.errorCode ?? 0)).toBe(error);
  });
});

describe('changing topics', () => {
  test('N12: a topic that is named twice is answered once, and stays', async () => {
    await start();
    const { topicId } = running.meta.add('a');
    const byName = await client.call(DELETE_TOPICS, 4, { topicNames: ['a', 'a', 'nope'], timeoutMs: 1 });
    expect(byName.responses.map(({ name, errorCode }) => [name, kafkaErrorName(errorCode)])).toEqual([
      ['a', 'INVALID_REQUEST'],
      ['nope', 'UNKNOWN_TOPIC_OR_PARTITION'],
    ]);
    const topics = Array.from({ length: 3 }, () => ({ name: null, topicId }));
    const byId = await client.call(DELETE_TOPICS, 6, { topics, timeoutMs: 1 });
    expect(byId.responses.map(({ errorCode }) => kafkaErrorName(errorCode))).toEqual(['INVALID_REQUEST']);
    expect(running.meta.topicByName('a')).toBeDefined();
  });

  test('DeleteTopics by name and by id; built-in topics stay', async () => {
    await start();
    running.meta.add('a');
    const { topicId } = running.meta.add('b');
    running.meta.add('mqtt');
    const byName = await client.call(DELETE_TOPICS, 4, { topicNames: ['a', 'nope', 'mqtt'], timeoutMs: 1 });
    expect(byName.responses.map(({ errorCode }) => kafkaErrorName(errorCode))).toEqual([
      'NONE',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'TOPIC_AUTHORIZATION_FAILED',
    ]);
    const topics = [
      { name: null, topicId },
      { name: null, topicId: Buffer.alloc(16, 9).toString('base64url') },
      { name: 'b', topicId },
      { name: null, topicId: ZERO_UUID },
    ];
    const byId = await client.call(DELETE_TOPICS, 6, { topics, timeoutMs: 1 });
    expect(byId.responses.map(({ errorCode }) => kafkaErrorName(errorCode))).toEqual([
      'NONE',
      'UNKNOWN_TOPIC_ID',
      'INVALID_REQUEST',
      'INVALID_REQUEST',
    ]);
    running.meta.add('c');
    running.meta.commandError = new BrokerError('unavailable', '');
    expect(
      (await client.call(DELETE_TOPICS, 5, { topicNames: ['c'], timeoutMs: 1 })).responses[0]?.errorCode,
    ).toBe(KAFKA_ERRORS.REQUEST_TIMED_OUT);
  });

  test('CreatePartitions only adds', async () => {
    await start();
    running.meta.add('t', 2);
    const add = async (count: number, name = 't', assignments: null | { brokerIds: number[] }[] = null) =>
      kafkaErrorName(
        (
          await client.call(CREATE_PARTITIONS, 3, {
            topics: [{ name, count, assignments }],
            timeoutMs: 1,
            validateOnly: false,
          })
        ).results[0]?.errorCode ?? 0,
      );
    expect(await add(2)).toBe('INVALID_PARTITIONS');
    expect(await add(5)).toBe('NONE');
    expect(await add(9, 'nope')).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(await add(9, 't', [{ brokerIds: [1] }])).toBe('INVALID_REPLICA_ASSIGNMENT');
    expect(await add(6, 't', [])).toBe('NONE');
    running.meta.commandError = new BrokerError('deadline_exceeded', '');
    expect(await add(9)).toBe('REQUEST_TIMED_OUT');
    expect(running.meta.topicByName('t')?.partitions).toHaveLength(6);
  });

  test('N12: CreatePartitions of a topic that is named twice is refused once', async () => {
    await start();
    running.meta.add('t', 2);
    running.meta.add('u', 2);
    const more = (name: string, count: number) => ({ name, count, assignments: null });
    const { results } = await client.call(CREATE_PARTITIONS, 3, {
      topics: [more('t', 3), more('u', 3), more('t', 4)],
      timeoutMs: 1,
      validateOnly: false,
    });
    expect(results.map(({ name, errorCode }) => [name, kafkaErrorName(errorCode)])).toEqual([
      ['t', 'INVALID_REQUEST'],
      ['u', 'NONE'],
    ]);
    expect(running.meta.topicByName('t')?.partitions).toHaveLength(2);
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

describe('ListOffsets', () => {
  const ask = async (version: number, timestamp: number, name = 't', partitionIndex = 0) =>
    (
      await client.call(LIST_OFFSETS, version, {
        replicaId: -1,
        topics: [{ name, partitions: [{ partitionIndex, timestamp }] }],
      })
    ).topics[0]?.partitions[0];

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])(
    'version %i: earliest, latest, by time, and the newer marks',
    async (version) => {
      await start();
      const { streamId } = running.meta.add('t');
      const shard = running.journal.shard(streamId, 0);
      shard.startOffset = 4;
      shard.endOffset = 9;
      expect(await ask(version, -2)).toMatchObject({ errorCode: 0, offset: 4 });
      expect(await ask(version, -1)).toMatchObject({ errorCode: 0, offset: 9 });
      expect(await ask(version, 5_000)).toMatchObject({ errorCode: 0, offset: -1, timestamp: -1 });
      const mark = async (timestamp: number) => {
        const { errorCode = -1, offset } = (await ask(version, timestamp)) ?? {};
        return errorCode === 0 ? offset : kafkaErrorName(errorCode);
      };
      const from = (least: number, offset: number) => (version >= least ? offset : 'UNSUPPORTED_VERSION');
      expect(await mark(-3)).toBe(from(7, -1));
      // Earliest local is the earliest; nothing is tiered.
      expect(await mark(-4)).toBe(from(8, 4));
      expect(await mark(-5)).toBe(from(9, -1));
      expect(await mark(-6)).toBe(from(11, -1));
      expect(await mark(-9)).toBe('UNSUPPORTED_VERSION');
    },
  );

  test('errors', async () => {
    await start();
    running.meta.add('t');
    expect((await ask(7, -1, 'nope'))?.errorCode).toBe(KAFKA_ERRORS.UNKNOWN_TOPIC_OR_PARTITION);
    expect((await ask(7, -1, 't', 5))?.errorCode).toBe(KAFKA_ERRORS.UNKNOWN_TOPIC_OR_PARTITION);
    running.journal.queryError = new BrokerError('offset_not_available', '');
    expect((await ask(7, -1))?.errorCode).toBe(KAFKA_ERRORS.OFFSET_NOT_AVAILABLE);
  });
});

test.each([2, 3, 4])('OffsetForLeaderEpoch version %i (KIP-320)', async (version) => {
  await start();
  const { streamId } = running.meta.add('t');
  running.journal.shard(streamId, 0).endOffset = 9;
  const ask = async (partition: number) =>
    (
      await client.call(LEADER_EPOCH, version, {
        topics: [{ topic: 't', partitions: [{ partition, currentLeaderEpoch: 3, leaderEpoch: 2 }] }],
      })
    ).topics[0]?.partitions[0];
  expect(await ask(0)).toMatchObject({ errorCode: 0, leaderEpoch: 2, endOffset: 9 });
  expect((await ask(4))?.errorCode).toBe(KAFKA_ERRORS.UNKNOWN_TOPIC_OR_PARTITION);
  running.journal.queryError = new BrokerError('stale_epoch', '');
  expect((await ask(0))?.errorCode).toBe(KAFKA_ERRORS.FENCED_LEADER_EPOCH);
  expect(ZERO_UUID).toHaveLength(22);
});
