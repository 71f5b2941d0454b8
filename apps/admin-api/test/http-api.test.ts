// What the HTTP API shows and changes.

import { BrokerError } from '@robustmq/errors';
import type { FastifyInstance } from 'fastify';
import type { AuditLine } from '../src/audit.ts';
import { clusterHealth, clusterOverview } from '../src/cluster-overview.ts';
import type { RequestFigures } from '../src/metrics.ts';
import { type RecordingCluster, healthy, node, snapshotOf, stream } from './recording-cluster.ts';
import { ADMIN, ServedApi } from './served-api.ts';

let api: ServedApi;
let app: FastifyInstance;
let cluster: RecordingCluster;
let figures: RequestFigures;
let audit: AuditLine[];

beforeEach(async () => {
  api = new ServedApi();
  ({ cluster, figures, audit } = api);
  app = await api.start();
});
afterEach(() => app.close());

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
    const closed = await app.inject({ url: '/api/v1/cluster', headers: ADMIN });
    expect(closed.json()).toMatchObject({ health: { status: 'degraded', problems: cluster.failing } });
  });

  it('is unavailable, and the rest refused, before the first snapshot', async () => {
    cluster.isReady = false;
    expect((await app.inject({ url: '/api/v1/health' })).statusCode).toBe(503);
    expect((await app.inject({ url: '/api/v1/nodes', headers: ADMIN })).json()).toMatchObject({
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
    const answer = (await app.inject({ url: '/api/v1/cluster', headers: ADMIN })).json<
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
      (await app.inject({ url: '/api/v1/nodes', headers: ADMIN })).json<{ items: unknown[] }>().items,
    ).toHaveLength(3);
    const sessions = await app.inject({ url: '/api/v1/sessions?prefix=a&limit=5&after=b', headers: ADMIN });
    expect(sessions.json()).toEqual({ items: [], more: true });
    expect(cluster.calls).toEqual([['listSessions', 'default', 'a', 'b', 5]]);
    expect((await app.inject({ url: '/api/v1/groups', headers: ADMIN })).json()).toMatchObject({
      items: [{ groupId: 'g' }],
      more: false,
    });
  });

  it.each(['limit=0', 'limit=1001', 'limit=x'])('refuses a page of %s', async (query) => {
    const answer = await app.inject({ url: `/api/v1/sessions?${query}`, headers: ADMIN });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('limit') as string,
    });
  });
});

describe('the feature level (N17)', () => {
  const raise = (payload: object) =>
    app.inject({ method: 'POST', url: '/api/v1/cluster/feature-level', headers: ADMIN, payload });

  it('rises to what this release knows, or to what is asked for; audited', async () => {
    const shown = await app.inject({ url: '/api/v1/cluster', headers: ADMIN });
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
    expect((await app.inject({ url: '/api/v1/streams?tenant=other', headers: ADMIN })).json()).toEqual({
      items: [],
    });
    expect((await app.inject({ url: '/api/v1/streams/orders', headers: ADMIN })).json()).toMatchObject({
      streamId: 7,
    });
    expect((await app.inject({ url: '/api/v1/streams/none', headers: ADMIN })).statusCode).toBe(404);
    const created = await app.inject({
      method: 'POST',
      url: '/api/v1/streams',
      headers: ADMIN,
      payload: { name: 'a', config: { 'mqtt.filter': 'a/#' } },
    });
    expect(created.statusCode).toBe(201);
    expect(
      (await app.inject({ method: 'DELETE', url: '/api/v1/streams/a', headers: ADMIN })).statusCode,
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
    const answer = await app.inject({ method: 'POST', url: '/api/v1/streams', headers: ADMIN, payload });
    expect(answer.statusCode).toBe(400);
    expect(cluster.calls).toEqual([]);
  });

  it('an oversized body is refused before it is parsed', async () => {
    const payload = { name: 'a', config: { x: 'y'.repeat(2000) } };
    expect(
      (await app.inject({ method: 'POST', url: '/api/v1/streams', headers: ADMIN, payload })).statusCode,
    ).toBe(413);
  });
});

describe('sessions', () => {
  it.each(['pump', 'a/b c', 'x'.repeat(2_000)])(
    'N14: are dropped and given away by client id, audited (%#)',
    async (name) => {
      const url = `/api/v1/sessions/${encodeURIComponent(name)}`;
      const dropped = await app.inject({ method: 'DELETE', url: `${url}?tenant=acme`, headers: ADMIN });
      expect(dropped.json()).toEqual({ tenant: 'acme', clientId: name, connected: true, gateway: 'mqtt-1' });
      for (const user of ['device', null]) {
        const put = { method: 'PUT', url: `${url}/owner`, headers: ADMIN, payload: { user } } as const;
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
    const put = { method: 'PUT', url: '/api/v1/sessions/pump/owner', headers: ADMIN, payload: {} } as const;
    expect((await app.inject(put)).statusCode).toBe(400);
  });

  it('a stream of the longest name there is is found by its path', async () => {
    const name = 'x'.repeat(249);
    cluster.current = snapshotOf({ streams: [stream({ name })] });
    expect((await app.inject({ url: `/api/v1/streams/${name}`, headers: ADMIN })).json()).toMatchObject({
      name,
    });
  });
});

describe('users', () => {
  it('are created without ever showing a password', async () => {
    const put = await app.inject({
      method: 'PUT',
      url: '/api/v1/users/dev',
      headers: ADMIN,
      payload: { password: 'longenough' },
    });
    expect(put.json()).toEqual({ tenant: 'default', name: 'dev', superuser: false });
    expect(cluster.calls[0]).toEqual([
      'putUser',
      { tenant: 'default', name: 'dev', superuser: false, password: 'longenough' },
      false,
    ]);
    expect((await app.inject({ url: '/api/v1/users', headers: ADMIN })).json()).toEqual({
      items: [{ tenant: 'default', name: 'admin', superuser: true }],
    });
    expect(
      (await app.inject({ method: 'DELETE', url: '/api/v1/users/dev', headers: ADMIN })).statusCode,
    ).toBe(204);
  });

  it('a superuser who could never log in is refused: it might be the last one left', async () => {
    const put = (superuser: boolean) =>
      app.inject({
        method: 'PUT',
        url: '/api/v1/users/a%3Ab',
        headers: ADMIN,
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
          headers: ADMIN,
          payload: { password: 'x' },
        })
      ).statusCode,
    ).toBe(400);
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
