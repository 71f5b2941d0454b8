import { connect } from 'node:net';
import { generate } from 'mqtt-packet';
import { type RawClient, start, until, type Running } from './running-gateway.ts';

const KiB = 1024;

describe('clients that misbehave (I8)', () => {
  let running: Running;

  const client = (version: 4 | 5 = 5): RawClient => running.client(version);

  beforeEach(async () => {
    running = await start({
      flags: [
        '--limits.slowOutputBytes=65536',
        '--limits.maxOutputBytes=131072',
        '--limits.connectTimeout=300',
        '--limits.maxPacketBytes=65536',
        '--limits.maxConnections=40',
      ],
    });
  });

  afterEach(() => running.stop());

  test('who never reads: QoS 0 is dropped and counted, QoS 1 waits in the log and comes when it reads', async () => {
    const slow = client();
    await slow.connect('slow');
    await slow.subscribe('q0', 0);
    await slow.subscribe('q1', 1);
    slow.socket.pause();
    const publisher = client();
    await publisher.connect('pub');
    const payload = 'x'.repeat(32 * KiB);
    const { deliveryCounters } = running.gateway.serving!;
    for (let index = 0; deliveryCounters.droppedSlow < 10; index++) {
      publisher.publish('q0', payload, 0);
      if (index % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      expect(index).toBeLessThan(5_000);
    }
    for (let id = 1; id <= 30; id++) publisher.publish('q1', `m${id}`, 1, id);
    await until(() => publisher.received.filter(({ cmd }) => cmd === 'puback').length === 30);
    const session = running.gateway.serving!.directory.get('default', 'slow')!.session!;
    expect(session.output!.waitingBytes).toBeLessThan(256 * KiB);
    slow.socket.resume();
    const wanted = Array.from({ length: 30 }, (_, index) => `m${index + 1}`);
    await until(() => slow.payloads().filter((text) => text.startsWith('m')).length === 30);
    expect(slow.payloads().filter((text) => text.startsWith('m'))).toEqual(wanted);
  });

  test('who sends nothing is cut after the connect timeout; who stays silent after its keep alive', async () => {
    const silent = connect(running.port, '127.0.0.1');
    silent.on('error', () => undefined);
    const isClosed = new Promise((resolve) => silent.on('close', resolve));
    const sleepy = client();
    await sleepy.connect('sleepy', { keepalive: 1 });
    await isClosed;
    expect((await sleepy.take('disconnect')).reasonCode).toBe(0x8d);
    expect(running.gateway.counters.keepAliveTimeouts).toBe(2);
  });

  test('an oversized packet ends its connection with 0x95', async () => {
    const big = client();
    await big.connect('big');
    big.publish('t', 'x'.repeat(70 * KiB), 0);
    expect((await big.take('disconnect')).reasonCode).toBe(0x95);
  });

  test('a first packet that is too large, or none of MQTT, gets no answer', async () => {
    for (const bytes of [
      Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]),
      generate({ cmd: 'pingreq' }),
      Buffer.from('hello'),
    ]) {
      const socket = connect(running.port, '127.0.0.1');
      const received: Buffer[] = [];
      socket.on('data', (data) => received.push(data));
      socket.on('error', () => undefined);
      const isClosed = new Promise((resolve) => socket.on('close', resolve));
      socket.write(bytes);
      await isClosed;
      expect(Buffer.concat(received)).toHaveLength(0);
    }
  });

  test('connections beyond the limit are refused, the others stay', async () => {
    const sockets = Array.from({ length: 60 }, () => {
      const socket = connect(running.port, '127.0.0.1');
      socket.on('error', () => undefined);
      return socket;
    });
    await until(() => running.gateway.counters.refused >= 20);
    expect(running.gateway.counters.open).toBeLessThanOrEqual(40);
    for (const socket of sockets) socket.destroy();
    await until(() => running.gateway.counters.open === 0);
  });

  test('more unacknowledged publishes than Receive Maximum: 0x93', async () => {
    running.journal.holdAppends = true;
    const eager = client();
    const { properties } = await eager.connect('eager');
    for (let id = 1; id <= properties!.receiveMaximum! + 1; id++) eager.publish('t', 'x', 1, id);
    expect((await eager.take('disconnect')).reasonCode).toBe(0x93);
  });

  test('3.x has no Receive Maximum: reading waits, nothing is lost', async () => {
    running.journal.holdAppends = true;
    const eager = client(4);
    await eager.connect('eager');
    for (let id = 1; id <= 1_500; id++) eager.publish('t', `m${id}`, 1, id);
    await until(() => running.journal.held.length > 0);
    running.journal.holdAppends = false;
    for (const held of running.journal.held.splice(0)) held.commit();
    await until(() => eager.received.filter(({ cmd }) => cmd === 'puback').length === 1_500);
    expect(running.journal.records(1)).toHaveLength(1_500);
  });
});
