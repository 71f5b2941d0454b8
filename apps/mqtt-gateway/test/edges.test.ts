// What a real gateway makes of clients that stand at the edge of the protocol: bridges, odd paths, devices that can't be
// told to send no user name, packets full of small things.

import { connect } from 'node:net';
import { generate } from 'mqtt-packet';
import { WebSocket } from 'ws';
import { type RawClient, start, until, type Running } from './running-gateway.ts';

let running: Running;

const client = (version: 3 | 4 | 5 = 5): RawClient => running.client(version);

afterEach(() => running.stop());

describe('auth.anonymous', () => {
  const login = { username: 'DVES_USER', password: Buffer.from('DVES_PASS') };

  test('ignore-credentials lets devices in that can’t be told to send no user name', async () => {
    running = await start({ flags: ['--auth.anonymous=ignore-credentials'] });
    expect((await client(4).connect('device', login)).returnCode).toBe(0);
    expect((await client(5).connect('other', login)).reasonCode).toBe(0);
  });

  test('true verifies a user name all the same', async () => {
    running = await start({ flags: ['--auth.anonymous=true'] });
    expect((await client(4).connect('device', login)).returnCode).toBe(4);
  });
});

describe('WebSocket paths', () => {
  const opens = async (path: string): Promise<boolean> => {
    const socket = new WebSocket(`ws://127.0.0.1:${running.wsPort}${path}`, ['mqtt']);
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.on('open', () => resolve(true));
      socket.on('error', () => resolve(false));
    });
    socket.terminate();
    return isOpen;
  };

  test('are /mqtt and / when nobody says otherwise, with or without a slash behind', async () => {
    running = await start();
    const results = await Promise.all(['/mqtt', '/mqtt/', '/', '/mqtt?token=1', '/ws', '/mqtt/x'].map(opens));
    expect(results).toEqual([true, true, true, true, false, false]);
  });

  const upgradeOf = (path: string): string =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

  test('that are not served: a peer that resets its connection meanwhile costs nobody else anything', async () => {
    running = await start();
    const errors: unknown[] = [];
    const note = (error: unknown): void => void errors.push(error);
    process.on('uncaughtException', note);
    for (let count = 0; count < 20; count++) {
      const socket = connect(running.wsPort, '127.0.0.1');
      socket.on('error', () => undefined);
      await new Promise<void>((resolve) =>
        socket.on('close', () => resolve()).write(upgradeOf('/other'), () => socket.resetAndDestroy()),
      );
    }
    expect((await client(5).connect('other')).reasonCode).toBe(0);
    process.off('uncaughtException', note);
    expect(errors).toEqual([]);
  });

  test('that are not served: a peer that keeps its side open is cut', async () => {
    running = await start();
    const socket = connect({ port: running.wsPort, host: '127.0.0.1', allowHalfOpen: true });
    let answer = '';
    socket.on('data', (bytes) => (answer += String(bytes)));
    socket.on('error', () => undefined);
    socket.write(upgradeOf('/other'));
    await until(() => answer.startsWith('HTTP/1.1 400'));
    const write = setInterval(() => socket.write('x'), 20);
    await until(() => socket.destroyed, 'the connection is cut');
    clearInterval(write);
  });

  test('I8: sockets that never ask for an upgrade are connections as all others', async () => {
    running = await start({ flags: ['--limits.maxConnections=2'] });
    const silent = Array.from({ length: 3 }, () => connect(running.wsPort, '127.0.0.1'));
    for (const socket of silent) socket.on('error', () => undefined).resume();
    await until(() => silent.some((socket) => socket.destroyed), 'one too many is cut');
    const [first, second] = silent.filter((socket) => !socket.destroyed);
    expect([first?.destroyed, second?.destroyed]).toEqual([false, false]);
    for (const socket of silent) socket.destroy();
  });

  test('are those of the configuration', async () => {
    running = await start({ flags: ['--ws.paths=/ws,/devices/'] });
    const results = await Promise.all(['/ws', '/devices', '/mqtt', '/'].map(opens));
    expect(results).toEqual([true, true, false, false]);
  });
});

test('a bridge does not get its own messages back, and sees those of others', async () => {
  running = await start();
  const bridge = client(4);
  const connect = generate({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clientId: 'bridge',
    clean: true,
    keepalive: 0,
  });
  connect[8]! |= 0x80;
  bridge.socket.write(connect);
  expect((await bridge.take('connack')).returnCode).toBe(0);
  await bridge.subscribe('topic/#', 1);
  const other = client(4);
  await other.connect('other');
  await other.subscribe('topic/#', 1);
  bridge.publish('topic/x', 'of the bridge', 1, 1);
  await until(() => other.payloads().includes('of the bridge'));
  other.publish('topic/x', 'of another', 1, 2);
  await until(() => bridge.payloads().includes('of another'));
  expect(bridge.payloads()).toEqual(['of another']);
});

describe('N8: packets full of small things', () => {
  const manyProperties = (count: number): Record<string, unknown> => ({
    properties: {
      userProperties: Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 'v'])),
    },
  });

  test('user properties: 64 pass through to the subscriber, 65 end the connection with 0x97', async () => {
    running = await start();
    const subscriber = client();
    await subscriber.connect('sub');
    await subscriber.subscribe('p', 0);
    const publisher = client();
    await publisher.connect('pub');
    publisher.publish('p', 'x', 0, 0, manyProperties(64));
    const { properties } = await subscriber.take('publish');
    expect(Object.keys(properties!.userProperties!)).toHaveLength(64);
    publisher.publish('p', 'x', 0, 0, manyProperties(65));
    expect((await publisher.take('disconnect')).reasonCode).toBe(0x97);
  });

  test('user properties of a CONNECT are counted before anybody is authenticated', async () => {
    running = await start();
    const connack = await client().connect('many', manyProperties(65));
    expect(connack.reasonCode).toBe(0x97);
  });

  test('the limits are those of the configuration', async () => {
    running = await start({
      flags: ['--limits.maxUserProperties=1', '--limits.maxTopicFilters=2', '--limits.maxTopicLevels=3'],
    });
    const device = client();
    await device.connect('device');
    device.publish('a/b/c/d', 'x', 1, 7);
    expect(await device.take('puback')).toMatchObject({ messageId: 7, reasonCode: 0x90 });
    device.publish('a/b/c', 'x', 1, 8);
    expect(await device.take('puback')).toMatchObject({ messageId: 8, reasonCode: 0 });
    const subscriptions = ['a', 'b', 'c'].map((topic) => ({
      topic,
      qos: 0 as const,
      nl: false,
      rap: false,
      rh: 0 as const,
    }));
    device.send({ cmd: 'subscribe', messageId: 9, subscriptions });
    expect((await device.take('disconnect')).reasonCode).toBe(0x97);
    const talker = client();
    await talker.connect('talker');
    talker.publish('a', 'x', 0, 0, manyProperties(2));
    expect((await talker.take('disconnect')).reasonCode).toBe(0x97);
  });
});
