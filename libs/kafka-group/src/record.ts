// What is stored of a group, and back (rule K2). Plain values: how they lie in meta is docs/en/formats/group-rows.md.
import type { GroupState, Member } from './group-state.ts';
import type { GroupRecord, GroupStateName, MemberRow, StoredRecord, TargetRow } from './types.ts';

const NOTHING = Buffer.alloc(0);

/** The group as it is, in the state that it will be in once this is stored. The group may change afterwards, this does not. */
export function recordOf(group: GroupState, state: GroupStateName): GroupRecord {
  const { protocolType, generationId, protocolName, leaderId } = group;
  const members: MemberRow[] = [];
  const targets: TargetRow[] = [];
  for (const member of group.members.values()) {
    members.push(rowOf(member));
    targets.push({ memberId: member.memberId, assignment: member.assignment });
  }
  return { head: { state, protocolType, generationId, protocolName, leaderId }, members, targets };
}

function rowOf(member: Member): MemberRow {
  const { memberId, groupInstanceId, clientId, clientHost, position } = member;
  const { sessionTimeoutMs, rebalanceTimeoutMs, protocols } = member;
  return {
    memberId,
    groupInstanceId,
    clientId,
    clientHost,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    position,
    protocols,
  };
}

/** Fills an empty group from what is stored. Every member gets a full session timeout from `nowMs` on (rule K2). */
export function restoreGroup(
  group: GroupState,
  { head, members, targets }: StoredRecord,
  nowMs: number,
): void {
  const assigned = new Map(targets.map(({ memberId, assignment }) => [memberId, assignment]));
  for (const row of [...members].sort((a, b) => a.position - b.position))
    group.insert(memberOf(row, assigned.get(row.memberId) ?? NOTHING, nowMs));
  group.protocolType = head.protocolType;
  group.generationId = head.generationId;
  group.protocolName = head.protocolName;
  if (head.leaderId !== null && group.members.has(head.leaderId)) group.leaderId = head.leaderId;
  group.state = group.members.size === 0 ? 'Empty' : 'Stable';
}

function memberOf(row: MemberRow, assignment: Buffer, nowMs: number): Member {
  return {
    ...row,
    assignment,
    isNew: false,
    joinToken: undefined,
    rejoined: false,
    syncToken: undefined,
    synced: true,
    deadlineMs: nowMs + row.sessionTimeoutMs,
    supportSkippingAssignment: false,
    countedBytes: 0,
  };
}
