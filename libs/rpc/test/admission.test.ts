// N15: every method of every service asks who calls, before it reads a byte of the request.
import { connect } from 'node:http2';
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { Client, credentials as channelCredentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  ClusterService,
  Credentials,
  GatewayService,
  GroupService,
  JournalService,
  RpcServer,
  ServiceKind,
  SessionService,
} from '../src/index.ts';
import { ClusterSecret } from '../src/cluster-secret.ts';
import { callersOf } from '../src/method-callers.ts';

const SECRET = new ClusterSecret(['s'.repeat(40)]);
const SERVICES: readonly DescService[] = [
  ClusterService,
  SessionService,
  GroupService,
  JournalService,
  GatewayService,
];
const METHODS = SERVICES.flatMap((service) =>
  service.methods.map((method): [string, DescMethod] => [`/${service.typeName}/${method.name}`, method]),
);
const KINDS = Object.values(ServiceKind).filter((kind): kind is ServiceKind => typeof kind === 'number');

let server: RpcServer;
let client: Client;
let port: number;
let served: string[];
let refused: string[];
beforeEach(async () => {
  served = [];
  refused = [];
  server = new RpcServer({
    credentials: new Credentials(ServiceKind.META, SECRET),
    onUnexpected: () => undefined,
    onRefused: (error, method) => refused.push(`${method} ${error.code}`),
  });
  for (const service of SERVICES) server.add(service, implementationOf(service) as never);
  port = await server.listen('127.0.0.1', 0, 'grpc.port');
  client = new Client(`127.0.0.1:${port}`, channelCredentials.createInsecure());
});
afterEach(async () => {
  client.close();
  await server.close(100);
});

function implementationOf(service: DescService): Record<string, (stream: { end(): void }) => object> {
  const entries = service.methods.map((method) => [
    method.localName,
    (stream: { end(): void }) => {
      served.push(`/${service.typeName}/${method.name}`);
      if (method.methodKind !== 'unary') stream.end();
      return {};
    },
  ]);
  return Object.fromEntries(entries) as Record<string, () => object>;
}

/** The outcome of a call of any kind: `ok`, or the code that the server gave. */
function call(path: string, { methodKind }: DescMethod, metadata: Metadata): Promise<string> {
  const write = (): Buffer => Buffer.alloc(0);
  const read = (): object => ({});
  const codeOf = (error: ServiceError): string => String(error.metadata.get('robustmq-code')[0]);
  return new Promise((resolve) => {
    if (methodKind === 'unary') {
      const done = (error: ServiceError | null): void => resolve(error === null ? 'ok' : codeOf(error));
      client.makeUnaryRequest(path, write, read, null, metadata, done);
      return;
    }
    const stream =
      methodKind === 'server_streaming'
        ? client.makeServerStreamRequest(path, write, read, null, metadata)
        : client.makeBidiStreamRequest(path, write, read, metadata);
    stream.on('error', (error: ServiceError) => resolve(codeOf(error)));
    stream.on('end', () => resolve('ok'));
    stream.resume();
  });
}

const shown = (kind: ServiceKind, secret = SECRET): Metadata => new Credentials(kind, secret).metadata();
const anyCallerOf = (path: string): ServiceKind => callersOf(path)[0]!;

test('every method of the contracts has callers', () => {
  expect(METHODS.length).toBeGreaterThan(30);
  expect(METHODS.filter(([path]) => callersOf(path).length === 0)).toEqual([]);
  expect(callersOf('/robustmq.meta.v1.ClusterService/Unknown')).toEqual([]);
});

test.each(METHODS)(
  '%s refuses a caller without the secret, with a wrong one, and with half of it',
  async (path, method) => {
    const kind = anyCallerOf(path);
    const wrong = new ClusterSecret(['w'.repeat(40)]);
    const half = shown(kind);
    half.set('robustmq-secret', 's'.repeat(39));
    const nobody = new Metadata();
    for (const metadata of [nobody, shown(kind, wrong), half])
      expect(await call(path, method, metadata)).toBe('unauthenticated');
    expect(served).toEqual([]);
    expect(refused).toEqual(Array(3).fill(`${path} unauthenticated`));
  },
);

test.each(METHODS)('%s serves the kinds of service of its row, and no other', async (path, method) => {
  for (const kind of KINDS) {
    const expected = callersOf(path).includes(kind) ? 'ok' : 'permission_denied';
    expect([ServiceKind[kind], await call(path, method, shown(kind))]).toEqual([ServiceKind[kind], expected]);
  }
  expect(served).toHaveLength(callersOf(path).length);
});

test.each(['', 'toString', 'constructor', '2', 'JOURNAL '])('no kind is %j', async (name) => {
  const [path, method] = METHODS.find(([each]) => callersOf(each).includes(ServiceKind.JOURNAL))!;
  const metadata = shown(ServiceKind.JOURNAL);
  metadata.set('robustmq-caller', name);
  expect(await call(path, method, metadata)).toBe('permission_denied');
});

test('both secrets are accepted while one is replaced', async () => {
  const old = new ClusterSecret(['o'.repeat(40)]);
  const both = new ClusterSecret(['o'.repeat(40), 's'.repeat(40)]);
  const [path, method] = METHODS[0]!;
  const kind = anyCallerOf(path);
  expect(await call(path, method, shown(kind, both))).toBe('unauthenticated');
  server.credentials.replace(both);
  for (const secret of [old, both, SECRET]) expect(await call(path, method, shown(kind, secret))).toBe('ok');
});

test('a plain HTTP/2 request without a token reads nothing of the state of the cluster', async () => {
  const session = connect(`http://127.0.0.1:${port}`);
  const request = session.request({
    ':method': 'POST',
    ':path': '/robustmq.meta.v1.ClusterService/WatchCluster',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  let bytes = 0;
  request.on('data', (chunk: Buffer) => (bytes += chunk.length));
  const status = new Promise((resolve) => {
    const take = (headers: Record<string, unknown>): void => {
      if (headers['grpc-status'] !== undefined) resolve(headers['grpc-status']);
    };
    request.on('response', take);
    request.on('trailers', take);
  });
  request.end(Buffer.alloc(5));
  expect([Number(await status), bytes, served]).toEqual([16, 0, []]);
  session.destroy();
});
