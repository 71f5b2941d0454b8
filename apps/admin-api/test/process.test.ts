// The whole process over HTTP, with a meta-service behind it that tests script.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { UserCredentials } from '@robustmq/access-control';
import { BrokerError } from '@robustmq/errors';
import { ServiceKind, type User } from '@robustmq/rpc';
import { adminApiConfig } from '../src/config.ts';
import { run, type RunningAdminApi } from '../src/run.ts';
import {
  nodeRow,
  ScriptedGateway,
  ScriptedJournal,
  ScriptedMeta,
  SECRET,
  streamRow,
} from './scripted-meta.ts';

const PASSWORD = 'correct horse';
const ADMIN = { authorization: `Basic ${Buffer.from(`admin:${PASSWORD}`).toString('base64')}` };

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

let directory: string;
let admin: User;
let meta: ScriptedMeta;
let running: RunningAdminApi | undefined;

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'admin-api-'));
  writeFileSync(path.join(directory, 'secret'), SECRET, { mode: 0o600 });
  // Only the hash is looked at by this service.
  const { passwordHash } = await UserCredentials.of(PASSWORD);
  admin = {
    $typeName: 'robustmq.meta.v1.User',
    tenant: 'default',
    name: 'admin',
    superuser: true,
    passwordHash,
  };
});
afterAll(() => rmSync(directory, { recursive: true }));

beforeEach(async () => {
  meta = await new ScriptedMeta().listen();
  meta.users.set('admin', admin);
  meta.streams.set('orders', streamRow(1, 'orders', { mqttFilter: 'orders/#' }));
});
afterEach(async () => {
  await running?.shutdown.run('end of the test');
  running = undefined;
  await meta.close();
});

async function start(): Promise<RunningAdminApi> {
  const config = adminApiConfig.schema.parse({
    meta: { addresses: [`127.0.0.1:${meta.port}`] },
    http: { port: 0 },
    ops: { port: 0 },
    log: { level: 'fatal' },
    cluster: { secretFile: path.join(directory, 'secret') },
  });
  return (running = await run(config, '0.1.0'));
}

async function ask(method: string, route: string, body?: object): Promise<Answer> {
  const answer = await fetch(`http://127.0.0.1:${running!.port}/api/v1/${route}`, {
    method,
    headers: { ...ADMIN, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? null : (JSON.parse(text) as unknown) };
}

it('serves what meta-service tells, and is ready once it holds a lease', async () => {
  const { opsPort, port } = await start();
  expect((await fetch(`http://127.0.0.1:${opsPort}/readyz`)).status).toBe(200);
  expect(await ask('GET', 'health')).toMatchObject({ status: 200, body: { status: 'healthy' } });
  expect(await ask('GET', 'cluster')).toMatchObject({
    status: 200,
    body: {
      clusterId: 'scripted',
      streams: 1,
      users: 1,
      services: { 'admin-api': { live: 1, known: 1 }, 'journal-server': { live: 1, known: 1 } },
    },
  });
  const { body } = await ask('GET', 'nodes');
  expect(body).toMatchObject({
    items: expect.arrayContaining([
      expect.objectContaining({
        nodeId: 'admin-1',
        kind: 'admin-api',
        endpoints: { http: `127.0.0.1:${port}`, ops: `127.0.0.1:${opsPort}` },
      }),
    ]) as unknown,
  });
  expect(await running!.shutdown.run('test')).toBe(true);
  expect(meta.calls).toContain('release admin-1');
});

it('a password that is wrong, and a name that is nobody, are refused alike', async () => {
  await start();
  for (const who of ['admin:wrong', `nobody:${PASSWORD}`]) {
    const headers = { authorization: `Basic ${Buffer.from(who).toString('base64')}` };
    const answer = await fetch(`http://127.0.0.1:${running!.port}/api/v1/users`, { headers });
    expect([who, answer.status]).toEqual([who, 401]);
  }
});

it('a stream that is created is shown in the answer, and gone once deleted', async () => {
  await start();
  const created = await ask('POST', 'streams', { name: 'alerts', config: { 'retention.ms': '1000' } });
  expect(created).toMatchObject({
    status: 201,
    body: {
      name: 'alerts',
      mqttFilter: null,
      topicId: Buffer.alloc(16, 2).toString('base64url'),
      config: { 'retention.ms': '1000' },
      shards: [{ shard: 0, leader: 'node-2', replicas: ['node-2'], isr: ['node-2'] }],
    },
  });
  expect(meta.calls).toContain('create default/alerts true');
  expect(await ask('POST', 'streams', { name: 'alerts' })).toMatchObject({
    status: 409,
    body: { code: 'already_exists' },
  });
  expect((await ask('DELETE', 'streams/alerts')).status).toBe(204);
  expect(await ask('GET', 'streams/alerts')).toMatchObject({ status: 404, body: { code: 'not_found' } });
  expect((await ask('DELETE', 'streams/alerts')).status).toBe(404);
  expect(await ask('GET', 'streams/orders')).toMatchObject({ status: 200, body: { mqttFilter: 'orders/#' } });
});

it('a user is made, may administer as a superuser with that password, and is deleted', async () => {
  await start();
  const put = await ask('PUT', 'users/second', { password: PASSWORD, superuser: true });
  expect(put).toEqual({ status: 200, body: { tenant: 'default', name: 'second', superuser: true } });
  const headers = { authorization: `Basic ${Buffer.from(`second:${PASSWORD}`).toString('base64')}` };
  const asSecond = await fetch(`http://127.0.0.1:${running!.port}/api/v1/users`, { headers });
  expect(asSecond.status).toBe(200);
  expect((await ask('DELETE', 'users/second')).status).toBe(204);
  expect((await ask('DELETE', 'users/second')).status).toBe(404);
  expect(JSON.stringify(await ask('GET', 'users'))).not.toMatch(/argon2|scram/i);
});

it.each([
  ['deleted', 'DELETE', undefined],
  ['demoted', 'PUT', { password: PASSWORD, superuser: false }],
])('the last superuser is not %s: 409, and goes on administering', async (_how, method, body) => {
  await start();
  expect(await ask(method, 'users/admin', body)).toMatchObject({
    status: 409,
    body: { code: 'conflict', message: expect.stringContaining('last superuser') as string },
  });
  expect(await ask('GET', 'users')).toEqual({
    status: 200,
    body: { items: [{ tenant: 'default', name: 'admin', superuser: true }] },
  });
});

it('lists sessions and groups as rows of plain values, whatever a row leaves out', async () => {
  await start();
  const sessions = await ask('GET', 'sessions?tenant=acme&prefix=p&after=o&limit=7');
  expect(meta.calls).toContain('list acme/p after o 7');
  expect(sessions.body).toEqual({
    more: true,
    items: [
      {
        tenant: 'acme',
        clientId: 'pump',
        connected: true,
        gateway: 'mqtt-1',
        epoch: 4,
        expiryIntervalS: 60,
        subscriptions: [{ filter: 'a/#', qos: 2 }],
      },
      {
        tenant: '',
        clientId: '',
        connected: false,
        gateway: '',
        epoch: 0,
        expiryIntervalS: 0,
        subscriptions: [],
      },
    ],
  });
  const row = { state: 'Stable', protocolType: 'consumer', coordinator: 'kafka-1' };
  expect((await ask('GET', 'groups')).body).toEqual({
    more: false,
    items: [
      { ...row, groupId: 'billing' },
      { ...row, groupId: 'orphan', protocolType: '', coordinator: null },
      { groupId: '', state: '', protocolType: '', coordinator: null },
    ],
  });
});

it('drops a session and gives it to another user; 404 for what is not there, 409 once this lease is another', async () => {
  await start();
  expect(await ask('DELETE', 'sessions/pump')).toEqual({
    status: 200,
    body: { tenant: 'default', clientId: 'pump', connected: true, gateway: 'mqtt-1' },
  });
  expect((await ask('PUT', 'sessions/pump/owner', { user: 'admin' })).status).toBe(204);
  expect((await ask('PUT', 'sessions/pump/owner', { user: null })).status).toBe(204);
  expect(meta.calls.filter((call) => call.startsWith('reassign'))).toEqual([
    'reassign pump to admin',
    'reassign pump to anybody',
  ]);
  const missing = { status: 404, body: { code: 'not_found' } };
  expect(await ask('DELETE', 'sessions/none')).toMatchObject(missing);
  expect(await ask('PUT', 'sessions/none/owner', { user: 'admin' })).toMatchObject(missing);
  expect(await ask('PUT', 'sessions/pump/owner', { user: 'nobody' })).toMatchObject(missing);
  meta.nodes.push(nodeRow(ServiceKind.ADMIN_API));
  const fenced = { status: 409, body: { code: 'fenced' } };
  expect(await ask('DELETE', 'sessions/pump')).toMatchObject(fenced);
  expect(await ask('PUT', 'sessions/pump/owner', { user: null })).toMatchObject(fenced);
});

it('the gateway that serves a dropped session is told at once; one that is away or another incarnation is not needed', async () => {
  const gateway = new ScriptedGateway();
  meta.nodes.unshift(await gateway.listen());
  await start();
  const dropped = { status: 200, body: { connected: true, gateway: 'mqtt-1' } };
  expect(await ask('DELETE', 'sessions/pump')).toMatchObject(dropped);
  expect(gateway.ended).toEqual(['default/pump 4']);
  gateway.failure = new BrokerError('unavailable', 'no lease');
  expect(await ask('DELETE', 'sessions/pump')).toMatchObject(dropped);
  await gateway.close();
  expect(await ask('DELETE', 'sessions/pump')).toMatchObject(dropped);
  expect(gateway.ended).toEqual(['default/pump 4']);
});

it('the next incarnation of a gateway is not asked to end what the one before served', async () => {
  const gateway = new ScriptedGateway();
  meta.nodes.unshift(await gateway.listen(9n));
  await start();
  expect((await ask('DELETE', 'sessions/pump')).status).toBe(200);
  expect(gateway.ended).toEqual([]);
  await gateway.close();
});

it('N17: raises the feature level once every live node knows it; what this release knows by default', async () => {
  await start();
  expect(await ask('POST', 'cluster/feature-level', {})).toMatchObject({ status: 200, body: { used: 1 } });
  expect(await ask('GET', 'cluster')).toMatchObject({ body: { featureLevel: { used: 1 } } });
  expect(await ask('POST', 'cluster/feature-level', { level: 2 })).toMatchObject({
    status: 409,
    body: { code: 'conflict', message: expect.stringContaining('upgrade it first') as string },
  });
});

it('O2: health tells of a quarantined shard and of a journal-server that hangs, within a second', async () => {
  const journal = new ScriptedJournal();
  meta.nodes[0] = await journal.listen();
  await start();
  const problemsOf = async (): Promise<unknown> =>
    ((await ask('GET', 'cluster')).body as { health: { problems: unknown } }).health.problems;
  expect(await ask('GET', 'health')).toEqual({ status: 200, body: { status: 'healthy' } });
  journal.failure = 'the shard is quarantined: damaged';
  let answer = await ask('GET', 'health');
  while (JSON.stringify(answer.body).includes('healthy')) answer = await ask('GET', 'health');
  expect(answer).toEqual({ status: 200, body: { status: 'degraded' } });
  expect(await problemsOf()).toEqual([
    { name: 'quarantine', detail: 'node-2: shard 0 of stream 1: the shard is quarantined: damaged' },
  ]);
  journal.isHung = true;
  let problems = await problemsOf();
  while (JSON.stringify(problems).includes('quarantine')) problems = await problemsOf();
  expect(problems).toEqual([{ name: 'journal', detail: 'node-2 does not answer' }]);
  await journal.close();
});

it('L6: health tells that a journal-server refuses appends, because its disk is nearly full', async () => {
  const journal = new ScriptedJournal();
  journal.isDiskFull = true;
  meta.nodes[0] = await journal.listen();
  await start();
  expect(await ask('GET', 'health')).toEqual({ status: 200, body: { status: 'degraded' } });
  const { body } = await ask('GET', 'cluster');
  expect((body as { health: { problems: unknown } }).health.problems).toEqual([
    { name: 'disk', detail: 'node-2: nearly full, appends are refused' },
  ]);
  await journal.close();
});

it('L6: health tells that the disk of meta-service is nearly full, as long as it is', async () => {
  meta.leaseMs = 10_000;
  meta.isDiskFull = true;
  await start();
  let answer = await ask('GET', 'health');
  while (JSON.stringify(answer.body).includes('healthy')) answer = await ask('GET', 'health');
  expect(answer).toEqual({ status: 200, body: { status: 'degraded' } });
  const { health } = (await ask('GET', 'cluster')).body as { health: { problems: unknown } };
  expect(health.problems).toEqual([
    { name: 'disk', detail: 'meta-service: nearly full, what grows is refused' },
  ]);
  meta.isDiskFull = false;
  while (JSON.stringify(answer.body).includes('degraded')) answer = await ask('GET', 'health');
  expect(answer).toEqual({ status: 200, body: { status: 'healthy' } });
});

it('a meta-service that hangs makes the cluster unavailable once the lease is over', async () => {
  meta.leaseMs = 500;
  await start();
  expect((await ask('GET', 'health')).status).toBe(200);
  meta.isHung = true;
  let answer = await ask('GET', 'health');
  while (answer.status === 200) answer = await ask('GET', 'health');
  expect(answer).toEqual({ status: 503, body: { status: 'unavailable' } });
});
