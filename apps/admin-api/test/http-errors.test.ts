// Every failure of the HTTP API has one shape.

import { connect, type AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { BrokerError, type ErrorCode } from '@robustmq/errors';
import { ERROR_CODES } from '@robustmq/errors/testing';
import type { FastifyInstance } from 'fastify';
import { answerClientError, httpStatusOf } from '../src/error-response.ts';
import { type RecordingCluster } from './recording-cluster.ts';
import { ADMIN, ServedApi } from './served-api.ts';

let api: ServedApi;
let app: FastifyInstance;
let cluster: RecordingCluster;

beforeEach(async () => {
  api = new ServedApi();
  ({ cluster } = api);
  app = await api.start();
});
afterEach(() => app.close());

describe('failures', () => {
  it.each(Object.keys(ERROR_CODES) as ErrorCode[])('%s becomes its status', async (code) => {
    cluster.failure = new BrokerError(code, 'why', { details: { limit: 1 } });
    const answer = await app.inject({ method: 'DELETE', url: '/api/v1/streams/a', headers: ADMIN });
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
