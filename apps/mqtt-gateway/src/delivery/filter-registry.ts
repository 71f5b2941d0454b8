// The gateway's filters in the journals' tails: one registration per filter, however many sessions have it (rule X5).
// Changes of a turn leave in one request. A filter counts as active from the offset per shard that the journals answer.

import { BrokerError } from '@robustmq/errors';
import type { FilterAnswer, JournalClient } from '@robustmq/journal-client';
import { eachInTurns, type Clock, type Timers } from '@robustmq/runtime';
import { shardKeyOf } from './shard-tail.ts';
import type { StartOffset } from '@robustmq/mqtt-session';

/** The part of JournalClient that is used. */
export type FilterPort = Pick<JournalClient, 'changeFilters'>;

/** Which shards an answer has to speak of, and what is known of those that it does not (rule X3). */
export interface FilterCoverage {
  /** Every shard that can hold a record that the filter matches. */
  shardsOf(tenant: string, filter: string): Iterable<{ readonly streamId: number; readonly shard: number }>;
  /**
   * Where the tail of a shard has come to; undefined while nobody has said where it begins. From there on whoever leads
   * the shard matches every filter of this gateway: it knows them before it sends anything.
   */
  positionOf(streamId: number, shard: number): StartOffset | undefined;
  /** Grows whenever {@link shardsOf} may answer something else. */
  changes(): number;
}

const NO_SHARDS: FilterCoverage = { shardsOf: () => [], positionOf: () => undefined, changes: () => 0 };

/** Called once: active, not by the deadline, or `cancelled` because the user has let the filter go first. */
export type ActiveCallback = (error: BrokerError | undefined, filter: ActiveFilter | undefined) => void;

/** A filter that the tails match. */
export interface ActiveFilter {
  readonly filterId: number;
  /** Offset per shard from which the tail has what the filter matches. */
  readonly activeFrom: ReadonlyMap<number, StartOffset>;
}

/** One user's hold on a registered filter. */
export interface FilterUse {
  /** The user needs it no more. Who still waits to hear that it is active hears `cancelled` (N7). */
  release(): void;
}

interface Waiter {
  readonly callback: ActiveCallback;
  /** Infinity: waits as long as all journals are away, and takes what those that answer cover. */
  readonly deadlineMs: number;
}

interface Registration {
  readonly filterId: number;
  readonly tenant: string;
  readonly filter: string;
  users: number;
  /** Set once every shard that can hold the filter is covered. */
  active: ActiveFilter | null;
  /** {@link FilterCoverage.changes} when that was looked at. */
  activeAt: number;
  /** Whether the journals may know it. */
  isSent: boolean;
  /** Whether it is on its way to the journals, or will be. */
  isAsked: boolean;
  waiting: Waiter[];
}

/** Registered filters of this gateway. */
export class FilterRegistry {
  readonly #port: FilterPort;
  readonly #timeoutMs: number;
  readonly #onPosition: (position: StartOffset) => void;
  readonly #timers: Timers;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #coverage: FilterCoverage;
  readonly #byName = new Map<string, Registration>();
  /** Registrations that nobody waits for with a deadline, and that some shard has not been answered for. */
  readonly #incomplete = new Set<Registration>();
  #isCompleting = false;
  /** Those that somebody waits for. */
  readonly #awaited = new Set<Registration>();
  readonly #added = new Set<Registration>();
  #removed: number[] = [];
  #scheduled = false;
  #isExpiring = false;
  #lastId = 0;

  /** @param onPosition told where the tail of each shard starts, before any callback. */
  constructor(
    port: FilterPort,
    timeoutMs: number,
    onPosition: (position: StartOffset) => void,
    timers: Timers,
    clock: Pick<Clock, 'monotonicMs'>,
    coverage: FilterCoverage = NO_SHARDS,
  ) {
    this.#coverage = coverage;
    this.#port = port;
    this.#timeoutMs = timeoutMs;
    this.#onPosition = onPosition;
    this.#timers = timers;
    this.#clock = clock;
  }

  get size(): number {
    return this.#byName.size;
  }

  /**
   * Registers one more user of a filter; called back at once when it is active already. `timeoutMs` bounds the wait for
   * the journals: until then every shard that can hold the filter has to be covered (X3). Who waits without a bound is
   * told what the journals that answer cover.
   */
  add(tenant: string, filter: string, callback: ActiveCallback, timeoutMs = this.#timeoutMs): FilterUse {
    const name = nameOf(tenant, filter);
    let registration = this.#byName.get(name);
    if (registration === undefined) {
      registration = {
        filterId: ++this.#lastId,
        tenant,
        filter,
        users: 0,
        active: null,
        activeAt: 0,
        isSent: false,
        isAsked: false,
        waiting: [],
      };
      this.#byName.set(name, registration);
    }
    const used = registration;
    used.users++;
    const known = this.#renewed(used);
    if (used.active === null && !used.isAsked) this.#ask(used);
    const waiter = { callback, deadlineMs: this.#clock.monotonicMs() + timeoutMs };
    let isHeld = true;
    const release = (): void => {
      if (!isHeld) return;
      isHeld = false;
      this.#released(used, waiter);
    };
    if (used.active !== null) callback(undefined, used.active);
    else if (known !== null && timeoutMs === Infinity) callback(undefined, known);
    else {
      used.waiting.push(waiter);
      this.#awaited.add(used);
    }
    return { release };
  }

  /**
   * What a new user of an active filter is told: streams that became visible since then are covered as well, or the filter
   * counts as active no more and the journals are asked again. A vector without them would say that they are younger than
   * the subscription, which they are not (rule X4).
   */
  #renewed(registration: Registration): ActiveFilter | null {
    const { active } = registration;
    const changes = this.#coverage.changes();
    // One SUBSCRIBE may name a thousand filters that others have: there is nothing to look for twice (N8).
    if (active === null || registration.activeAt === changes) return active;
    registration.activeAt = changes;
    const { activeFrom, isWhole } = this.#complete(registration, active.activeFrom);
    const renewed =
      activeFrom === active.activeFrom ? active : { ...active, activeFrom: this.#withoutGone(activeFrom) };
    registration.active = isWhole ? renewed : null;
    return renewed;
  }

  /** Without the shards of deleted streams: they would gather for as long as the filter has users. */
  #withoutGone(activeFrom: ActiveFilter['activeFrom']): ActiveFilter['activeFrom'] {
    const isKnown = ([, { streamId, shard }]: [number, StartOffset]): boolean =>
      this.#coverage.positionOf(streamId, shard) !== undefined;
    return new Map([...activeFrom].filter(isKnown));
  }

  /** One user less; the last one takes the registration with it. */
  #released(registration: Registration, waiter: Waiter): void {
    const waits = registration.waiting.indexOf(waiter);
    if (waits >= 0) registration.waiting.splice(waits, 1);
    if (--registration.users === 0) this.#drop(registration);
    if (waits >= 0) waiter.callback(new BrokerError('cancelled', 'the filter was let go'), undefined);
  }

  #drop(registration: Registration): void {
    this.#byName.delete(nameOf(registration.tenant, registration.filter));
    this.#awaited.delete(registration);
    if (this.#added.delete(registration) && !registration.isSent) return;
    this.#removed.push(registration.filterId);
    this.#schedule();
  }

  /** Calls back those whose deadline has passed, in turns (N8); called a few times a second. */
  expire(nowMs: number): void {
    if (this.#isExpiring) return;
    this.#isExpiring = true;
    const turns = { clock: this.#clock, timers: this.#timers };
    eachInTurns(
      this.#awaited,
      turns,
      (registration) => this.#expire(registration, nowMs),
      () => (this.#isExpiring = false),
    );
  }

  #expire(registration: Registration, nowMs: number): void {
    const late = registration.waiting.filter((entry) => entry.deadlineMs <= nowMs);
    if (late.length > 0)
      registration.waiting = registration.waiting.filter((entry) => entry.deadlineMs > nowMs);
    if (registration.waiting.length === 0) this.#awaited.delete(registration);
    this.#tell(late, lateAnswer(), undefined);
  }

  /** As many as have subscribed to one filter, or come back with it, while the journals were away: in turns (N8). */
  #tell(waiters: readonly Waiter[], error: BrokerError | undefined, active: ActiveFilter | undefined): void {
    const turns = { clock: this.#clock, timers: this.#timers };
    eachInTurns(waiters, turns, ({ callback }) => callback(error, active));
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#timers.soon(() => this.#send());
  }

  #send(): void {
    this.#scheduled = false;
    const added = [...this.#added];
    for (const registration of added) registration.isSent = true;
    const removed = this.#removed;
    this.#added.clear();
    this.#removed = [];
    if (added.length === 0 && removed.length === 0) return;
    this.#port.changeFilters(
      { add: added.map(({ filterId, tenant, filter }) => ({ filterId, tenant, filter })), remove: removed },
      (error, answer) => this.#answered(added, error, answer),
    );
  }

  #answered(added: readonly Registration[], error: BrokerError | undefined, answer: FilterAnswer): void {
    if (error !== undefined) {
      // The client keeps the filters and registers them with every journal that comes up: ask again for where from.
      const again = added.filter((registration) => registration.users > 0);
      if (again.length > 0) this.#timers.after(RETRY_MS, () => this.#again(again));
      return;
    }
    const activeFrom = new Map<number, StartOffset>();
    for (const position of answer.activeFrom) {
      this.#onPosition(position);
      activeFrom.set(shardKeyOf(position.streamId, position.shard), position);
    }
    // As many as there are filters, each looks through the visible streams (N8).
    const turns = { clock: this.#clock, timers: this.#timers };
    eachInTurns(added, turns, (registration) => this.#covered(registration, activeFrom));
  }

  #covered(registration: Registration, answered: ReadonlyMap<number, StartOffset>): void {
    registration.isAsked = false;
    const { activeFrom, isWhole } = this.#complete(registration, answered);
    const active = { filterId: registration.filterId, activeFrom };
    registration.activeAt = this.#coverage.changes();
    if (isWhole) registration.active = active;
    const { waiting } = registration;
    registration.waiting = isWhole ? [] : waiting.filter(({ deadlineMs }) => deadlineMs !== Infinity);
    if (registration.waiting.length > 0) this.#timers.after(RETRY_MS, () => this.#again([registration]));
    else if (!isWhole) {
      this.#incomplete.add(registration);
      this.#completeLater();
    }
    const told = waiting.filter(({ deadlineMs }) => isWhole || deadlineMs === Infinity);
    this.#tell(told, undefined, active);
  }

  #completeLater(): void {
    if (this.#isCompleting) return;
    this.#isCompleting = true;
    this.#timers.after(RETRY_MS, () => this.#completeSome());
  }

  /**
   * Goes on asking where tails begin: on a shard that gets a leader, and nothing new, no section would ever say so, and
   * whoever resumed meanwhile would wait for it for good (N7). One question at a time is enough, because from where a tail
   * is known every filter is covered; so a reconnect storm costs no more.
   */
  #completeSome(): void {
    this.#isCompleting = false;
    let looks = MAX_LOOKS;
    for (const registration of this.#incomplete) {
      if (looks-- === 0) break;
      const isDone = registration.users === 0 || registration.active !== null;
      if (!isDone && !this.#isCovered(registration)) {
        if (!registration.isAsked) this.#again([registration]);
        break;
      }
      this.#incomplete.delete(registration);
    }
    if (this.#incomplete.size > 0) this.#completeLater();
  }

  #isCovered({ tenant, filter }: Registration): boolean {
    for (const { streamId, shard } of this.#coverage.shardsOf(tenant, filter))
      if (this.#coverage.positionOf(streamId, shard) === undefined) return false;
    return true;
  }

  /** Adds the shards that no leader answered for, as far as their tails are known. */
  #complete(
    { tenant, filter }: Registration,
    answered: ReadonlyMap<number, StartOffset>,
  ): { activeFrom: ReadonlyMap<number, StartOffset>; isWhole: boolean } {
    let added: Map<number, StartOffset> | undefined;
    let isWhole = true;
    for (const { streamId, shard } of this.#coverage.shardsOf(tenant, filter)) {
      const key = shardKeyOf(streamId, shard);
      if (answered.has(key)) continue;
      const position = this.#coverage.positionOf(streamId, shard);
      if (position === undefined) isWhole = false;
      else (added ??= new Map(answered)).set(key, position);
    }
    return { activeFrom: added ?? answered, isWhole };
  }

  #ask(registration: Registration): void {
    registration.isAsked = true;
    this.#added.add(registration);
    this.#schedule();
  }

  #again(registrations: readonly Registration[]): void {
    for (const registration of registrations) {
      registration.isAsked = false;
      const isWanted = registration.users > 0 && registration.active === null;
      if (isWanted) this.#ask(registration);
    }
  }
}

const RETRY_MS = 100;
/** Registrations looked at in one turn (N8). */
const MAX_LOOKS = 1_000;

function nameOf(tenant: string, filter: string): string {
  return `${tenant}\0${filter}`;
}

function lateAnswer(): BrokerError {
  return new BrokerError('deadline_exceeded', 'the journals did not answer about a filter in time');
}
