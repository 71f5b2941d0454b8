// N8, I8: clients that send as fast as they can what is answered at once, and read none of the answers.

import { connect, type Socket } from 'node:net';
import { generate } from 'mqtt-packet';
import { RawClient, start, until, type Running } from './running-gateway.ts';

const FLOODS = 20;
const PROBES = 10;

const pubrec = Buffer.of(0x50, 2, 0x12, 0x34);
const pubrel = Buffer.of(0x62, 2, 0x12, 0x34);
const ping = Buffer.of(0xc0, 0);
const unsubscribe = generate({ cmd: 'unsubscribe', messageId: 5, unsubscriptions: ['none'] });

let running: Running;
const sockets: Socket[] = [];
let feeding: NodeJS.Timeout;

beforeEach(async () => {
  running = await start();
});

afterEach(async () => {
  clearInterval(feeding);
  for (const socket of sockets.splice(0)) socket.destroy();
  await running.stop();
});

async function flood(packet: Buffer): Promise<void> {
  const many = Buffer.alloc(packet.length * 10_000, packet);
  for (let index = 0; index < FLOODS; index++) {
    const socket = connect(running.port, '127.0.0.1');
    socket.on('error', () => undefined);
    sockets.push(socket);
    const clientId = `flood-${index}`;
    socket.write(
      generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId, keepalive: 0 }),
    );
    await new Promise((resolve) => socket.once('data', resolve));
    socket.pause();
  }
  feeding = setInterval(() => {
    for (const socket of sockets) if (!socket.writableNeedDrain) socket.write(many);
  }, 1);
}

test.each([
  ['PUBREC', pubrec],
  ['PUBREL', pubrel],
  ['PINGREQ', ping],
  ['UNSUBSCRIBE', unsubscribe],
])('N8: a flood of %s that nobody knows costs other clients no turn', async (_what, packet) => {
  const probe = new RawClient(running.port, 5);
  await probe.connect('probe');
  await flood(packet);
  const { directory } = running.gateway.serving!;
  const idle = (): number => {
    let count = 0;
    for (const { machine } of directory.connections()) count += machine.idlePackets;
    return count;
  };
  await until(() => idle() > 0, 'the flood');
  for (let id = 1; id <= PROBES; id++) {
    probe.publish('probe/x', 'p', 1, id);
    await until(() => probe.received.filter(({ cmd }) => cmd === 'puback').length === id, 'PUBACK');
  }
  probe.close();
  expect(running.gateway.counters.protocolErrors).toBe(0);
});
