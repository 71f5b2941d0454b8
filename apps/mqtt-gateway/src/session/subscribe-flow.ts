// SUBSCRIBE and UNSUBSCRIBE (sections 3.8 to 3.11). Nothing that matches and is published after SUBACK is missed (I5): the
// filter is active in every tail, the mesh routes it, and a durable session's row has it, before SUBACK leaves (X3, S6).

import { REASON } from '@robustmq/mqtt-codec';
import {
  startsOfNew,
  type StartOffset,
  type SubscribeEntry,
  type SubscribeRequest,
  type UnsubscribeRequest,
} from '@robustmq/mqtt-session';
import type { ActiveFilter } from '../delivery/filter-registry.ts';
import { Subscription } from '../delivery/subscription.ts';
import type { StoredSubscription } from '../store/session-rows.ts';
import type { ClientSession } from './client-session.ts';
import type { Connection } from './connection.ts';

/** SUBSCRIBE under way. */
interface Pending {
  readonly connection: Connection;
  readonly session: ClientSession;
  readonly request: SubscribeRequest;
  /** What meta is to hold, by the entry that it stands behind. */
  readonly stored: Map<SubscribeEntry, Subscription>;
  /** Subscriptions that this packet made: they go when they can't be stored. */
  readonly made: Set<Subscription>;
  /** Entries that have not finished. */
  missing: number;
}

/** Serves SUBSCRIBE: entries that were refused already keep their answer. */
export function subscribe(connection: Connection, session: ClientSession, request: SubscribeRequest): void {
  const pending: Pending = {
    connection,
    session,
    request,
    stored: new Map(),
    made: new Set(),
    missing: request.entries.length,
  };
  for (const entry of request.entries) {
    if (entry.reasonCode >= REASON.unspecifiedError) finishPart(pending);
    else subscribeOne(pending, entry);
  }
}

function subscribeOne(pending: Pending, entry: SubscribeEntry): void {
  const { filter } = entry;
  const { session, connection } = pending;
  const { services } = connection;
  const { tenant } = session.identity;
  const existing = session.subscriptions.get(filter);
  if (existing !== undefined) {
    // Replaces the options and keeps the start vector [MQTT-3.8.4-3] (rule X3).
    existing.setOptions(entry);
    existing.whenSettled(() => {
      if (session.isDurable && existing.isActive) pending.stored.set(entry, existing);
      if (!existing.isActive) entry.reasonCode = REASON.implementationSpecificError;
      finishPart(pending);
    });
    return;
  }
  const subscription = new Subscription(session, filter);
  subscription.setOptions(entry);
  subscription.createdAtRevision = services.revision();
  pending.made.add(subscription);
  session.subscriptions.set(filter, subscription);
  services.addMeshFilter(tenant, filter);
  subscription.use = services.registry.add(tenant, filter, (error, active) => {
    if (!isHeld(session, subscription)) {
      finishPart(pending);
      return;
    }
    if (error !== undefined) {
      services.log.warn({ client_id: session.identity.clientId, filter, err: error }, 'filter is not active');
      undo(connection, session, subscription);
      entry.reasonCode = REASON.implementationSpecificError;
      finishPart(pending);
      return;
    }
    const starts = startsOf(connection, active!);
    if (session.isDurable) {
      subscription.vector = [...starts.values()];
      pending.stored.set(entry, subscription);
    }
    const isResuming = session.outbound.isResuming;
    // A live session never sees an offset below: only one that reads behind the tail has to compare, or one whose tail
    // has not come to where the filter is active.
    if (!session.outbound.isLive || isAhead(connection, active!)) subscription.starts = starts;
    if (!isResuming) {
      services.routesOf(tenant).add(subscription);
      subscription.activated();
    }
    // A resumed session that does not read yet takes this subscription along when it begins to.
    subscription.whenSettled(() => services.meshReady(() => finishPart(pending)));
  });
}

function startsOf(connection: Connection, active: ActiveFilter): Map<number, StartOffset> {
  return startsOfNew(active.activeFrom, (key) => connection.services.tails.tailOf(key));
}

function isAhead(connection: Connection, { activeFrom }: ActiveFilter): boolean {
  for (const [key, { offset }] of activeFrom)
    if (offset > (connection.services.tails.tailOf(key)?.nextOffset ?? 0)) return true;
  return false;
}

function storedOf(subscription: Subscription): StoredSubscription {
  const { filter, qos, noLocal, retainAsPublished, retainHandling } = subscription;
  const { subscriptionIdentifier, createdAtRevision, vector: start } = subscription;
  return {
    filter,
    qos,
    noLocal,
    retainAsPublished,
    retainHandling,
    subscriptionIdentifier,
    createdAtRevision,
    start,
  };
}

function undo(connection: Connection, session: ClientSession, subscription: Subscription): void {
  const { services } = connection;
  const { tenant } = session.identity;
  session.subscriptions.delete(subscription.filter);
  subscription.settled();
  services.routesOf(tenant).remove(subscription);
  subscription.use?.release();
  services.removeMeshFilter(tenant, subscription.filter);
}

function finishPart(pending: Pending): void {
  if (--pending.missing > 0) return;
  const { connection, session, stored, request } = pending;
  if (connection.services.debug.isOn) {
    for (const { filter, reasonCode } of request.entries)
      connection.debug('subscribed', { filter, reason_code: reasonCode });
  }
  // One that an UNSUBSCRIBE, or the end of the connection, took away meanwhile must not come back (N11).
  for (const [entry, subscription] of stored) if (!isHeld(session, subscription)) stored.delete(entry);
  if (stored.size === 0) {
    connection.subscribed(request);
    return;
  }
  const subscriptions = [...stored.values()];
  const made = subscriptions.filter((subscription) => pending.made.has(subscription));
  const change = {
    put: subscriptions.map(storedOf),
    remove: [],
    made: made.map(({ filter }) => filter),
  };
  connection.services.store.update(session.changes, change, (error) => {
    if (error !== undefined) notStored(pending, error.code);
    if (error?.code === 'fenced') connection.machine.disconnect(REASON.sessionTakenOver);
    else connection.subscribed(request);
  });
}

function isHeld(session: ClientSession, subscription: Subscription): boolean {
  return session.output !== null && session.subscriptions.get(subscription.filter) === subscription;
}

/** Meta did not take the rows: the subscriptions don't hold. */
function notStored(pending: Pending, code: string): void {
  const { connection, session } = pending;
  connection.services.log.warn(
    { client_id: session.identity.clientId, code },
    'subscriptions were not stored',
  );
  for (const [entry, subscription] of pending.stored) {
    if (pending.made.has(subscription) && isHeld(session, subscription))
      undo(connection, session, subscription);
    entry.reasonCode = REASON.implementationSpecificError;
  }
}

/** Serves UNSUBSCRIBE. */
export function unsubscribe(
  connection: Connection,
  session: ClientSession,
  request: UnsubscribeRequest,
): void {
  const removed: string[] = [];
  for (const entry of request.entries) {
    if (entry.reasonCode >= REASON.unspecifiedError) continue;
    const subscription = session.subscriptions.get(entry.filter);
    if (subscription === undefined) {
      entry.reasonCode = REASON.noSubscriptionExisted;
      continue;
    }
    undo(connection, session, subscription);
    removed.push(entry.filter);
    if (connection.services.debug.isOn) connection.debug('unsubscribed', { filter: entry.filter });
  }
  if (!session.isDurable || removed.length === 0) {
    connection.unsubscribed(request);
    return;
  }
  const change = { put: [], remove: removed, made: [] };
  connection.services.store.update(session.changes, change, (error) => {
    if (error?.code === 'fenced') connection.machine.disconnect(REASON.sessionTakenOver);
    else connection.unsubscribed(request);
  });
}
