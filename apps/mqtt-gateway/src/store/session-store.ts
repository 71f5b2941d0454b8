// Session rows in meta (rules S1-S3, X3): opened per CONNECT, released at the end, subscriptions before SUBACK, cursors
// at most once a second. Everything is batched; a client id's steps are sent one after the other.

import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  CALL_LIMITS,
  OpenSessionSchema,
  ReleaseSessionSchema,
  fromFailure,
  type Failure,
  type NodeIdentity,
  type OpenSession,
  type OpenSessionOutcome,
  type ReleaseSession,
  type RequestId,
  type ServiceClient,
  type SessionKey,
  type SessionRows,
  type SessionService,
  type SessionUpdate,
} from '@robustmq/rpc';
import { BatchedCall, type CallPorts, type OutcomeCallback } from './batched-call.ts';
import { costOfOpen, costOfRelease, costOfUpdate, MAX_ROWS } from './call-costs.ts';
import { openedSession, wholeSession, type OpenedSession } from './opened-session.ts';
import { OrderedSteps, type EndStep } from './ordered-steps.ts';
import type { CursorChange, SessionChange, SessionChanges } from './session-changes.ts';
import { placesMessage, type StoredPlaces, type StoredSubscription } from './session-rows.ts';

/** The part of MetaClient that is used. */
export interface SessionMeta {
  readonly sessions: Pick<
    ServiceClient<typeof SessionService>,
    'openSessions' | 'readSession' | 'releaseSessions' | 'updateSessions'
  >;
  requestId(): Pick<RequestId, 'nodeId' | 'incarnation' | 'sequence'>;
  persist<T>(call: () => Promise<T>): Promise<T>;
}

type Identity = Pick<NodeIdentity, 'nodeId' | 'incarnation' | 'directoryId'>;
type DoneCallback = (error: BrokerError | undefined) => void;

const LIMITS = { maxBatch: CALL_LIMITS.sessions, maxCalls: 2, maxWaiting: 100_000, maxCost: MAX_ROWS };
/** Clients that come and go are many at a time: each call takes a good number of them, or 3 ms of them (rule L7). */
const CROWD_LIMITS = { ...LIMITS, fewEntries: 64, gatherMs: 3 };
/** Cursor commits are never urgent: one call at a time. */
const CURSOR_LIMITS = { ...LIMITS, maxCalls: 1 };

/** Filters of one change: as many as are applied within a turn of meta's loop (N8). */
const PART_FILTERS = 256;
const NOTHING_STORED = { remove: [], made: [] };

/** A session to be opened. */
export type OpenRequest = Omit<OpenSession, '$typeName' | '$unknown'>;

/** A session that is let go; without places its rows stay as they are. */
export interface SessionRelease {
  readonly key: SessionKey;
  readonly expiryIntervalS: number;
  readonly places?: StoredPlaces;
}

/** Subscriptions that come and go. */
export interface SubscriptionChange {
  readonly put: readonly StoredSubscription[];
  readonly remove: readonly string[];
  readonly made: readonly string[];
  /** The rows that were there before, as they have to be if this can't be stored; asked when it can't. */
  replaced?(): readonly StoredSubscription[];
}

/** Session rows of this gateway incarnation. */
export class SessionStore {
  readonly #opens: BatchedCall<OpenSession, OpenSessionOutcome>;
  readonly #releases: BatchedCall<ReleaseSession, Failure>;
  readonly #updates: BatchedCall<SessionUpdate, Failure>;
  readonly #commits: BatchedCall<SessionUpdate, Failure>;
  readonly #meta: SessionMeta;
  readonly #ports: CallPorts;
  readonly #steps = new OrderedSteps();
  /** Of CONNECTs that are being decided, by client id. */
  readonly #opening = new Map<string, EndStep>();

  constructor(meta: SessionMeta, identity: () => Identity, ports: CallPorts) {
    this.#meta = meta;
    this.#ports = ports;
    this.#opens = new BatchedCall(
      async (sessions) => {
        const request = { node: identity(), requestId: meta.requestId(), sessions: [...sessions] };
        return (await meta.persist(() => meta.sessions.openSessions(request))).outcomes;
      },
      { ...CROWD_LIMITS, ...ports, costOf: costOfOpen },
    );
    this.#releases = new BatchedCall(
      async (sessions) => {
        const request = { node: identity(), requestId: meta.requestId(), sessions: [...sessions] };
        return (await meta.persist(() => meta.sessions.releaseSessions(request))).outcomes;
      },
      { ...CROWD_LIMITS, ...ports, costOf: costOfRelease },
    );
    const update = async (updates: readonly SessionUpdate[]): Promise<Failure[]> => {
      const request = { node: identity(), requestId: meta.requestId(), updates: [...updates] };
      return (await meta.persist(() => meta.sessions.updateSessions(request))).outcomes;
    };
    this.#updates = new BatchedCall(update, { ...LIMITS, ...ports, costOf: costOfUpdate });
    this.#commits = new BatchedCall(update, { ...CURSOR_LIMITS, ...ports, costOf: costOfUpdate });
  }

  /** Sessions whose steps are under way. */
  get pending(): number {
    return this.#steps.size;
  }

  /**
   * Opens the row of a client id, after every earlier step of it (N11): `requestOf` is asked when its turn has come. The
   * caller says by {@link opened} when its CONNECT is decided. A session that another gateway still serves may be incomplete:
   * see {@link readOn}.
   */
  open(
    session: { readonly tenant: string; readonly clientId: string },
    requestOf: () => OpenRequest,
    callback: OutcomeCallback<OpenedSession>,
  ): void {
    const name = nameOf(session);
    this.#steps.run(name, (end) => {
      this.#opening.set(name, end);
      this.#opens.add(create(OpenSessionSchema, requestOf()), (error, outcome) =>
        this.#answered(error, outcome, callback),
      );
    });
  }

  #answered(
    error: BrokerError | undefined,
    outcome: OpenSessionOutcome | undefined,
    callback: OutcomeCallback<OpenedSession>,
  ): void {
    const failure = error ?? fromFailure(outcome?.failure);
    const key = outcome?.session?.key;
    if (failure !== undefined || outcome === undefined || key === undefined) {
      const missing = new BrokerError('internal', 'meta-service answered without a session');
      callback(failure ?? missing, undefined);
      return;
    }
    const opened = openedSession(outcome, key);
    if (opened.previousOwner !== undefined) callback(undefined, opened);
    else this.readOn(opened, callback);
  }

  /** Reads what an open left out; the callback is called at once if it is nothing. */
  readOn(opened: OpenedSession, callback: OutcomeCallback<OpenedSession>): void {
    if (opened.next.length === 0) {
      callback(undefined, opened);
      return;
    }
    wholeSession(opened, (of, from) => this.#readPage(of, from)).then(
      (session) => this.#tell(callback, undefined, session),
      (thrown: unknown) => this.#tell(callback, BrokerError.from(thrown), undefined),
    );
  }

  #tell<O>(callback: OutcomeCallback<O>, error: BrokerError | undefined, outcome: O | undefined): void {
    try {
      callback(error, outcome);
    } catch (thrown) {
      this.#ports.failed(thrown, 'rows of a session');
    }
  }

  async #readPage(key: SessionKey, from: Uint8Array): Promise<SessionRows | undefined> {
    return (await this.#meta.persist(() => this.#meta.sessions.readSession({ key, from }))).rows;
  }

  /** The CONNECT that opened this client id is decided. */
  opened(session: { readonly tenant: string; readonly clientId: string }): void {
    const name = nameOf(session);
    const end = this.#opening.get(name);
    this.#opening.delete(name);
    end?.();
  }

  /** Lets the session go; see ReleaseSession. */
  release(release: SessionRelease, callback: DoneCallback): void {
    const { key } = release;
    this.#steps.run(nameOf(key), (end) => this.#add(this.#releases, messageOf(release), callback, end));
  }

  /**
   * Lets a session go whose CONNECT came to nothing, which decides it: the next one of the client id, which may wait
   * already, finds the session as it was, and not one that was served.
   */
  giveBack(release: SessionRelease, onStored: () => void): void {
    this.#releases.add(messageOf(release), (error, failure) => {
      try {
        if (error === undefined && fromFailure(failure) === undefined) onStored();
      } finally {
        this.opened(release.key);
      }
    });
  }

  /**
   * Changes the subscriptions of a session, in as many parts as meta takes in one turn each. `made` are the filters among `put`
   * that are new: if not all can be stored, their rows go with the next changes, and those that were there are put again.
   */
  update(changes: SessionChanges, change: SubscriptionChange, callback: DoneCallback): void {
    this.#change(this.#updates, changes, partsOf(change), change, (error) => {
      callback(error);
      if (error === undefined) this.#repair(changes);
    });
  }

  /** Stores how far a session has read; then, apart, what earlier changes left undone. */
  commit(changes: SessionChanges, change: CursorChange, callback: DoneCallback): void {
    this.#change(this.#commits, changes, [change], NOTHING_STORED, callback);
    this.#repair(changes);
  }

  /** What fails again is tried behind the next change, or with the next cursors. */
  #repair(changes: SessionChanges): void {
    if (!changes.areUndone) return;
    this.#change(this.#updates, changes, [{ repairs: true }], NOTHING_STORED, (error) => {
      if (error === undefined) this.#repair(changes);
    });
  }

  #change(
    call: BatchedCall<SessionUpdate, Failure>,
    changes: SessionChanges,
    parts: readonly SessionChange[],
    whole: Pick<SubscriptionChange, 'remove' | 'made' | 'replaced'>,
    callback: DoneCallback,
  ): void {
    this.#steps.run(nameOf(changes.key), (end) => {
      const send = (index: number): void => {
        const update = changes.next(parts[index] ?? {});
        call.add(update, (thrown, failure) => {
          const error = thrown ?? fromFailure(failure);
          if (error === undefined) changes.taken(update);
          else changes.failed({ ...whole, replaced: whole.replaced?.() ?? [] });
          if (error === undefined && index + 1 < parts.length) {
            send(index + 1);
            return;
          }
          told(callback, error, end);
        });
      };
      send(0);
    });
  }

  #add<E>(call: BatchedCall<E, Failure>, entry: E, callback: DoneCallback, end: EndStep): void {
    call.add(entry, (error, failure) => {
      told(callback, error ?? fromFailure(failure), end);
    });
  }
}

/** First the answer: what it makes its hearer ask for comes behind what waits already. The chain goes on in any case (N7). */
function told(callback: DoneCallback, error: BrokerError | undefined, end: EndStep): void {
  try {
    callback(error);
  } finally {
    end();
  }
}

function messageOf({ key, expiryIntervalS, places }: SessionRelease): ReleaseSession {
  return create(ReleaseSessionSchema, {
    key,
    expiryIntervalS,
    ...(places && { places: placesMessage(places) }),
  });
}

/** Removals first: a filter may be put again by the same change. */
function partsOf({ put, remove }: SubscriptionChange): SessionChange[] {
  const parts: SessionChange[] = [];
  for (let at = 0; at < remove.length; at += PART_FILTERS)
    parts.push({ remove: remove.slice(at, at + PART_FILTERS) });
  for (let at = 0; at < put.length; at += PART_FILTERS) parts.push({ put: put.slice(at, at + PART_FILTERS) });
  return parts;
}

function nameOf(session: { readonly tenant: string; readonly clientId: string }): string {
  return `${session.tenant}\0${session.clientId}`;
}
