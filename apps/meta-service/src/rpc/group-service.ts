// GroupService over the data groups.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  ClaimGroupResponseSchema,
  ClaimGroupSchema,
  CommitOffsetsResponseSchema,
  DeleteGroupsResponseSchema,
  DeleteOffsetsResponseSchema,
  CALL_LIMITS,
  PutGroupRowsResponseSchema,
  type Command,
  type GroupKey,
  type GroupRow,
  type GroupService,
  type GroupSummarySchema,
  type NodeIdentity,
  type RequestId,
  type ServiceImplementation,
} from '@robustmq/rpc';
import { decodeGroup, groupExists } from '../data/groups.ts';
import { afterPrefix, groupKey } from '../data/keys.ts';
import { liveNode } from '../cluster/live-node.ts';
import { dataFamily } from '../families.ts';
import { decodeResponse, type Meta } from '../meta.ts';
import { checkKey } from './data-batches.ts';
import { idOf, readClaim, readClaims } from './group-claims.ts';
import { readGroupRows, readOffsets, readOffsetsOf } from './group-pages.ts';
import type { PageSource } from './session-pages.ts';

const MAX_LISTED = 1_000;
/** Groups per read of the store. */
const READ_GROUPS = 256;
/** Rows in one answer. */
const PAGE_BYTES = 1024 * 1024;

/** The implementation for one meta-service. */
export function groupService(meta: Meta): ServiceImplementation<typeof GroupService> {
  return { ...groupWrites(meta), ...groupReads(meta) };
}

type Reads = 'lookupGroups' | 'readGroupRows' | 'fetchOffsets' | 'listGroups';

function groupWrites(meta: Meta): Omit<ServiceImplementation<typeof GroupService>, Reads> {
  const propose = (
    key: GroupKey | undefined,
    node: NodeIdentity | undefined,
    id: RequestId | undefined,
    command: Command['command'],
  ): Promise<Uint8Array> => {
    liveNode(meta.state, node);
    const { tenant, groupId } = checked(key);
    return meta.data(meta.dataGroupOf(tenant, groupId), command, id);
  };
  return {
    claimGroup: async ({ node, requestId, group }) => {
      liveNode(meta.state, node);
      const claim = await readClaim(meta, checked(group));
      const isOwn =
        claim.coordinatorNodeId === node?.nodeId && claim.coordinatorIncarnation === node.incarnation;
      if (claim.live && !isOwn) return { claim, granted: false };
      const value = create(ClaimGroupSchema, {
        expectedEpoch: claim.coordinatorEpoch,
        ...(group && { group }),
        ...(node && { node }),
      });
      return decodeResponse(
        ClaimGroupResponseSchema,
        await propose(group, node, requestId, { case: 'claimGroup', value }),
      );
    },
    putGroupRows: async (value) =>
      decodeResponse(
        PutGroupRowsResponseSchema,
        await propose(value.group, value.node, value.requestId, { case: 'putGroupRows', value }),
      ),
    commitOffsets: async (value) =>
      decodeResponse(
        CommitOffsetsResponseSchema,
        await propose(value.group, value.node, value.requestId, { case: 'commitOffsets', value }),
      ),
    deleteOffsets: async (value) =>
      decodeResponse(
        DeleteOffsetsResponseSchema,
        await propose(value.group, value.node, value.requestId, { case: 'deleteOffsets', value }),
      ),
    deleteGroups: async (value) =>
      decodeResponse(
        DeleteGroupsResponseSchema,
        await propose(value.group, value.node, value.requestId, { case: 'deleteGroups', value }),
      ),
  };
}

/** Reads of applied rows; every answered command is applied, so they are linearizable (I7). */
function groupReads(meta: Meta): Pick<ServiceImplementation<typeof GroupService>, Reads> {
  return {
    lookupGroups: async ({ groups }) => {
      if (groups.length > CALL_LIMITS.groupLookups)
        throw new BrokerError('too_large', `at most ${CALL_LIMITS.groupLookups} groups at a time`);
      await meta.readIndex();
      return { claims: await readClaims(meta, groups) };
    },
    readGroupRows: async ({ group, place }) => {
      const { tenant, groupId } = checked(group);
      const family = dataFamily(meta.dataGroupOf(tenant, groupId));
      await meta.readIndex();
      const source = { store: meta.store, family, budget: meta.turnBudget() };
      return readGroupRows(source, { tenant, groupId }, place, PAGE_BYTES);
    },
    fetchOffsets: async ({ group, shards, all, place }) => {
      const { tenant, groupId } = checked(group);
      if (shards.length > CALL_LIMITS.groupOffsetReads)
        throw new BrokerError('too_large', `at most ${CALL_LIMITS.groupOffsetReads} offsets at a time`);
      const family = dataFamily(meta.dataGroupOf(tenant, groupId));
      await meta.readIndex();
      const source = { store: meta.store, family, budget: meta.turnBudget() };
      return all
        ? readOffsets(source, { tenant, groupId }, place, PAGE_BYTES)
        : readOffsetsOf(source, { tenant, groupId }, shards, PAGE_BYTES);
    },
    listGroups: async ({ tenant, limit, afterGroupId }) => {
      await meta.readIndex();
      const wanted = Math.min(limit === 0 ? MAX_LISTED : limit, MAX_LISTED);
      const budget = meta.turnBudget();
      const rows: ListedGroup[] = [];
      for (let group = 0; group < meta.dataGroups; group++) {
        const source = { store: meta.store, family: dataFamily(group), budget };
        rows.push(...(await existingGroups(source, tenant, afterGroupId, wanted + 1)));
      }
      // Byte order, as in the store, so that pages follow each other without gaps.
      rows.sort((a, b) => Buffer.compare(a.key, b.key));
      return {
        groups: rows.slice(0, wanted).map(({ row }) => summaryOf(meta, row)),
        more: rows.length > wanted,
      };
    },
  };
}

function summaryOf(meta: Meta, { claim, head }: GroupRow): MessageInitShape<typeof GroupSummarySchema> {
  const live =
    claim !== undefined && meta.leases.isLive(claim.coordinatorNodeId, claim.coordinatorIncarnation);
  return {
    state: head?.state ?? '',
    protocolType: head?.protocolType ?? '',
    ...(claim?.group && { group: claim.group }),
    ...(claim && { claim: { ...claim, live } }),
  };
}

/** A group as stored. */
interface ListedGroup {
  readonly key: Buffer;
  readonly row: GroupRow;
}

/** Groups of one family in byte order, without those that were only claimed. */
async function existingGroups(
  { store, family, budget }: PageSource,
  tenant: string,
  afterGroupId: string,
  wanted: number,
): Promise<ListedGroup[]> {
  const prefix = groupKey(tenant, '');
  const found: ListedGroup[] = [];
  let from = afterGroupId === '' ? prefix : after(groupKey(tenant, afterGroupId));
  for (;;) {
    const page = await store.scan(family, { from, until: afterPrefix(prefix), limit: READ_GROUPS });
    for (const { key, value } of page) {
      if (budget.isSpent) await budget.yield();
      const row = decodeGroup(value);
      if (groupExists(row)) found.push({ key, row });
    }
    const last = page.at(-1);
    if (last === undefined || page.length < READ_GROUPS || found.length >= wanted)
      return found.slice(0, wanted);
    from = after(last.key);
  }
}

/** The least key after this one. */
function after(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.from([0])]);
}

function checked(key: GroupKey | undefined): GroupKey {
  if (key === undefined) throw new BrokerError('invalid_argument', 'a request names its group');
  checkKey(key.tenant, idOf(key.groupId));
  return key;
}
