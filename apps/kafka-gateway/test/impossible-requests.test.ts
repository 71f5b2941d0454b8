// N12: what Apache Kafka refuses is refused here in the same words, not taken for something else: levels, cursors and names that
// cannot be, and what a version demands.
import { KAFKA_ERRORS } from '@robustmq/kafka-codec';
import { kafkaErrorName } from '@robustmq/kafka-codec/testing';
import { member, SYNC } from './fakes/members.ts';
import { RunningGateway } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';

const FETCH = 1;
const LIST_OFFSETS = 2;
const DELETE_TOPICS = 20;
const DESCRIBE_CONFIGS = 32;
const ALTER_CONFIGS = 44;
const DESCRIBE_TOPIC_PARTITIONS = 75;
const ZERO_ID = 'AAAAAAAAAAAAAAAAAAAAAA';

let running: RunningGateway;
let client: WireClient;
beforeEach(async () => {
  ({ running, client } = await RunningGateway.withClient());
});
afterEach(() => running.stop());

describe('SyncGroup', () => {
  test.each([
    ['type', { protocolType: null, protocolName: 'range' }],
    ['name', { protocolType: 'consumer', protocolName: null }],
  ])('5 needs the protocol %s (KIP-559)', async (_name, protocol) => {
    const joined = await member(client);
    const asked = { groupId: 'g', ...joined, ...protocol, assignments: [] };
    expect((await client.call(SYNC, 5, asked)).errorCode).toBe(KAFKA_ERRORS.INCONSISTENT_GROUP_PROTOCOL);
    // Of a group that is not there as well: it is looked at first.
    const nobody = await client.call(SYNC, 5, { ...asked, groupId: 'none' });
    expect(nobody.errorCode).toBe(KAFKA_ERRORS.INCONSISTENT_GROUP_PROTOCOL);
    expect((await client.call(SYNC, 4, { groupId: 'g', ...joined, assignments: [] })).errorCode).toBe(0);
  });
});

describe('an isolation level that nobody knows', () => {
  test.each([-1, 2, 127])('%d: ListOffsets refuses each partition', async (isolationLevel) => {
    running.meta.add('t', 2);
    const partitions = [0, 1].map((partitionIndex) => ({
      partitionIndex,
      currentLeaderEpoch: -1,
      timestamp: -1,
    }));
    const ask = async (level: number) => {
      const answer = await client.call(LIST_OFFSETS, 7, {
        replicaId: -1,
        isolationLevel: level,
        topics: [{ name: 't', partitions }],
      });
      return answer.topics[0]!.partitions.map(({ errorCode }) => kafkaErrorName(errorCode));
    };
    expect(await ask(isolationLevel)).toEqual(['INVALID_REQUEST', 'INVALID_REQUEST']);
    expect(await ask(1)).toEqual(['NONE', 'NONE']);
  });

  test.each([
    [4, 2],
    [6, -1],
    [12, 2],
    [13, 2],
  ])('Fetch %d refuses %d, and begins no session', async (version, isolationLevel) => {
    const { topicId } = running.meta.add('t', 2);
    const partitions = [0, 1].map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1_000 }));
    const answer = await client.call(FETCH, version, {
      maxWaitMs: 0,
      minBytes: 0,
      isolationLevel,
      sessionEpoch: 0,
      topics: [{ topic: 't', topicId, partitions }],
    });
    const codes = answer.responses.flatMap((topic) => topic.partitions.map(({ errorCode }) => errorCode));
    const { INVALID_REQUEST } = KAFKA_ERRORS;
    expect(codes).toEqual(version < 13 ? [INVALID_REQUEST, INVALID_REQUEST] : []);
    if (version >= 7) expect([answer.errorCode, answer.sessionId]).toEqual([INVALID_REQUEST, 0]);
  });
});

describe('DeleteTopics', () => {
  test('N12: a topic that is named by name and by id is refused both ways, and stays', async () => {
    const { topicId } = running.meta.add('t');
    running.meta.add('other');
    const { responses } = await client.call(DELETE_TOPICS, 6, {
      topics: [
        { name: 't', topicId: ZERO_ID },
        { name: null, topicId },
        { name: 'other', topicId: ZERO_ID },
        { name: 'nobody', topicId: ZERO_ID },
      ],
      timeoutMs: 1_000,
    });
    expect(responses.map(({ name, errorCode }) => [name, kafkaErrorName(errorCode)])).toEqual([
      ['t', 'INVALID_REQUEST'],
      [null, 'INVALID_REQUEST'],
      ['other', 'NONE'],
      ['nobody', 'UNKNOWN_TOPIC_OR_PARTITION'],
    ]);
    expect(running.meta.topics().map(({ name }) => name)).toEqual(['t']);
  });

  test('N12: twice by its name, which counts for nothing then, and once by its id: it is deleted', async () => {
    const { topicId } = running.meta.add('t');
    const byName = { name: 't', topicId: ZERO_ID };
    const { responses } = await client.call(DELETE_TOPICS, 6, {
      topics: [byName, { name: null, topicId }, byName],
      timeoutMs: 1_000,
    });
    expect(responses.map(({ errorCode }) => kafkaErrorName(errorCode))).toEqual(['INVALID_REQUEST', 'NONE']);
    expect(running.meta.topicByName('t')).toBeUndefined();
  });

  test('twice by its id and once by its name: nothing is deleted', async () => {
    const { topicId } = running.meta.add('t');
    const byId = { name: null, topicId };
    const { responses } = await client.call(DELETE_TOPICS, 6, {
      topics: [byId, { name: 't', topicId: ZERO_ID }, byId],
      timeoutMs: 1_000,
    });
    expect(responses.map(({ errorCode }) => kafkaErrorName(errorCode))).toEqual([
      'INVALID_REQUEST',
      'INVALID_REQUEST',
    ]);
    expect(running.meta.topicByName('t')).toBeDefined();
  });
});

describe('DescribeTopicPartitions', () => {
  const page = async (cursor: { topicName: string; partitionIndex: number }, names: string[]) => {
    const topics = names.map((name) => ({ name }));
    const asked = { topics, responsePartitionLimit: 2, cursor };
    const answer = await client.call(DESCRIBE_TOPIC_PARTITIONS, 0, asked);
    return answer.topics.map(({ name, errorCode }) => [name, kafkaErrorName(errorCode)]);
  };
  beforeEach(() => {
    for (const name of ['a', 'b']) running.meta.add(name, 2);
  });

  test('a cursor before the first partition', async () => {
    expect(await page({ topicName: 'a', partitionIndex: -1 }, ['a', 'b', 'a'])).toEqual([
      ['a', 'INVALID_REQUEST'],
      ['b', 'INVALID_REQUEST'],
    ]);
    expect(await page({ topicName: 'a', partitionIndex: -1 }, [])).toEqual([]);
  });

  test('a cursor of a topic that is not asked for', async () => {
    for (const topicName of ['', 'a', 'c'])
      expect(await page({ topicName, partitionIndex: 0 }, ['b'])).toEqual([['b', 'INVALID_REQUEST']]);
    expect(await page({ topicName: 'b', partitionIndex: 1 }, ['a', 'b'])).toEqual([['b', 'NONE']]);
  });

  test('of all topics a cursor may name one that is gone by now, or a partition that is not there', async () => {
    expect(await page({ topicName: 'aa', partitionIndex: 7 }, [])).toEqual([['b', 'NONE']]);
    expect(await page({ topicName: 'a', partitionIndex: 7 }, [])).toEqual([
      ['a', 'NONE'],
      ['b', 'NONE'],
    ]);
  });
});

describe('numbers of configurations', () => {
  const alter = async (name: string, value: string): Promise<string> => {
    const configs = [{ name, configOperation: 0, value }];
    const resources = [{ resourceType: 2, resourceName: 't', configs }];
    const { responses } = await client.call(ALTER_CONFIGS, 1, { resources, validateOnly: false });
    return kafkaErrorName(responses[0]!.errorCode);
  };
  const described = async (name: string): Promise<string | null | undefined> => {
    const resources = [{ resourceType: 2, resourceName: 't', configurationKeys: [name] }];
    return (await client.call(DESCRIBE_CONFIGS, 4, { resources })).results[0]!.configs[0]?.value;
  };

  test.each([
    ['retention.ms', '+5', '5'],
    ['retention.ms', ' +0005 ', '5'],
    ['retention.ms', '-01', '-1'],
    ['retention.bytes', '9223372036854775807', '9223372036854775807'],
    ['retention.bytes', '000000000000000000000000009223372036854775807', '9223372036854775807'],
    ['max.message.bytes', '+65536', '65536'],
  ])("%s '%s' is %s, as Java reads it", async (name, value, meant) => {
    running.meta.add('t');
    expect(await alter(name, value)).toBe('NONE');
    expect(await described(name)).toBe(meant);
  });

  test.each(['', '+', '-', '++5', '+-5', '5+', '0x5', '1e3', '5.0', '1_000', '9223372036854775808', '-2'])(
    "'%s' is no time",
    async (value) => {
      running.meta.add('t');
      expect(await alter('retention.ms', value)).toBe('INVALID_CONFIG');
      expect(running.meta.topicByName('t')!.config).toEqual({});
    },
  );

  test('a time of a million zeros is refused without work', async () => {
    running.meta.add('t');
    expect(await alter('retention.ms', '0'.repeat(30_000))).toBe('INVALID_CONFIG');
  });
});
