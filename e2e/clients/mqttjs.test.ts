// MQTT.js: MQTT 3.1.1 and 5 over TCP and WebSocket.
import mqtt, { type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt';

import { waitUntil } from '@robustmq/testkit/cluster';

import { type Brokers, startBrokers } from '../cluster/brokers.ts';

let brokers: Brokers;
const open: MqttClient[] = [];

beforeAll(async () => {
  brokers = await startBrokers();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.endAsync(true)));
});
afterAll(() => brokers.remove());

interface Received {
  readonly topic: string;
  readonly text: string;
  readonly packet: IPublishPacket;
}

/** A client and what it has received. */
class Listener {
  readonly client: MqttClient;
  readonly received: Received[] = [];

  constructor(client: MqttClient) {
    this.client = client;
    client.on('message', (topic, payload, packet) => {
      this.received.push({ topic, text: payload.toString('utf8'), packet });
    });
  }

  get texts(): string[] {
    return this.received.map((each) => each.text);
  }

  async waitFor(count: number): Promise<Received[]> {
    await waitUntil(
      `${count} messages, got ${this.texts.join(',')}`,
      15_000,
      () => this.received.length >= count,
    );
    return this.received;
  }
}

async function connect(
  options: IClientOptions = {},
  url = `mqtt://127.0.0.1:${brokers.mqttPort}`,
): Promise<Listener> {
  const client = mqtt.connect(url, { reconnectPeriod: 0, protocolVersion: 5, ...options });
  open.push(client);
  const listener = new Listener(client);
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('error', reject);
    client.once('close', () => reject(new Error('closed before CONNACK')));
  });
  return listener;
}

test.each([
  ['3.1.1', 4],
  ['5', 5],
] as const)(
  'MQTT %s: QoS 0 and 1 arrive in the order in which they were sent (I3)',
  async (_name, protocolVersion) => {
    const receiver = await connect({ protocolVersion });
    const sender = await connect({ protocolVersion });
    await receiver.client.subscribeAsync(`mqttjs/order/${protocolVersion}/#`, { qos: 1 });
    for (let n = 0; n < 200; n += 1)
      sender.client.publish(`mqttjs/order/${protocolVersion}/q1`, String(n), { qos: 1 });
    await receiver.waitFor(200);
    expect(receiver.texts).toEqual(Array.from({ length: 200 }, (_, n) => String(n)));
    for (let n = 0; n < 50; n += 1)
      sender.client.publish(`mqttjs/order/${protocolVersion}/q0`, String(n), { qos: 0 });
    await receiver.waitFor(250);
    expect(receiver.texts.slice(200)).toEqual(Array.from({ length: 50 }, (_, n) => String(n)));
  },
);

test('a durable session receives its offline backlog in order, once (I3, I5)', async () => {
  const durable: IClientOptions = {
    clientId: 'mqttjs-durable',
    clean: false,
    properties: { sessionExpiryInterval: 600 },
  };
  const first = await connect(durable);
  await first.client.subscribeAsync('mqttjs/backlog/+', { qos: 1 });
  await first.client.endAsync();
  const sender = await connect();
  for (let n = 0; n < 300; n += 1)
    await sender.client.publishAsync(`mqttjs/backlog/${n % 3}`, String(n), { qos: 1 });
  const back = await connect(durable);
  await back.waitFor(300);
  expect(back.texts).toHaveLength(300);
  for (const topic of [0, 1, 2]) {
    const numbers = back.received
      .filter((each) => each.topic.endsWith(`/${topic}`))
      .map((each) => Number(each.text));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  }
  expect(new Set(back.texts).size).toBe(300);
});

test('a clean start drops the session and its backlog [MQTT-3.1.2-4]', async () => {
  const durable: IClientOptions = {
    clientId: 'mqttjs-clean',
    clean: false,
    properties: { sessionExpiryInterval: 600 },
  };
  const first = await connect(durable);
  await first.client.subscribeAsync('mqttjs/clean', { qos: 1 });
  await first.client.endAsync();
  const sender = await connect();
  await sender.client.publishAsync('mqttjs/clean', 'old', { qos: 1 });
  const fresh = await connect({ ...durable, clean: true });
  await fresh.client.subscribeAsync('mqttjs/clean', { qos: 1 });
  await sender.client.publishAsync('mqttjs/clean', 'new', { qos: 1 });
  await fresh.waitFor(1);
  expect(fresh.texts).toEqual(['new']);
});

test('takeover: the first connection is told 0x8E and the second one goes on with the session (S1)', async () => {
  const options: IClientOptions = {
    clientId: 'mqttjs-takeover',
    clean: false,
    properties: { sessionExpiryInterval: 600 },
  };
  const first = await connect(options);
  await first.client.subscribeAsync('mqttjs/takeover', { qos: 1 });
  const told = new Promise<number | undefined>((resolve) => {
    first.client.once('disconnect', (packet) => resolve(packet.reasonCode));
  });
  const second = await connect(options);
  expect(await told).toBe(0x8e);
  const sender = await connect();
  await sender.client.publishAsync('mqttjs/takeover', 'to the second', { qos: 1 });
  await second.waitFor(1);
  expect(second.texts).toEqual(['to the second']);
  expect(first.texts).toEqual([]);
});

test('request and response carry response topic and correlation data [MQTT-3.3.2-13..16]', async () => {
  const service = await connect();
  await service.client.subscribeAsync('mqttjs/requests', { qos: 1 });
  service.client.on('message', (_topic, payload, packet) => {
    const { responseTopic = '', correlationData } = packet.properties ?? {};
    service.client.publish(responseTopic, `answer to ${payload.toString('utf8')}`, {
      qos: 1,
      properties: correlationData === undefined ? {} : { correlationData },
    });
  });
  const asker = await connect();
  await asker.client.subscribeAsync('mqttjs/answers/1', { qos: 1 });
  await asker.client.publishAsync('mqttjs/requests', 'a question', {
    qos: 1,
    properties: { responseTopic: 'mqttjs/answers/1', correlationData: Buffer.from([1, 2, 3]) },
  });
  const [answer] = await asker.waitFor(1);
  expect(answer?.text).toBe('answer to a question');
  expect(Buffer.from(answer?.packet.properties?.correlationData ?? [])).toEqual(Buffer.from([1, 2, 3]));
});

test('a message that expires before its receiver comes is not delivered; the rest shows what is left [MQTT-3.3.2-5, -6]', async () => {
  const durable: IClientOptions = {
    clientId: 'mqttjs-expiry',
    clean: false,
    properties: { sessionExpiryInterval: 600 },
  };
  const first = await connect(durable);
  await first.client.subscribeAsync('mqttjs/expiry', { qos: 1 });
  await first.client.endAsync();
  const sender = await connect();
  await sender.client.publishAsync('mqttjs/expiry', 'short', {
    qos: 1,
    properties: { messageExpiryInterval: 1 },
  });
  await sender.client.publishAsync('mqttjs/expiry', 'long', {
    qos: 1,
    properties: { messageExpiryInterval: 100 },
  });
  const expiredAtMs = performance.now() + 2_100;
  await waitUntil('the short message has expired', 5_000, () => performance.now() > expiredAtMs);
  const back = await connect(durable);
  const [only] = await back.waitFor(1);
  expect(back.texts).toEqual(['long']);
  expect(only?.packet.properties?.messageExpiryInterval).toBeLessThan(100);
  expect(only?.packet.properties?.messageExpiryInterval).toBeGreaterThan(80);
});

test('No Local, subscription identifiers and one copy per session [MQTT-3.8.3-3, MQTT-3.3.4-4]', async () => {
  const both = await connect();
  await both.client.subscribeAsync('mqttjs/options/own', { qos: 1, nl: true });
  await both.client.subscribeAsync('mqttjs/options/+', {
    qos: 1,
    nl: true,
    properties: { subscriptionIdentifier: 7 },
  });
  await both.client.publishAsync('mqttjs/options/own', 'mine', { qos: 1 });
  const other = await connect();
  await other.client.publishAsync('mqttjs/options/own', 'theirs', { qos: 1 });
  await both.waitFor(1);
  expect(both.texts).toEqual(['theirs']);
  expect([both.received[0]?.packet.properties?.subscriptionIdentifier].flat()).toEqual([7]);
});

test('topics with $ are not matched by a leading wildcard [MQTT-4.7.2-1]', async () => {
  const all = await connect();
  await all.client.subscribeAsync('#', { qos: 1 });
  const exact = await connect();
  await exact.client.subscribeAsync('$mqttjs/secret', { qos: 1 });
  const sender = await connect();
  await sender.client.publishAsync('$mqttjs/secret', 'hidden', { qos: 1 });
  await sender.client.publishAsync('mqttjs/dollar', 'shown', { qos: 1 });
  await exact.waitFor(1);
  await waitUntil('the visible one', 10_000, () => all.texts.includes('shown'));
  expect(all.texts).not.toContain('hidden');
});

test('a topic alias of the client is understood [MQTT-3.3.2-12]', async () => {
  const receiver = await connect();
  await receiver.client.subscribeAsync('mqttjs/alias', { qos: 1 });
  const sender = await connect({ autoAssignTopicAlias: true });
  for (let n = 0; n < 3; n += 1) await sender.client.publishAsync('mqttjs/alias', String(n), { qos: 1 });
  await receiver.waitFor(3);
  expect(receiver.texts).toEqual(['0', '1', '2']);
});

test('payloads from empty to 200 KB arrive whole', async () => {
  const receiver = await connect();
  await receiver.client.subscribeAsync('mqttjs/sizes', { qos: 1 });
  const sender = await connect();
  const sizes = [0, 1, 127, 128, 16_383, 16_384, 200_000];
  for (const size of sizes) await sender.client.publishAsync('mqttjs/sizes', 'x'.repeat(size), { qos: 1 });
  await receiver.waitFor(sizes.length);
  expect(receiver.texts.map((text) => text.length)).toEqual(sizes);
});

test('MQTT over WebSocket meets MQTT over TCP', async () => {
  if (brokers.mqttWebSocket === '') return;
  const browser = await connect({ protocolVersion: 4 }, brokers.mqttWebSocket);
  const device = await connect();
  await browser.client.subscribeAsync('mqttjs/websocket', { qos: 1 });
  await device.client.publishAsync('mqttjs/websocket', 'from TCP', { qos: 1 });
  await browser.client.publishAsync('mqttjs/websocket', 'from WebSocket', { qos: 1 });
  await browser.waitFor(2);
  expect(browser.texts.sort()).toEqual(['from TCP', 'from WebSocket']);
});

test('CONNACK of v5 announces what this release can do', async () => {
  const client = mqtt.connect(`mqtt://127.0.0.1:${brokers.mqttPort}`, {
    reconnectPeriod: 0,
    protocolVersion: 5,
  });
  open.push(client);
  const properties = await new Promise<Record<string, unknown>>((resolve) => {
    client.once('connect', (packet) => resolve({ ...packet.properties }));
  });
  if (brokers.cluster === undefined) return;
  expect(properties).toMatchObject({
    maximumQoS: 1,
    retainAvailable: false,
    sharedSubscriptionAvailable: false,
  });
});
