// N8: a chunk of a WebSocket may hold thousands of frames; no turn of the loop reads more of them than its share, over all sockets.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { systemTimers, TurnShare, type Timers } from '@robustmq/runtime';
import { InputMemory } from '../src/transport/input-memory.ts';
import { PIECE_BYTES } from '../src/transport/read-in-pieces.ts';
import { SourceBound } from '../src/transport/source-bound.ts';
import type { Transport } from '../src/transport/socket-output.ts';
import { WsListener } from '../src/transport/ws-listener.ts';
import { until } from './running-gateway.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const UPGRADE = [
  'GET / HTTP/1.1',
  'Host: x',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${KEY}`,
  'Sec-WebSocket-Protocol: mqtt',
  '',
  '',
].join('\r\n');
const FRAMES = 5_000;
const SOCKETS = 8;
/** The smallest frame of a client that carries a byte. */
const SMALL_FRAME_BYTES = 7;
const BUDGET_MS = 2;
const MESSAGE_MS = 0.1;

/** A binary message, masked with zeros. */
function frame(payload: Buffer): Buffer {
  const { length } = payload;
  const head =
    length < 126 ? Buffer.of(0x82, 0x80 | length) : Buffer.of(0x82, 0xfe, length >> 8, length & 0xff);
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}

/** What a connection heard. */
class Heard {
  readonly parts: Buffer[] = [];
  readonly transport: Transport;
  isClosed = false;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.parts);
  }
}

let heard: Heard[];
/** What work has cost. */
let workMs: number;
let messagesInTurn: number;
let mostInTurn: number;
let listener: WsListener;
let port: number;
const sockets: Socket[] = [];
/** Tells of each turn of the loop that the share makes. */
const timers: Timers = {
  ...systemTimers,
  soon: (action) =>
    systemTimers.soon(() => {
      mostInTurn = Math.max(mostInTurn, messagesInTurn);
      messagesInTurn = 0;
      action();
    }),
};

beforeEach(async () => {
  heard = [];
  workMs = messagesInTurn = mostInTurn = 0;
  listener = new WsListener(
    {
      paths: ['/'],
      maxFrameBytes: 1 << 20,
      maxConnections: 100,
      memory: new InputMemory(1 << 24),
      sources: new SourceBound(0, () => undefined),
      onRefused: () => undefined,
      timers: systemTimers,
      turns: new TurnShare({ monotonicMs: () => workMs }, timers, BUDGET_MS),
    },
    (transport) => {
      const each = new Heard(transport);
      heard.push(each);
      return {
        received: (bytes) => {
          each.parts.push(bytes);
          messagesInTurn += 1;
          workMs += MESSAGE_MS;
        },
        drained: () => undefined,
        overdrawn: () => undefined,
        ended: () => undefined,
        closed: () => void (each.isClosed = true),
      };
    },
  );
  port = await listener.listen({ host: '127.0.0.1', port: 0, optionName: 'test' });
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  listener.stop();
});

/** An open WebSocket, and what the gateway hears of it. */
async function open(): Promise<{ socket: Socket; peer: Heard }> {
  const before = heard.length;
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.write(UPGRADE);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  const accepted = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  expect(answer.toString('latin1')).toContain(accepted);
  return { socket, peer: heard[before]! };
}

const numbered = (count: number): Buffer => Buffer.from(Array.from({ length: count }, (_, n) => n % 251));
const oneByOne = (bytes: Buffer): Buffer => Buffer.concat([...bytes].map((byte) => frame(Buffer.of(byte))));

test('N8: of thousands of frames on several sockets a turn reads its share, and all are heard in order', async () => {
  const all: Awaited<ReturnType<typeof open>>[] = [];
  for (let count = 0; count < SOCKETS; count += 1) all.push(await open());
  const sent = numbered(FRAMES);
  const frames = oneByOne(sent);
  for (const { socket } of all) socket.write(frames);
  await until(() => all.every(({ peer }) => peer.parts.length === FRAMES), 'all frames are heard');
  for (const { peer } of all) expect(peer.bytes.equals(sent)).toBe(true);
  // A piece is read to its end, and one turn may be counted with the next.
  const mostOfTurn = BUDGET_MS / MESSAGE_MS + PIECE_BYTES / SMALL_FRAME_BYTES + 1;
  expect(mostInTurn).toBeLessThanOrEqual(2 * mostOfTurn);
});

test('a large frame is not cut up further, and what is behind it follows', async () => {
  const { socket, peer } = await open();
  const large = numbered(60_000);
  socket.write(Buffer.concat([frame(large), frame(Buffer.from('behind'))]));
  await until(() => peer.parts.length === 2, 'both are heard');
  expect(peer.parts[0]!.equals(large)).toBe(true);
  expect(peer.parts[1]!.toString()).toBe('behind');
});

test('while it is paused nothing is heard, and what had come follows in order', async () => {
  const { socket, peer } = await open();
  const sent = numbered(FRAMES);
  peer.transport.pause();
  socket.write(oneByOne(sent));
  const other = await open();
  other.socket.write(frame(Buffer.from('other')));
  await until(() => other.peer.parts.length === 1, 'the other is heard');
  expect(peer.parts.length).toBe(0);
  peer.transport.resume();
  await until(() => peer.parts.length === FRAMES, 'all frames are heard');
  expect(peer.bytes.equals(sent)).toBe(true);
});

test('N10: what came before the end is heard to the last frame', async () => {
  const sent = numbered(FRAMES);
  const ended = await open();
  ended.socket.end(oneByOne(sent));
  await until(() => ended.peer.isClosed, 'it is closed');
  expect(ended.peer.bytes.equals(sent)).toBe(true);
});

test('a closing handshake is answered behind the frames before it, also when the gateway begins it', async () => {
  const CLOSE = Buffer.of(0x88, 0x80, 0, 0, 0, 0);
  const byClient = await open();
  byClient.socket.write(Buffer.concat([oneByOne(numbered(FRAMES)), CLOSE]));
  await until(() => byClient.peer.isClosed, 'it is closed');
  expect(byClient.peer.parts).toHaveLength(FRAMES);
  const byUs = await open();
  byUs.peer.transport.end();
  const [closing] = (await once(byUs.socket, 'data')) as [Buffer];
  expect(closing[0]).toBe(0x88);
  byUs.socket.write(Buffer.concat([frame(Buffer.from('late')), CLOSE]));
  await until(() => byUs.peer.isClosed, 'it is closed');
});

test('a frame that breaks the protocol ends its socket, however much comes behind it', async () => {
  const { socket, peer } = await open();
  socket.on('error', () => undefined);
  socket.write(Buffer.concat([frame(Buffer.from('good')), Buffer.alloc(200_000, 0xff)]));
  await until(() => peer.isClosed, 'it is closed');
  expect(peer.parts.map(String)).toEqual(['good']);
});
