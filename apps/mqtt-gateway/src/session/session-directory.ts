// The connected clients of this gateway by tenant and client id: at most one each [MQTT-3.1.4-3].

import type { Client } from './client.ts';

/** One name per tenant and client id: neither has NUL in it [MQTT-1.5.4-2]. */
export function sessionName({
  tenant,
  clientId,
}: {
  readonly tenant: string;
  readonly clientId: string;
}): string {
  return `${tenant}\0${clientId}`;
}

/** Connections that have, or are about to have, a session. */
export class SessionDirectory {
  readonly #byName = new Map<string, Client>();

  get size(): number {
    return this.#byName.size;
  }

  get(tenant: string, clientId: string): Client | undefined {
    return this.#byName.get(sessionName({ tenant, clientId }));
  }

  /** Makes this connection the client's; answers the one that was. */
  replace(tenant: string, clientId: string, client: Client): Client | undefined {
    const name = sessionName({ tenant, clientId });
    const previous = this.#byName.get(name);
    this.#byName.set(name, client);
    return previous;
  }

  /** Only if it is still the client's. */
  remove(tenant: string, clientId: string, client: Client): void {
    const name = sessionName({ tenant, clientId });
    if (this.#byName.get(name) === client) this.#byName.delete(name);
  }

  connections(): IterableIterator<Client> {
    return this.#byName.values();
  }
}
