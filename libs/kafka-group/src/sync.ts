// SyncGroup: the leader's assignment is stored, then everyone gets its part.
import { answerSync, syncError, syncSuccess } from './answers.ts';
import type { GroupState, Member } from './group-state.ts';
import { checkMember } from './join.ts';
import { maybePrepareRebalance, persist } from './rebalance.ts';
import type { GroupError, SyncRequest } from './types.ts';

/** Handles SyncGroup; the answer comes through the sink, now or once the leader's assignment is stored. */
export function sync(group: GroupState, request: SyncRequest, token: number, nowMs: number): void {
  const error = refusal(group, request);
  const member = group.members.get(request.memberId);
  if (error !== 'NONE' || member === undefined) {
    group.sink.synced(token, syncError(error === 'NONE' ? 'UNKNOWN_MEMBER_ID' : error));
    return;
  }
  if (group.state === 'Stable') {
    member.deadlineMs = nowMs + member.sessionTimeoutMs;
    markSynced(group, member);
    group.sink.synced(token, syncSuccess(group, member));
    return;
  }
  // The client asked again, so nobody listens to the first question any more.
  answerSync(group, member, syncError('REBALANCE_IN_PROGRESS'), nowMs);
  member.syncToken = token;
  member.deadlineMs = Infinity;
  markSynced(group, member);
  if (group.isLeader(member) && group.syncPersistId === undefined) takeAssignment(group, request);
}

function refusal(group: GroupState, request: SyncRequest): GroupError {
  if (group.state === 'Dead') return 'COORDINATOR_NOT_AVAILABLE';
  const error = checkMember(group, request);
  if (error !== 'NONE') return error;
  if (request.generationId !== group.generationId) return 'ILLEGAL_GENERATION';
  const otherType = request.protocolType !== null && request.protocolType !== group.protocolType;
  const otherName = request.protocolName !== null && request.protocolName !== group.protocolName;
  if (otherType || otherName) return 'INCONSISTENT_GROUP_PROTOCOL';
  if (group.state === 'Empty') return 'UNKNOWN_MEMBER_ID';
  return group.state === 'PreparingRebalance' ? 'REBALANCE_IN_PROGRESS' : 'NONE';
}

/** The deadline for SyncGroup holds, also in Stable, until everyone of the generation has asked. */
function markSynced(group: GroupState, member: Member): void {
  member.synced = true;
  for (const { synced } of group.members.values()) if (!synced) return;
  group.syncDeadlineMs = undefined;
}

/** Stores the assignment before anyone acts on it, so that a new coordinator knows who owns what (rule K2). */
function takeAssignment(group: GroupState, request: SyncRequest): void {
  const assigned = new Map(request.assignments.map(({ memberId, assignment }) => [memberId, assignment]));
  for (const member of group.members.values()) {
    member.assignment = assigned.get(member.memberId) ?? Buffer.alloc(0);
    group.recount(member);
  }
  // Known before the sink is called: it may report back at once.
  group.syncPersistId = group.persistId + 1;
  persist(group, 'Stable');
}

/** The record that SyncGroup waits for has been stored, or could not be. */
export function assignmentPersisted(group: GroupState, id: number, error: GroupError, nowMs: number): void {
  if (group.syncPersistId !== id || group.state !== 'CompletingRebalance') return;
  group.syncPersistId = undefined;
  if (error !== 'NONE') {
    for (const member of group.members.values()) {
      member.assignment = Buffer.alloc(0);
      group.recount(member);
      answerSync(group, member, syncError(error), nowMs);
    }
    maybePrepareRebalance(group, nowMs);
    return;
  }
  group.state = 'Stable';
  for (const member of group.members.values()) answerSync(group, member, syncSuccess(group, member), nowMs);
}
