// I8, N9: what somebody without the secret can do to the port of a service: nothing that others notice, and nothing that lasts.
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:http2';
import { Client, credentials as channelCredentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { createClient, Credentials, GatewayService, RpcServer, ServiceKind } from '../src/index.ts';
import { ClusterSecret } from '../src/cluster-secret.ts';
import {
  frame,
  HEADERS,
  openCall,
  openSocket,
  PING,
  RST_STREAM,
  SETTINGS,
  speakHttp2,
} from './http2-frames.ts';

const CREDENTIALS = new Credentials(
  ServiceKind.MQTT_GATEWAY,
  new ClusterSecret(['a secret for tests, of 32 characters']),
);
const PATH = `/${GatewayService.typeName}/TakeOver`;
const FLOOD_FRAMES = 200_000;
const CHUNK_FRAMES = 1_000;
/** A condition that does not come within this never will, however busy the machine is. */
const GIVE_UP_MS = 30_000;

let server: RpcServer;
let port: number;
let honest: ReturnType<typeof createClient<typeof GatewayService>>;
let sockets: Socket[];
let refusals: number;
let unexpected: unknown[];
beforeEach(async () => {
  sockets = [];
  refusals = 0;
  unexpected = [];
  server = new RpcServer({
    credentials: CREDENTIALS,
    onUnexpected: (error) => unexpected.push(error),
    onRefused: () => refusals++,
  }).add(GatewayService, {
    takeOver: ({ sessions }) => ({ stopped: sessions.map(() => true) }),
    mesh: (stream) => stream.end(),
    endSessions: () => ({}),
  });
  port = await server.listen('127.0.0.1', 0, 'grpc.port');
  honest = createClient(GatewayService, {
    address: `127.0.0.1:${port}`,
    credentials: CREDENTIALS,
    defaultTimeoutMs: GIVE_UP_MS,
  });
  await expectServed();
});
/** After every attack an honest caller is served on the connection that it had, and nothing went wrong inside. */
afterEach(async () => {
  await expectServed();
  expect(unexpected).toEqual([]);
  for (const socket of sockets) socket.destroy();
  honest.close();
  await server.close(100);
});

async function expectServed(): Promise<void> {
  expect(await honest.takeOver({ sessions: [{ clientId: 'a' }] })).toMatchObject({ stopped: [true] });
}

function kept(socket: Socket): Socket {
  sockets.push(socket);
  return socket;
}

/** Resolves with the event; an error is one way to be sent away, and told by a close. */
function heard(emitter: EventEmitter, event: string): Promise<void> {
  return new Promise((resolve) => void emitter.once(event, () => resolve()));
}

/** Resolves when the server has closed the socket. */
async function sentAway(socket: Socket): Promise<void> {
  if (!socket.closed) await heard(socket, 'close');
}

/** Writes the frames piece by piece, as far as the socket takes them; ends when it is closed. */
async function flood(socket: Socket, next: (index: number) => Buffer): Promise<void> {
  for (let index = 0; index < FLOOD_FRAMES && !socket.destroyed; index += CHUNK_FRAMES) {
    const chunk = Array.from({ length: CHUNK_FRAMES }, (_, offset) => next(index + offset));
    if (!socket.write(Buffer.concat(chunk)))
      await Promise.race([heard(socket, 'drain'), heard(socket, 'close')]);
  }
}

const PING_FRAME = frame(PING, 0, Buffer.alloc(8));
const SETTINGS_FRAME = frame(SETTINGS, 0, Buffer.alloc(0));

test.each([
  ['PING', PING_FRAME],
  ['SETTINGS', SETTINGS_FRAME],
])('who floods %s frames and reads no answer is sent away', async (_name, each) => {
  const socket = kept(await speakHttp2(port));
  socket.pause();
  await flood(socket, () => each);
  // Unless a write has met it, the end is behind what was not read.
  socket.resume();
  await sentAway(socket);
});

test.each([
  ['PING', PING_FRAME],
  ['SETTINGS', SETTINGS_FRAME],
])('who floods %s frames and reads the answers leaves time for others (N8)', async (_name, each) => {
  const socket = kept(await speakHttp2(port));
  socket.resume();
  const flooding = flood(socket, () => each);
  for (let calls = 0; calls < 20; calls += 1) await expectServed();
  socket.destroy();
  await flooding;
});

test('who opens calls only to reset them (CVE-2023-44487) is sent away', async () => {
  const socket = kept(await speakHttp2(port));
  socket.resume();
  const cancel = Buffer.from([0, 0, 0, 8]);
  await flood(socket, (index) => {
    const streamId = 1 + 2 * index;
    return Buffer.concat([openCall(streamId, PATH), frame(RST_STREAM, streamId, cancel)]);
  });
  await sentAway(socket);
  // Of 200,000: those until it was noticed.
  expect(refusals).toBeLessThan(FLOOD_FRAMES / 10);
});

/** The frames of the server for a stream, in order, as they come: `type flags`. */
function framesOf(socket: Socket, streamId: number): string[] {
  const frames: string[] = [];
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      if (rest.readUInt32BE(5) === streamId) frames.push(`${rest.readUInt8(3)} ${rest.readUInt8(4)}`);
      rest = rest.subarray(9 + rest.readUIntBE(0, 3));
    }
  });
  return frames;
}

const UNKNOWN_PATH = `/${GatewayService.typeName}/Nothing`;

test.each([
  ['without the secret', openCall(1, PATH)],
  ['of a method that is not there', openCall(1, UNKNOWN_PATH)],
  ['that is none of gRPC', openCall(1, PATH, 'text/plain')],
])('I8: a call %s ends with its answer, also if the stranger never ends it', async (_name, call) => {
  const socket = kept(await speakHttp2(port));
  const frames = framesOf(socket, 1);
  socket.write(call);
  // HEADERS with END_STREAM and END_HEADERS, then RST_STREAM: the answer is whole before the reset.
  while (frames.length < 2) await heard(socket, 'data');
  expect(frames).toEqual([`${HEADERS} 5`, `${RST_STREAM} 0`]);
});

test.each([
  ['reads the answers', (socket: Socket) => socket.resume()],
  ['reads nothing', (socket: Socket) => socket.pause()],
])(
  'I8: who opens calls without the secret and never ends them, and %s, is sent away',
  async (_name, begin) => {
    const socket = kept(await speakHttp2(port));
    begin(socket);
    await flood(socket, (index) => openCall(1 + 2 * index, index % 2 === 0 ? PATH : UNKNOWN_PATH));
    socket.resume();
    await sentAway(socket);
    expect(refusals).toBeLessThanOrEqual(FLOOD_FRAMES / 100);
  },
);

test('an honest caller hears the code of any number of refusals, and its calls go on', async () => {
  const stranger = createClient(GatewayService, {
    address: `127.0.0.1:${port}`,
    credentials: new Credentials(
      ServiceKind.MQTT_GATEWAY,
      new ClusterSecret(['another secret, of 32 characters and more']),
    ),
    defaultTimeoutMs: GIVE_UP_MS,
  });
  for (let calls = 0; calls < 200; calls++)
    await expect(stranger.endSessions({})).rejects.toMatchObject({ code: 'unauthenticated' });
  expect(refusals).toBe(200);
  stranger.close();
});

test('metadata of 100 KB is refused without being looked at', async () => {
  const stranger = new Client(`127.0.0.1:${port}`, channelCredentials.createInsecure());
  const metadata = new Metadata();
  metadata.set('robustmq-secret', 'x'.repeat(100_000));
  const code = await new Promise((resolve) => {
    const write = (): Buffer => Buffer.alloc(0);
    const options = { deadline: Date.now() + GIVE_UP_MS };
    stranger.makeUnaryRequest(
      PATH,
      write,
      () => ({}),
      null,
      metadata,
      options,
      (error: ServiceError | null) => resolve(error?.code),
    );
  });
  expect(code).not.toBe(undefined);
  expect(refusals).toBe(0);
  stranger.close();
});

test('a request with 2,000 headers is refused without being looked at', async () => {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  const many = Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`x-${index}`, 'y']));
  const request = session.request({
    ':method': 'POST',
    ':path': PATH,
    'content-type': 'application/grpc',
    ...many,
  });
  request.on('error', () => undefined);
  request.resume();
  await heard(request, 'close');
  expect(refusals).toBe(0);
  session.destroy();
});

test('sockets that say nothing, or only the preface, are closed soon', async () => {
  const silent = await Promise.all(Array.from({ length: 100 }, () => openSocket(port)));
  const polite = await Promise.all(Array.from({ length: 100 }, () => speakHttp2(port)));
  for (const socket of [...silent, ...polite]) kept(socket).resume();
  await Promise.all(sockets.map((socket) => sentAway(socket)));
});
