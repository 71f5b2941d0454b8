// Stores how far durable sessions have read: those whose client acknowledged something, at most once per interval
// (design section 5). Cursors of deleted streams go the same way, once every gateway knows of the deletion.

import { REASON } from '@robustmq/mqtt-codec';
import { eachInTurns, type Cancel, type Turns } from '@robustmq/runtime';
import type { SessionStore } from '../store/session-store.ts';
import type { Client } from './client.ts';
import type { ClientSession } from './client-session.ts';
import type { SessionDirectory } from './session-directory.ts';

/** What committing needs of the gateway. */
export interface CommitPorts extends Turns {
  readonly directory: SessionDirectory;
  readonly store: SessionStore;
  /** Whether a stream is deleted, and no gateway takes it for one that is there: a session's next owner needs no place in it. */
  isForgotten(streamId: number): boolean;
}

/** Rows that one commit lets go: as many as meta changes within a turn of its loop (N8). */
const MOST_GONE = 256;

/** Commits cursors periodically. */
export class CursorCommits {
  readonly #ports: CommitPorts;
  /** Ends the periodic commits. */
  readonly stop: Cancel;
  readonly #underWay = new Set<ClientSession>();
  #isLooking = false;

  constructor(ports: CommitPorts, intervalMs: number) {
    this.#ports = ports;
    this.stop = ports.timers.every(intervalMs, () => this.commit());
  }

  /** Commits what moved since the last time; however many sessions there are, in turns (N8). */
  commit(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    eachInTurns(
      this.#ports.directory.connections(),
      this.#ports,
      (client) => this.#lookAt(client),
      () => (this.#isLooking = false),
    );
  }

  #lookAt(client: Client): void {
    const { session } = client;
    if (session === null || !session.isDurable) return;
    const { outbound } = session;
    if (!outbound.hasMoved && !outbound.hasGoneCursors) return;
    client.guard(() => this.#commit(client, session));
  }

  #commit(client: Client, session: ClientSession): void {
    const { outbound, changes } = session;
    // Before a resumed session reads, its places have not moved. And one commit at a time: while meta is away they must
    // not pile up in the session's chain.
    if (outbound.isResuming || this.#underWay.has(session)) return;
    const gone = outbound.takeGoneCursors(({ streamId }) => this.#ports.isForgotten(streamId), MOST_GONE);
    const moved = outbound.takeMovedCursors();
    if (moved.length + gone.length === 0) return;
    this.#underWay.add(session);
    const cursors = moved.map(({ place, offset }) => ({ ...session.rowOf(place, offset), sentBelow: 0 }));
    const goneCursors = gone.map(({ place: { streamId, shard } }) => ({ streamId, shard }));
    this.#ports.store.commit(changes, { cursors, goneCursors }, (error) => {
      this.#underWay.delete(session);
      if (error === undefined) return;
      client.guard(() => {
        // Another owner opened the session: this connection must not be served beside it (I6).
        if (error.code === 'fenced') client.machine.disconnect(REASON.sessionTakenOver);
        // The next interval tries again; a crash before that only repeats messages.
        else {
          outbound.cursorsFailed(moved);
          outbound.goneCursorsFailed(gone);
        }
      });
    });
  }
}
