// SUBSCRIBE and UNSUBSCRIBE (sections 3.8 to 3.11). Nothing that matches and is published after SUBACK is missed (I5): the
// filter is active in every tail, the mesh routes it, and a durable session's row has it, before SUBACK leaves (X3, S6).

import { assert, type BrokerError } from '@robustmq/errors';
import { REASON } from '@robustmq/mqtt-codec';
import {
  type StartOffset,
  startPositions,
  type SubscribeRequest,
  type UnsubscribeRequest,
} from '@robustmq/mqtt-session';
import type { Timers } from '@robustmq/runtime';
import type { RateLimitedLog } from '@robustmq/telemetry';
import type { ActiveFilter, FilterRegistry } from '../delivery/filter-registry.ts';
import type { ShardPlace } from '../delivery/shard-place.ts';
import { Subscription, type GrantedOptions } from '../delivery/subscription.ts';
import type { SessionStore, SubscriptionChange } from '../store/session-store.ts';
import type { StoredSubscription } from '../store/session-rows.ts';
import type { Client } from './client.ts';
import type { ClientSession } from './client-session.ts';
import { removeRoute, type FilterRoutes } from './filter-routes.ts';
import { type FilterShare, inFilterTurns } from './in-filter-turns.ts';

/** One filter of a SUBSCRIBE. */
type SubscribeEntry = SubscribeRequest['entries'][number];
/** One filter of an UNSUBSCRIBE. */
type UnsubscribeEntry = UnsubscribeRequest['entries'][number];

/** What serving subscriptions needs of the gateway. */
export interface SubscribePorts {
  readonly registry: FilterRegistry;
  readonly store: SessionStore;
  readonly routes: FilterRoutes;
  readonly tails: { tailOf(key: number): ShardPlace | undefined };
  readonly timers: Pick<Timers, 'after'>;
  readonly share: FilterShare;
  /** Longest wait for a session that is being resumed to find its places (N7). */
  readonly resumeTimeoutMs: number;
  /** Lines that a client can cause. */
  readonly log: RateLimitedLog;
  readonly debug: { readonly isOn: boolean };
  /** Revision of the cluster that this gateway has reached (rule X4). */
  revision(): number;
}

/** SUBSCRIBE under way. */
interface Pending {
  readonly client: Client;
  readonly session: ClientSession;
  readonly request: SubscribeRequest;
  /** What meta is to hold, by the entry that it stands behind. */
  readonly stored: Map<SubscribeEntry, Subscription>;
  /** Subscriptions that this packet made: they go when they can't be stored. */
  readonly made: Set<Subscription>;
  /** Entries that have not finished. */
  missing: number;
}

/** Serves the subscriptions of all clients. */
export class SubscribeFlow {
  readonly #ports: SubscribePorts;

  constructor(ports: SubscribePorts) {
    this.#ports = ports;
  }

  /** Serves SUBSCRIBE: entries that were refused already keep their answer. */
  subscribe(client: Client, request: SubscribeRequest): void {
    const session = sessionOf(client);
    const pending: Pending = {
      client,
      session,
      request,
      stored: new Map(),
      made: new Set(),
      missing: request.entries.length,
    };
    inFilterTurns(this.#ports.share, client, session, request.entries, (entry) => {
      if (entry.reasonCode >= REASON.unspecifiedError) this.#finishPart(pending);
      else this.#subscribeOne(pending, entry);
    });
  }

  #subscribeOne(pending: Pending, entry: SubscribeEntry): void {
    const existing = pending.session.subscriptions.get(entry.filter);
    if (existing === undefined) this.#make(pending, entry);
    else this.#replace(pending, entry, existing);
  }

  /**
   * Replaces the options and keeps the start vector [MQTT-3.8.4-3] (rule X3). One that fails changes nothing: those of a durable
   * session hold once they are stored.
   */
  #replace(pending: Pending, entry: SubscribeEntry, existing: Subscription): void {
    this.#whenActive(pending.client, existing, (isActive) => {
      if (!isActive) entry.reasonCode = REASON.implementationSpecificError;
      else if (pending.session.isDurable) pending.stored.set(entry, existing);
      else existing.setOptions(entry);
      this.#finishPart(pending);
    });
  }

  /** However long a session takes to be resumed, for its journals are away: who asks gets an answer (N7). */
  #whenActive(client: Client, subscription: Subscription, callback: (isActive: boolean) => void): void {
    if (subscription.isActive) {
      callback(true);
      return;
    }
    const { timers, resumeTimeoutMs } = this.#ports;
    const endWait = subscription.whenSettled(() => {
      endTimer();
      client.guard(() => callback(subscription.isActive));
    });
    const endTimer = timers.after(resumeTimeoutMs, () => {
      endWait();
      client.guard(() => callback(false));
    });
  }

  #make(pending: Pending, entry: SubscribeEntry): void {
    const { filter } = entry;
    const { session } = pending;
    const { registry, routes } = this.#ports;
    const { tenant } = session.identity;
    const subscription = new Subscription(session, filter);
    subscription.setOptions(entry);
    subscription.createdAtRevision = this.#ports.revision();
    subscription.isInherited = session.inheritsAll;
    pending.made.add(subscription);
    session.subscriptions.set(filter, subscription);
    routes.addMeshFilter(tenant, filter);
    subscription.use = registry.add(tenant, filter, (error, active) =>
      pending.client.guard(() => this.#registered(pending, entry, subscription, error, active)),
    );
  }

  /** The journals have answered about a filter, or nobody did in time. */
  #registered(
    pending: Pending,
    entry: SubscribeEntry,
    subscription: Subscription,
    err: BrokerError | undefined,
    active: ActiveFilter | undefined,
  ): void {
    const { session } = pending;
    if (!isHeld(session, subscription)) {
      this.#finishPart(pending);
      return;
    }
    if (err !== undefined) {
      const { clientId } = session.identity;
      const line = { client_id: clientId, filter: entry.filter, err };
      this.#ports.log.warn('filter', line, 'filter is not active');
      this.#giveUp(pending, entry, subscription);
      return;
    }
    this.#activate(pending, entry, subscription, active!);
  }

  #activate(pending: Pending, entry: SubscribeEntry, subscription: Subscription, active: ActiveFilter): void {
    const { session } = pending;
    const { outbound, identity } = session;
    const { routes } = this.#ports;
    const starts = this.#startsOf(active);
    if (session.isDurable) {
      subscription.vector = [...starts.values()];
      pending.stored.set(entry, subscription);
    }
    // A live session never sees an offset below: only one that reads behind the tail has to compare, or one whose tail
    // has not come to where the filter is active.
    if (!outbound.isLive || this.#isAhead(active)) subscription.starts = starts;
    if (!outbound.isResuming) {
      routes.routesOf(identity.tenant).add(subscription);
      subscription.activated();
    }
    // A resumed session that does not read yet takes this subscription along when it begins to.
    const finish = (): void => pending.client.guard(() => this.#finishPart(pending));
    this.#whenActive(pending.client, subscription, (isActive) => {
      if (isActive) routes.meshReady(finish);
      else this.#giveUp(pending, entry, subscription);
    });
  }

  #startsOf({ activeFrom }: ActiveFilter): Map<number, StartOffset> {
    return startPositions.ofNew(activeFrom, (key) => this.#ports.tails.tailOf(key));
  }

  #isAhead({ activeFrom }: ActiveFilter): boolean {
    const { tails } = this.#ports;
    for (const [key, { offset }] of activeFrom)
      if (offset > (tails.tailOf(key)?.nextOffset ?? 0)) return true;
    return false;
  }

  /** The subscription can't be made in time. */
  #giveUp(pending: Pending, entry: SubscribeEntry, subscription: Subscription): void {
    pending.stored.delete(entry);
    if (isHeld(pending.session, subscription)) this.#undo(pending.session, subscription);
    entry.reasonCode = REASON.implementationSpecificError;
    this.#finishPart(pending);
  }

  #undo(session: ClientSession, subscription: Subscription): void {
    session.subscriptions.delete(subscription.filter);
    subscription.settled();
    removeRoute(this.#ports.routes, session.identity.tenant, subscription);
  }

  #finishPart(pending: Pending): void {
    if (--pending.missing > 0) return;
    const { client, session, stored, request } = pending;
    if (this.#ports.debug.isOn) {
      for (const { filter, reasonCode } of request.entries)
        client.debug('subscribed', { filter, reason_code: reasonCode });
    }
    // One that an UNSUBSCRIBE, or the end of the connection, took away meanwhile must not come back (N11).
    for (const [entry, subscription] of stored) if (!isHeld(session, subscription)) stored.delete(entry);
    if (stored.size === 0) {
      client.subscribed(request);
      return;
    }
    const made = [...stored.values()].filter((subscription) => pending.made.has(subscription));
    const change: SubscriptionChange = {
      put: [...stored].map(([entry, subscription]) => storedOf(subscription, entry)),
      remove: [],
      made: made.map(({ filter }) => filter),
      replaced: () => this.#kept(pending),
    };
    this.#ports.store.update(session.changes, change, (error) =>
      client.guard(() => {
        if (error === undefined) for (const [entry, subscription] of stored) subscription.setOptions(entry);
        else this.#notStored(pending, error);
        if (error?.code === 'fenced') client.machine.disconnect(REASON.sessionTakenOver);
        else client.subscribed(request);
      }),
    );
  }

  /** The rows, as they are in force, of what was to be replaced. */
  #kept({ session, stored, made }: Pending): StoredSubscription[] {
    const replaced = [...new Set(stored.values())].filter((subscription) => !made.has(subscription));
    return replaced
      .filter((subscription) => isHeld(session, subscription))
      .map((subscription) => storedOf(subscription, subscription));
  }

  /** Meta did not take the rows: the subscriptions don't hold. */
  #notStored({ session, stored, made }: Pending, { code }: BrokerError): void {
    const { clientId } = session.identity;
    this.#ports.log.warn(`stored ${code}`, { client_id: clientId, code }, 'subscriptions were not stored');
    for (const [entry, subscription] of stored) {
      if (made.has(subscription) && isHeld(session, subscription)) this.#undo(session, subscription);
      entry.reasonCode = REASON.implementationSpecificError;
    }
  }

  /** Serves UNSUBSCRIBE. */
  unsubscribe(client: Client, request: UnsubscribeRequest): void {
    const session = sessionOf(client);
    const removed: string[] = [];
    inFilterTurns(
      this.#ports.share,
      client,
      session,
      request.entries,
      (entry) => {
        if (this.#remove(client, session, entry)) removed.push(entry.filter);
      },
      () => this.#storeRemoval(client, session, request, removed),
    );
  }

  /** Whether there was something to remove. */
  #remove(client: Client, session: ClientSession, entry: UnsubscribeEntry): boolean {
    if (entry.reasonCode >= REASON.unspecifiedError) return false;
    const subscription = session.subscriptions.get(entry.filter);
    if (subscription !== undefined) {
      this.#undo(session, subscription);
      session.unsubscribed(subscription);
    } else if (!session.changes.mayHaveRow(entry.filter)) {
      entry.reasonCode = REASON.noSubscriptionExisted;
      return false;
    }
    if (this.#ports.debug.isOn) client.debug('unsubscribed', { filter: entry.filter });
    return true;
  }

  #storeRemoval(
    client: Client,
    session: ClientSession,
    request: UnsubscribeRequest,
    removed: readonly string[],
  ): void {
    if (!session.isDurable || removed.length === 0) {
      client.unsubscribed(request);
      return;
    }
    const change = { put: [], remove: removed, made: [] };
    this.#ports.store.update(session.changes, change, (error) =>
      client.guard(() => {
        if (error === undefined) client.unsubscribed(request);
        else if (error.code === 'fenced') client.machine.disconnect(REASON.sessionTakenOver);
        else this.#notRemoved(client, session, request, error);
      }),
    );
  }

  /**
   * The rows may be there still, and would be subscriptions again in a later connection: the client hears that this did not
   * succeed, from an UNSUBACK of 3.x by getting none [MQTT-3.10.4-4].
   */
  #notRemoved(
    client: Client,
    session: ClientSession,
    request: UnsubscribeRequest,
    { code }: BrokerError,
  ): void {
    const { clientId } = session.identity;
    this.#ports.log.warn(`removed ${code}`, { client_id: clientId, code }, 'subscriptions were not removed');
    if (client.machine.terms?.version !== 5) {
      client.machine.disconnect(REASON.implementationSpecificError);
      return;
    }
    for (const entry of request.entries)
      if (entry.reasonCode === REASON.success) entry.reasonCode = REASON.implementationSpecificError;
    client.unsubscribed(request);
  }
}

function sessionOf({ session }: Client): ClientSession {
  assert(session !== null, 'a client that subscribes has a session');
  return session;
}

function isHeld(session: ClientSession, subscription: Subscription): boolean {
  return session.output !== null && session.subscriptions.get(subscription.filter) === subscription;
}

function storedOf(subscription: Subscription, options: GrantedOptions): StoredSubscription {
  const { filter, createdAtRevision, vector: start } = subscription;
  const { qos, noLocal, retainAsPublished, retainHandling, subscriptionIdentifier } = options;
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
