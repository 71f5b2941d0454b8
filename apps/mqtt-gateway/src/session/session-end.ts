// The end of a session's time on this gateway: its filters go, and its row in meta gets what the next owner needs.

import type { ShardPlace } from '../delivery/shard-place.ts';
import type { GatewayServices } from '../services.ts';
import type { StoredCursor, StoredOutbound, StoredPlaces } from '../store/session-rows.ts';
import type { ClientSession } from './client-session.ts';
import type { Connection } from './connection.ts';
import { rowOf } from './session-places.ts';

/** What the next owner needs to know; until the session knows its places, what it was told itself. */
export function placesOf(session: ClientSession): StoredPlaces {
  const { outbound: sending } = session;
  if (sending.isResuming) return session.stored;
  const outbound: StoredOutbound[] = [];
  const inFlight = new Map<number, ShardPlace>();
  for (const { packetId, place, offset } of sending.window.inFlight()) {
    outbound.push({ packetId, qos: 1, state: 'sent', ...rowOf(place, offset) });
    inFlight.set(place.key, place);
  }
  const cursors = sending.cursors().map(({ place, offset }): StoredCursor => {
    const sentBelow = inFlight.has(place.key) ? sending.sentBelow(place) : 0;
    return { ...rowOf(place, offset), sentBelow };
  });
  return { cursors, outbound, doubtful: sending.isUncertain };
}

/** Takes the session's subscriptions out of routing. */
export function removeSubscriptions(services: GatewayServices, session: ClientSession): void {
  const { tenant } = session.identity;
  const routes = services.routesOf(tenant);
  for (const subscription of session.subscriptions.values()) {
    routes.remove(subscription);
    subscription.use?.release();
    services.removeMeshFilter(tenant, subscription.filter);
  }
}

/** Releases the session (rules S1, S3). */
export function endSession(connection: Connection, session: ClientSession, expiryIntervalS: number): void {
  const { services } = connection;
  const isDurable = expiryIntervalS > 0;
  const places = isDurable ? placesOf(session) : undefined;
  session.close();
  removeSubscriptions(services, session);
  services.directory.remove(session.identity.tenant, session.identity.clientId, connection);
  const { key } = session.changes;
  services.store.release({ key, expiryIntervalS, ...(places && { places }) }, (error) => {
    // `fenced`: another owner opened it meanwhile, which is as good. Else its lease or expiry ends it.
    if (error === undefined || error.code === 'fenced') return;
    services.log.warn({ client_id: session.identity.clientId, err: error }, 'session could not be released');
  });
}
