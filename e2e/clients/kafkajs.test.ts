// kafkajs: admin, producer, consumer groups of the Node world.
import { CompressionTypes, Kafka, logLevel, type Admin, type Consumer } from 'kafkajs';

import { waitUntil } from '@robustmq/testkit/cluster';

import { type Brokers, startBrokers } from '../cluster/brokers.ts';

let brokers: Brokers;
let kafka: Kafka;
let admin: Admin;
const consumers: Consumer[] = [];

beforeAll(async () => {
  brokers = await startBrokers();
  kafka = new Kafka({
    clientId: 'e2e',
    brokers: [brokers.kafka],
    logLevel: logLevel.NOTHING,
    retry: { retries: 8 },
  });
  admin = kafka.admin();
  await admin.connect();
});
afterEach(async () => {
  await Promise.all(consumers.splice(0).map((consumer) => consumer.disconnect()));
});
afterAll(async () => {
  await admin.disconnect();
  await brokers.remove();
});

async function produce(
  topic: string,
  values: readonly string[],
  compression = CompressionTypes.None,
  acks = -1,
): Promise<void> {
  const producer = kafka.producer({ allowAutoTopicCreation: true });
  await producer.connect();
  await producer.send({ topic, acks, compression, messages: values.map((value) => ({ key: 'k', value })) });
  await producer.disconnect();
}

interface Member {
  readonly consumer: Consumer;
  readonly values: string[];
  readonly partitions: Set<number>;
}

/** A member of a group that reads a topic from its beginning. */
async function member(groupId: string, topic: string): Promise<Member> {
  const consumer = kafka.consumer({
    groupId,
    sessionTimeout: 10_000,
    heartbeatInterval: 500,
    rebalanceTimeout: 10_000,
  });
  consumers.push(consumer);
  const values: string[] = [];
  let partitions = new Set<number>();
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    partitions = new Set(payload.memberAssignment[topic] ?? []);
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: ({ message }) => {
      values.push(message.value?.toString('utf8') ?? '');
      return Promise.resolve();
    },
  });
  return {
    consumer,
    values,
    get partitions() {
      return partitions;
    },
  };
}

const numbers = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, n) => String(from + n));

test.each([
  ['none', CompressionTypes.None],
  ['gzip', CompressionTypes.GZIP],
])('codec %s: a group reads what was produced, in order', async (name, compression) => {
  const topic = `kafkajs-${name}`;
  await produce(topic, numbers(300), compression);
  const { values } = await member(`${topic}-group`, topic);
  await waitUntil('300 records', 20_000, () => values.length >= 300);
  expect(values).toEqual(numbers(300));
});

test('topics are created, described, grown and deleted; what exists is refused by name', async () => {
  const topic = 'kafkajs-admin';
  const creation = {
    topics: [{ topic, numPartitions: 3, configEntries: [{ name: 'retention.ms', value: '60000' }] }],
  };
  expect(await admin.createTopics(creation)).toBe(true);
  expect(await admin.createTopics(creation)).toBe(false);
  expect(await admin.listTopics()).toContain(topic);
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  expect(topics[0]?.partitions.map((each) => each.partitionId).sort()).toEqual([0, 1, 2]);
  const configs = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: 2, name: topic }],
  });
  expect(configs.resources[0]?.configEntries).toContainEqual(
    expect.objectContaining({ configName: 'retention.ms', configValue: '60000' }),
  );
  await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] });
  await waitUntil('five partitions', 10_000, async () => {
    const grown = await admin.fetchTopicMetadata({ topics: [topic] });
    return grown.topics[0]?.partitions.length === 5;
  });
  await admin.deleteTopics({ topics: [topic] });
  await waitUntil('the topic is gone', 10_000, async () => !(await admin.listTopics()).includes(topic));
});

test('an idempotent producer writes each record once (KIP-98)', async () => {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  for (let batch = 0; batch < 10; batch += 1) {
    await producer.send({
      topic: 'kafkajs-idempotent',
      messages: numbers(20, batch * 20).map((value) => ({ value })),
    });
  }
  await producer.disconnect();
  const { values } = await member('kafkajs-idempotent-group', 'kafkajs-idempotent');
  await waitUntil('200 records', 20_000, () => values.length >= 200);
  expect(values).toEqual(numbers(200));
});

test('a second member takes its share of the partitions and gives it back when it leaves', async () => {
  const topic = 'kafkajs-rebalance';
  await admin.createTopics({ topics: [{ topic, numPartitions: 4 }] });
  const first = await member('kafkajs-rebalance-group', topic);
  await waitUntil('all partitions at the first', 20_000, () => first.partitions.size === 4);
  const second = await member('kafkajs-rebalance-group', topic);
  await waitUntil('two each', 30_000, () => first.partitions.size === 2 && second.partitions.size === 2);
  expect(new Set([...first.partitions, ...second.partitions]).size).toBe(4);
  await second.consumer.disconnect();
  await waitUntil('all partitions at the first again', 30_000, () => first.partitions.size === 4);
  const { groups } = await admin.describeGroups(['kafkajs-rebalance-group']);
  expect(groups[0]).toMatchObject({ state: 'Stable', protocolType: 'consumer' });
});

test('committed offsets are read, moved, and forgotten with their group', async () => {
  const topic = 'kafkajs-offsets';
  await produce(topic, numbers(10));
  const groupId = 'kafkajs-offsets-group';
  const { consumer, values } = await member(groupId, topic);
  await waitUntil('ten records', 20_000, () => values.length === 10);
  await consumer.disconnect();
  const committed = async (): Promise<string | undefined> =>
    (await admin.fetchOffsets({ groupId, topics: [topic] }))[0]?.partitions[0]?.offset;
  expect(await committed()).toBe('10');
  await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '4' }] });
  const again = await member(groupId, topic);
  await waitUntil('six records', 20_000, () => again.values.length >= 6);
  expect(again.values).toEqual(numbers(6, 4));
  await again.consumer.disconnect();
  await admin.deleteGroups([groupId]);
  expect(await committed()).toBe('-1');
});

test('offsets by time, and the ends of a topic', async () => {
  const topic = 'kafkajs-time';
  await produce(topic, numbers(5));
  const between = Date.now() + 5;
  await waitUntil('the clock moved on', 1_000, () => Date.now() > between + 5);
  await produce(topic, numbers(5, 5));
  expect((await admin.fetchTopicOffsetsByTimestamp(topic, between))[0]?.offset).toBe('5');
  expect((await admin.fetchTopicOffsets(topic))[0]).toMatchObject({ low: '0', high: '10' });
});

test('acks=0 and acks=1 arrive', async () => {
  await produce('kafkajs-acks', ['one'], CompressionTypes.None, 1);
  await produce('kafkajs-acks', ['zero'], CompressionTypes.None, 0);
  await waitUntil(
    'both are counted',
    10_000,
    async () => (await admin.fetchTopicOffsets('kafkajs-acks'))[0]?.high === '2',
  );
});
