// OpsServer: the HTTP port of a process for those who run it. Probes, metrics, the log filter and the start of a drain.
// What changes something is for the machine itself (kubectl port-forward and exec arrive there) unless a token is set.

import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { BrokerError } from '@robustmq/errors';
import { listenTcp } from '@robustmq/runtime';
import type { Health } from './health.ts';
import type { LogFilter, LogFilterRules } from './log-filter.ts';
import type { Metrics } from './metrics.ts';

/** What the server shows and steers. */
export interface OpsServerOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Name of the setting behind `port`, for the error when it is taken. */
  readonly portOption: string;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly filter: LogFilter;
  /** Starts the orderly end of the process; the answer does not wait for it. */
  readonly onDrain: () => void;
  /** Lets peers other than this machine change things, with `Authorization: Bearer`. */
  readonly token?: string | undefined;
}

const MAX_BODY_BYTES = 64 * 1024;
const MAX_RULES = 1000;
const DEFAULT_FILTER_SECONDS = 600;
const MAX_FILTER_SECONDS = 86_400;
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 100;
const LOOPBACK = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

function reply(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_BODY_BYTES)
      throw new BrokerError('too_large', `body is over ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch (error) {
    throw new BrokerError('malformed', 'body is no JSON', { cause: error });
  }
}

function namesIn(body: Record<string, unknown>, key: keyof LogFilterRules): string[] {
  const names = body[key] ?? [];
  if (!Array.isArray(names) || names.length > MAX_RULES || names.some((name) => typeof name !== 'string')) {
    throw new BrokerError('invalid_argument', `${key} is a list of at most ${MAX_RULES} texts`);
  }
  return names as string[];
}

const FILTER_KEYS = new Set(['clientIds', 'topics', 'tenants', 'seconds']);

function readFilter(body: unknown): { rules: LogFilterRules; seconds: number } {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new BrokerError('invalid_argument', 'body is an object');
  }
  const unknownKey = Object.keys(body).find((key) => !FILTER_KEYS.has(key));
  if (unknownKey !== undefined) throw new BrokerError('invalid_argument', `${unknownKey}: no such key`);
  const fields = body as Record<string, unknown>;
  const seconds = fields['seconds'] ?? DEFAULT_FILTER_SECONDS;
  if (typeof seconds !== 'number' || !(seconds > 0 && seconds <= MAX_FILTER_SECONDS)) {
    throw new BrokerError('invalid_argument', `seconds is a number up to ${MAX_FILTER_SECONDS}`);
  }
  const rules = {
    clientIds: namesIn(fields, 'clientIds'),
    topics: namesIn(fields, 'topics'),
    tenants: namesIn(fields, 'tenants'),
  };
  return { rules, seconds };
}

function statusOf(error: BrokerError): number {
  if (error.code === 'permission_denied') return 403;
  if (error.code === 'too_large') return 413;
  return error.code === 'invalid_argument' || error.code === 'malformed' ? 400 : 500;
}

/** Serves `/livez`, `/readyz`, `/startupz`, `/metrics`, `/log-filter` and `/drain`. */
export class OpsServer {
  readonly #options: OpsServerOptions;
  readonly #server: Server;

  constructor(options: OpsServerOptions) {
    this.#options = options;
    this.#server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: REQUEST_TIMEOUT_MS });
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('request', (request, response) => void this.#serve(request, response));
  }

  /** Listens and returns the port; BrokerError `conflict` when it is taken. */
  async start(): Promise<number> {
    const { host, port, portOption } = this.#options;
    return (await listenTcp(this.#server, host, port, portOption)).port;
  }

  /** Closes the port and every connection. */
  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response);
    } catch (error) {
      const failure = BrokerError.from(error);
      if (!response.headersSent)
        reply(response, statusOf(failure), { error: failure.code, message: failure.message });
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?', 1)[0];
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (isRead && path === '/livez') return reply(response, 200, { status: 'live' });
    if (isRead && path === '/readyz') return this.#replyReady(response);
    if (isRead && path === '/startupz') return this.#replyStarted(response);
    if (isRead && path === '/metrics') return this.#options.metrics.handleScrape(request, response);
    if (isRead && path === '/log-filter') return reply(response, 200, this.#options.filter.state);
    if (request.method === 'PUT' && path === '/log-filter') return this.#putFilter(request, response);
    if (request.method === 'POST' && path === '/drain') return this.#drain(request, response);
    return reply(response, 404, { error: 'not_found', message: 'no such path' });
  }

  #replyReady(response: ServerResponse): void {
    const problems = this.#options.health.problems();
    const isReady = Object.keys(problems).length === 0;
    reply(response, isReady ? 200 : 503, { status: isReady ? 'ready' : 'not ready', problems });
  }

  #replyStarted(response: ServerResponse): void {
    const { isStarted } = this.#options.health;
    reply(response, isStarted ? 200 : 503, { status: isStarted ? 'started' : 'starting' });
  }

  async #putFilter(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#authorize(request);
    const { rules, seconds } = readFilter(await readJson(request));
    this.#options.filter.set(rules, seconds * 1000);
    reply(response, 200, this.#options.filter.state);
  }

  #drain(request: IncomingMessage, response: ServerResponse): void {
    this.#authorize(request);
    this.#options.health.markDraining();
    reply(response, 202, { status: 'draining' });
    this.#options.onDrain();
  }

  #authorize(request: IncomingMessage): void {
    // Browsers send an Origin with every request that changes something: no web page may steer a broker.
    if (request.headers.origin !== undefined) throw new BrokerError('permission_denied', 'not for web pages');
    const { token } = this.#options;
    if (token === undefined || token === '') {
      if (LOOPBACK.has(request.socket.remoteAddress ?? '')) return;
      throw new BrokerError('permission_denied', 'only from this machine, or with the token of ops.token');
    }
    const given = Buffer.from(request.headers.authorization ?? '');
    const wanted = Buffer.from(`Bearer ${token}`);
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
      throw new BrokerError('permission_denied', 'wrong or missing token');
    }
  }
}
