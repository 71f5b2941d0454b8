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
import { OrderedSteps, type EndStep } from '../store/ordered-steps.ts';
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
  readonly #steps = new OrderedSteps();
  /** Of CONNECTs that are being decided, by client id. */
  readonly #opening = new Map<string, EndStep>();

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
    return this.#steps.size;
  }

  /**
   * Opens the row of a client id, after every earlier step of it (N11). The caller says by
   * {@link opened} when its CONNECT is decided. `onSend` is called when its turn has come.
   */
  open(
    session: Omit<OpenSession, '$typeName' | '$unknown'>,
    callback: OutcomeCallback<OpenSessionOutcome>,
    onSend?: () => void,
  ): void {
    const name = nameOf(session);
    this.#steps.run(name, (end) => {
      this.#opening.set(name, end);
      onSend?.();
      this.openAgain(session, callback);
    });
  }

  /** Opens the row once more within the same CONNECT. */
  openAgain(
    session: Omit<OpenSession, '$typeName' | '$unknown'>,
    callback: OutcomeCallback<OpenSessionOutcome>,
  ): void {
    this.#opens.add(create(OpenSessionSchema, session), (error, outcome) => {
      const failure = error ?? fromFailure(outcome?.failure);
      callback(failure, failure === undefined ? outcome : undefined);
    });
  }

  /** The CONNECT that opened this client id is decided. */
  opened(session: { readonly tenant: string; readonly clientId: string }): void {
    const name = nameOf(session);
    const end = this.#opening.get(name);
    this.#opening.delete(name);
    end?.();
  }

  /** Lets the row go; see ReleaseSession. */
  release(
    session: Omit<ReleaseSession, '$typeName' | '$unknown'> & { key: SessionKey },
    callback: DoneCallback,
  ): void {
    this.#inOrder(this.#releases, create(ReleaseSessionSchema, session), session.key, callback);
  }

  /** Changes the subscriptions of a row. */
  update(
    update: Omit<SubscriptionUpdate, '$typeName' | '$unknown'> & { key: SessionKey },
    callback: DoneCallback,
  ): void {
    this.#inOrder(this.#updates, create(SubscriptionUpdateSchema, update), update.key, callback);
  }

  /** Stores how far a session has read. */
  commit(
    commit: Omit<CursorCommit, '$typeName' | '$unknown'> & { key: SessionKey },
    callback: DoneCallback,
  ): void {
    this.#inOrder(this.#commits, create(CursorCommitSchema, commit), commit.key, callback);
  }

  #inOrder<E>(call: BatchedCall<E, Failure>, entry: E, key: SessionKey, callback: DoneCallback): void {
    this.#steps.run(nameOf(key), (end) => {
      call.add(entry, (error, failure) => {
        // First the answer: what it makes its hearer ask for comes behind what waits already.
        callback(error ?? fromFailure(failure));
        end();
      });
    });
  }
}

function nameOf(session: { readonly tenant: string; readonly clientId: string }): string {
  return `${session.tenant}\0${session.clientId}`;
}
