// Answers that several transitions give.
import type { GroupState, Member } from './group-state.ts';
import type { GroupError, JoinResult, SyncResult } from './types.ts';

const EMPTY = Buffer.alloc(0);

/** A JoinGroup answer that only says what is wrong. */
export function joinError(memberId: string, error: GroupError): JoinResult {
  return {
    error,
    memberId,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leaderId: '',
    skipAssignment: false,
    members: [],
  };
}

/** The answer for a member of the current generation. */
export function joinSuccess(group: GroupState, member: Member): JoinResult {
  return {
    error: 'NONE',
    memberId: member.memberId,
    generationId: group.generationId,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leaderId: group.leaderId ?? '',
    skipAssignment: false,
    members: group.isLeader(member) ? group.joinedMembers() : [],
  };
}

/** A SyncGroup answer that only says what is wrong. */
export function syncError(error: GroupError): SyncResult {
  return { error, protocolType: null, protocolName: null, assignment: EMPTY };
}

/** The member's assignment of the current generation. */
export function syncSuccess(group: GroupState, member: Member): SyncResult {
  return {
    error: 'NONE',
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    assignment: member.assignment,
  };
}

/** Answers a waiting JoinGroup, if there is one; the member is heard from. */
export function answerJoin(group: GroupState, member: Member, result: JoinResult, nowMs: number): void {
  const token = member.joinToken;
  member.joinToken = undefined;
  member.rejoined = false;
  member.deadlineMs = nowMs + member.sessionTimeoutMs;
  if (token !== undefined) group.sink.joined(token, result);
}

/** Answers a waiting SyncGroup, if there is one; the member is heard from. */
export function answerSync(group: GroupState, member: Member, result: SyncResult, nowMs: number): void {
  const token = member.syncToken;
  if (token === undefined) return;
  member.syncToken = undefined;
  member.deadlineMs = nowMs + member.sessionTimeoutMs;
  group.sink.synced(token, result);
}
