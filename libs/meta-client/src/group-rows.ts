// Rows of a group between plain values and the contract, both ways. A change that is too large for one command becomes several: the
// head says so from the first to the last, so that whoever finds half of them does not take them for the whole.
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  GroupType,
  CALL_LIMITS,
  type GroupHead,
  type GroupHeadSchema,
  type GroupMember,
  type GroupMemberSchema,
  type GroupTarget,
  type GroupTargetSchema,
} from '@robustmq/rpc';
import type {
  CommittedOffset,
  GroupHeadRow,
  GroupMemberRow,
  GroupRowChanges,
  GroupTargetRow,
  StoredGroup,
} from './group-port.ts';

/** Bytes of rows in a command: half of the least that the log of a meta-service takes; a larger row goes alone. */
const MAX_SLICE_BYTES = 256 * 1024;
/** What a row takes beside its texts and bytes, roughly. */
const ROW_BYTES = 64;

/** What one command changes. */
export interface GroupRowSlice {
  head?: MessageInitShape<typeof GroupHeadSchema>;
  replace: boolean;
  members: MessageInitShape<typeof GroupMemberSchema>[];
  targets: MessageInitShape<typeof GroupTargetSchema>[];
  gone: string[];
}

/** The commands for a change, in order. */
export function slicesOf({ head, replace, members, targets, gone }: GroupRowChanges): GroupRowSlice[] {
  const slices = [emptySlice()];
  let count = 0;
  let bytes = 0;
  const room = (sizeBytes: number): GroupRowSlice => {
    const isFull = count === CALL_LIMITS.groupRows || bytes + sizeBytes > MAX_SLICE_BYTES;
    if (isFull && count > 0) {
      slices.push(emptySlice());
      count = bytes = 0;
    }
    count += 1;
    bytes += sizeBytes;
    return slices.at(-1) as GroupRowSlice;
  };
  for (const memberId of gone) room(ROW_BYTES + Buffer.byteLength(memberId)).gone.push(memberId);
  for (const member of members) room(sizeOfMember(member)).members.push(memberMessage(member));
  for (const { memberId, assignment } of targets)
    room(ROW_BYTES + Buffer.byteLength(memberId) + assignment.length).targets.push({ memberId, assignment });
  const [first] = slices;
  const last = slices.at(-1);
  if (first !== undefined) Object.assign(first, { replace, head: headMessage(head, true) });
  if (last !== undefined) last.head = headMessage(head, false);
  return slices;
}

/** The offsets of each command of a commit, in order: bounded by count and by bytes, for a client's metadata may be most of a row. */
export function* offsetSlices(
  rows: readonly CommittedOffset[],
): Generator<readonly CommittedOffset[], void, undefined> {
  let from = 0;
  let bytes = 0;
  for (const [at, { metadata }] of rows.entries()) {
    const sizeBytes = ROW_BYTES + Buffer.byteLength(metadata);
    const isFull = at - from === CALL_LIMITS.groupOffsets || bytes + sizeBytes > MAX_SLICE_BYTES;
    if (isFull && at > from) {
      yield rows.slice(from, at);
      from = at;
      bytes = 0;
    }
    bytes += sizeBytes;
  }
  if (from < rows.length) yield rows.slice(from);
}

function emptySlice(): GroupRowSlice {
  return { replace: false, members: [], targets: [], gone: [] };
}

function sizeOfMember({
  memberId,
  groupInstanceId,
  clientId,
  clientHost,
  protocols,
}: GroupMemberRow): number {
  let bytes = ROW_BYTES;
  for (const text of [memberId, groupInstanceId ?? '', clientId, clientHost])
    bytes += Buffer.byteLength(text);
  for (const { name, metadata } of protocols) bytes += ROW_BYTES + Buffer.byteLength(name) + metadata.length;
  return bytes;
}

function headMessage(
  { state, protocolType, generationId, protocolName, leaderId }: GroupHeadRow,
  incomplete: boolean,
): MessageInitShape<typeof GroupHeadSchema> {
  return {
    type: GroupType.CLASSIC,
    state,
    protocolType,
    epoch: generationId,
    incomplete,
    ...(protocolName !== null && { protocol: protocolName }),
    ...(leaderId !== null && { leaderId }),
  };
}

function memberMessage({
  groupInstanceId,
  protocols,
  ...row
}: GroupMemberRow): MessageInitShape<typeof GroupMemberSchema> {
  return {
    ...row,
    protocols: protocols.map(({ name, metadata }) => ({ name, metadata })),
    ...(groupInstanceId !== null && { instanceId: groupInstanceId }),
  };
}

/** A group as read back. */
export function storedGroup(
  head: GroupHead,
  members: readonly GroupMember[],
  targets: readonly GroupTarget[],
): StoredGroup {
  return {
    head: {
      state: head.state,
      protocolType: head.protocolType,
      generationId: head.epoch,
      protocolName: head.protocol ?? null,
      leaderId: head.leaderId ?? null,
    },
    isComplete: !head.incomplete,
    members: members.map(memberRow),
    targets: targets.map(targetRow),
  };
}

function memberRow(row: GroupMember): GroupMemberRow {
  const { memberId, instanceId, clientId, clientHost, sessionTimeoutMs, rebalanceTimeoutMs, position } = row;
  return {
    memberId,
    groupInstanceId: instanceId ?? null,
    clientId,
    clientHost,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    position,
    protocols: row.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) })),
  };
}

function targetRow({ memberId, assignment }: GroupTarget): GroupTargetRow {
  return { memberId, assignment: Buffer.from(assignment) };
}
