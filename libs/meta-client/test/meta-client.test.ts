import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { BrokerError } from '@robustmq/errors';
import {
  ClusterService,
  Credentials,
  RpcServer,
  ServiceKind,
  WatchClusterResponseSchema,
  type ServiceImplementation,
  type WatchClusterRequest,
  type WatchClusterResponse,
} from '@robustmq/rpc';
import { ClusterSecret } from '@robustmq/rpc/testing';
import { systemClock, systemTimers } from '@robustmq/runtime';
import { until } from '@robustmq/testkit';
import { MetaClient } from '../src/meta-client.ts';

type Implementation = ServiceImplementation<typeof ClusterService>;
type Watch = ServerWritableStream<WatchClusterRequest, WatchClusterResponse>;

const CREDENTIALS = new Credentials(
  ServiceKind.MQTT_GATEWAY,
  new ClusterSecret(['a secret for tests, of 32 characters']),
);

/** A meta-service that a test scripts: real gRPC, answers from fields. */
class ScriptedMeta {
  readonly server: RpcServer;
  readonly watches: Watch[] = [];
  readonly calls: string[] = [];
  renewal: () => object = () => ({});
  registration: () => object = () => ({
    node: {
      identity: { nodeId: 'n1', incarnation: 4n },
      kind: ServiceKind.MQTT_GATEWAY,
      producerIdBase: 9n,
      producerIdCount: 1,
    },
    leaseDurationMs: 600,
    renewIntervalMs: 50,
    revision: 3n,
  });
  port = 0;

  constructor() {
    const refuse = (): never => {
      throw new BrokerError('unsupported', 'not scripted');
    };
    const unary: Record<string, unknown> = {};
    for (const method of ClusterService.methods) unary[method.localName] = refuse;
    const scripted: Partial<Implementation> = {
      registerNode: () => (this.calls.push('register'), this.registration()),
      renewLease: () => (this.calls.push('renew'), this.renewal()),
      releaseNode: () => (this.calls.push('release'), {}),
      acknowledgeOwnership: ({ ownershipEpoch }) => (this.calls.push(`ack ${ownershipEpoch}`), {}),
      watchCluster: (stream: Watch) => void this.watches.push(stream),
    };
    this.server = new RpcServer({ credentials: CREDENTIALS, onUnexpected: () => undefined }).add(
      ClusterService,
      {
        ...unary,
        ...scripted,
      } as Implementation,
    );
  }

  async listen(): Promise<this> {
    this.port = await this.server.listen('127.0.0.1', 0, 'grpc.port');
    return this;
  }

  send(revision: number, over: MessageInitShape<typeof WatchClusterResponseSchema> = {}): void {
    const message = create(WatchClusterResponseSchema, {
      revision: BigInt(revision),
      snapshot: true,
      snapshotComplete: true,
      ...over,
    });
    this.watches.at(-1)?.write(message);
  }
}

let meta: ScriptedMeta;
let client: MetaClient;
let trouble: string[];
beforeEach(async () => {
  meta = await new ScriptedMeta().listen();
  trouble = [];
  const note = (_fields: object, message: string): void => void trouble.push(message);
  client = new MetaClient({
    addresses: [`127.0.0.1:${meta.port}`],
    credentials: CREDENTIALS,
    log: { info: () => undefined, warn: note, error: note },
  });
});
afterEach(async () => {
  client.close();
  await meta.server.close(100);
});

it('registers, renews, numbers its requests and releases', async () => {
  expect(() => client.requestId()).toThrow(expect.objectContaining({ code: 'unavailable' }));
  const registration = await client.register({ nodeId: 'n1' }, () => undefined);
  expect(registration).toMatchObject({
    held: true,
    revision: 3,
    node: { incarnation: 4, producerIdBase: 9 },
  });
  expect([client.requestId(), client.requestId()]).toEqual([
    { nodeId: 'n1', incarnation: 4n, sequence: 1n },
    { nodeId: 'n1', incarnation: 4n, sequence: 2n },
  ]);
  await until(() => meta.calls.includes('renew'));
  await client.acknowledgeOwnership(registration, 12);
  await registration.release();
  expect(registration.held).toBe(false);
  expect(meta.calls).toEqual(expect.arrayContaining(['register', 'ack 12', 'release']));
});

it('F1: tells when meta has fenced it', async () => {
  const lost = new Promise<string>((resolve) => void client.register({ nodeId: 'n1' }, resolve));
  meta.renewal = () => {
    throw new BrokerError('fenced', 'a younger incarnation');
  };
  expect(await lost).toBe('a younger incarnation');
});

it('L6: knows by the last renewal whether meta-service refuses what grows', async () => {
  meta.renewal = () => ({ diskFull: true });
  await client.register({ nodeId: 'n1' }, () => undefined);
  await until(() => client.diskIsFull);
  meta.renewal = () => ({ diskFull: false });
  await until(() => !client.diskIsFull);
});

it('repeats a call while meta is unavailable, and only then', async () => {
  let failures = 2;
  const scripted = meta.registration;
  meta.registration = () => {
    if (failures-- > 0) throw new BrokerError('unavailable', 'no leader');
    return scripted();
  };
  await client.register({ nodeId: 'n1' }, () => undefined);
  expect(meta.calls.filter((call) => call === 'register')).toHaveLength(3);
  expect(trouble).toContain('a call to meta-service is repeated');
  meta.registration = () => {
    throw new BrokerError('invalid_argument', 'bad');
  };
  await expect(client.register({ nodeId: 'n1' }, () => undefined)).rejects.toMatchObject({
    code: 'invalid_argument',
  });
});

it('refuses a registration without identity', async () => {
  meta.registration = () => ({});
  await expect(client.register({ nodeId: 'n1' }, () => undefined)).rejects.toMatchObject({
    code: 'internal',
  });
});

it('resumes a broken watch from the revision it reached', async () => {
  await until(() => meta.watches.length === 1);
  meta.send(5);
  await client.ready();
  meta.watches[0]?.end();
  await until(() => meta.watches.length === 2);
  expect(meta.watches[1]?.request.fromRevision).toBe(5n);
  meta.watches[1]?.emit('error', { code: 13, details: 'broken' });
  await until(() => meta.watches.length === 3);
  meta.send(8);
  await client.view.waitForRevision(8, 5_000);
});

it('N2: keeps its view when the cluster went back, says so, and asks for snapshots until one can follow', async () => {
  await until(() => meta.watches.length === 1);
  meta.send(9);
  await client.ready();
  meta.watches[0]?.end();
  await until(() => meta.watches.length === 2);
  meta.send(4);
  await until(() => meta.watches.length === 3);
  expect(meta.watches[2]?.request.fromRevision).toBe(0n);
  expect(trouble).toContain('meta-service is not followed: this process keeps what it knows');
  expect([client.view.revision, client.view.problem]).toEqual([9, expect.stringContaining('went back')]);
  meta.send(10);
  await client.view.waitForRevision(10, 5_000);
  expect(client.view.problem).toBeNull();
});

it('N9: a listener that throws ends the watch, which begins anew; never the process', async () => {
  client.view.onChange((_changes, revision) => {
    if (revision === 5) throw new Error('a bug of a listener');
  });
  await until(() => meta.watches.length === 1);
  meta.send(5);
  await until(() => meta.watches.length === 2);
  meta.send(6);
  await client.view.waitForRevision(6, 5_000);
});

it('needs an address', () => {
  expect(() => new MetaClient({ addresses: [], credentials: CREDENTIALS })).toThrow(
    expect.objectContaining({ code: 'invalid_argument' }),
  );
});

it('gives up waiting for a silent meta-service', async () => {
  await expect(client.ready(20)).rejects.toMatchObject({ code: 'deadline_exceeded' });
});

it('says once that it waits for meta-service, and warns of a long wait only, without a line per attempt', async () => {
  await meta.server.close(100);
  const lines: string[] = [];
  let nowMs = 0;
  let attempts = 0;
  const noteAs = (level: string) => (_fields: object, message: string) =>
    void lines.push(`${level} ${message}`);
  const waiting = new MetaClient({
    addresses: [`127.0.0.1:${meta.port}`],
    credentials: CREDENTIALS,
    log: { info: noteAs('info'), warn: noteAs('warn'), error: noteAs('error') },
    clock: { ...systemClock, monotonicMs: () => nowMs },
    timers: {
      ...systemTimers,
      after: (_delayMs, action) => (attempts++, systemTimers.after(1, action)),
    },
  });
  try {
    await until(() => attempts >= 5);
    expect(lines).toEqual(['info waiting for meta-service']);
    nowMs = 10_000;
    const before = attempts;
    await until(() => attempts >= before + 5);
    expect(lines).toEqual(['info waiting for meta-service', 'warn meta-service can not be reached']);
  } finally {
    waiting.close();
  }
});
