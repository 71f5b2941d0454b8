// One log under both protocols: every sentence of "a message is written once, and every protocol reads that one copy".
import { Kafka, logLevel, type Admin, type Consumer, type KafkaMessage } from 'kafkajs';
import mqtt, { type MqttClient } from 'mqtt';

import { waitUntil } from '@robustmq/testkit/cluster';

import { type Brokers, startBrokers } from '../cluster/brokers.ts';

const TIMEOUT_MS = 20_000;
let brokers: Brokers;
let kafka: Kafka;
let admin: Admin;
let device: MqttClient;
const consumers: Consumer[] = [];

beforeAll(async () => {
  brokers = await startBrokers();
  kafka = new Kafka({ clientId: 'one-log', brokers: [brokers.kafka], logLevel: logLevel.NOTHING });
  admin = kafka.admin();
  await admin.connect();
  device = await connect();
});
afterEach(async () => {
  await Promise.all(consumers.splice(0).map((consumer) => consumer.disconnect()));
});
afterAll(async () => {
  await device.endAsync(true);
  await admin.disconnect();
  await brokers.remove();
});

function connect(): Promise<MqttClient> {
  return mqtt.connectAsync(`mqtt://127.0.0.1:${brokers.mqttPort}`, {
    protocolVersion: 5,
    reconnectPeriod: 0,
  });
}

/** A group of one that reads a topic from its beginning into the returned list. */
async function read(topic: string): Promise<KafkaMessage[]> {
  const messages: KafkaMessage[] = [];
  const consumer = kafka.consumer({ groupId: `one-log-${topic}-${consumers.length}` });
  consumers.push(consumer);
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: ({ message }) => {
      messages.push(message);
      return Promise.resolve();
    },
  });
  return messages;
}

async function produce(topic: string, ...messages: { key?: string; value: string }[]): Promise<void> {
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic, messages });
  await producer.disconnect();
}

/** A subscriber and the texts it has received, by topic. */
async function subscriber(
  filter: string,
): Promise<{ client: MqttClient; received: { topic: string; text: string }[] }> {
  const client = await connect();
  const received: { topic: string; text: string }[] = [];
  client.on('message', (topic, payload) => received.push({ topic, text: payload.toString('utf8') }));
  await client.subscribeAsync(filter, { qos: 1 });
  return { client, received };
}

const texts = (messages: readonly KafkaMessage[]): string[] =>
  messages.map((each) => each.value?.toString('utf8') ?? '');

test.each([0, 1] as const)(
  'an MQTT publish of QoS %i on a topic that Kafka created is read by Kafka',
  async (qos) => {
    const topic = `orders-${qos}`;
    await admin.createTopics({ topics: [{ topic }] });
    await device.publishAsync(topic, `QoS ${qos}`, { qos });
    const messages = await read(topic);
    await waitUntil('the record', TIMEOUT_MS, () => messages.length === 1);
    expect(texts(messages)).toEqual([`QoS ${qos}`]);
    expect(messages[0]?.key?.toString('utf8')).toBe(topic);
  },
);

test('the same with an explicit mqtt.filter', async () => {
  await admin.createTopics({
    topics: [{ topic: 'explicit', configEntries: [{ name: 'mqtt.filter', value: 'explicit/own' }] }],
  });
  await device.publishAsync('explicit/own', 'here', { qos: 0 });
  const messages = await read('explicit');
  await waitUntil('the record', TIMEOUT_MS, () => messages.length === 1);
  expect(texts(messages)).toEqual(['here']);
});

test('a Kafka record in an auto-created topic reaches MQTT subscribers of its name', async () => {
  await produce('auto-created', { key: 'k', value: 'before' });
  const { client, received } = await subscriber('auto-created');
  await produce('auto-created', { key: 'k', value: 'from Kafka' });
  await waitUntil('the message', TIMEOUT_MS, () => received.length > 0);
  expect(received).toEqual([{ topic: 'auto-created', text: 'from Kafka' }]);
  await client.endAsync(true);
});

test('topic mqtt shows every other appended publish', async () => {
  await device.publishAsync('somewhere/else', 'appended', { qos: 1 });
  const messages = await read('mqtt');
  await waitUntil('the record', TIMEOUT_MS, () => texts(messages).includes('appended'));
  expect(messages.find((each) => each.value?.toString('utf8') === 'appended')?.key?.toString('utf8')).toBe(
    'somewhere/else',
  );
});

test('a Kafka produce to mqtt is refused', async () => {
  await expect(produce('mqtt', { key: 'some/topic', value: 'x' })).rejects.toThrow();
});

test('a wildcard filter owns what matches; the key of a Kafka record names its MQTT topic', async () => {
  await admin.createTopics({
    topics: [
      {
        topic: 'sensors',
        numPartitions: 3,
        configEntries: [{ name: 'mqtt.filter', value: 'sensors/+/temp' }],
      },
    ],
  });
  const { client, received } = await subscriber('sensors/#');
  for (let n = 0; n < 10; n += 1) await device.publishAsync(`sensors/${n}/temp`, String(n), { qos: 1 });
  await device.publishAsync('sensors/0/humidity', 'other owner', { qos: 1 });
  await produce(
    'sensors',
    { key: 'sensors/77/temp', value: 'from Kafka' },
    { key: 'not/owned', value: 'invisible to MQTT' },
  );
  const messages = await read('sensors');
  await waitUntil('twelve records', TIMEOUT_MS, () => messages.length === 12);
  await waitUntil('twelve messages', TIMEOUT_MS, () => received.length >= 12);
  expect(texts(messages)).not.toContain('other owner');
  expect(received.map((each) => each.text)).not.toContain('invisible to MQTT');
  expect(received).toContainEqual({ topic: 'sensors/77/temp', text: 'from Kafka' });
  expect(received).toContainEqual({ topic: 'sensors/0/humidity', text: 'other owner' });
  await client.endAsync(true);
});

test('filters that overlap without containment are refused; a more specific one is not (rule O1)', async () => {
  const create = (topic: string, value: string): Promise<boolean> =>
    admin.createTopics({ topics: [{ topic, configEntries: [{ name: 'mqtt.filter', value }] }] });
  await create('overlap-a', 'overlap/+/b');
  await expect(create('overlap-b', 'overlap/a/+')).rejects.toThrow();
  await create('overlap-c', 'overlap/a/b');
  await device.publishAsync('overlap/a/b', 'most specific', { qos: 1 });
  const messages = await read('overlap-c');
  await waitUntil('the record', TIMEOUT_MS, () => messages.length === 1);
  expect(texts(messages)).toEqual(['most specific']);
});

test('created under live traffic: nothing acknowledged is missing from the union, nor at any subscriber (O2, X4, I5)', async () => {
  const { client, received } = await subscriber('live/#');
  const acknowledged: number[] = [];
  const sentAfterAnswer: number[] = [];
  let answered = false;
  let running = true;
  const publisher = await connect();
  const traffic = (async () => {
    for (let n = 0; running; n += 1) {
      const after = answered;
      await publisher.publishAsync(`live/${n % 5}`, String(n), { qos: 1 });
      acknowledged.push(n);
      if (after) sentAfterAnswer.push(n);
    }
  })();
  await waitUntil('traffic', TIMEOUT_MS, () => acknowledged.length > 100);
  await admin.createTopics({
    topics: [{ topic: 'live', numPartitions: 2, configEntries: [{ name: 'mqtt.filter', value: 'live/+' }] }],
  });
  answered = true;
  await waitUntil('traffic after the answer', TIMEOUT_MS, () => sentAfterAnswer.length > 100);
  running = false;
  await traffic;
  const inNew = await read('live');
  const inMqtt = await read('mqtt');
  const numbers = (messages: readonly KafkaMessage[]): number[] =>
    messages
      .filter((each) => each.key?.toString('utf8').startsWith('live/'))
      .map((each) => Number(each.value?.toString('utf8')));
  const wanted = new Set(acknowledged);
  await waitUntil('the union is whole', TIMEOUT_MS, () => {
    const union = new Set([...numbers(inNew), ...numbers(inMqtt)]);
    return [...wanted].every((n) => union.has(n));
  });
  await waitUntil('the subscriber has all', TIMEOUT_MS, () => {
    const seen = new Set(received.map((each) => Number(each.text)));
    return [...wanted].every((n) => seen.has(n));
  });
  const created = new Set(numbers(inNew));
  expect(sentAfterAnswer.filter((n) => !created.has(n))).toEqual([]);
  expect(numbers(inMqtt).filter((n) => created.has(n))).toEqual([]);
  await Promise.all([client.endAsync(true), publisher.endAsync(true)]);
});

test('user properties and headers cross over', async () => {
  await admin.createTopics({ topics: [{ topic: 'crossing' }] });
  await device.publishAsync('crossing', 'body', {
    qos: 1,
    properties: { userProperties: { colour: 'blue' }, contentType: 'text/plain' },
  });
  const messages = await read('crossing');
  await waitUntil('the record', TIMEOUT_MS, () => messages.length === 1);
  expect(messages[0]?.headers?.['colour']?.toString()).toBe('blue');
});
