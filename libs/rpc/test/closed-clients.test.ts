// A client that is closed leaves no connection, however soon that is: one link to each peer behind any change of incarnations.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import {
  createClient,
  Credentials,
  GatewayService,
  RpcServer,
  ServiceKind,
  type ServiceClient,
} from '../src/index.ts';
import { ClusterSecret } from '../src/cluster-secret.ts';

const CREDENTIALS = new Credentials(
  ServiceKind.MQTT_GATEWAY,
  new ClusterSecret(['a secret for tests, of 32 characters']),
);
const CLIENTS = 5;
/** A condition that does not come within this never will, however busy the machine is. */
const GIVE_UP_MS = 30_000;

let server: RpcServer;
let port: number;
/** In front of the server: it counts. */
let front: Server;
let open: Set<Socket>;

beforeEach(async () => {
  server = new RpcServer({ credentials: CREDENTIALS, onUnexpected: () => undefined }).add(GatewayService, {
    takeOver: () => ({}),
    mesh: (stream) => void stream.on('end', () => stream.end()),
    endSessions: () => ({}),
  });
  port = await server.listen('127.0.0.1', 0, 'grpc.port');
  open = new Set();
  front = createServer((socket) => {
    const behind = connect(port, '127.0.0.1');
    open.add(socket);
    socket.on('close', () => {
      open.delete(socket);
      behind.destroy();
    });
    // A reset is one way to end.
    for (const each of [socket, behind]) each.on('error', () => socket.destroy());
    socket.pipe(behind).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(front, 'listening');
});
afterEach(async () => {
  for (const socket of open) socket.destroy();
  front.close();
  await server.close(100);
});

function newClient(): ServiceClient<typeof GatewayService> {
  const address = `127.0.0.1:${(front.address() as AddressInfo).port}`;
  return createClient(GatewayService, { address, credentials: CREDENTIALS, defaultTimeoutMs: GIVE_UP_MS });
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + GIVE_UP_MS;
  while (!condition() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
}

test.each<[string, () => Promise<unknown> | undefined]>([
  ['in the turn of its first call', () => undefined],
  ['behind the turn of its first call', () => Promise.resolve()],
  ['in the next tick', () => new Promise(process.nextTick)],
  ['in the next turn', () => new Promise(setImmediate)],
  ['while it connects', () => new Promise((resolve) => setTimeout(resolve, 1))],
])('closed %s', async (_when, wait) => {
  for (let made = 0; made < CLIENTS; made += 1) {
    const client = newClient();
    const stream = client.mesh();
    stream.on('error', () => undefined);
    await wait();
    stream.cancel();
    client.close();
  }
  // What was begun before is through when this is answered.
  const honest = newClient();
  await honest.takeOver({});
  await until(() => open.size === 1);
  expect(open.size).toBe(1);
  honest.close();
  await until(() => open.size === 0);
  expect(open.size).toBe(0);
});
