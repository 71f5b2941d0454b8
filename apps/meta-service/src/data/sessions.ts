// MQTT sessions (rules S1, S3, X3): who owns a client id, fenced by generation and epoch.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  CommitCursorsResponseSchema,
  OpenSessionOutcomeSchema,
  OpenSessionsResponseSchema,
  ReleaseSessionsResponseSchema,
  SessionStateSchema,
  toFailure,
  UpdateSubscriptionsResponseSchema,
  FailureSchema,
  type CloseIncarnation,
  type CommitCursorsRequest,
  type ExpireSessions,
  type Failure,
  type NodeIdentity,
  type OpenSession,
  type OpenSessionOutcome,
  type OpenSessionsRequest,
  type ReleaseSession,
  type ReleaseSessionsRequest,
  type SessionKey,
  type SessionState,
  type ShardPosition,
  type SubscriptionUpdate,
  type UpdateSubscriptionsRequest,
} from '@robustmq/rpc';
import type { ApplyView } from '../group-machine.ts';
import { expiryKey, ownerKey, sessionKey } from './keys.ts';

/** At least as many as a command may open sessions. */
const GENERATIONS_PER_COMMAND = 16_384n;
/** MQTT 5: this expiry means never. */
const NEVER_EXPIRES = 0xffff_ffff;
/** Subscriptions of one session: more would make its row larger than a message may be. */
const MAX_SUBSCRIPTIONS = 10_000;
/** Shards that a session may have positions in. */
const MAX_POSITIONS = 20_000;

const SUCCESS: Failure = create(FailureSchema);

export function openSessions(
  view: ApplyView,
  request: OpenSessionsRequest,
  index: number,
  nowMs: bigint,
): Uint8Array {
  const node = callerOf(request.node);
  const outcomes = request.sessions.map((wanted) => openSession(view, wanted, node, BigInt(index), nowMs));
  return toBinary(OpenSessionsResponseSchema, create(OpenSessionsResponseSchema, { outcomes }));
}

/**
 * Takes the row over (rule S1). The generation comes from the log index, so that it is never used twice, not even after a
 * deletion; a client id that one batch opens twice gets the next one.
 */
function openSession(
  view: ApplyView,
  wanted: OpenSession,
  node: NodeIdentity,
  index: bigint,
  nowMs: bigint,
): OpenSessionOutcome {
  const { tenant, clientId, expiryIntervalS } = wanted;
  const before = readSession(view, tenant, clientId);
  const alive = before !== undefined && !isExpired(before, nowMs) && survives(before, node);
  const resumed = alive && !wanted.cleanStart;
  if (before !== undefined) dropIndexes(view, before);
  const key = {
    tenant,
    clientId,
    generation: resumed ? (before.key?.generation ?? index) : newGeneration(index, before?.key),
    epoch: (before?.key?.epoch ?? 0n) + 1n,
  };
  const session = create(SessionStateSchema, {
    key,
    expiryIntervalS,
    ...(resumed && {
      subscriptions: before.subscriptions,
      cursors: before.cursors,
      inFlight: before.inFlight,
      deliveryUncertain: before.connected || before.deliveryUncertain,
    }),
    ownerNodeId: node.nodeId,
    ownerIncarnation: node.incarnation,
    connected: true,
    updatedAtMs: nowMs,
  });
  writeSession(view, session);
  const held = before?.connected === true && !wanted.previousReleased && !isOwner(before, node);
  return create(OpenSessionOutcomeSchema, {
    session,
    sessionPresent: resumed,
    ...(held && {
      previousOwner: { nodeId: before.ownerNodeId, incarnation: before.ownerIncarnation },
      previousEpoch: before.key?.epoch ?? 0n,
    }),
  });
}

/**
 * A session with expiry 0 ends with its connection [MQTT-3.1.2-23 / 3.1.2.11.2]; a takeover of a connected one is that end.
 */
function survives(session: SessionState, _node: NodeIdentity): boolean {
  return session.expiryIntervalS !== 0;
}

export function releaseSessions(view: ApplyView, request: ReleaseSessionsRequest, nowMs: bigint): Uint8Array {
  const outcomes = request.sessions.map((release) => attempt(() => releaseSession(view, release, nowMs)));
  return toBinary(ReleaseSessionsResponseSchema, create(ReleaseSessionsResponseSchema, { outcomes }));
}

function releaseSession(view: ApplyView, release: ReleaseSession, nowMs: bigint): void {
  const session = owned(view, release.key);
  dropIndexes(view, session);
  if (release.expiryIntervalS === 0) {
    view.delete(sessionKey(session.key?.tenant ?? '', session.key?.clientId ?? ''));
    return;
  }
  session.connected = false;
  session.expiryIntervalS = release.expiryIntervalS;
  session.updatedAtMs = nowMs;
  mergeCursors(session, release.cursors);
  session.inFlight = release.inFlight;
  session.deliveryUncertain = false;
  writeSession(view, session);
}

export function updateSubscriptions(
  view: ApplyView,
  request: UpdateSubscriptionsRequest,
  nowMs: bigint,
): Uint8Array {
  const outcomes = request.updates.map((update) => attempt(() => updateSubscription(view, update, nowMs)));
  return toBinary(UpdateSubscriptionsResponseSchema, create(UpdateSubscriptionsResponseSchema, { outcomes }));
}

/** A filter that exists keeps its start vector; only its options change (rule X3). */
function updateSubscription(view: ApplyView, update: SubscriptionUpdate, nowMs: bigint): void {
  const session = owned(view, update.key);
  const rows = new Map(session.subscriptions.map((row) => [row.filter, row]));
  for (const filter of update.remove) rows.delete(filter);
  for (const row of update.put) {
    const known = rows.get(row.filter);
    if (known === undefined) rows.set(row.filter, row);
    else rows.set(row.filter, { ...row, start: known.start, createdAtRevision: known.createdAtRevision });
  }
  if (rows.size > MAX_SUBSCRIPTIONS)
    throw new BrokerError('quota_exceeded', `at most ${MAX_SUBSCRIPTIONS} subscriptions`);
  session.subscriptions = [...rows.values()];
  session.updatedAtMs = nowMs;
  writeSession(view, session);
}

export function commitCursors(view: ApplyView, request: CommitCursorsRequest, nowMs: bigint): Uint8Array {
  const outcomes = request.commits.map((commit) =>
    attempt(() => {
      const session = owned(view, commit.key);
      mergeCursors(session, commit.cursors);
      session.updatedAtMs = nowMs;
      writeSession(view, session);
    }),
  );
  return toBinary(CommitCursorsResponseSchema, create(CommitCursorsResponseSchema, { outcomes }));
}

/** Deletes sessions whose expiry has passed; each is looked at again, for it may have been resumed. */
export function expireSessions(view: ApplyView, { sessions }: ExpireSessions, nowMs: bigint): Uint8Array {
  for (const key of sessions) {
    const session = readSession(view, key.tenant, key.clientId);
    if (session === undefined || session.key?.generation !== key.generation || !isExpired(session, nowMs))
      continue;
    dropIndexes(view, session);
    view.delete(sessionKey(key.tenant, key.clientId));
  }
  return new Uint8Array();
}

/** Sessions of an incarnation that ended become offline, or end if their expiry is 0 (rule S1). */
export function closeIncarnation(
  view: ApplyView,
  { node, sessions }: CloseIncarnation,
  nowMs: bigint,
): Uint8Array {
  for (const key of sessions) {
    const session = readSession(view, key.tenant, key.clientId);
    if (session === undefined || node === undefined || !isOwner(session, node) || !session.connected)
      continue;
    dropIndexes(view, session);
    if (session.expiryIntervalS === 0) {
      view.delete(sessionKey(key.tenant, key.clientId));
      continue;
    }
    session.connected = false;
    session.deliveryUncertain = true;
    session.updatedAtMs = nowMs;
    writeSession(view, session);
  }
  return new Uint8Array();
}

/** A stored session. */
export function decodeSession(bytes: Uint8Array): SessionState {
  return fromBinary(SessionStateSchema, bytes);
}

function callerOf(node: NodeIdentity | undefined): NodeIdentity {
  if (node === undefined) throw new BrokerError('invalid_argument', 'a request names its node');
  return node;
}

function readSession(view: ApplyView, tenant: string, clientId: string): SessionState | undefined {
  const bytes = view.get(sessionKey(tenant, clientId));
  return bytes === undefined ? undefined : decodeSession(bytes);
}

/** Indexes are spread, so that generations made within one command stay below those of the next. */
function newGeneration(index: bigint, before: SessionKey | undefined): bigint {
  const first = index * GENERATIONS_PER_COMMAND;
  return before !== undefined && before.generation >= first ? before.generation + 1n : first;
}

/** The row if the caller's generation and epoch are the current ones (I6). @throws BrokerError `fenced` */
function owned(view: ApplyView, key: SessionKey | undefined): SessionState {
  const session = readSession(view, key?.tenant ?? '', key?.clientId ?? '');
  if (
    session?.key?.generation !== key?.generation ||
    session?.key?.epoch !== key?.epoch ||
    session === undefined ||
    !session.connected
  ) {
    throw new BrokerError('fenced', 'the session has another owner or is gone');
  }
  return session;
}

function isOwner(session: SessionState, node: NodeIdentity): boolean {
  return session.ownerNodeId === node.nodeId && session.ownerIncarnation === node.incarnation;
}

function expiresAt(session: SessionState): bigint | undefined {
  if (session.connected || session.expiryIntervalS === NEVER_EXPIRES) return undefined;
  return session.updatedAtMs + BigInt(session.expiryIntervalS) * 1_000n;
}

function isExpired(session: SessionState, nowMs: bigint): boolean {
  const at = expiresAt(session);
  return at !== undefined && at <= nowMs;
}

/** Positions replace older ones of their shard; a cursor never goes back within an epoch. */
function mergeCursors(session: SessionState, cursors: readonly ShardPosition[]): void {
  if (cursors.length === 0) return;
  const rows = new Map(session.cursors.map((row) => [`${row.streamId}/${row.shard}`, row]));
  for (const cursor of cursors) {
    const name = `${cursor.streamId}/${cursor.shard}`;
    const known = rows.get(name);
    if (known !== undefined && known.leaderEpoch === cursor.leaderEpoch && known.offset > cursor.offset)
      continue;
    rows.set(name, cursor);
  }
  if (rows.size > MAX_POSITIONS) throw new BrokerError('quota_exceeded', `at most ${MAX_POSITIONS} cursors`);
  session.cursors = [...rows.values()];
}

function writeSession(view: ApplyView, session: SessionState): void {
  const { tenant, clientId } = session.key as SessionKey;
  view.put(sessionKey(tenant, clientId), toBinary(SessionStateSchema, session));
  if (session.connected)
    view.put(ownerKey(session.ownerNodeId, session.ownerIncarnation, tenant, clientId), Buffer.alloc(0));
  const at = expiresAt(session);
  if (at !== undefined) view.put(expiryKey(at, tenant, clientId), Buffer.alloc(0));
}

function dropIndexes(view: ApplyView, session: SessionState): void {
  const { tenant, clientId } = session.key as SessionKey;
  if (session.connected)
    view.delete(ownerKey(session.ownerNodeId, session.ownerIncarnation, tenant, clientId));
  const at = expiresAt(session);
  if (at !== undefined) view.delete(expiryKey(at, tenant, clientId));
}

function attempt(run: () => void): Failure {
  try {
    run();
    return SUCCESS;
  } catch (thrown) {
    if (!(thrown instanceof BrokerError)) throw thrown;
    return toFailure(thrown);
  }
}
