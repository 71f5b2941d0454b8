// A stored session comes back: its filters are registered, and each shard is read on from its cursor through the index
// until the ring takes over (rules X4, X5, S3). Nothing is delivered live before every place is known.

import type { ActiveCallback, ActiveFilter } from '../delivery/filter-registry.ts';
import { shardKeyOf, type ShardTail } from '../delivery/shard-tail.ts';
import { Subscription, type StartOffset } from '../delivery/subscription.ts';
import type { ShardPlace, StoredSession } from '../store/session-rows.ts';
import type { ClientSession } from './client-session.ts';
import type { Connection } from './connection.ts';
import { SENT_BELOW, type HandedOver } from './handover.ts';

/**
 * Brings back the subscriptions of `state`, then reads what was missed. `isUncertain`: its owner ended without saying what
 * it had sent (rule S3).
 */
export function resumeSession(
  connection: Connection,
  session: ClientSession,
  state: StoredSession,
  isUncertain: boolean,
): void {
  if (state.subscriptions.length === 0) return;
  const { services } = connection;
  const { tenant } = session.identity;
  session.stored = state;
  // Filters that began together share their places in memory as well.
  const startMaps = new Map<readonly ShardPlace[], Map<number, StartOffset>>();
  const actives: ActiveFilter[] = [];
  let missing = state.subscriptions.length;
  for (const row of state.subscriptions) {
    const subscription = new Subscription(session, row.filter);
    subscription.setOptions(row);
    subscription.createdAtRevision = row.createdAtRevision;
    subscription.vector = row.start;
    let starts = startMaps.get(row.start);
    if (starts === undefined) startMaps.set(row.start, (starts = startMap(row.start)));
    subscription.starts = starts;
    session.subscriptions.set(row.filter, subscription);
    services.addMeshFilter(tenant, row.filter);
    // However long the journals are away: the client is connected, and only its reading waits. One that the client
    // unsubscribes meanwhile is not waited for.
    const registered: ActiveCallback = (_error, active) => {
      if (active !== undefined) actives.push(active);
      if (--missing === 0) startReading(connection, session, state, actives, isUncertain);
    };
    subscription.use = services.registry.add(tenant, row.filter, registered, Number.POSITIVE_INFINITY);
  }
}

function startMap(places: readonly ShardPlace[]): Map<number, StartOffset> {
  return new Map(places.map((place) => [shardKeyOf(place.streamId, place.shard), place]));
}

function startReading(
  connection: Connection,
  session: ClientSession,
  state: StoredSession,
  actives: readonly ActiveFilter[],
  isUncertain: boolean,
): void {
  if (session.output === null) return;
  const { services } = connection;
  const { tenant } = session.identity;
  const activeFrom = new Map<number, number>();
  for (const active of actives) {
    for (const [key, { offset }] of active.activeFrom) {
      activeFrom.set(key, Math.max(activeFrom.get(key) ?? 0, offset));
    }
  }
  const cursors = startMap(state.cursors);
  for (const tail of services.tails.tails()) {
    const from = readFrom(session, tail, cursors, services.streamRevision(tail.streamId));
    const ringFrom = activeFrom.get(tail.key) ?? 0;
    // Live only where the tail is, and only once it has what the filters match (X5).
    if (from === tail.nextOffset && ringFrom <= tail.nextOffset) continue;
    session.lagFrom(tail, from, ringFrom);
    if (isUncertain) session.maybeSent(tail);
  }
  session.takeOver(handedOver(connection, state));
  session.stored = null;
  const routes = services.routesOf(tenant);
  for (const subscription of session.subscriptions.values()) {
    // One that was made meanwhile may still wait for the journals.
    if (subscription.starts === null) continue;
    routes.add(subscription);
    subscription.activated();
  }
}

function handedOver({ services }: Connection, { cursors, outbound }: StoredSession): HandedOver[] {
  const tailOf = ({ streamId, shard }: ShardPlace): ShardTail | undefined =>
    services.tails.tailOf(shardKeyOf(streamId, shard));
  const messages = outbound.flatMap((message) => {
    const tail = tailOf(message);
    return tail === undefined ? [] : [{ packetId: message.packetId, tail, offset: message.offset }];
  });
  const marks = cursors.flatMap((cursor) => {
    const tail = tailOf(cursor);
    const isSaid = tail !== undefined && cursor.sentBelow > 0;
    return isSaid ? [{ packetId: SENT_BELOW, tail, offset: cursor.sentBelow }] : [];
  });
  return [...messages, ...marks];
}

/**
 * The first offset to read: the cursor; without one the earliest start among the subscriptions. A shard that a vector does
 * not name is read from its first offset if its stream is younger than the subscription, else from where it is (X4).
 */
function readFrom(
  session: ClientSession,
  tail: ShardTail,
  cursors: ReadonlyMap<number, StartOffset>,
  streamRevision: number,
): number {
  const cursor = cursors.get(tail.key);
  if (cursor !== undefined) return cursor.offset;
  let from = tail.nextOffset;
  for (const subscription of session.subscriptions.values()) {
    const start = subscription.starts?.get(tail.key);
    if (start !== undefined) from = Math.min(from, start.offset);
    else if (streamRevision > subscription.createdAtRevision) from = 0;
  }
  return from;
}
