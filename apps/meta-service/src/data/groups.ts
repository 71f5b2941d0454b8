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
  OffsetRowSchema,
  PutGroupMetadataResponseSchema,
  type ClaimGroup,
  type CommitOffsetsRequest,
  type DeleteGroupsRequest,
  type DeleteOffsetsRequest,
  type GroupClaim,
  type GroupKey,
  type GroupRow,
  type PutGroupMetadataRequest,
} from '@robustmq/rpc';
import type { ApplyView } from '../group-machine.ts';
import { afterPrefix, groupKey, offsetKey, offsetsPrefix } from './keys.ts';

/** Offsets in one commit. */
export const MAX_OFFSETS_PER_COMMIT = 10_000;

/** Grants the claim if nobody claimed since the proposer looked. */
export function claimGroup(view: ApplyView, { node, group, expectedEpoch }: ClaimGroup): Uint8Array {
  const key = keyOf(group);
  const row =
    readGroup(view, key) ??
    create(GroupRowSchema, { claim: { ...(group && { group }), coordinatorEpoch: -1 } });
  const epoch = row.claim?.coordinatorEpoch ?? -1;
  const exists = groupExists(row);
  if (epoch !== expectedEpoch) {
    return toBinary(
      ClaimGroupResponseSchema,
      create(ClaimGroupResponseSchema, {
        claim: create(GroupClaimSchema, { ...(row.claim as GroupClaim), live: true }),
        granted: false,
      }),
    );
  }
  const claim = create(GroupClaimSchema, {
    ...(group && { group }),
    coordinatorNodeId: node?.nodeId ?? '',
    coordinatorIncarnation: node?.incarnation ?? 0n,
    coordinatorEpoch: epoch + 1,
    live: true,
  });
  writeGroup(view, key, create(GroupRowSchema, { ...row, claim }));
  return toBinary(
    ClaimGroupResponseSchema,
    create(ClaimGroupResponseSchema, { claim, granted: true, metadata: row.metadata, exists }),
  );
}

/** A claim alone does not make a group: FindCoordinator claims whatever it is asked for. */
export function groupExists(row: GroupRow): boolean {
  return row.metadata.length > 0 || row.hasOffsets;
}

export function putGroupMetadata(view: ApplyView, request: PutGroupMetadataRequest): Uint8Array {
  const row = claimed(view, request);
  const { metadata, state, protocolType } = request;
  writeGroup(view, keyOf(request.group), create(GroupRowSchema, { ...row, metadata, state, protocolType }));
  return toBinary(PutGroupMetadataResponseSchema, create(PutGroupMetadataResponseSchema));
}

export function commitOffsets(view: ApplyView, request: CommitOffsetsRequest, nowMs: bigint): Uint8Array {
  const key = keyOf(request.group);
  const group = claimed(view, request);
  if (request.offsets.length > MAX_OFFSETS_PER_COMMIT)
    throw new BrokerError('too_large', `at most ${MAX_OFFSETS_PER_COMMIT} offsets at a time`);
  if (!group.hasOffsets && request.offsets.length > 0) writeGroup(view, key, { ...group, hasOffsets: true });
  for (const row of request.offsets) {
    const stored = create(OffsetRowSchema, { ...row, committedAtMs: nowMs });
    view.put(offsetKey(key.tenant, key.groupId, row.streamId, row.shard), toBinary(OffsetRowSchema, stored));
  }
  return toBinary(CommitOffsetsResponseSchema, create(CommitOffsetsResponseSchema));
}

export function deleteOffsets(view: ApplyView, request: DeleteOffsetsRequest): Uint8Array {
  const key = keyOf(request.group);
  claimed(view, request);
  for (const { streamId, shard } of request.shards)
    view.delete(offsetKey(key.tenant, key.groupId, streamId, shard));
  return toBinary(DeleteOffsetsResponseSchema, create(DeleteOffsetsResponseSchema));
}

export function deleteGroups(view: ApplyView, request: DeleteGroupsRequest): Uint8Array {
  const key = keyOf(request.group);
  claimed(view, request);
  const offsets = offsetsPrefix(key.tenant, key.groupId);
  view.deleteRange(offsets, afterPrefix(offsets));
  view.delete(groupKey(key.tenant, key.groupId));
  return toBinary(DeleteGroupsResponseSchema, create(DeleteGroupsResponseSchema));
}

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
 * The row of the caller's claim. The epoch alone would not do: a deleted group begins again at epoch 0.
 * @throws BrokerError `not_coordinator` unless the claim is the current one
 */
function claimed(view: ApplyView, { node, group, coordinatorEpoch }: ClaimedRequest): GroupRow {
  const row = readGroup(view, keyOf(group));
  const claim = row?.claim;
  const isCurrent =
    claim?.coordinatorEpoch === coordinatorEpoch &&
    claim.coordinatorNodeId === node?.nodeId &&
    claim.coordinatorIncarnation === node.incarnation;
  if (row === undefined || !isCurrent)
    throw new BrokerError('not_coordinator', `the claim with coordinator epoch ${coordinatorEpoch} is over`);
  return row;
}

type ClaimedRequest = Pick<PutGroupMetadataRequest, 'node' | 'group' | 'coordinatorEpoch'>;
