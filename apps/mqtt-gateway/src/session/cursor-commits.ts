// Stores how far durable sessions have read: those whose client acknowledged something, at most once per interval
// (design section 5).

import { REASON } from '@robustmq/mqtt-codec';
import type { GatewayServices } from '../services.ts';
import type { ClientSession } from './client-session.ts';
import type { Connection } from './connection.ts';
import { rowOf } from './session-places.ts';

/** Commits cursors periodically. */
export class CursorCommits {
  readonly #services: GatewayServices;
  readonly #timer: NodeJS.Timeout;
  readonly #underWay = new Set<ClientSession>();

  constructor(services: GatewayServices, intervalMs: number) {
    this.#services = services;
    this.#timer = setInterval(() => this.commit(), intervalMs);
    this.#timer.unref();
  }

  /** Commits what moved since the last time. */
  commit(): void {
    for (const connection of this.#services.directory.connections()) {
      const { session } = connection;
      if (session !== null && session.isDurable && session.outbound.hasMoved)
        this.#commit(connection, session);
    }
  }

  #commit(connection: Connection, session: ClientSession): void {
    const { outbound, changes } = session;
    // Before a resumed session reads, its places have not moved. And one commit at a time: while meta is away they must
    // not pile up in the session's chain.
    if (outbound.isResuming || this.#underWay.has(session)) return;
    const moved = outbound.takeMovedCursors();
    if (moved.length === 0) return;
    this.#underWay.add(session);
    const cursors = moved.map(({ place, offset }) => ({ ...rowOf(place, offset), sentBelow: 0 }));
    this.#services.store.commit(changes, cursors, (error) => {
      this.#underWay.delete(session);
      if (error === undefined) return;
      // Another owner opened the session: this connection must not be served beside it (I6).
      if (error.code === 'fenced') connection.machine.disconnect(REASON.sessionTakenOver);
      // The next interval tries again; a crash before that only repeats messages.
      else outbound.cursorsFailed(moved);
    });
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
