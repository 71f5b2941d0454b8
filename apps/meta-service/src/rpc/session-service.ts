// SessionService over the data groups.
import {
  CommitCursorsRequestSchema,
  CommitCursorsResponseSchema,
  OpenSessionsRequestSchema,
  OpenSessionsResponseSchema,
  ReleaseSessionsRequestSchema,
  ReleaseSessionsResponseSchema,
  UpdateSubscriptionsRequestSchema,
  UpdateSubscriptionsResponseSchema,
  type ListSessionsRequest,
  type OpenSessionOutcome,
  type ServiceImplementation,
  type SessionKey,
  type SessionService,
  type SessionState,
} from '@robustmq/rpc';
import { create } from '@bufbuild/protobuf';
import { afterPrefix, sessionKey } from '../data/keys.ts';
import { decodeSession } from '../data/sessions.ts';
import { dataFamily } from '../families.ts';
import { decodeResponse, type Meta } from '../meta.ts';
import { checkKey, inGroups, type Keyed } from './data-batches.ts';

const MAX_LISTED = 1_000;

/** The implementation for one meta-service. */
export function sessionService(meta: Meta): ServiceImplementation<typeof SessionService> {
  return {
    openSessions: async ({ node, requestId, sessions }) => {
      const keyOf = ({ tenant, clientId }: { tenant: string; clientId: string }): Keyed => ({
        tenant,
        id: clientId,
      });
      const outcomes = await inGroups(meta, node, sessions, keyOf, async (group, part) => {
        const value = create(OpenSessionsRequestSchema, { sessions: part, ...(node && { node }) });
        const bytes = await meta.data(group, { case: 'openSessions', value }, requestId);
        return decodeResponse(OpenSessionsResponseSchema, bytes).outcomes;
      });
      return { outcomes: outcomes.map((outcome) => withoutDeadOwner(meta, outcome)) };
    },
    releaseSessions: async ({ node, requestId, sessions }) => {
      const outcomes = await inGroups(
        meta,
        node,
        sessions,
        ({ key }) => keyed(key),
        async (group, part) => {
          const value = create(ReleaseSessionsRequestSchema, { sessions: part, ...(node && { node }) });
          return decodeResponse(
            ReleaseSessionsResponseSchema,
            await meta.data(group, { case: 'releaseSessions', value }, requestId),
          ).outcomes;
        },
      );
      return { outcomes };
    },
    updateSubscriptions: async ({ node, requestId, updates }) => {
      const outcomes = await inGroups(
        meta,
        node,
        updates,
        ({ key }) => keyed(key),
        async (group, part) => {
          const value = create(UpdateSubscriptionsRequestSchema, { updates: part, ...(node && { node }) });
          const bytes = await meta.data(group, { case: 'updateSubscriptions', value }, requestId);
          return decodeResponse(UpdateSubscriptionsResponseSchema, bytes).outcomes;
        },
      );
      return { outcomes };
    },
    commitCursors: async ({ node, requestId, commits }) => {
      const outcomes = await inGroups(
        meta,
        node,
        commits,
        ({ key }) => keyed(key),
        async (group, part) => {
          const value = create(CommitCursorsRequestSchema, { commits: part, ...(node && { node }) });
          return decodeResponse(
            CommitCursorsResponseSchema,
            await meta.data(group, { case: 'commitCursors', value }, requestId),
          ).outcomes;
        },
      );
      return { outcomes };
    },
    listSessions: (request) => listSessions(meta, request),
  };
}

/** A page in byte order of the client ids, over all data groups. */
async function listSessions(
  meta: Meta,
  { tenant, clientIdPrefix, afterClientId, limit }: ListSessionsRequest,
): Promise<{ sessions: SessionState[]; more: boolean }> {
  checkKey(tenant, `${clientIdPrefix}${afterClientId}*`);
  await meta.readIndex();
  const wanted = Math.min(limit === 0 ? MAX_LISTED : limit, MAX_LISTED);
  const prefix = sessionKey(tenant, clientIdPrefix);
  const after =
    afterClientId === '' ? prefix : Buffer.concat([sessionKey(tenant, afterClientId), Buffer.from([0])]);
  const from = Buffer.compare(after, prefix) > 0 ? after : prefix;
  const rows: SessionState[] = [];
  for (let group = 0; group < meta.dataGroups; group++) {
    const page = await meta.store.scan(dataFamily(group), {
      from,
      until: afterPrefix(prefix),
      limit: wanted + 1,
    });
    rows.push(...page.map(({ value }) => decodeSession(value)));
  }
  rows.sort((a, b) => Buffer.compare(Buffer.from(a.key?.clientId ?? ''), Buffer.from(b.key?.clientId ?? '')));
  return { sessions: rows.slice(0, wanted), more: rows.length > wanted };
}

function keyed(key: SessionKey | undefined): Keyed {
  return { tenant: key?.tenant ?? '', id: key?.clientId ?? '' };
}

/** Only a live incarnation has to be asked to stop. */
function withoutDeadOwner(meta: Meta, outcome: OpenSessionOutcome): OpenSessionOutcome {
  const owner = outcome.previousOwner;
  if (owner === undefined || meta.leases.isLive(owner.nodeId, owner.incarnation)) return outcome;
  const { previousOwner: _dead, ...rest } = outcome;
  return rest;
}
