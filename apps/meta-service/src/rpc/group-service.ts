// GroupService over the data groups.
import { create, fromBinary } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  ClaimGroupResponseSchema,
  ClaimGroupSchema,
  CommitOffsetsResponseSchema,
  DeleteGroupsResponseSchema,
  DeleteOffsetsResponseSchema,
  GroupClaimSchema,
  CALL_LIMITS,
  OffsetRowSchema,
  PutGroupRowsResponseSchema,
  type Command,
  type GroupClaim,
  type GroupKey,
  type GroupRow,
  type GroupService,
  type NodeIdentity,
  type RequestId,
  type ServiceImplementation,
} from '@robustmq/rpc';
import { decodeGroup, groupExists } from '../data/groups.ts';
import { afterPrefix, groupKey, offsetKey } from '../data/keys.ts';
import { liveNode } from '../cluster/live-node.ts';
import { dataFamily } from '../families.ts';
import { decodeResponse, type Meta } from '../meta.ts';
import { checkKey, isKey } from './data-batches.ts';
import { readGroupRows, readOffsets } from './group-pages.ts';

const MAX_LISTED = 1_000;
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
      return { claims: await Promise.all(groups.map((group) => lookUp(meta, group))) };
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
      if (all) {
        const source = { store: meta.store, family, budget: meta.turnBudget() };
        return readOffsets(source, { tenant, groupId }, place, PAGE_BYTES);
      }
      const keys = shards.map((ref) => offsetKey(tenant, groupId, ref.streamId, ref.shard));
      const rows = await meta.store.getMany(family, keys);
      return {
        offsets: rows.flatMap((row) => (row === undefined ? [] : [fromBinary(OffsetRowSchema, row)])),
      };
    },
    listGroups: async ({ tenant, limit, afterGroupId }) => {
      await meta.readIndex();
      const wanted = Math.min(limit === 0 ? MAX_LISTED : limit, MAX_LISTED);
      const rows: GroupRow[] = [];
      for (let group = 0; group < meta.dataGroups; group++)
        rows.push(...(await existingGroups(meta, dataFamily(group), tenant, afterGroupId, wanted + 1)));
      // Byte order, as in the store, so that pages follow each other without gaps.
      rows.sort((a, b) => Buffer.compare(Buffer.from(groupIdOf(a)), Buffer.from(groupIdOf(b))));
      const groups = rows.slice(0, wanted).map(({ claim, head }) => {
        const live =
          claim !== undefined && meta.leases.isLive(claim.coordinatorNodeId, claim.coordinatorIncarnation);
        return {
          state: head?.state ?? '',
          protocolType: head?.protocolType ?? '',
          ...(claim?.group && { group: claim.group }),
          ...(claim && { claim: { ...claim, live } }),
        };
      });
      return { groups, more: rows.length > wanted };
    },
  };
}

const groupIdOf = ({ claim }: GroupRow): string => claim?.group?.groupId ?? '';

/** Groups of one family in byte order, without those that were only claimed. */
async function existingGroups(
  meta: Meta,
  family: string,
  tenant: string,
  afterGroupId: string,
  wanted: number,
): Promise<GroupRow[]> {
  const prefix = groupKey(tenant, '');
  const found: GroupRow[] = [];
  let from = afterGroupId === '' ? prefix : after(groupKey(tenant, afterGroupId));
  for (;;) {
    const page = await meta.store.scan(family, { from, until: afterPrefix(prefix), limit: MAX_LISTED });
    for (const { value } of page) {
      const row = decodeGroup(value);
      if (groupExists(row)) found.push(row);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < MAX_LISTED || found.length >= wanted)
      return found.slice(0, wanted);
    from = after(last.key);
  }
}

/** The least key after this one. */
function after(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.from([0])]);
}

/** Nobody can have claimed a group whose id is none: one of them must not fail the others that are looked up with it. */
function lookUp(meta: Meta, key: GroupKey): Promise<GroupClaim> {
  const { tenant, groupId } = key;
  return isKey(tenant, idOf(groupId)) ? readClaim(meta, key) : Promise.resolve(nobodys(key));
}

/** The empty id is that of consumers which commit without a group of their own, as in Kafka. */
const idOf = (groupId: string): string => (groupId === '' ? 'empty' : groupId);

const nobodys = (key: GroupKey): GroupClaim => create(GroupClaimSchema, { group: key, coordinatorEpoch: -1 });

function checked(key: GroupKey | undefined): GroupKey {
  if (key === undefined) throw new BrokerError('invalid_argument', 'a request names its group');
  checkKey(key.tenant, idOf(key.groupId));
  return key;
}

/** The claim as stored, live if its incarnation is; epoch -1 without one. */
async function readClaim(meta: Meta, key: GroupKey): Promise<GroupClaim> {
  const bytes = await meta.store.get(
    dataFamily(meta.dataGroupOf(key.tenant, key.groupId)),
    groupKey(key.tenant, key.groupId),
  );
  const claim = bytes === undefined ? undefined : decodeGroup(bytes).claim;
  if (claim === undefined) return nobodys(key);
  return { ...claim, live: meta.leases.isLive(claim.coordinatorNodeId, claim.coordinatorIncarnation) };
}
