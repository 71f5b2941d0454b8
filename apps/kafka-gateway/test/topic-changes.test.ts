// Topics are created, deleted and get partitions: what is refused, and what an item that is named twice gets (N12).

import { BrokerError } from '@robustmq/errors';
import { KAFKA_ERRORS, ZERO_UUID } from '@robustmq/kafka-codec';
import { kafkaErrorName } from '@robustmq/kafka-codec/testing';
import { TOPIC_CONFIG } from '../src/topic-config.ts';
import { RunningGateway, type TestOptions } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';

const CREATE_TOPICS = 19;
const DELETE_TOPICS = 20;
const CREATE_PARTITIONS = 37;

let running: RunningGateway;
let client: WireClient;

async function start(options: TestOptions = {}): Promise<void> {
  ({ running, client } = await RunningGateway.withClient(options));
}

afterEach(() => running.stop());

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
