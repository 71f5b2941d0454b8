import { connect, type AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { BrokerError, type ErrorCode } from '@robustmq/errors';
import { ERROR_CODES } from '@robustmq/errors/testing';
import type { FastifyInstance } from 'fastify';
import { RateLimitedLog } from '@robustmq/telemetry';
import { auditLog, type AuditLine } from '../src/audit.ts';
import { clusterHealth, clusterOverview } from '../src/cluster-overview.ts';
import { answerClientError, httpStatusOf } from '../src/error-response.ts';
import { createHttpApi } from '../src/http-api.ts';
import { RequestFigures } from '../src/metrics.ts';
import type { Cluster, ClusterSnapshot, HealthProblem, NodeOverview, StreamOverview } from '../src/ports.ts';

const node = (kind: NodeOverview['kind'], live = true): NodeOverview => ({
  nodeId: `${kind}-0`,
  kind,
  incarnation: 1,
  live,
  endpoints: { grpc: '127.0.0.1:1' },
  version: '0.1.0',
  registeredAtMs: 5,
});

const stream = (over: Partial<StreamOverview> = {}): StreamOverview => ({
  streamId: 7,
  tenant: 'default',
  name: 'orders',
  topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
  mqttFilter: 'orders',
  ownershipActive: true,
  internal: false,
  config: { 'mqtt.filter': 'orders' },
  shards: [{ shard: 0, leader: 'journal-0', leaderEpoch: 3, replicas: ['journal-0'], isr: ['journal-0'] }],
  createdAtMs: 9,
  ...over,
});

const healthy = [node('journal-server'), node('mqtt-gateway'), node('kafka-gateway')];
const snapshotOf = (over: Partial<ClusterSnapshot> = {}): ClusterSnapshot => ({
  clusterId: 'c',
  revision: 12,
  featureLevel: { used: 1, known: 3 },
  nodes: healthy,
  streams: [stream()],
  users: [{ tenant: 'default', name: 'admin', superuser: true }],
  ...over,
});

/** A cluster in memory that records what was asked of it. */
class RecordingCluster implements Cluster {
  current = snapshotOf();
  isReady = true;
  failing: HealthProblem[] = [];
  readonly calls: unknown[][] = [];
  failure: BrokerError | undefined;
  ready = (): boolean => this.isReady;
  snapshot = (): ClusterSnapshot => this.current;
  storageProblems = (): Promise<HealthProblem[]> => Promise.resolve(this.failing);
  #record(...call: unknown[]): void {
    if (this.failure !== undefined) throw this.failure;
    this.calls.push(call);
  }
  createStream: Cluster['createStream'] = (wanted) => {
    this.#record('createStream', wanted);
    return Promise.resolve(stream({ name: wanted.name }));
  };
  deleteStream: Cluster['deleteStream'] = (...call) => Promise.resolve(this.#record('deleteStream', ...call));
  putUser: Cluster['putUser'] = (...call) => Promise.resolve(this.#record('putUser', ...call));
  deleteUser: Cluster['deleteUser'] = (...call) => Promise.resolve(this.#record('deleteUser', ...call));
  raiseFeatureLevel: Cluster['raiseFeatureLevel'] = (level) => {
    this.#record('raiseFeatureLevel', level);
    this.current = snapshotOf({ featureLevel: { used: level, known: 3 } });
    return Promise.resolve();
  };
  listSessions: Cluster['listSessions'] = (...call) => {
    this.#record('listSessions', ...call);
    return Promise.resolve({ items: [], more: true });
  };
  dropSession: Cluster['dropSession'] = (tenant, clientId) => {
    this.#record('dropSession', tenant, clientId);
    return Promise.resolve({ tenant, clientId, connected: true, gateway: 'mqtt-1' });
  };
  reassignSession: Cluster['reassignSession'] = (...call) =>
    Promise.resolve(this.#record('reassignSession', ...call));
  listGroups: Cluster['listGroups'] = (...call) => {
    this.#record('listGroups', ...call);
    return Promise.resolve({
      items: [{ groupId: 'g', state: 'Stable', protocolType: 'consumer', coordinator: 'k' }],
      more: false,
    });
  };
}

let cluster: RecordingCluster;
let figures: RequestFigures;
let audit: AuditLine[];
let isCurrent: boolean;
let app: FastifyInstance;
const admin = { authorization: `Basic ${Buffer.from('admin:se:cret').toString('base64')}` };

beforeEach(async () => {
  cluster = new RecordingCluster();
  figures = new RequestFigures();
  audit = [];
  isCurrent = true;
  app = await createHttpApi({
    cluster,
    verifyAdmin: (name, password) =>
      Promise.resolve(
        password === 'se:cret'
          ? { tenant: 'default', name, superuser: name === 'admin', anonymous: false }
          : null,
      ),
    audit: (line) => audit.push(line),
    isCurrent: () => isCurrent,
    version: '0.1.0',
    bodyLimitBytes: 1024,
    requestTimeoutMs: 5_000,
    figures,
  });
});
afterEach(() => app.close());

describe('access', () => {
  it.each([
    ['no header', {}],
    ['a wrong password', { authorization: `Basic ${Buffer.from('admin:no').toString('base64')}` }],
    ['another scheme', { authorization: 'Bearer x' }],
    ['no colon', { authorization: `Basic ${Buffer.from('admin').toString('base64')}` }],
    ['an oversized header', { authorization: `Basic ${'A'.repeat(2000)}` }],
  ])('%s is refused with a challenge', async (_name, headers) => {
    const answer = await app.inject({ url: '/api/v1/cluster', headers });
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['www-authenticate']).toContain('Basic');
    expect(answer.json()).toMatchObject({ code: 'unauthenticated' });
  });

  it('a valid user who is no superuser is forbidden, not asked for credentials again', async () => {
    const headers = { authorization: `Basic ${Buffer.from('device:se:cret').toString('base64')}` };
    const answer = await app.inject({ url: '/api/v1/cluster', headers });
    expect(answer.statusCode).toBe(403);
    expect(answer.headers['www-authenticate']).toBeUndefined();
  });

  it.each([
    ['another origin', { origin: 'https://evil.example' }, 403],
    ['an opaque origin', { origin: 'null' }, 403],
    ['another site, without an origin', { 'sec-fetch-site': 'cross-site' }, 403],
    ['its own origin', { origin: 'http://localhost:80', host: 'localhost:80' }, 204],
    ['no browser', {}, 204],
  ])('a request of %s', async (_who, headers, status) => {
    const answer = await app.inject({
      method: 'DELETE',
      url: '/api/v1/users/device',
      headers: { ...admin, host: 'localhost', ...headers },
    });
    // A URL's host leaves the default port out, and so does a browser's Host header.
    expect(answer.statusCode).toBe(status === 204 && 'host' in headers ? 403 : status);
    expect(cluster.calls).toHaveLength(answer.statusCode === 204 ? 1 : 0);
  });

  it('answers tell browsers to take them for nothing else', async () => {
    for (const url of ['/api/v1/health', '/api/v1/cluster', '/openapi.json', '/nowhere']) {
      const { headers } = await app.inject({ url, headers: admin });
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'cache-control': 'no-store',
      });
    }
  });

  it('N14: every action is audited with who, what and how it ended; reading is not, a password never', async () => {
    const put = {
      method: 'PUT',
      url: '/api/v1/users/pump?tenant=acme',
      payload: { password: 'long enough' },
    } as const;
    await app.inject({ ...put, headers: admin });
    await app.inject({
      ...put,
      headers: { authorization: `Basic ${Buffer.from('device:se:cret').toString('base64')}` },
    });
    await app.inject(put);
    await app.inject({ url: '/api/v1/users', headers: admin });
    const line = {
      audit: true,
      address: '127.0.0.1',
      method: 'PUT',
      route: '/api/v1/users/:name',
      target: 'pump',
    };
    expect(audit).toMatchObject([
      { ...line, principal: 'User:admin', tenant: 'acme', status: 200 },
      { ...line, principal: 'User:device', status: 403 },
      { ...line, principal: '', status: 401 },
    ]);
    expect(JSON.stringify(audit)).not.toContain('long enough');
  });

  it('health is not healthy by a view that meta-service confirms no longer', async () => {
    expect((await app.inject({ url: '/api/v1/health' })).json()).toEqual({ status: 'healthy' });
    isCurrent = false;
    const answer = await app.inject({ url: '/api/v1/health' });
    expect([answer.statusCode, answer.json()]).toEqual([503, { status: 'unavailable' }]);
    const overview = await app.inject({ url: '/api/v1/cluster', headers: admin });
    expect(overview.json()).toMatchObject({
      health: { status: 'unavailable', problems: [{ name: 'cluster' }] },
    });
  });

  it('N14: refused strangers cannot fill the log, actions of administrators are all in it', () => {
    const lines: object[] = [];
    const note = (fields: object): void => void lines.push(fields);
    const strangers = new RateLimitedLog({ debug: note, info: note, warn: note });
    const write = auditLog({ info: note }, strangers);
    const line: AuditLine = {
      audit: true,
      principal: '',
      address: '127.0.0.1',
      method: 'PUT',
      route: '/api/v1/users/:name',
      target: 'pump',
      tenant: 'acme',
      status: 401,
    };
    for (let n = 0; n < 100; n += 1) write(line);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThan(10);
    for (let n = 0; n < 100; n += 1) write({ ...line, principal: 'User:admin', status: 200 });
    expect(lines.length).toBeGreaterThan(100);
  });

  it('every route but health and the description needs an admin', async () => {
    const paths = Object.entries(
      (await app.inject({ url: '/openapi.json' })).json<{ paths: Record<string, object> }>().paths,
    );
    expect(paths.length).toBeGreaterThanOrEqual(8);
    for (const [path, operations] of paths) {
      for (const method of Object.keys(operations)) {
        if (path === '/api/v1/health') continue;
        const url = path.replace('{name}', 'x');
        const answer = await app.inject({ url, method: method.toUpperCase() as 'GET' });
        expect({ url, method, status: answer.statusCode }).toEqual({ url, method, status: 401 });
      }
    }
  });
});

describe('health', () => {
  it('is public and coarse', async () => {
    expect((await app.inject({ url: '/api/v1/health' })).json()).toEqual({ status: 'healthy' });
    cluster.current = snapshotOf({ nodes: [node('journal-server', false)] });
    const answer = await app.inject({ url: '/api/v1/health' });
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toEqual({ status: 'unavailable' });
  });

  it('O2: a quarantined shard is a problem, named to administrators only', async () => {
    cluster.failing = [{ name: 'quarantine', detail: 'journal-0: shard 3 of stream 7: damaged' }];
    const open = await app.inject({ url: '/api/v1/health' });
    expect([open.statusCode, open.json()]).toEqual([200, { status: 'degraded' }]);
    const closed = await app.inject({ url: '/api/v1/cluster', headers: admin });
    expect(closed.json()).toMatchObject({ health: { status: 'degraded', problems: cluster.failing } });
  });

  it('is unavailable, and the rest refused, before the first snapshot', async () => {
    cluster.isReady = false;
    expect((await app.inject({ url: '/api/v1/health' })).statusCode).toBe(503);
    expect((await app.inject({ url: '/api/v1/nodes', headers: admin })).json()).toMatchObject({
      code: 'unavailable',
    });
  });

  it.each([
    [
      'a shard without leader',
      {
        streams: [stream({ shards: [{ shard: 0, leader: null, leaderEpoch: 1, replicas: ['a'], isr: [] }] })],
      },
      'degraded',
      'without leader',
    ],
    ['ownership under way', { streams: [stream({ ownershipActive: false })] }, 'degraded', 'not active'],
    [
      'no gateway',
      { nodes: [node('journal-server'), node('kafka-gateway')] },
      'unavailable',
      'no live mqtt-gateway',
    ],
  ] as const)('%s', (_name, over, status, problem) => {
    const health = clusterHealth(snapshotOf(over), [], true);
    expect(health.status).toBe(status);
    expect(health.problems.map(({ detail }) => detail).join()).toContain(problem);
  });
});

describe('cluster', () => {
  it('is shown at a glance', async () => {
    cluster.current = snapshotOf({ nodes: [...healthy, node('journal-server', false)] });
    const answer = (await app.inject({ url: '/api/v1/cluster', headers: admin })).json<
      Record<string, unknown>
    >();
    expect(answer).toMatchObject({
      clusterId: 'c',
      revision: 12,
      streams: 1,
      users: 1,
      shards: { total: 1, withoutLeader: 0, underReplicated: 0 },
    });
    expect(answer['services']).toMatchObject({ 'journal-server': { live: 1, known: 2 } });
    expect(clusterOverview(snapshotOf({ nodes: [] }), [], true).health.status).toBe('unavailable');
  });

  it('lists nodes, sessions and groups', async () => {
    expect(
      (await app.inject({ url: '/api/v1/nodes', headers: admin })).json<{ items: unknown[] }>().items,
    ).toHaveLength(3);
    const sessions = await app.inject({ url: '/api/v1/sessions?prefix=a&limit=5&after=b', headers: admin });
    expect(sessions.json()).toEqual({ items: [], more: true });
    expect(cluster.calls).toEqual([['listSessions', 'default', 'a', 'b', 5]]);
    expect((await app.inject({ url: '/api/v1/groups', headers: admin })).json()).toMatchObject({
      items: [{ groupId: 'g' }],
      more: false,
    });
  });

  it.each(['limit=0', 'limit=1001', 'limit=x'])('refuses a page of %s', async (query) => {
    const answer = await app.inject({ url: `/api/v1/sessions?${query}`, headers: admin });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('limit') as string,
    });
  });
});

describe('the feature level (N17)', () => {
  const raise = (payload: object) =>
    app.inject({ method: 'POST', url: '/api/v1/cluster/feature-level', headers: admin, payload });

  it('rises to what this release knows, or to what is asked for; audited', async () => {
    const shown = await app.inject({ url: '/api/v1/cluster', headers: admin });
    expect(shown.json()).toMatchObject({ featureLevel: { used: 1, known: 3 } });
    expect((await raise({ level: 2 })).json()).toEqual({ used: 2, known: 3 });
    expect((await raise({})).json()).toEqual({ used: 3, known: 3 });
    expect(cluster.calls).toEqual([
      ['raiseFeatureLevel', 2],
      ['raiseFeatureLevel', 3],
    ]);
    expect(audit[0]).toMatchObject({ route: '/api/v1/cluster/feature-level', target: '2', status: 200 });
  });

  it.each([
    ['a live node knows less', { level: 3 }, 'conflict', 409],
    ['a higher one is used', { level: 1 }, 'out_of_range', 400],
  ] as const)('is refused when %s', async (_why, payload, code, status) => {
    cluster.failure = new BrokerError(code, 'no');
    const answer = await raise(payload);
    expect([answer.statusCode, answer.json()]).toMatchObject([status, { code }]);
  });

  it.each([{ level: 0 }, { level: 1.5 }, { level: 'x' }, { other: 1 }])('%j is no level', async (payload) => {
    expect((await raise(payload)).statusCode).toBe(400);
  });
});

describe('streams', () => {
  it('are listed by tenant, shown, created and deleted', async () => {
    expect((await app.inject({ url: '/api/v1/streams?tenant=other', headers: admin })).json()).toEqual({
      items: [],
    });
    expect((await app.inject({ url: '/api/v1/streams/orders', headers: admin })).json()).toMatchObject({
      streamId: 7,
    });
    expect((await app.inject({ url: '/api/v1/streams/none', headers: admin })).statusCode).toBe(404);
    const created = await app.inject({
      method: 'POST',
      url: '/api/v1/streams',
      headers: admin,
      payload: { name: 'a', config: { 'mqtt.filter': 'a/#' } },
    });
    expect(created.statusCode).toBe(201);
    expect(
      (await app.inject({ method: 'DELETE', url: '/api/v1/streams/a', headers: admin })).statusCode,
    ).toBe(204);
    expect(cluster.calls).toEqual([
      ['createStream', { name: 'a', tenant: 'default', shards: 0, config: { 'mqtt.filter': 'a/#' } }],
      ['deleteStream', 'default', 'a'],
    ]);
  });

  it.each([
    ['an unknown field', { name: 'a', partitions: 3 }],
    ['no name', {}],
    ['too many shards', { name: 'a', shards: 1e9 }],
  ])('%s is refused', async (_name, payload) => {
    const answer = await app.inject({ method: 'POST', url: '/api/v1/streams', headers: admin, payload });
    expect(answer.statusCode).toBe(400);
    expect(cluster.calls).toEqual([]);
  });

  it('an oversized body is refused before it is parsed', async () => {
    const payload = { name: 'a', config: { x: 'y'.repeat(2000) } };
    expect(
      (await app.inject({ method: 'POST', url: '/api/v1/streams', headers: admin, payload })).statusCode,
    ).toBe(413);
  });
});

describe('sessions', () => {
  it.each(['pump', 'a/b c', 'x'.repeat(2_000)])(
    'N14: are dropped and given away by client id, audited (%#)',
    async (name) => {
      const url = `/api/v1/sessions/${encodeURIComponent(name)}`;
      const dropped = await app.inject({ method: 'DELETE', url: `${url}?tenant=acme`, headers: admin });
      expect(dropped.json()).toEqual({ tenant: 'acme', clientId: name, connected: true, gateway: 'mqtt-1' });
      for (const user of ['device', null]) {
        const put = { method: 'PUT', url: `${url}/owner`, headers: admin, payload: { user } } as const;
        expect((await app.inject(put)).statusCode).toBe(204);
      }
      expect(cluster.calls).toEqual([
        ['dropSession', 'acme', name],
        ['reassignSession', 'default', name, 'device'],
        ['reassignSession', 'default', name, null],
      ]);
      expect(audit).toMatchObject([
        { method: 'DELETE', route: '/api/v1/sessions/:name', target: name, tenant: 'acme', status: 200 },
        { method: 'PUT', route: '/api/v1/sessions/:name/owner', target: name, status: 204 },
        { method: 'PUT', route: '/api/v1/sessions/:name/owner', target: name, status: 204 },
      ]);
    },
  );

  it('a session is given to nobody by an empty request', async () => {
    const put = { method: 'PUT', url: '/api/v1/sessions/pump/owner', headers: admin, payload: {} } as const;
    expect((await app.inject(put)).statusCode).toBe(400);
  });

  it('a stream of the longest name there is is found by its path', async () => {
    const name = 'x'.repeat(249);
    cluster.current = snapshotOf({ streams: [stream({ name })] });
    expect((await app.inject({ url: `/api/v1/streams/${name}`, headers: admin })).json()).toMatchObject({
      name,
    });
  });
});

describe('users', () => {
  it('are created without ever showing a password', async () => {
    const put = await app.inject({
      method: 'PUT',
      url: '/api/v1/users/dev',
      headers: admin,
      payload: { password: 'longenough' },
    });
    expect(put.json()).toEqual({ tenant: 'default', name: 'dev', superuser: false });
    expect(cluster.calls[0]).toEqual([
      'putUser',
      { tenant: 'default', name: 'dev', superuser: false, password: 'longenough' },
      false,
    ]);
    expect((await app.inject({ url: '/api/v1/users', headers: admin })).json()).toEqual({
      items: [{ tenant: 'default', name: 'admin', superuser: true }],
    });
    expect(
      (await app.inject({ method: 'DELETE', url: '/api/v1/users/dev', headers: admin })).statusCode,
    ).toBe(204);
  });

  it('a superuser who could never log in is refused: it might be the last one left', async () => {
    const put = (superuser: boolean) =>
      app.inject({
        method: 'PUT',
        url: '/api/v1/users/a%3Ab',
        headers: admin,
        payload: { password: 'longenough', superuser },
      });
    expect((await put(true)).json()).toMatchObject({ code: 'invalid_argument' });
    expect((await put(false)).statusCode).toBe(200);
  });

  it('a short password is refused', async () => {
    expect(
      (
        await app.inject({
          method: 'PUT',
          url: '/api/v1/users/dev',
          headers: admin,
          payload: { password: 'x' },
        })
      ).statusCode,
    ).toBe(400);
  });
});

describe('failures', () => {
  it.each(Object.keys(ERROR_CODES) as ErrorCode[])('%s becomes its status', async (code) => {
    cluster.failure = new BrokerError(code, 'why', { details: { limit: 1 } });
    const answer = await app.inject({ method: 'DELETE', url: '/api/v1/streams/a', headers: admin });
    expect(answer.statusCode).toBe(httpStatusOf(code));
    expect(answer.json()).toEqual({ code, message: 'why', details: { limit: 1 } });
  });

  it('an unknown route is a typed 404', async () => {
    expect((await app.inject({ url: '/nope?x=1' })).json()).toEqual({
      code: 'not_found',
      message: 'no route GET /nope',
    });
  });
});

describe('what is no request at all is refused in the shape of every other error', () => {
  /** Sends bytes on a connection of their own and reads to its end. */
  async function exchange(text: string): Promise<{ status: number; body: unknown }> {
    await app.listen({ port: 0, host: '127.0.0.1' });
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    let answer = '';
    socket.on('data', (bytes) => (answer += bytes.toString('utf8')));
    socket.write(text);
    await new Promise((resolve) => socket.on('close', resolve));
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    return { status: Number(head.split(' ')[1]), body: JSON.parse(body) as unknown };
  }

  const END = 'host: x\r\nconnection: close\r\n\r\n';

  it.each<[string, string, number, ErrorCode]>([
    ['other bytes', 'what is this\r\n\r\n', 400, 'malformed'],
    ['an unknown method', `BREW /api/v1/health HTTP/1.1\r\n${END}`, 400, 'malformed'],
    ['a path that is no text', `GET /api/v1/%ZZ HTTP/1.1\r\n${END}`, 400, 'invalid_argument'],
    ['headers without end', `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n${END}`, 431, 'too_large'],
  ])('%s', async (_name, text, status, code) => {
    const answer = await exchange(text);
    expect(answer).toEqual({ status, body: { code, message: expect.any(String) as string } });
  });

  it.each([
    ['a request that does not arrive in time', 'ERR_HTTP_REQUEST_TIMEOUT', 408, 'deadline_exceeded'],
    ['an error that Node has no code for', undefined, 400, 'malformed'],
  ])('%s', (_name, code, status, expected) => {
    const socket = new PassThrough();
    answerClientError(Object.assign(new Error('x'), { code }), socket);
    const [head, body] = String(socket.read()).split('\r\n\r\n');
    expect(head).toContain(`HTTP/1.1 ${status} `);
    expect(JSON.parse(body ?? '')).toMatchObject({ code: expected });
  });

  it('a connection that the client reset gets no answer', () => {
    const socket = new PassThrough();
    answerClientError(Object.assign(new Error('x'), { code: 'ECONNRESET' }), socket);
    expect([socket.read(), socket.destroyed]).toEqual([null, true]);
  });
});

it('counts requests by class and time', async () => {
  await app.inject({ url: '/api/v1/health' });
  await app.inject({ url: '/nope' });
  await app.inject({ url: '/nope' });
  expect(figures.byClass).toEqual({ '2xx': 1, '3xx': 0, '4xx': 2, '5xx': 0 });
  expect(figures.seconds.count).toBe(3);
});

it('describes itself in OpenAPI 3.1', async () => {
  const description = (await app.inject({ url: '/openapi.json' })).json<{
    openapi: string;
    paths: Record<string, object>;
  }>();
  expect(description.openapi).toBe('3.1.0');
  expect(Object.keys(description.paths)).toEqual(
    expect.arrayContaining(['/api/v1/cluster', '/api/v1/streams/{name}']),
  );
});
