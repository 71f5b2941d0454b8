// SessionService over the data groups.
import { create, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  DropSessionsRequestSchema,
  DropSessionsResponseSchema,
  OpenSessionsRequestSchema,
  OpenSessionsResponseSchema,
  ReassignSessionRequestSchema,
  ReassignSessionResponseSchema,
  ReleaseSessionsRequestSchema,
  ReleaseSessionsResponseSchema,
  UpdateSessionsRequestSchema,
  UpdateSessionsResponseSchema,
  type Command,
  type OpenSessionOutcome,
  type RequestId,
  type ServiceImplementation,
  type SessionKey,
  type SessionService,
} from '@robustmq/rpc';
import { sessionKey } from '../data/keys.ts';
import { decodeHead, hasRows, isCurrent, notOwned } from '../data/session-heads.ts';
import { dataFamily } from '../families.ts';
import { decodeResponse, type Meta } from '../meta.ts';
import { checkKey, inGroups, type Keyed } from './data-batches.ts';
import { listSessions } from './session-list.ts';
import { readSessionRows } from './session-pages.ts';

/** Rows of one page: a session of ordinary size is one. */
const PAGE_BYTES = 64 * 1024;
/** Rows in an answer to a batch of opens; sessions that come behind are read by pages. */
const OPEN_ANSWER_BYTES = 4 * 1024 * 1024;
/** Sessions of one batch of opens that are read at once. */
const READS_AT_ONCE = 16;

/** The implementation for one meta-service. */
export function sessionService(meta: Meta): ServiceImplementation<typeof SessionService> {
  return {
    openSessions: async ({ node, requestId, sessions }) => {
      const outcomes = await inGroups(meta, node, sessions, named, async (group, part) => {
        const value = create(OpenSessionsRequestSchema, { sessions: part, ...(node && { node }) });
        const command = { case: 'openSessions' as const, value };
        return (await run(meta, group, command, OpenSessionsResponseSchema, requestId)).outcomes;
      });
      for (const outcome of outcomes) withoutDeadOwner(meta, outcome);
      await withRows(meta, outcomes);
      return { outcomes };
    },
    readSession: async ({ key, from }) => {
      const { tenant, id } = keyed(key);
      checkKey(tenant, id);
      await meta.readIndex();
      const family = dataFamily(meta.dataGroupOf(tenant, id));
      const source = { store: meta.store, family, budget: meta.turnBudget() };
      const { rows } = await readSessionRows(source, { tenant, clientId: id }, from, PAGE_BYTES);
      // Looked at after the rows: nobody else can have changed them before.
      const head = await meta.store.get(family, sessionKey(tenant, id));
      if (head === undefined || !isCurrent(decodeHead(head), key)) throw notOwned();
      return { rows };
    },
    releaseSessions: async ({ node, requestId, sessions }) => {
      const outcomes = await inGroups(meta, node, sessions, ofKey, async (group, part) => {
        const value = create(ReleaseSessionsRequestSchema, { sessions: part, ...(node && { node }) });
        const command = { case: 'releaseSessions' as const, value };
        return (await run(meta, group, command, ReleaseSessionsResponseSchema, requestId)).outcomes;
      });
      return { outcomes };
    },
    updateSessions: async ({ node, requestId, updates }) => {
      const outcomes = await inGroups(meta, node, updates, ofKey, async (group, part) => {
        const value = create(UpdateSessionsRequestSchema, { updates: part, ...(node && { node }) });
        const command = { case: 'updateSessions' as const, value };
        return (await run(meta, group, command, UpdateSessionsResponseSchema, requestId)).outcomes;
      });
      return { outcomes };
    },
    listSessions: async (request) => {
      checkKey(request.tenant, `${request.clientIdPrefix}${request.afterClientId}*`);
      await meta.readIndex();
      return await listSessions(meta, request, meta.turnBudget());
    },
    dropSessions: async ({ node, requestId, sessions }) => {
      const outcomes = await inGroups(meta, node, sessions, named, async (group, part) => {
        const value = create(DropSessionsRequestSchema, { sessions: part, ...(node && { node }) });
        const command = { case: 'dropSessions' as const, value };
        return (await run(meta, group, command, DropSessionsResponseSchema, requestId)).outcomes;
      });
      return { outcomes };
    },
    reassignSession: async ({ node, requestId, session, principal }) => {
      if (session === undefined) throw new BrokerError('invalid_argument', 'a request names its session');
      const [response] = await inGroups(meta, node, [session], named, async (group) => {
        const value = create(ReassignSessionRequestSchema, { session, ...(principal && { principal }) });
        const command = { case: 'reassignSession' as const, value };
        return [await run(meta, group, command, ReassignSessionResponseSchema, requestId)];
      });
      return response ?? {};
    },
  };
}

async function run<D extends DescMessage>(
  meta: Meta,
  group: number,
  command: Command['command'],
  response: D,
  requestId: RequestId | undefined,
): Promise<MessageShape<D>> {
  return decodeResponse(response, await meta.data(group, command, requestId));
}

function named({ tenant, clientId }: Pick<SessionKey, 'tenant' | 'clientId'>): Keyed {
  return { tenant, id: clientId };
}

const ofKey = ({ key }: { readonly key?: SessionKey }): Keyed => keyed(key);

function keyed(key: SessionKey | undefined): Keyed {
  return { tenant: key?.tenant ?? '', id: key?.clientId ?? '' };
}

/** Adds the rows of sessions that are present, as far as they fit; a fenced owner can't change them any more. */
async function withRows(meta: Meta, outcomes: readonly OpenSessionOutcome[]): Promise<void> {
  const budget = meta.turnBudget();
  let leftBytes = OPEN_ANSWER_BYTES;
  let next = 0;
  const readSome = async (): Promise<void> => {
    for (let outcome = outcomes[next++]; outcome !== undefined; outcome = outcomes[next++]) {
      const { session } = outcome;
      if (!outcome.sessionPresent || session?.key === undefined || !hasRows(session.counts)) continue;
      const claimedBytes = Math.max(0, Math.min(PAGE_BYTES, leftBytes));
      leftBytes -= claimedBytes;
      const family = dataFamily(meta.dataGroupOf(session.key.tenant, session.key.clientId));
      const source = { store: meta.store, family, budget };
      const { rows, sizeBytes } = await readSessionRows(source, session.key, new Uint8Array(), claimedBytes);
      outcome.rows = rows;
      leftBytes += claimedBytes - sizeBytes;
    }
  };
  await Promise.all(Array.from({ length: READS_AT_ONCE }, readSome));
}

/** Only a live incarnation has to be asked to stop. */
function withoutDeadOwner(meta: Meta, outcome: OpenSessionOutcome): void {
  const owner = outcome.previousOwner;
  if (owner !== undefined && !meta.leases.isLive(owner.nodeId, owner.incarnation))
    delete outcome.previousOwner;
}
