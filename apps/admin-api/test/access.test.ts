// Who may ask the HTTP API for what, and what is written down of it (N14).

import type { FastifyInstance } from 'fastify';
import { RateLimitedLog } from '@robustmq/telemetry';
import { auditLog, type AuditLine } from '../src/audit.ts';
import { type RecordingCluster } from './recording-cluster.ts';
import { ADMIN, ServedApi } from './served-api.ts';

let api: ServedApi;
let app: FastifyInstance;
let cluster: RecordingCluster;
let audit: AuditLine[];

beforeEach(async () => {
  api = new ServedApi();
  ({ cluster, audit } = api);
  app = await api.start();
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
      headers: { ...ADMIN, host: 'localhost', ...headers },
    });
    // A URL's host leaves the default port out, and so does a browser's Host header.
    expect(answer.statusCode).toBe(status === 204 && 'host' in headers ? 403 : status);
    expect(cluster.calls).toHaveLength(answer.statusCode === 204 ? 1 : 0);
  });

  it('answers tell browsers to take them for nothing else', async () => {
    for (const url of ['/api/v1/health', '/api/v1/cluster', '/openapi.json', '/nowhere']) {
      const { headers } = await app.inject({ url, headers: ADMIN });
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
    await app.inject({ ...put, headers: ADMIN });
    await app.inject({
      ...put,
      headers: { authorization: `Basic ${Buffer.from('device:se:cret').toString('base64')}` },
    });
    await app.inject(put);
    await app.inject({ url: '/api/v1/users', headers: ADMIN });
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
    api.isCurrent = false;
    const answer = await app.inject({ url: '/api/v1/health' });
    expect([answer.statusCode, answer.json()]).toEqual([503, { status: 'unavailable' }]);
    const overview = await app.inject({ url: '/api/v1/cluster', headers: ADMIN });
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
