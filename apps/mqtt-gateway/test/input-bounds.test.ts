// I8, I10: clients that keep much of the gateway's memory by what they send, over many connections: the budget is one for all.

import { WebSocket } from 'ws';
import { generate, type Packet } from 'mqtt-packet';
import { mqttGatewayConfig } from '../src/config.ts';
import { FREE_BYTES } from '../src/transport/input-memory.ts';
import { type RawClient, start, until, type Running } from './running-gateway.ts';

const KiB = 1024;
const HALF_BYTES = 2 * KiB * KiB;
/** More than the half has room for. */
const CLIENTS = 50;
/** 80,524 bytes each, of which 1 KiB is free. */
const ALIASING_CLIENTS = 26;
/** Parts of 60 KiB. */
const MAX_UNFINISHED = 36;
const LARGE_BYTES = 60 * KiB;

let running: Running;
const webSockets: WebSocket[] = [];

beforeEach(async () => {
  running = await start({ flags: ['--limits.maxPacketBytes=65536', '--limits.maxInputBytes=4194304'] });
});

afterEach(async () => {
  for (const each of webSockets.splice(0)) each.terminate();
  await running.stop();
});

async function connected(clientId: string): Promise<RawClient> {
  const client = running.client(5);
  await client.connect(clientId);
  return client;
}

/** A PUBLISH of 60 KiB, without its last byte, in pieces: what came whole would not be kept. */
async function sendHalf(client: RawClient): Promise<void> {
  const whole = Buffer.concat([
    Buffer.of(0x30, 0x80, 0xe0, 0x03, 0, 1, 0x61, 0),
    Buffer.alloc(LARGE_BYTES - 4),
  ]);
  client.socket.write(whole.subarray(0, LARGE_BYTES - 1));
  await until(() => client.isClosed || client.socket.writableLength === 0, 'the half has left');
}

/** So many have sent their part, and those that are left keep it. */
async function untilCounted(count: number): Promise<void> {
  const { inputMemory } = running.gateway;
  const least = (): number => (count - inputMemory.refused) * (LARGE_BYTES - 2 * FREE_BYTES);
  await until(() => inputMemory.usedBytes >= least(), 'they are counted');
}

/** One that publishes large packets is served, whatever others keep. */
async function expectServed(): Promise<void> {
  const client = await connected('ordinary');
  const payload = 'p'.repeat(LARGE_BYTES);
  for (let round = 1; round <= 3; round++) {
    client.publish('short', payload, 1, round, { properties: { topicAlias: round } });
    expect(await client.take('puback')).toMatchObject({ messageId: round, reasonCode: 0 });
  }
}

const endings = (all: readonly RawClient[]): Packet[] =>
  all.flatMap(({ received }) => received.filter(({ cmd }) => cmd === 'disconnect'));

test('I8: topic aliases of all clients have one half; who sets more is told 0x97, and others go on', async () => {
  const { inputMemory } = running.gateway;
  const all: RawClient[] = [];
  for (let index = 0; index < CLIENTS; index++) all.push(await connected(`alias-${index}`));
  all.forEach((client, index) => {
    const topic = `${10 + index}${'t'.repeat(40_000)}`;
    client.publish(topic, '', 1, 1, { properties: { topicAlias: 1 } });
  });
  for (const { received } of all) await until(() => received.length > 0, 'it is answered');
  expect(inputMemory.usedBytes).toBeLessThanOrEqual(HALF_BYTES);
  expect(inputMemory.refused).toBe(CLIENTS - ALIASING_CLIENTS);
  expect(endings(all)).toHaveLength(CLIENTS - ALIASING_CLIENTS);
  for (const packet of endings(all)) expect(packet).toMatchObject({ reasonCode: 0x97 });
  await expectServed();
  for (const client of all) client.close();
  await until(() => inputMemory.usedBytes === 0, 'all is given back');
});

test('I8: packets that come in part have the other half; those that were begun first end with 0x97', async () => {
  const { inputMemory } = running.gateway;
  const all: RawClient[] = [];
  for (let index = 0; index < CLIENTS; index++) {
    const client = await connected(`half-${index}`);
    all.push(client);
    await sendHalf(client);
    await untilCounted(index + 1);
    expect(inputMemory.usedBytes).toBeLessThanOrEqual(HALF_BYTES);
  }
  await expectServed();
  await until(() => endings(all).length === inputMemory.refused, 'they are told');
  expect(inputMemory.refused).toBeGreaterThanOrEqual(CLIENTS - MAX_UNFINISHED);
  for (const packet of endings(all)) expect(packet).toMatchObject({ reasonCode: 0x97 });
  expect(all[0]!.isClosed || endings([all[0]!]).length === 1).toBe(true);
  expect(endings([all.at(-1)!])).toEqual([]);
  for (const client of all) client.close();
  await until(() => inputMemory.usedBytes === 0, 'all is given back');
});

test('I8: messages of WebSockets that come in part take from the same, and are refused with 1013', async () => {
  const { inputMemory } = running.gateway;
  const codes: number[] = [];
  for (let index = 0; index < CLIENTS; index++) {
    const webSocket = new WebSocket(`ws://127.0.0.1:${running.wsPort}/mqtt`, ['mqtt']);
    webSockets.push(webSocket);
    webSocket.on('error', () => undefined);
    webSocket.on('close', (code) => codes.push(code));
    await new Promise((resolve) => webSocket.on('open', resolve));
    webSocket.send(Buffer.alloc(LARGE_BYTES), { fin: false });
    await untilCounted(index + 1);
    expect(inputMemory.usedBytes).toBeLessThanOrEqual(HALF_BYTES);
  }
  await expectServed();
  expect(inputMemory.refused).toBeGreaterThanOrEqual(CLIENTS - MAX_UNFINISHED);
  await until(() => codes.length === inputMemory.refused, 'they are told');
  expect(new Set(codes)).toEqual(new Set([1013]));
  for (const each of webSockets) each.terminate();
  await until(() => inputMemory.usedBytes === 0 && running.gateway.counters.open === 1, 'all is given back');
});

test('I8: a WebSocket that drips single bytes pays for what each of them costs, and nothing when all have come', async () => {
  const { inputMemory } = running.gateway;
  const webSocket = new WebSocket(`ws://127.0.0.1:${running.wsPort}/mqtt`, ['mqtt']);
  webSockets.push(webSocket);
  await new Promise((resolve) => webSocket.on('open', resolve));
  for (let count = 0; count < 100; count++) webSocket.send(Buffer.of(0x10), { fin: false });
  await until(() => inputMemory.usedBytes > 20_000, 'it is counted');
  // A CONNECT that is no CONNECT: the client is refused, which ends its messages.
  webSocket.send(Buffer.alloc(10), { fin: true });
  await until(() => inputMemory.usedBytes === 0, 'the message was received');
});

test.each([
  [1024, undefined],
  [1025, 1008],
])('I8: a message has so many fragments: of %d, it is closed with %s', async (count, code) => {
  const webSocket = new WebSocket(`ws://127.0.0.1:${running.wsPort}/mqtt`, ['mqtt']);
  webSockets.push(webSocket);
  let closed: number | undefined;
  let isAnswered = false;
  webSocket.on('close', (each) => (closed = each));
  webSocket.on('message', () => (isAnswered = true));
  await new Promise((resolve) => webSocket.on('open', resolve));
  const packet = generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId: 'fragments' });
  webSocket.send(packet, { fin: false });
  for (let index = 2; index < count; index++) webSocket.send(Buffer.alloc(0), { fin: false });
  webSocket.send(Buffer.alloc(0), { fin: true });
  await until(() => isAnswered || closed !== undefined, 'it is answered');
  expect(closed).toBe(code);
  await until(() => running.gateway.inputMemory.usedBytes === 0, 'nothing is kept');
});

test('N13: the budget has room for what one client may send', () => {
  const load = (argv: string[]) => () => mqttGatewayConfig.load({ argv, environment: {} });
  expect(load(['--limits.maxPacketBytes=8000000', '--limits.maxInputBytes=64000000'])).not.toThrow();
  expect(load(['--limits.maxPacketBytes=8000000', '--limits.maxInputBytes=63999999'])).toThrow(
    /limits\.maxInputBytes: has to be 8 times limits\.maxPacketBytes/,
  );
});
