// A small life of a cluster, written by one release and read by a later one: records of both protocols, compressed ones
// too, a durable session that is away, a consumer group that has read some, and a topic with configurations.
import { CompressionTypes, Kafka, logLevel } from 'kafkajs';
import mqtt, { type MqttClient } from 'mqtt';

import { waitUntil } from '@robustmq/testkit/cluster';

const TOPIC = 'release-orders';
const GROUP = 'release-readers';
const DEVICE = 'release-device';
const FILTER = 'release/+/state';
const READ_BY_GROUP = 30;
const TIMEOUT_MS = 30_000;

/** Where a cluster serves. */
export interface Brokers {
  readonly mqttPort: number;
  /** host:port */
  readonly kafka: string;
}

const PLAIN = Array.from({ length: 40 }, (_, number) => `plain-${number}`);
const PACKED = Array.from({ length: 40 }, (_, number) => `packed-${number}`);
const MISSED = Array.from({ length: 25 }, (_, number) => `missed-${number}`);

function client(brokers: Brokers): Kafka {
  return new Kafka({
    clientId: 'release',
    brokers: [brokers.kafka],
    logLevel: logLevel.NOTHING,
    retry: { retries: 8 },
  });
}

async function device(brokers: Brokers): Promise<{ connection: MqttClient; texts: string[] }> {
  const texts: string[] = [];
  const connection = mqtt.connect(`mqtt://127.0.0.1:${brokers.mqttPort}`, {
    clientId: DEVICE,
    clean: false,
    protocolVersion: 5,
    reconnectPeriod: 0,
    properties: { sessionExpiryInterval: 0xffff_ffff },
  });
  connection.on('message', (_topic, payload) => texts.push(payload.toString('utf8')));
  await new Promise<void>((resolve, reject) => {
    connection.once('connect', () => resolve());
    connection.once('error', reject);
  });
  return { connection, texts };
}

/** Reads the topic as the group, from where it stands, until `count` records came; commits what it read. */
async function readAsGroup(kafka: Kafka, count: number): Promise<string[]> {
  const values: string[] = [];
  const consumer = kafka.consumer({ groupId: GROUP, sessionTimeout: 10_000, heartbeatInterval: 500 });
  await consumer.connect();
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ topic, partition, message }) => {
      if (values.length >= count) return;
      values.push(message.value?.toString() ?? '');
      const offset = String(Number(message.offset) + 1);
      if (values.length === count) await consumer.commitOffsets([{ topic, partition, offset }]);
    },
  });
  await waitUntil(`${count} records for the group`, TIMEOUT_MS, () => values.length >= count);
  await consumer.disconnect();
  return values;
}

/** Lives the small life on a fresh cluster. */
export async function writeSample(brokers: Brokers): Promise<void> {
  const kafka = client(brokers);
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({
    waitForLeaders: true,
    topics: [{ topic: TOPIC, numPartitions: 1, configEntries: [{ name: 'retention.ms', value: '-1' }] }],
  });
  await admin.disconnect();
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  for (const [values, compression] of [
    [PLAIN, CompressionTypes.None],
    [PACKED, CompressionTypes.GZIP],
  ] as const) {
    const messages = values.map((value) => ({ key: 'k', value, headers: { h: 'v' } }));
    await producer.send({ topic: TOPIC, acks: -1, compression, messages });
  }
  await producer.disconnect();
  await readAsGroup(kafka, READ_BY_GROUP);
  const { connection } = await device(brokers);
  await connection.subscribeAsync(FILTER, { qos: 1 });
  await connection.endAsync();
  const publisher = mqtt.connect(`mqtt://127.0.0.1:${brokers.mqttPort}`, { protocolVersion: 5 });
  for (const text of MISSED) await publisher.publishAsync('release/1/state', text, { qos: 1 });
  await publisher.endAsync();
}

/** Reads it back; answers what is missing or other than it was written, in words. */
export async function readSample(brokers: Brokers): Promise<string[]> {
  const problems: string[] = [];
  const expect = (what: string, found: readonly string[], wanted: readonly string[]): void => {
    if (JSON.stringify(found) !== JSON.stringify(wanted))
      problems.push(`${what}: ${found.length} of ${wanted.length}, ${JSON.stringify(found.slice(0, 3))} …`);
  };
  const kafka = client(brokers);
  const written = [...PLAIN, ...PACKED];
  // The group goes on where it stood: what it had read does not come again.
  const rest = await readAsGroup(kafka, written.length - READ_BY_GROUP);
  expect('the rest for the group', rest, written.slice(READ_BY_GROUP));
  const { connection, texts } = await device(brokers);
  await waitUntil('the backlog of the device', TIMEOUT_MS, () => texts.length >= MISSED.length);
  expect('the backlog of the device', texts, MISSED);
  await connection.endAsync();
  const admin = kafka.admin();
  await admin.connect();
  const described = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: 2, name: TOPIC, configNames: ['retention.ms'] }],
  });
  const [retention] = described.resources[0]?.configEntries ?? [];
  expect('retention.ms', [retention?.configValue ?? ''], ['-1']);
  await admin.disconnect();
  return problems;
}
