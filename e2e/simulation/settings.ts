// What all processes of a simulated cluster share.

import { Credentials, type ServiceKind } from '@robustmq/rpc';
import { ClusterSecret } from '@robustmq/rpc/testing';
import type { Log } from '@robustmq/runtime';

/** Name of the meta-service, which is its address as well. */
export const META = 'meta-1';

const SECRET = new ClusterSecret(['a secret for tests, of 32 characters']);

/** What a service of that kind shows to the others. */
export function credentialsOf(kind: ServiceKind): Credentials {
  return new Credentials(kind, SECRET);
}

/** Hears of everything that a process logs; `error` lines with an unexpected cause are findings. */
export function logInto(lines: (line: string) => void, found: (error: unknown) => void): Log {
  const line = (level: string) => (fields: object, message: string) => {
    const { err } = fields as { readonly err?: unknown };
    lines(`${level} ${message}${err instanceof Error ? `: ${err.message}` : ''}`);
    const isBug = err instanceof Error && (!('code' in err) || err.code === 'internal');
    if (isBug && level !== 'debug') found(err);
  };
  return { debug: () => undefined, info: line('info'), warn: line('warn'), error: line('error') };
}
