// The end of a session's time on this gateway: its filters go, and its row in meta gets what the next owner needs.

import { isDeparture, type ConnectionEnd, type LastWords } from '@robustmq/mqtt-session';
import type { Turns } from '@robustmq/runtime';
import type { ShardPlace } from '../delivery/shard-place.ts';
import type { RateLimitedLog } from '@robustmq/telemetry';
import type { StoredCursor, StoredOutbound, StoredPlaces } from '../store/session-rows.ts';
import type { ClientSession } from './client-session.ts';
import type { SessionStore } from '../store/session-store.ts';
import type { Client } from './client.ts';
import { removeRoutes, type FilterRoutes } from './filter-routes.ts';
import { sessionName, type SessionDirectory } from './session-directory.ts';

/** What the next owner needs to know; until the session knows its places, what it was told itself. */
export function placesOf(session: ClientSession): StoredPlaces {
  const { outbound: sending } = session;
  if (sending.isResuming) return session.stored;
  const outbound: StoredOutbound[] = [];
  const inFlight = new Map<number, ShardPlace>();
  for (const { packetId, qos, state, place, offset } of session.ledger.entries()) {
    const departures = sending.departuresOf(place, offset);
    outbound.push({ packetId, qos, state, departures, ...session.rowOf(place, offset) });
    inFlight.set(place.key, place);
  }
  const cursors = sending.cursors().map(({ place, offset }): StoredCursor => {
    const sentBelow = inFlight.has(place.key) ? sending.sentBelow(place) : 0;
    return { ...session.rowOf(place, offset), sentBelow };
  });
  return { cursors, outbound, doubtful: sending.isUncertain };
}

/** What ending a session needs of the gateway. */
export interface EndPorts extends Turns {
  readonly store: SessionStore;
  readonly directory: SessionDirectory;
  readonly routes: FilterRoutes;
  readonly lastWords: LastWords<StoredPlaces>;
  /** Lines that a client can cause. */
  readonly log: RateLimitedLog;
}

/** Ends sessions on this gateway. */
export class SessionEnding {
  readonly #ports: EndPorts;

  constructor(ports: EndPorts) {
    this.#ports = ports;
  }

  /** Releases the session (rules S1, S3). */
  end(client: Client, session: ClientSession, end: ConnectionEnd): void {
    const expiryIntervalS = end.sessionExpiryIntervalS;
    if (isDeparture(end)) session.outbound.left();
    const { store, directory, routes, lastWords, log } = this.#ports;
    const { tenant, clientId } = session.identity;
    const places = expiryIntervalS > 0 ? placesOf(session) : undefined;
    session.close();
    removeRoutes(routes, session, this.#ports);
    directory.remove(tenant, clientId, client);
    const { key } = session.changes;
    const name = sessionName(key);
    if (places !== undefined) lastWords.keep(name, key.epoch, places);
    store.release({ key, expiryIntervalS, ...(places && { places }) }, (err) => {
      if (err === undefined) lastWords.forget(name, key.epoch);
      // `fenced`: another owner opened it meanwhile, and asks for the last word. Else its lease or expiry ends it.
      if (err === undefined || err.code === 'fenced') return;
      log.warn(`release ${err.code}`, { client_id: clientId, err }, 'session could not be released');
    });
  }
}
