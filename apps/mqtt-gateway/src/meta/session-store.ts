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

/** Releases and CONNECTs of one client id: those under way, and opens that wait for them. */
interface Steps {
  underWay: number;
  readonly waiting: (() => void)[];
}

/** Session rows of this gateway incarnation. */
export class SessionStore {
  readonly #opens: BatchedCall<OpenSession, OpenSessionOutcome>;
  readonly #releases: BatchedCall<ReleaseSession, Failure>;
  readonly #updates: BatchedCall<SubscriptionUpdate, Failure>;
  readonly #commits: BatchedCall<CursorCommit, Failure>;
  /** By client id. */
  readonly #steps = new Map<string, Steps>();

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

  /**
   * Opens the row of a client id, after every release and every CONNECT of it that is under way. The caller says by
   * {@link opened} when its CONNECT is decided. `onSend` is called when its turn has come.
   */
  open(
    session: Omit<OpenSession, '$typeName' | '$unknown'>,
    callback: OutcomeCallback<OpenSessionOutcome>,
    onSend?: () => void,
  ): void {
    const name = nameOf(session);
    const send = (): void => {
      this.#steps.get(name)!.underWay++;
      onSend?.();
      this.openAgain(session, callback);
    };
    const steps = this.#stepsOf(name);
    if (steps.underWay === 0) send();
    else steps.waiting.push(send);
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
    this.#stepEnded(nameOf(session));
  }

  /** Lets the row go; see ReleaseSession. */
  release(
    session: Omit<ReleaseSession, '$typeName' | '$unknown'> & { key: SessionKey },
    callback: DoneCallback,
  ): void {
    const name = nameOf(session.key);
    this.#stepsOf(name).underWay++;
    this.#releases.add(create(ReleaseSessionSchema, session), (error, failure) => {
      callback(error ?? fromFailure(failure));
      this.#stepEnded(name);
    });
  }

  #stepsOf(name: string): Steps {
    let steps = this.#steps.get(name);
    if (steps === undefined) this.#steps.set(name, (steps = { underWay: 0, waiting: [] }));
    return steps;
  }

  #stepEnded(name: string): void {
    const steps = this.#steps.get(name);
    if (steps === undefined || --steps.underWay > 0) return;
    const next = steps.waiting.shift();
    if (next === undefined) this.#steps.delete(name);
    else next();
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
