// Bad input: the protocol's own error, everyone else unaffected, memory bounded (I8).
import mqtt, { type MqttClient } from 'mqtt';
import { Kafka, logLevel } from 'kafkajs';

import type { ManagedProcess } from '@robustmq/testkit/cluster';
import { waitUntil } from '@robustmq/testkit/cluster';

import { residentBytes } from '../bench/processes.ts';
import { type Brokers, startBrokers } from '../cluster/brokers.ts';
import { RawSocket } from './raw-socket.ts';

const MiB = 1024 * 1024;
const SILENT_SOCKETS = 10_000;
/** What a silent connection may cost: the issue of memory before authentication (64 KiB, measured far less). */
const SILENT_BYTES = 24 * 1024;

let brokers: Brokers;
let mqttPort: number;
let kafkaPort: number;
let witness: MqttClient;
let echoes = 0;

beforeAll(async () => {
  brokers = await startBrokers();
  mqttPort = brokers.mqttPort;
  kafkaPort = Number(brokers.kafka.split(':')[1]);
  witness = await mqtt.connectAsync(`mqtt://127.0.0.1:${mqttPort}`, {
    protocolVersion: 5,
    reconnectPeriod: 0,
  });
  witness.on('message', () => (echoes += 1));
  await witness.subscribeAsync('witness', { qos: 1 });
});
/** After every case an honest client of each protocol is still served on connections from before. */
afterEach(async () => {
  const before = echoes;
  await witness.publishAsync('witness', 'x', { qos: 1 });
  await waitUntil('the witness hears itself', 10_000, () => echoes > before);
  const admin = new Kafka({ brokers: [brokers.kafka], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  expect(await admin.listTopics()).toContain('mqtt');
  await admin.disconnect();
  expect(brokers.cluster?.processes.filter((each) => !each.running).map((each) => each.nodeId) ?? []).toEqual(
    [],
  );
});
afterAll(async () => {
  await witness.endAsync(true);
  await brokers.remove();
});

const CONNECT_V5 = Buffer.from('101000044d5154540502003c000003626164', 'hex');
const CONNECT_V4 = Buffer.from('100f00044d5154540402003c0003626164', 'hex');

function resident(service: 'mqtt-gateway' | 'kafka-gateway'): number {
  const processes: readonly ManagedProcess[] = brokers.cluster?.of(service) ?? [];
  return residentBytes(processes.flatMap((each) => each.pid ?? []));
}

describe('MQTT', () => {
  test.each([
    ['a first packet that is not CONNECT [MQTT-3.1.0-1]', Buffer.from('3005000161', 'hex')],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['TLS', Buffer.from('16030100a5010000a10303', 'hex')],
    ['an oversized CONNECT', Buffer.from('10ffffff7f00044d515454', 'hex')],
    ['a remaining length of five bytes [MQTT-1.5.5-1]', Buffer.from('10ffffffffff00', 'hex')],
    [
      'a CONNECT with its reserved flag set [MQTT-3.1.2-3]',
      Buffer.from('101000044d5154540503003c000003626164', 'hex'),
    ],
    ['random bytes', Buffer.from(Array.from({ length: 512 }, (_, n) => (n * 7919 + 13) & 0xff))],
  ])('%s closes only its own connection', async (_name, bytes) => {
    const socket = await RawSocket.open(mqttPort);
    socket.send(bytes);
    await socket.waitForClose();
  });

  test.each([
    ['a second CONNECT [MQTT-3.1.0-2]', CONNECT_V5, 0x82],
    ['a PUBLISH with an invalid topic [MQTT-3.3.2-2]', Buffer.from('30060002612b0078', 'hex'), undefined],
    [
      'a SUBSCRIBE with wrong flags [MQTT-3.8.1-1]',
      Buffer.from('80080001000002' + '6161' + '00', 'hex'),
      undefined,
    ],
    ['a CONNACK from a client', Buffer.from('2003000000', 'hex'), undefined],
    ['a packet of type 0', Buffer.from('0000', 'hex'), undefined],
  ])('v5, %s: DISCONNECT with a reason, then the end', async (_name, bytes, reason) => {
    const socket = await RawSocket.open(mqttPort);
    socket.send(CONNECT_V5);
    const connack = await socket.bytes(5);
    expect([connack[0], connack[3]]).toEqual([0x20, 0]);
    const connackEnd = 2 + (connack[1] ?? 0);
    socket.send(bytes);
    await socket.waitForClose();
    const disconnect = socket.received.subarray(connackEnd);
    expect(disconnect[0]).toBe(0xe0);
    expect(disconnect[2]).toBeGreaterThanOrEqual(0x80);
    if (reason !== undefined) expect(disconnect[2]).toBe(reason);
  });

  test('an unknown protocol level is refused in words [MQTT-3.1.2-2]', async () => {
    const socket = await RawSocket.open(mqttPort);
    const unknownLevel = Buffer.from(CONNECT_V4);
    unknownLevel[8] = 9;
    socket.send(unknownLevel);
    await socket.waitForClose();
    // 0x01 is the answer of 3.1.1, 0x84 that of version 5 [MQTT-3.1.2-2].
    expect(socket.received[0]).toBe(0x20);
    expect([0x01, 0x84]).toContain(socket.received[3]);
  });
});

describe('Kafka', () => {
  test.each([
    ['a length of 2 GB', Buffer.from('7fffffff', 'hex')],
    ['a negative length', Buffer.from('ffffffff0000', 'hex')],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a request too short for its header', Buffer.from('000000020012', 'hex')],
  ])('%s closes only its own connection', async (_name, bytes) => {
    const socket = await RawSocket.open(kafkaPort);
    socket.send(bytes);
    await socket.waitForClose();
  });

  test('an unknown API ends its own connection, as Apache Kafka ends it (N12)', async () => {
    const socket = await RawSocket.open(kafkaPort);
    socket.send(Buffer.from('0000000a03e70000000000010000', 'hex'));
    await socket.waitForClose();
    expect(socket.received).toHaveLength(0);
  });

  test('an unknown version of ApiVersions is answered in version 0 with error 35 (KIP-511)', async () => {
    const socket = await RawSocket.open(kafkaPort);
    // key 18, version 99, correlation 7, client id null, then whatever that version may hold.
    socket.send(Buffer.from('0000000c0012006300000007ffff00000000'.slice(0, 32), 'hex'));
    const answer = await socket.bytes(10);
    expect(answer.readInt32BE(4)).toBe(7);
    expect(answer.readInt16BE(8)).toBe(35);
    socket.close();
  });
});

test(`${SILENT_SOCKETS} silent sockets cost little and hinder nobody`, async () => {
  const before = resident('mqtt-gateway');
  const sockets: RawSocket[] = [];
  // Both ends of each connection are in this machine's limit of open files: half MQTT, half Kafka.
  for (let n = 0; n < SILENT_SOCKETS; n += 100) {
    const port = n % 200 === 0 ? mqttPort : kafkaPort;
    sockets.push(...(await Promise.all(Array.from({ length: 100 }, () => RawSocket.open(port)))));
  }
  const before2 = echoes;
  await witness.publishAsync('witness', 'x', { qos: 1 });
  await waitUntil('the witness hears itself', 10_000, () => echoes > before2);
  expect(resident('mqtt-gateway') - before).toBeLessThan((SILENT_SOCKETS / 2) * SILENT_BYTES + 64 * MiB);
  for (const socket of sockets) socket.close();
}, 120_000);

test('a subscriber that never reads holds bounded memory, and the others hear everything', async () => {
  const lazy = await RawSocket.open(mqttPort);
  lazy.send(CONNECT_V5);
  await lazy.bytes(5);
  lazy.send(Buffer.from('820c0001000006666c6f6f642100', 'hex'));
  await waitUntil('its SUBACK', 10_000, () => lazy.received.includes(0x90));
  lazy.stopReading();
  const before = resident('mqtt-gateway');
  const payload = Buffer.alloc(16 * 1024, 'x');
  for (let n = 0; n < 8_000; n += 1) {
    witness.publish('flood!', payload, { qos: 0 });
    if (n % 100 === 0) await witness.publishAsync('witness', 'x', { qos: 1 });
  }
  expect(resident('mqtt-gateway') - before).toBeLessThan(96 * MiB);
  lazy.close();
}, 120_000);
