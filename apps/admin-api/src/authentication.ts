// HTTP Basic against the cluster's superusers. Stateless: any admin-api replica serves any request.
import type { Principal } from '@robustmq/access-control';
import { BrokerError } from '@robustmq/errors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { RequestOrigin, VerifyAdmin } from './ports.ts';

/** Longest Authorization header that is looked at. */
const MAX_HEADER_CHARS = 1024;

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; null where nobody has to say so. */
    principal: Principal | null;
  }
}

/** Requires a superuser on every route of this scope: 401 for credentials that are nobody's, 403 for another user's. */
export function requireAdmin(scope: FastifyInstance, verify: VerifyAdmin): void {
  scope.decorateRequest('principal', null);
  scope.addHook('onRequest', async (request) => {
    refuseForeignOrigin(request);
    const credentials = readBasic(request);
    const principal =
      credentials === undefined
        ? null
        : await verify(credentials.username, credentials.password, originOf(request));
    if (principal === null) {
      throw new BrokerError('unauthenticated', 'a superuser name and password are needed (HTTP Basic)');
    }
    request.principal = principal;
    if (!principal.superuser) throw new BrokerError('permission_denied', 'only superusers may administer');
  });
}

/** Whoever guesses and leaves must not leave his guesses in the line: others would wait behind them. */
function originOf({ ip, raw }: FastifyRequest): RequestOrigin {
  return { address: ip, isWanted: () => !raw.socket.destroyed };
}

/**
 * A browser that has the credentials sends them for every page that it shows, and says whose page asks: a page of another
 * origin must not act in the operator's name.
 */
function refuseForeignOrigin({ headers }: FastifyRequest): void {
  const { origin, host } = headers;
  if (origin !== undefined && hostOf(origin) !== host) {
    throw new BrokerError('permission_denied', 'requests of pages of another origin are not served');
  }
  if (headers['sec-fetch-site'] === 'cross-site') {
    throw new BrokerError('permission_denied', 'requests of other sites are not served');
  }
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
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
