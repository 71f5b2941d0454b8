// The connected clients of this gateway by tenant and client id: at most one each [MQTT-3.1.4-3].

import type { Connection } from './connection.ts';

/** Connections that have, or are about to have, a session. */
export class SessionDirectory {
  readonly #byName = new Map<string, Connection>();

  get size(): number {
    return this.#byName.size;
  }

  get(tenant: string, clientId: string): Connection | undefined {
    return this.#byName.get(`${tenant}\0${clientId}`);
  }

  /** Makes this connection the client's; answers the one that was. */
  replace(tenant: string, clientId: string, connection: Connection): Connection | undefined {
    const name = `${tenant}\0${clientId}`;
    const previous = this.#byName.get(name);
    this.#byName.set(name, connection);
    return previous;
  }

  /** Only if it is still the client's. */
  remove(tenant: string, clientId: string, connection: Connection): void {
    const name = `${tenant}\0${clientId}`;
    if (this.#byName.get(name) === connection) this.#byName.delete(name);
  }

  connections(): IterableIterator<Connection> {
    return this.#byName.values();
  }
}
