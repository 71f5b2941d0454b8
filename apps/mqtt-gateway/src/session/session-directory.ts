// The connected clients of this gateway by tenant and client id: at most one each [MQTT-3.1.4-3].

import type { Client } from './client.ts';

/** Connections that have, or are about to have, a session. */
export class SessionDirectory {
  readonly #byName = new Map<string, Client>();

  get size(): number {
    return this.#byName.size;
  }

  get(tenant: string, clientId: string): Client | undefined {
    return this.#byName.get(`${tenant}\0${clientId}`);
  }

  /** Makes this connection the client's; answers the one that was. */
  replace(tenant: string, clientId: string, client: Client): Client | undefined {
    const name = `${tenant}\0${clientId}`;
    const previous = this.#byName.get(name);
    this.#byName.set(name, client);
    return previous;
  }

  /** Only if it is still the client's. */
  remove(tenant: string, clientId: string, client: Client): void {
    const name = `${tenant}\0${clientId}`;
    if (this.#byName.get(name) === client) this.#byName.delete(name);
  }

  connections(): IterableIterator<Client> {
    return this.#byName.values();
  }
}
