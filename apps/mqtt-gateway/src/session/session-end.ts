// The end of a session's time on this gateway: its filters go, and its row in meta gets what the next owner needs.

import type { ShardTail } from '../delivery/shard-tail.ts';
import type { GatewayServices } from '../services.ts';
import type { StoredCursor, StoredOutbound, StoredPlaces } from '../store/session-rows.ts';
import type { ClientSession } from './client-session.ts';
import type { Connection } from './connection.ts';

/** How far a durable session has read every shard that MQTT sees, and what is in flight (rule S3). */
export function placesOf(services: GatewayServices, session: ClientSession): StoredPlaces {
  if (session.stored !== null) return session.stored;
  const outbound: StoredOutbound[] = [];
  const sentBelow = new Map<ShardTail, number>();
  for (const { packetId, place: tail, offset } of session.machine.window.inFlight()) {
    outbound.push({ packetId, qos: 1, state: 'sent', ...placeIn(tail, offset) });
    sentBelow.set(tail, session.sentBelow(tail));
  }
  for (const { tail, offset } of session.handover?.sentBelow() ?? []) {
    sentBelow.set(tail, Math.max(offset, session.sentBelow(tail)));
  }
  return { cursors: cursorsOf(services, session, sentBelow), outbound };
}

/** How far a durable session has read every shard that MQTT sees. */
export function cursorsOf(
  services: GatewayServices,
  session: ClientSession,
  sentBelow: ReadonlyMap<ShardTail, number> = new Map(),
): StoredCursor[] {
  const cursors: StoredCursor[] = [];
  for (const tail of services.tails.tails()) {
    const place = placeIn(tail, session.cursorOf(tail));
    cursors.push({ ...place, sentBelow: sentBelow.get(tail) ?? 0 });
  }
  return cursors;
}

function placeIn({ streamId, shard, leaderEpoch }: ShardTail, offset: number) {
  return { streamId, shard, leaderEpoch, offset };
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
  const places = isDurable ? placesOf(services, session) : undefined;
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
