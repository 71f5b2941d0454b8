// Listening on a TCP port, with errors that say what an operator must change.

import type { AddressInfo, Server } from 'node:net';
import { assert, BrokerError } from '@robustmq/errors';

const ADDRESS_CODES = new Set(['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EINVAL', 'ERR_SOCKET_BAD_PORT']);

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/** The failure of a `listen` call in terms of the option that chose the port; for servers that listen by themselves. */
export function explainListenError(
  error: unknown,
  host: string,
  port: number,
  optionName: string,
): BrokerError {
  const code = codeOf(error);
  const details = { host, port, option: optionName };
  if (code === 'EADDRINUSE') {
    const message = `port ${port} on ${host} is in use by another program; set ${optionName} to a free one`;
    return new BrokerError('conflict', message, { cause: error, details });
  }
  if (code === 'EACCES') {
    const message = `no permission to listen on port ${port} of ${host}; set ${optionName} to one above 1023`;
    return new BrokerError('permission_denied', message, { cause: error, details });
  }
  if (typeof code === 'string' && ADDRESS_CODES.has(code)) {
    const message = `can't listen on ${host} port ${port} (${code}); check ${optionName} and its host`;
    return new BrokerError('invalid_argument', message, { cause: error, details });
  }
  return new BrokerError('internal', `can't listen on ${host} port ${port} (${optionName})`, {
    cause: error,
    details,
  });
}

/**
 * Listens and returns where; port 0 lets the system choose.
 * @throws BrokerError conflict when the port is taken, naming port and option; see {@link explainListenError}.
 */
export function listenTcp(
  server: Server,
  host: string,
  port: number,
  optionName: string,
): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const onError = (error: unknown): void => reject(explainListenError(error, host, port, optionName));
    server.once('error', onError);
    try {
      server.listen({ host, port }, () => {
        server.off('error', onError);
        const address = server.address();
        assert(address !== null && typeof address === 'object', 'a TCP server has an address');
        resolve(address);
      });
    } catch (error) {
      server.off('error', onError);
      onError(error);
    }
  });
}
