// Session rows in meta (rules S1-S3, X3): opened per CONNECT, released at the end, subscriptions before SUBACK, cursors
// at most once a second. Everything is batched; a client id's steps are sent one after the other.

import { create } from '@bufbuild/protobuf';
import type { BrokerError } from '@robustmq/errors';
import {
  CursorCommitSchema,
  OpenSessionSchema,
  ReleaseSessionSchema,
  SubscriptionUpdateSchema,
  fromFailure,
  type CursorCommit,
  type Failure,
  type NodeIdentity,
  type OpenSession,
  type OpenSessionOutcome,
  type ReleaseSession,
  type RequestId,
  type ServiceClient,
  type SessionKey,
  type SessionService,
  type SubscriptionUpdate,
} from '@robustmq/rpc';
import { BatchedCall, type OutcomeCallback } from './batched-call.ts';

/** The part of MetaClient that is used. */
export interface SessionMeta {
  readonly sessions: Pick<
    ServiceClient<typeof SessionService>,
    'openSessions' | 'releaseSessions' | 'updateSubscriptions' | 'commitCursors'
  >;
  requestId(): Pick<RequestId, 'nodeId' | 'incarnation' | 'sequence'>;
  persist<T>(call: () => Promise<T>): Promise<T>;
}

type Identity = Pick<NodeIdentity, 'nodeId' | 'incarnation' | 'directoryId'>;
type DoneCallback = (error: BrokerError | undefined) => void;

const LIMITS = { maxBatch: 500, maxCalls: 2, maxWaiting: 100_000 };
/** Cursor commits are never urgent: one call at a time. */
const CURSOR_LIMITS = { maxBatch: 500, maxCalls: 1, maxWaiting: 100_000 };

/** Session rows of this gateway incarnation. */
export class SessionStore {
  readonly #opens: BatchedCall<OpenSession, OpenSessionOutcome>;
  readonly #releases: BatchedCall<ReleaseSession, Failure>;
  readonly #updates: BatchedCall<SubscriptionUpdate, Failure>;
  readonly #commits: BatchedCall<CursorCommit, Failure>;
  /** Opens that wait for the release of the same client id. */
  readonly #releasing = new Map<string, (() => void)[]>();

  constructor(meta: SessionMeta, identity: () => Identity) {
    this.#opens = new BatchedCall(async (sessions) => {
      const request = { node: identity(), requestId: meta.requestId(), sessions: [...sessions] };
      return (await meta.persist(() => meta.sessions.openSessions(request))).outcomes;
    }, LIMITS);
    this.#releases = new BatchedCall(async (sessions) => {
      const request = { node: identity(), requestId: meta.requestId(), sessions: [...sessions] };
      return (await meta.persist(() => meta.sessions.releaseSessions(request))).outcomes;
    }, LIMITS);
    this.#updates = new BatchedCall(async (updates) => {
      const request = { node: identity(), requestId: meta.requestId(), updates: [...updates] };
      return (await meta.persist(() => meta.sessions.updateSubscriptions(request))).outcomes;
    }, LIMITS);
    this.#commits = new BatchedCall(async (commits) => {
      const request = { node: identity(), requestId: meta.requestId(), commits: [...commits] };
      return (await meta.persist(() => meta.sessions.commitCursors(request))).outcomes;
    }, CURSOR_LIMITS);
  }

  /** Sessions whose steps are under way. */
  get pending(): number {
    return this.#opens.pending + this.#releases.pending + this.#updates.pending + this.#commits.pending;
  }

  /** Opens the row of a client id; waits for a release of it that is under way. */
  open(
    session: Omit<OpenSession, '$typeName' | '$unknown'>,
    callback: OutcomeCallback<OpenSessionOutcome>,
  ): void {
    const send = (): void =>
      this.#opens.add(create(OpenSessionSchema, session), (error, outcome) => {
        const failure = error ?? fromFailure(outcome?.failure);
        callback(failure, failure === undefined ? outcome : undefined);
      });
    const waiting = this.#releasing.get(nameOf(session));
    if (waiting === undefined) send();
    else waiting.push(send);
  }

  /** Lets the row go; see ReleaseSession. */
  release(
    session: Omit<ReleaseSession, '$typeName' | '$unknown'> & { key: SessionKey },
    callback: DoneCallback,
  ): void {
    const name = nameOf(session.key);
    if (!this.#releasing.has(name)) this.#releasing.set(name, []);
    this.#releases.add(create(ReleaseSessionSchema, session), (error, failure) => {
      const waiting = this.#releasing.get(name) ?? [];
      this.#releasing.delete(name);
      callback(error ?? fromFailure(failure));
      for (const send of waiting) send();
    });
  }

  /** Changes the subscriptions of a row. */
  update(update: Omit<SubscriptionUpdate, '$typeName' | '$unknown'>, callback: DoneCallback): void {
    this.#updates.add(create(SubscriptionUpdateSchema, update), (error, failure) =>
      callback(error ?? fromFailure(failure)),
    );
  }

  /** Stores how far a session has read. */
  commit(commit: Omit<CursorCommit, '$typeName' | '$unknown'>, callback: DoneCallback): void {
    this.#commits.add(create(CursorCommitSchema, commit), (error, failure) =>
      callback(error ?? fromFailure(failure)),
    );
  }
}

function nameOf(session: { readonly tenant: string; readonly clientId: string }): string {
  return `${session.tenant}\0${session.clientId}`;
}
