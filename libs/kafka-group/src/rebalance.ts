// The rebalance: from "someone came or went" to a new generation whose members have all been told.
import { answerJoin, answerSync, joinError, joinSuccess, syncError } from './answers.ts';
import type { GroupState, Member } from './group-state.ts';
import { recordOf } from './record.ts';
import type { GroupStateName } from './types.ts';

/** Stores the group, as it will be in `state`, under the next id. */
export function persist(group: GroupState, state: GroupStateName = group.state): void {
  group.persistId += 1;
  group.sink.persist(group.persistId, recordOf(group, state));
}

/** Starts a rebalance unless one is being prepared already. */
export function maybePrepareRebalance(group: GroupState, nowMs: number): void {
  if (group.state === 'Stable' || group.state === 'CompletingRebalance' || group.state === 'Empty') {
    prepareRebalance(group, nowMs);
  }
}

function prepareRebalance(group: GroupState, nowMs: number): void {
  if (group.state === 'CompletingRebalance') {
    // Whoever waits for an assignment of this generation will not get one.
    for (const member of group.members.values()) {
      member.assignment = Buffer.alloc(0);
      group.recount(member);
      answerSync(group, member, syncError('REBALANCE_IN_PROGRESS'), nowMs);
    }
    group.syncPersistId = undefined;
  }
  group.syncDeadlineMs = undefined;
  const timeoutMs = group.rebalanceTimeoutMs();
  const delayMs = Math.min(group.config.initialRebalanceDelayMs, timeoutMs);
  if (group.state === 'Empty' && delayMs > 0) {
    group.joinPhase = { initial: true, deadlineMs: nowMs + delayMs, remainingMs: timeoutMs - delayMs };
  } else {
    group.joinPhase = { initial: false, deadlineMs: nowMs + timeoutMs, remainingMs: 0 };
  }
  group.state = 'PreparingRebalance';
  tryCompleteJoin(group, nowMs);
}

/** Ends the join phase early once everyone is there; the initial delay always runs its time. */
export function tryCompleteJoin(group: GroupState, nowMs: number): void {
  const phase = group.joinPhase;
  if (group.state !== 'PreparingRebalance' || phase === undefined) return;
  if (!phase.initial && group.allRejoined()) completeJoin(group, nowMs);
}

/** The join phase has run its time. */
export function joinPhaseExpired(group: GroupState, nowMs: number): void {
  const phase = group.joinPhase;
  if (phase === undefined || phase.deadlineMs > nowMs) return;
  if (phase.initial && group.newMemberAdded && phase.remainingMs > 0) {
    group.newMemberAdded = false;
    const delayMs = Math.min(group.config.initialRebalanceDelayMs, phase.remainingMs);
    phase.deadlineMs = nowMs + delayMs;
    phase.remainingMs -= delayMs;
    return;
  }
  completeJoin(group, nowMs);
}

function completeJoin(group: GroupState, nowMs: number): void {
  for (const member of [...group.members.values()]) {
    // A static member may be restarting; only its session timeout removes it (KIP-345).
    if (!member.rejoined && member.groupInstanceId === null) group.removeMember(member);
  }
  if (group.members.size > 0 && !electJoinedLeader(group)) {
    // Only static members are left and none is back: wait once more.
    group.joinPhase = { initial: false, deadlineMs: nowMs + group.rebalanceTimeoutMs(), remainingMs: 0 };
    return;
  }
  group.joinPhase = undefined;
  group.newMemberAdded = false;
  group.generationId += 1;
  if (group.members.size === 0) {
    becomeEmpty(group);
    return;
  }
  group.protocolName = group.selectProtocol();
  group.state = 'CompletingRebalance';
  group.syncDeadlineMs = nowMs + group.rebalanceTimeoutMs();
  for (const member of group.members.values()) {
    member.isNew = false;
    member.synced = false;
    // A static member that is away keeps its session clock running.
    if (member.rejoined) answerJoin(group, member, joinSuccess(group, member), nowMs);
  }
}

function becomeEmpty(group: GroupState): void {
  group.state = 'Empty';
  group.protocolName = null;
  group.leaderId = null;
  group.syncDeadlineMs = undefined;
  persist(group);
}

/** A leader that is away cannot assign: the first member that is here takes over. */
function electJoinedLeader(group: GroupState): boolean {
  const leader = group.leaderId === null ? undefined : group.members.get(group.leaderId);
  if (leader?.rejoined === true) return true;
  for (const member of group.members.values()) {
    if (member.rejoined) {
      group.leaderId = member.memberId;
      return true;
    }
  }
  return false;
}

/** Removes a member for good and lets the others rebalance. */
export function removeMember(group: GroupState, member: Member, nowMs: number): void {
  answerJoin(group, member, joinError(member.memberId, 'UNKNOWN_MEMBER_ID'), nowMs);
  answerSync(group, member, syncError('UNKNOWN_MEMBER_ID'), nowMs);
  group.removeMember(member);
  if (group.state === 'PreparingRebalance') tryCompleteJoin(group, nowMs);
  else maybePrepareRebalance(group, nowMs);
}

/** Members of the new generation that never asked for their assignment are gone. */
export function syncPhaseExpired(group: GroupState, nowMs: number): void {
  if (group.syncDeadlineMs === undefined || group.syncDeadlineMs > nowMs) return;
  group.syncDeadlineMs = undefined;
  const missing = [...group.members.values()].filter(({ synced }) => !synced);
  for (const member of missing) group.removeMember(member);
  if (missing.length > 0) maybePrepareRebalance(group, nowMs);
}
