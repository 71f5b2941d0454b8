// Who owns an MQTT session (rules S1, S3): opened per CONNECT, released, closed with its owner's incarnation, expired.
import { create, toBinary } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  OpenSessionOutcomeSchema,
  OpenSessionsResponseSchema,
  ReleaseSessionsResponseSchema,
  SessionHeadSchema,
  toFailure,
  type NodeIdentity,
  type OpenSession,
  type OpenSessionOutcome,
  type Principal,
  type ReleaseSession,
  type SessionKey,
} from '@robustmq/rpc';
import { noRoom } from '../growth.ts';
import type { ApplyView } from '../group-machine.ts';
import { attempt, dataCommand, type CommandContext } from './commands.ts';
import { sessionKey } from './keys.ts';
import {
  deleteRows,
  deleteSession,
  isExpired,
  isOwner,
  keyOfHead,
  ownedHead,
  readHead,
  replaceHead,
} from './session-heads.ts';
import { keysOfPlaces, putPlaces } from './session-places.ts';

/** At least as many as a command may open sessions. */
const GENERATIONS_PER_COMMAND = 16_384n;
const SESSION_ID_BITS = 53;
/** What lies between the ids of one command: odd, so that none comes twice, and near the golden ratio of 64 bits, so that they spread. */
const SESSION_ID_STEP = 0x9e37_79b9_7f4a_7c15n;

/** Takes sessions over, or makes them. */
export const openSessions = dataCommand({
  case: 'openSessions',
  keysOf: ({ sessions }) => sessions.map(({ tenant, clientId }) => sessionKey(tenant, clientId)),
  apply: (view, { node, sessions }, context) => {
    const caller = callerOf(node);
    const outcomes = sessions.map((wanted, position) =>
      openOrRefuse(view, wanted, { ...context, node: caller, position }),
    );
    return toBinary(OpenSessionsResponseSchema, create(OpenSessionsResponseSchema, { outcomes }));
  },
});

/** What an open comes with beside its entry. */
interface OpenContext extends CommandContext {
  /** Who opens. */
  readonly node: NodeIdentity;
  /** Of the entry in its command. */
  readonly position: number;
}

function openOrRefuse(view: ApplyView, wanted: OpenSession, context: OpenContext): OpenSessionOutcome {
  try {
    return openSession(view, wanted, context);
  } catch (thrown) {
    if (!(thrown instanceof BrokerError)) throw thrown;
    return create(OpenSessionOutcomeSchema, { failure: toFailure(thrown) });
  }
}

/**
 * Takes the head over (rule S1). The generation comes from the log index, so that it is never used twice, not even after a
 * deletion; a client id that one batch opens twice gets the next one.
 */
function openSession(view: ApplyView, wanted: OpenSession, context: OpenContext): OpenSessionOutcome {
  const { tenant, clientId, expiryIntervalS } = wanted;
  const { node } = context;
  const before = readHead(view, tenant, clientId);
  if (before === undefined && context.refusesGrowth) throw noRoom('sessions are made');
  const isOver = before === undefined || isExpired(before, context.nowMs);
  const principal = named(wanted.principal);
  if (!isOver && !context.clientIdOwnsSession) checkPrincipal(named(before.principal), principal);
  // A session with expiry 0 ends with its connection [MQTT-3.1.2-23]; a takeover of a connected one is that end.
  const resumed = !isOver && !wanted.cleanStart && before.expiryIntervalS !== 0;
  if (before !== undefined && !resumed) deleteRows(view, before);
  const generation = resumed
    ? keyOfHead(before).generation
    : newGeneration(BigInt(context.index), before?.key);
  const session = create(SessionHeadSchema, {
    key: { tenant, clientId, generation, epoch: nextEpoch(BigInt(context.index), before?.key) },
    sessionId: resumed ? before.sessionId : newSessionId(context.entropy, context.position),
    expiryIntervalS,
    ownerNodeId: node.nodeId,
    ownerIncarnation: node.incarnation,
    connected: true,
    updatedAtMs: context.nowMs,
    deliveryUncertain: resumed && (before.connected || before.deliveryUncertain),
    doubtful: resumed && before.doubtful,
    ...(principal && { principal }),
    ...(resumed && before.counts && { counts: before.counts }),
    ...(resumed && { lastInboundSequence: before.lastInboundSequence }),
  });
  replaceHead(view, before, session);
  const isHeld = before?.connected === true && !wanted.previousReleased && !isOwner(before, node);
  return create(OpenSessionOutcomeSchema, {
    session,
    sessionPresent: resumed,
    ...(isHeld && {
      previousOwner: { nodeId: before.ownerNodeId, incarnation: before.ownerIncarnation },
      previousEpoch: before.key?.epoch ?? 0n,
    }),
  });
}

/**
 * A session belongs to the principal that made it; one of anonymous passes once, to the first authenticated principal.
 * @throws BrokerError `permission_denied`
 */
function checkPrincipal(owner: Principal | undefined, caller: Principal | undefined): void {
  if (owner === undefined) return;
  if (owner.tenant === caller?.tenant && owner.name === caller.name) return;
  throw new BrokerError('permission_denied', 'the session belongs to another principal');
}

/** Anonymous has no name. */
function named(principal: Principal | undefined): Principal | undefined {
  return principal === undefined || principal.name === '' ? undefined : principal;
}

/** Indexes are spread, so that generations made within one command stay below those of the next. */
function newGeneration(index: bigint, before: SessionKey | undefined): bigint {
  const first = index * GENERATIONS_PER_COMMAND;
  return before !== undefined && before.generation >= first ? before.generation + 1n : first;
}

/**
 * Epochs of a client id rise over the end of its sessions as well (I6): gateways that still serve one that has ended are asked
 * to stop in the name of the new epoch. Each command raises one by fewer than what lies between two indexes.
 */
function nextEpoch(index: bigint, before: SessionKey | undefined): bigint {
  return before === undefined ? index * GENERATIONS_PER_COMMAND + 1n : before.epoch + 1n;
}

/** Random by the command's entropy, apart for each session of its batch; 53 bits fit a number of every client. */
function newSessionId(entropy: Uint8Array, position: number): bigint {
  if (entropy.length < BigUint64Array.BYTES_PER_ELEMENT)
    throw new BrokerError('invalid_argument', 'a command that makes sessions brings random bytes');
  const random = Buffer.from(entropy.buffer, entropy.byteOffset, entropy.byteLength).readBigUInt64BE();
  return BigInt.asUintN(SESSION_ID_BITS, random + BigInt(position) * SESSION_ID_STEP);
}

/** Lets sessions go. */
export const releaseSessions = dataCommand({
  case: 'releaseSessions',
  keysOf: ({ sessions }) =>
    sessions.flatMap(({ key, places }) =>
      key === undefined ? [] : [sessionKey(key.tenant, key.clientId), ...keysOfPlaces(key, places)],
    ),
  apply: (view, { sessions }, { nowMs }) => {
    const outcomes = sessions.map((release) => attempt(() => releaseSession(view, release, nowMs)));
    return toBinary(ReleaseSessionsResponseSchema, create(ReleaseSessionsResponseSchema, { outcomes }));
  },
});

function releaseSession(view: ApplyView, release: ReleaseSession, nowMs: bigint): void {
  const before = ownedHead(view, release.key);
  const { expiryIntervalS, places } = release;
  if (expiryIntervalS === 0) {
    deleteSession(view, before);
    return;
  }
  const head = create(SessionHeadSchema, {
    ...before,
    connected: false,
    expiryIntervalS,
    updatedAtMs: nowMs,
  });
  if (places !== undefined) {
    head.counts = putPlaces(view, before, places);
    head.deliveryUncertain = false;
    head.doubtful = places.doubtful;
  }
  replaceHead(view, before, head);
}

/** Deletes sessions whose expiry has passed; each is looked at again, for it may have been resumed. */
export const expireSessions = dataCommand({
  case: 'expireSessions',
  keysOf: ({ sessions }) => headsOf(sessions),
  apply: (view, { sessions }, { nowMs }) => {
    for (const { tenant, clientId, generation } of sessions) {
      const head = readHead(view, tenant, clientId);
      if (head !== undefined && head.key?.generation === generation && isExpired(head, nowMs))
        deleteSession(view, head);
    }
    return new Uint8Array();
  },
});

/** Sessions of an incarnation that ended become offline, or end if their expiry is 0 (rule S1). */
export const closeIncarnation = dataCommand({
  case: 'closeIncarnation',
  keysOf: ({ sessions }) => headsOf(sessions),
  apply: (view, { node, sessions }, { nowMs }) => {
    for (const { tenant, clientId } of sessions) {
      const head = readHead(view, tenant, clientId);
      if (head === undefined || node === undefined || !isOwner(head, node) || !head.connected) continue;
      if (head.expiryIntervalS === 0) deleteSession(view, head);
      else {
        const closed = { connected: false, deliveryUncertain: true, updatedAtMs: nowMs };
        replaceHead(view, head, create(SessionHeadSchema, { ...head, ...closed }));
      }
    }
    return new Uint8Array();
  },
});

function headsOf(keys: readonly SessionKey[]): Buffer[] {
  return keys.map(({ tenant, clientId }) => sessionKey(tenant, clientId));
}

function callerOf(node: NodeIdentity | undefined): NodeIdentity {
  if (node === undefined) throw new BrokerError('invalid_argument', 'a request names its node');
  return node;
}
