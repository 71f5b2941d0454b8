// What a client sent before it closed is served, in order, also when it is gone by then (N10).

import { type RawClient, start, until, type Running } from './running-gateway.ts';
import type { Packet } from 'mqtt-packet';

let running: Running;
let watcher: RawClient;

const client = (version: 4 | 5 = 4): RawClient => running.client(version);

beforeEach(async () => {
  running = await start();
  watcher = client();
  await watcher.connect('watcher');
  await watcher.subscribe('f/#', 1);
});

afterEach(() => running.stop());

const publish = (payload: string, qos: 0 | 1 = 1): Packet => ({
  cmd: 'publish',
  topic: 'f/1',
  payload,
  qos,
  messageId: 4,
  dup: false,
  retain: false,
});

const subscribe: Packet = {
  cmd: 'subscribe',
  messageId: 3,
  subscriptions: [{ topic: 'config', qos: 1, nl: false, rap: false, rh: 0 }],
};

test('N10: SUBSCRIBE, PUBLISH and DISCONNECT in one write, then close: nothing of it is lost', async () => {
  const expected: string[] = [];
  for (let round = 0; round < 10; round++) {
    const device = client();
    await device.connect(`device-${round}`);
    device.send(subscribe, publish(`m${round}`, (round & 1) as 0 | 1), { cmd: 'disconnect' });
    device.socket.end();
    expected.push(`m${round}`);
  }
  await until(() => watcher.payloads().length === expected.length);
  expect(watcher.payloads().sort()).toEqual(expected);
});

test('N10: CONNECT and PUBLISH in one write, then the end of the stream: the message is delivered', async () => {
  for (const [index, version] of ([4, 5] as const).entries()) {
    const device = client(version);
    device.send(device.connectPacket(`hasty-${version}`), publish(`v${version}`));
    device.socket.end();
    await until(() => watcher.payloads().length === index + 1);
  }
  expect(watcher.payloads()).toEqual(['v4', 'v5']);
  await until(() => running.gateway.counters.open === 1, 'both connections ended');
});

test('N10: a subscription of a durable session that came right before the end is stored', async () => {
  const device = client(5);
  const durable = { clean: false, properties: { sessionExpiryInterval: 600 } };
  device.send(device.connectPacket('dev', durable), subscribe, { cmd: 'disconnect' });
  device.socket.end();
  await until(() => running.meta.calls.includes('release dev'));
  expect(running.meta.sessions.get('dev')!.subscriptions.map(({ filter }) => filter)).toEqual(['config']);
});

test.each([4, 5] as const)(
  'N10: who ends only its half of the stream still reads what is acknowledged (version %i)',
  async (version) => {
    const device = client(version);
    await device.connect('half');
    device.send(subscribe, publish('last'));
    device.socket.end();
    await until(() => device.isClosed, 'the gateway has ended the other half');
    expect(device.received.map(({ cmd }) => cmd)).toEqual(['suback', 'puback']);
    expect(running.gateway.counters.open).toBe(1);
  },
);

test('who is gone altogether is not waited for, whatever is owed to it', async () => {
  const device = client(5);
  await device.connect('gone');
  running.journal.holdAppends = true;
  device.send(publish('last'));
  await until(() => running.journal.held.length > 0, 'the publish was read');
  device.socket.end();
  device.socket.destroy();
  await until(() => running.gateway.counters.open === 1);
});

test('a client that leaves with nothing more to serve is not waited for', async () => {
  const device = client(5);
  device.send(device.connectPacket('dev'));
  device.socket.end();
  await until(() => running.gateway.counters.open === 1);
  expect(running.gateway.serving!.directory.get('default', 'dev')).toBeUndefined();
});
