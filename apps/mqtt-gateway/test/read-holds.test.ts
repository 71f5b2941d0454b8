// What holds reading has a release and a deadline (N7). What is held may be as large as a frame of a WebSocket (N13), and
// outlives a socket that was reset (N10; held-input.test.ts has those that end in order).

import { connect, type Socket } from 'node:net';
import { generate, parser, type Packet } from 'mqtt-packet';
import { WebSocket } from 'ws';
import { RawClient, start, until, type Running } from './running-gateway.ts';

const KiB = 1024;

const connectPacket = (clientId: string, keepalive = 0): Buffer =>
  generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId, clean: true, keepalive });
const publishPacket = (topic: string, payload: string, qos: 0 | 1): Buffer =>
  generate({ cmd: 'publish', topic, payload, qos, messageId: 9, dup: false, retain: false });
const subscribePacket = (topic: string): Buffer =>
  generate({ cmd: 'subscribe', messageId: 3, subscriptions: [{ topic, qos: 1 }] });
const disconnectPacket = generate({ cmd: 'disconnect' });
/** Has the kernels take all that they take for a client that does not read, so that what it is answered waits. */
const fillKernel = (): Buffer =>
  Buffer.concat([
    subscribePacket('self'),
    ...Array.from({ length: 64 }, () => publishPacket('self', 'x'.repeat(200 * KiB), 0)),
  ]);
const pings = (count: number): Buffer => Buffer.alloc(2 * count).fill(Buffer.of(0xc0, 0));

/** Sends without end, as fast as it is taken. */
const feed = (socket: Socket): NodeJS.Timeout =>
  setInterval(() => socket.writableNeedDrain || socket.write(pings(50_000)), 5);

/** A WebSocket client: the packets that it received, and whether it was closed. */
async function openWebSocket(port: number): Promise<{ ws: WebSocket; received: Packet[] }> {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, ['mqtt']);
  const received: Packet[] = [];
  const decoder = parser({ protocolVersion: 4 });
  decoder.on('packet', (packet: Packet) => received.push(packet));
  ws.on('message', (data: Buffer) => void decoder.parse(data));
  ws.on('error', () => undefined);
  await new Promise((resolve) => ws.on('open', resolve));
  return { ws, received };
}

describe('held input', () => {
  let running: Running;
  let watcher: RawClient;
  const sockets: Socket[] = [];

  const socketOf = (): Socket => {
    const socket = connect({ port: running.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined);
    sockets.push(socket);
    return socket;
  };

  beforeEach(async () => {
    running = await start({
      flags: [
        '--limits.slowOutputBytes=65536',
        '--limits.maxOutputBytes=65536',
        '--limits.outputTimeout=400',
        '--limits.maxPacketBytes=1048576',
      ],
    });
    watcher = new RawClient(running.port);
    await watcher.connect('watcher');
    await watcher.subscribe('held/#');
  });

  afterEach(async () => {
    watcher.close();
    for (const socket of sockets.splice(0)) socket.destroy();
    await running.stop();
  });

  test.each([0, 1] as const)(
    'N10: SUBSCRIBE, PUBLISH and DISCONNECT in one write, then a reset: QoS %d arrives',
    async (qos) => {
      for (let round = 0; round < 20; round++) {
        const socket = socketOf();
        socket.write(connectPacket(`sleeper-${round}`));
        await new Promise((resolve) => socket.once('data', resolve));
        const publish = publishPacket('held/a', `m${round}`, qos);
        // What nobody reads makes the kernel answer our SUBACK with a reset.
        socket.end(Buffer.concat([subscribePacket('cfg'), publish, disconnectPacket]), () =>
          socket.resetAndDestroy(),
        );
      }
      await until(() => watcher.payloads().length === 20, 'every publish arrives');
      await until(() => running.gateway.counters.open === 1, 'every connection ends');
    },
  );

  test('N10: SUBSCRIBE, PUBLISH and DISCONNECT in one frame of a WebSocket, closed behind it', async () => {
    const { ws } = await openWebSocket(running.wsPort);
    ws.send(
      Buffer.concat([
        connectPacket('ws-sleeper'),
        subscribePacket('cfg'),
        publishPacket('held/c', 'm', 1),
        disconnectPacket,
      ]),
    );
    ws.close();
    await until(() => watcher.payloads().length === 1, 'the publish arrives');
  });

  test('N13: one frame within the limit whose first packet holds reading is served whole', async () => {
    const { ws, received } = await openWebSocket(running.wsPort);
    ws.send(connectPacket('large-frame'));
    await until(() => received.length === 1);
    const publishes = Array.from({ length: 18 }, (_, index) =>
      publishPacket('held/d', `${index}`.padEnd(100 * KiB), 1),
    );
    ws.send(Buffer.concat([subscribePacket('other'), ...publishes]));
    await until(() => received.filter(({ cmd }) => cmd === 'puback').length === 18, 'all acknowledged');
    expect(received.map(({ cmd }) => cmd)).not.toContain('disconnect');
    ws.terminate();
  });

  test('N7: a burst whose answers the kernel takes at once is answered whole, over TCP', async () => {
    const client = new RawClient(running.port);
    await client.connect('pinger');
    let bytes = 0;
    client.socket.removeAllListeners('data').on('data', (chunk) => void (bytes += chunk.length));
    client.socket.write(pings(700_000));
    await until(() => bytes === 2 * 700_000, 'every PINGRESP');
    client.close();
  });

  test('N7 N8: and over WebSocket, in one frame', async () => {
    const { ws, received } = await openWebSocket(running.wsPort);
    ws.send(connectPacket('ws-pinger'));
    await until(() => received.length === 1);
    let bytes = 0;
    ws.removeAllListeners('message').on('message', (data: Buffer) => void (bytes += data.length));
    ws.send(pings(600_000));
    await until(() => bytes === 2 * 600_000, 'every PINGRESP');
    ws.terminate();
  });

  test('N7: who sends and never reads is cut by its keep alive [MQTT-3.1.2-22]', async () => {
    await running.stop();
    running = await start({ flags: ['--limits.maxOutputBytes=65536', '--limits.outputTimeout=60000'] });
    const socket = socketOf();
    socket.write(connectPacket('deaf', 1));
    await new Promise((resolve) => socket.once('data', resolve));
    socket.pause();
    const isClosed = new Promise((resolve) => socket.on('close', resolve));
    socket.write(fillKernel());
    const feeding = feed(socket);
    await until(() => running.gateway.counters.keepAliveTimeouts === 1, 'the keep alive ends it');
    clearInterval(feeding);
    socket.resume();
    await isClosed;
    expect(running.gateway.counters.outputTimeouts).toBe(0);
  });

  test('N7: and without a keep alive by its own deadline, unless it takes some', async () => {
    const deaf = socketOf();
    deaf.write(connectPacket('deaf'));
    await new Promise((resolve) => deaf.once('data', resolve));
    deaf.pause();
    deaf.write(fillKernel());
    const feeding = feed(deaf);
    await until(() => running.gateway.counters.outputTimeouts === 1, 'the deadline ends it');
    clearInterval(feeding);
    await until(() => running.gateway.counters.open === 1, 'it is gone');
  });
});
