// HTTP Basic against the cluster's superusers. Stateless: any admin-api replica serves any request.
import { BrokerError } from '@robustmq/errors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { VerifyAdmin } from './ports.ts';

/** Longest Authorization header that is looked at. */
const MAX_HEADER_CHARS = 1024;

/** Requires a superuser on every route of this scope. */
export function requireAdmin(scope: FastifyInstance, verify: VerifyAdmin): void {
  scope.addHook('onRequest', async (request) => {
    const credentials = readBasic(request);
    if (credentials === undefined || !(await verify(credentials.username, credentials.password))) {
      throw new BrokerError('unauthenticated', 'a superuser name and password are needed (HTTP Basic)');
    }
  });
}

function readBasic(request: FastifyRequest): { username: string; password: string } | undefined {
  const header = request.headers.authorization;
  if (header === undefined || header.length > MAX_HEADER_CHARS) return undefined;
  const match = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(header);
  if (match?.[1] === undefined) return undefined;
  const text = Buffer.from(match[1], 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}
