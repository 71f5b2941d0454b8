// Kafka groups (rule K2): the coordinator's claim fences every write of the one before.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  ClaimGroupResponseSchema,
  CommitOffsetsResponseSchema,
  DeleteGroupsResponseSchema,
  DeleteOffsetsResponseSchema,
  GroupClaimSchema,
  GroupRowSchema,
  CALL_LIMITS,
  NodeIdentitySchema,
  OffsetRowSchema,
  PutGroupRowsResponseSchema,
  type ClaimGroup,
  type CommitOffsetsRequest,
  type DeleteGroupsRequest,
  type DropStrayOffsets,
  type ExpireGroups,
  type DeleteOffsetsRequest,
  type GroupClaim,
  type GroupKey,
  type GroupRow,
  type PutGroupRowsRequest,
} from '@robustmq/rpc';
import type { ApplyView } from '../group-machine.ts';
import { checkClaim, claim, UNCLAIMED, type Claim } from './claims.ts';
import { dataCommand, type AnyDataCommand } from './commands.ts';
import { changeGroupRows, dropGroupRows } from './group-rows.ts';
import { afterPrefix, groupKey, idleGroupKey, offsetKey, offsetsPrefix } from './keys.ts';

/**
 * Commits of a group without members renew its time only after this long: else each would write the group as well. The time
 * is late by so much at most, which whoever judges by it has to allow for.
 */
export const RENEW_AFTER_MS = 30_000;

/** Grants the claim if nobody claimed since the proposer looked. */
function claimGroup(view: ApplyView, { node, group, expectedEpoch }: ClaimGroup, nowMs: bigint): Uint8Array {
  const key = keyOf(group);
  const row =
    readGroup(view, key) ??
    create(GroupRowSchema, { claim: { ...(group && { group }), coordinatorEpoch: -1 } });
  const exists = groupExists(row);
  const granted = claim(claimOf(row), expectedEpoch, node ?? create(NodeIdentitySchema));
  if (granted === undefined) {
    return toBinary(
      ClaimGroupResponseSchema,
      create(ClaimGroupResponseSchema, {
        claim: create(GroupClaimSchema, { ...(row.claim as GroupClaim), live: true }),
        granted: false,
      }),
    );
  }
  const held = create(GroupClaimSchema, {
    ...(group && { group }),
    coordinatorNodeId: granted.nodeId,
    coordinatorIncarnation: granted.incarnation,
    coordinatorEpoch: granted.epoch,
    live: true,
  });
  // Whatever is asked for gets claimed: a group that never comes to be is forgotten as well.
  const idleSinceMs = exists || row.idleSinceMs > 0n ? row.idleSinceMs : nowMs;
  writeIdle(view, key, row, create(GroupRowSchema, { ...row, claim: held, idleSinceMs }));
  return toBinary(
    ClaimGroupResponseSchema,
    create(ClaimGroupResponseSchema, {
      claim: held,
      granted: true,
      exists,
      ...(row.head && { head: row.head }),
    }),
  );
}

/** A claim alone does not make a group: FindCoordinator claims whatever it is asked for. */
export function groupExists(row: GroupRow): boolean {
  return row.head !== undefined || row.hasOffsets;
}

function putGroupRows(view: ApplyView, request: PutGroupRowsRequest, nowMs: bigint): Uint8Array {
  const key = keyOf(request.group);
  const row = claimed(view, request);
  const { head } = request;
  changeGroupRows(view, key, request);
  if (head !== undefined) {
    const wasIdle = row.idleSinceMs > 0n && isWithoutMembers(row);
    const idleSinceMs = head.state === EMPTY ? (wasIdle ? row.idleSinceMs : nowMs) : 0n;
    writeIdle(view, key, row, create(GroupRowSchema, { ...row, head, idleSinceMs }));
  }
  return toBinary(PutGroupRowsResponseSchema, create(PutGroupRowsResponseSchema));
}

function commitOffsets(view: ApplyView, request: CommitOffsetsRequest, nowMs: bigint): Uint8Array {
  const key = keyOf(request.group);
  const group = claimed(view, request);
  checkOffsetCount(request.offsets.length);
  const renews = isWithoutMembers(group) && nowMs - group.idleSinceMs >= BigInt(RENEW_AFTER_MS);
  const hasOffsets = group.hasOffsets || request.offsets.length > 0;
  if (renews || hasOffsets !== group.hasOffsets) {
    const idleSinceMs = renews ? nowMs : group.idleSinceMs;
    writeIdle(view, key, group, { ...group, hasOffsets, idleSinceMs });
  }
  for (const row of request.offsets) {
    const stored = create(OffsetRowSchema, { ...row, committedAtMs: nowMs });
    view.put(offsetKey(key.tenant, key.groupId, row.streamId, row.shard), toBinary(OffsetRowSchema, stored));
  }
  return toBinary(CommitOffsetsResponseSchema, create(CommitOffsetsResponseSchema));
}

function deleteOffsets(view: ApplyView, request: DeleteOffsetsRequest): Uint8Array {
  const key = keyOf(request.group);
  claimed(view, request);
  checkOffsetCount(request.shards.length);
  for (const { streamId, shard } of request.shards)
    view.delete(offsetKey(key.tenant, key.groupId, streamId, shard));
  return toBinary(DeleteOffsetsResponseSchema, create(DeleteOffsetsResponseSchema));
}

/** A command is applied within one turn of the loop (N8). @throws BrokerError `too_large` */
function checkOffsetCount(count: number): void {
  if (count > CALL_LIMITS.groupOffsets)
    throw new BrokerError('too_large', `at most ${CALL_LIMITS.groupOffsets} offsets at a time`);
}

function deleteGroups(view: ApplyView, request: DeleteGroupsRequest): Uint8Array {
  const key = keyOf(request.group);
  removeGroup(view, key, claimed(view, request));
  return toBinary(DeleteGroupsResponseSchema, create(DeleteGroupsResponseSchema));
}

/** Removes groups that have been idle for long; who used one meanwhile keeps it. */
function expireGroups(view: ApplyView, { groups, idleUntilMs }: ExpireGroups): Uint8Array {
  for (const key of groups) {
    const row = readGroup(view, key);
    if (row === undefined || row.idleSinceMs === 0n || row.idleSinceMs > idleUntilMs) continue;
    removeGroup(view, key, row);
  }
  return new Uint8Array();
}

/** Removes offsets of streams that are gone. */
function dropStrayOffsets(view: ApplyView, { offsets }: DropStrayOffsets): Uint8Array {
  for (const { group, streamId, shard } of offsets) {
    const key = keyOf(group);
    view.delete(offsetKey(key.tenant, key.groupId, streamId, shard));
  }
  return new Uint8Array();
}

function removeGroup(view: ApplyView, key: GroupKey, row: GroupRow): void {
  dropGroupRows(view, key);
  const offsets = offsetsPrefix(key.tenant, key.groupId);
  view.deleteRange(offsets, afterPrefix(offsets));
  view.delete(groupKey(key.tenant, key.groupId));
  if (row.idleSinceMs > 0n) view.delete(idleGroupKey(row.idleSinceMs, key.tenant, key.groupId));
}

const EMPTY = 'Empty';

/** A group of consumers that only commit has no state at all. */
function isWithoutMembers({ head }: GroupRow): boolean {
  return head === undefined || head.state === EMPTY;
}

/** Writes the group, and lists it under the time since when it has had no members. */
function writeIdle(view: ApplyView, key: GroupKey, before: GroupRow, row: GroupRow): void {
  if (before.idleSinceMs !== row.idleSinceMs) {
    const { tenant, groupId } = key;
    if (before.idleSinceMs > 0n) view.delete(idleGroupKey(before.idleSinceMs, tenant, groupId));
    if (row.idleSinceMs > 0n) view.put(idleGroupKey(row.idleSinceMs, tenant, groupId), LISTED);
  }
  writeGroup(view, key, row);
}

const LISTED = new Uint8Array();

/** A stored group. */
export function decodeGroup(bytes: Uint8Array): GroupRow {
  return fromBinary(GroupRowSchema, bytes);
}

function keyOf(group: GroupKey | undefined): GroupKey {
  if (group === undefined) throw new BrokerError('invalid_argument', 'a request names its group');
  return group;
}

function readGroup(view: ApplyView, key: GroupKey): GroupRow | undefined {
  const bytes = view.get(groupKey(key.tenant, key.groupId));
  return bytes === undefined ? undefined : decodeGroup(bytes);
}

function writeGroup(view: ApplyView, key: GroupKey, row: GroupRow): void {
  view.put(groupKey(key.tenant, key.groupId), toBinary(GroupRowSchema, row));
}

/**
 * The row of the caller's claim.
 * @throws BrokerError `not_coordinator` unless the claim is the current one
 */
function claimed(view: ApplyView, { node, group, coordinatorEpoch }: ClaimedRequest): GroupRow {
  const row = readGroup(view, keyOf(group)) ?? create(GroupRowSchema);
  checkClaim(claimOf(row), coordinatorEpoch, node);
  return row;
}

function claimOf({ claim: row }: GroupRow): Claim {
  if (row === undefined) return UNCLAIMED;
  const { coordinatorNodeId: nodeId, coordinatorIncarnation: incarnation, coordinatorEpoch: epoch } = row;
  return { nodeId, incarnation, epoch };
}

type ClaimedRequest = Pick<PutGroupRowsRequest, 'node' | 'group' | 'coordinatorEpoch'>;

/** What is done to groups. */
export const groupCommands: readonly AnyDataCommand[] = [
  dataCommand({
    case: 'claimGroup',
    keysOf: ({ group }) => keysOfGroup(group),
    apply: (view, value, { nowMs }) => claimGroup(view, value, nowMs),
  }),
  dataCommand({
    case: 'putGroupRows',
    keysOf: ({ group }) => keysOfGroup(group),
    apply: (view, value, { nowMs }) => putGroupRows(view, value, nowMs),
  }),
  dataCommand({
    case: 'commitOffsets',
    keysOf: ({ group }) => keysOfGroup(group),
    apply: (view, value, { nowMs }) => commitOffsets(view, value, nowMs),
  }),
  dataCommand({
    case: 'deleteOffsets',
    keysOf: ({ group }) => keysOfGroup(group),
    apply: (view, value) => deleteOffsets(view, value),
  }),
  dataCommand({
    case: 'deleteGroups',
    keysOf: ({ group }) => keysOfGroup(group),
    apply: (view, value) => deleteGroups(view, value),
  }),
  dataCommand({
    case: 'expireGroups',
    keysOf: ({ groups }) => groups.flatMap(keysOfGroup),
    apply: (view, value) => expireGroups(view, value),
  }),
  dataCommand({
    case: 'dropStrayOffsets',
    keysOf: () => [],
    apply: (view, value) => dropStrayOffsets(view, value),
  }),
];

function keysOfGroup(group: GroupKey | undefined): Buffer[] {
  return group === undefined ? [] : [groupKey(group.tenant, group.groupId)];
}
