// Durable sessions on two gateways: they roam, are taken over, and outlive a gateway that is killed (S1, S3, I3, I5).
import mqtt, { type IClientOptions, type IConnackPacket, type MqttClient } from 'mqtt';

import { ONE_OF_EACH, waitUntil, type Cluster, type ManagedProcess } from '@robustmq/testkit/cluster';

import { READY_TIMEOUT_MS, removeTestCluster, startTestCluster } from '../cluster/test-cluster.ts';

const CLIENT_ID = 'roaming-device';
const durable: IClientOptions = {
  clientId: CLIENT_ID,
  clean: false,
  properties: { sessionExpiryInterval: 600 },
};

let cluster: Cluster;
let gateways: readonly ManagedProcess[];
const open: MqttClient[] = [];

beforeAll(async () => {
  cluster = await startTestCluster({ counts: { ...ONE_OF_EACH, 'mqtt-gateway': 2 } });
  gateways = cluster.of('mqtt-gateway');
}, 60_000);
afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.endAsync(true)));
});
afterAll(() => removeTestCluster(cluster));

interface Device {
  readonly client: MqttClient;
  readonly sessionPresent: boolean;
  readonly texts: string[];
  readonly reasons: number[];
}

/** Connects to a gateway; comes again while the gateway says that it is not the moment (0x88, 0x89). */
async function connect(gateway: ManagedProcess, options: IClientOptions): Promise<Device> {
  const texts: string[] = [];
  const reasons: number[] = [];
  for (let attempt = 1; ; attempt += 1) {
    const client = mqtt.connect(`mqtt://127.0.0.1:${gateway.port('mqtt')}`, {
      reconnectPeriod: 0,
      protocolVersion: 5,
      ...options,
    });
    open.push(client);
    client.on('message', (_topic, payload) => texts.push(payload.toString('utf8')));
    client.on('disconnect', ({ reasonCode }) => reasons.push(reasonCode ?? 0));
    try {
      const connack = await new Promise<IConnackPacket>((resolve, reject) => {
        client.once('connect', resolve);
        client.once('error', reject);
        client.once('close', () => reject(new Error('closed before CONNACK')));
      });
      return { client, sessionPresent: connack.sessionPresent, texts, reasons };
    } catch (error) {
      if (attempt === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `m${from + index}`);

async function publish(gateway: ManagedProcess, topic: string, texts: readonly string[]): Promise<void> {
  const { client } = await connect(gateway, {});
  await Promise.all(texts.map((text) => client.publishAsync(topic, text, { qos: 1 })));
  await client.endAsync();
}

const received = (device: Device, count: number): Promise<true> =>
  waitUntil(`${count} messages, got ${device.texts.length}`, 20_000, () => device.texts.length >= count);

test('a session roams and is taken over: every message once and in order, the first owner hears 0x8E', async () => {
  const [one, two] = gateways as [ManagedProcess, ManagedProcess];
  const first = await connect(one, durable);
  await first.client.subscribeAsync(['roam/+/a', 'roam/1/#'], { qos: 1 });
  await first.client.endAsync();
  await publish(one, 'roam/1/a', numbered(0, 300));

  const second = await connect(two, durable);
  expect(second.sessionPresent).toBe(true);
  await received(second, 300);
  await publish(one, 'roam/1/a', numbered(300, 400));
  await received(second, 400);
  expect(second.texts).toEqual(numbered(0, 400));

  const third = await connect(one, durable);
  expect(third.sessionPresent).toBe(true);
  await waitUntil('the second connection is told', 10_000, () => second.reasons.length > 0);
  expect(second.reasons).toEqual([0x8e]);
  await publish(two, 'roam/1/a', numbered(400, 500));
  await waitUntil('the rest', 20_000, () => third.texts.includes('m499'));
  // The acknowledgement of the last messages may have met a connection that was gone.
  expect(third.texts.slice(-100)).toEqual(numbered(400, 500));
});

test('a gateway that is killed: its sessions are served again, and nothing published meanwhile is missing', async () => {
  const [one, two] = gateways as [ManagedProcess, ManagedProcess];
  const clientId = 'survivor';
  const device = await connect(two, { ...durable, clientId });
  await device.client.subscribeAsync('survive/#', { qos: 1 });
  await publish(one, 'survive/x', numbered(0, 50));
  await received(device, 50);
  await cluster.kill([two]);
  await publish(one, 'survive/x', numbered(50, 100));

  const elsewhere = await connect(one, { ...durable, clientId });
  expect(elsewhere.sessionPresent).toBe(true);
  await waitUntil('the backlog', 20_000, () => elsewhere.texts.includes('m99'));
  // What the client had acknowledged within the last second may come again (cursors are stored once a second).
  expect([...new Set(elsewhere.texts)].slice(-50)).toEqual(numbered(50, 100));

  await cluster.restart([two], READY_TIMEOUT_MS);
  const home = await connect(two, { ...durable, clientId });
  expect(home.sessionPresent).toBe(true);
  await publish(one, 'survive/y', numbered(100, 110));
  await waitUntil('live again', 20_000, () => home.texts.includes('m109'));
  expect(home.texts.slice(-10)).toEqual(numbered(100, 110));
});
