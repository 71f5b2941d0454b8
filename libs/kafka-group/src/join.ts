// JoinGroup: who may enter, with which id, and whether that starts a rebalance.
import { answerJoin, answerSync, joinError, joinSuccess, syncError } from './answers.ts';
import { sameProtocols, type GroupState, type Member } from './group-state.ts';
import { maybePrepareRebalance, persist, tryCompleteJoin } from './rebalance.ts';
import { CONSUMER_PROTOCOL_TYPE, subscribedTopics } from './subscription.ts';
import type { GroupError, JoinRequest } from './types.ts';

/** Protocols of a member; clients name a handful at most. */
export const MAX_PROTOCOLS = 32;

/** Handles JoinGroup; the answer comes through the sink, now or when the rebalance completes. */
export function join(group: GroupState, request: JoinRequest, token: number, nowMs: number): void {
  const refused = refusal(group, request);
  if (refused !== undefined) {
    group.sink.joined(token, joinError(request.memberId, refused));
  } else if (request.memberId === '') {
    joinNew(group, request, token, nowMs);
  } else {
    joinKnown(group, request, token, nowMs);
  }
}

function refusal(group: GroupState, request: JoinRequest): GroupError | undefined {
  const { config } = group;
  if (group.state === 'Dead') return 'COORDINATOR_NOT_AVAILABLE';
  const { sessionTimeoutMs } = request;
  if (sessionTimeoutMs < config.minSessionTimeoutMs || sessionTimeoutMs > config.maxSessionTimeoutMs) {
    return 'INVALID_SESSION_TIMEOUT';
  }
  // Each protocol is kept for every member, and looked at with each choice (I8, N8).
  if (request.protocols.length > MAX_PROTOCOLS) return 'INCONSISTENT_GROUP_PROTOCOL';
  if (!group.supports(request.protocolType, request.protocols)) return 'INCONSISTENT_GROUP_PROTOCOL';
  const enters = !group.members.has(request.memberId) && !isKnownInstance(group, request);
  const pending = group.pendingMembers.has(request.memberId) ? 1 : 0;
  if (enters && group.members.size + group.pendingMembers.size - pending >= config.maxMembers) {
    return 'GROUP_MAX_SIZE_REACHED';
  }
  return undefined;
}

function isKnownInstance(group: GroupState, request: JoinRequest): boolean {
  return request.groupInstanceId !== null && group.staticMembers.has(request.groupInstanceId);
}

function joinNew(group: GroupState, request: JoinRequest, token: number, nowMs: number): void {
  const memberId = request.newMemberId;
  if (request.groupInstanceId !== null) {
    const old = group.members.get(group.staticMembers.get(request.groupInstanceId) ?? '');
    if (old === undefined) addAndRebalance(group, memberId, request, token, nowMs);
    else replaceStatic(group, old, request, token, nowMs);
  } else if (request.requireKnownMemberId) {
    // KIP-394: nothing is kept for a client that never comes back but an id with a deadline.
    group.expect(memberId, nowMs + request.sessionTimeoutMs);
    group.sink.joined(token, joinError(memberId, 'MEMBER_ID_REQUIRED'));
  } else {
    addAndRebalance(group, memberId, request, token, nowMs);
  }
}

function joinKnown(group: GroupState, request: JoinRequest, token: number, nowMs: number): void {
  const { memberId, groupInstanceId } = request;
  if (group.pendingMembers.has(memberId) && groupInstanceId === null) {
    group.expectNoMore(memberId);
    addAndRebalance(group, memberId, request, token, nowMs);
    return;
  }
  const error = checkMember(group, request);
  const member = group.members.get(memberId);
  if (error !== 'NONE' || member === undefined) {
    group.sink.joined(token, joinError(memberId, error === 'NONE' ? 'UNKNOWN_MEMBER_ID' : error));
    return;
  }
  const unchanged = sameProtocols(member.protocols, request.protocols);
  const waitsForLeader = group.state === 'CompletingRebalance' && unchanged;
  // A leader that joins again asks for a rebalance; a follower with nothing new only missed the answer.
  const missedAnswer = group.state === 'Stable' && unchanged && !group.isLeader(member);
  if (waitsForLeader || missedAnswer) {
    member.deadlineMs = nowMs + member.sessionTimeoutMs;
    group.sink.joined(token, joinSuccess(group, member));
    return;
  }
  updateMember(group, member, request, token, nowMs);
  if (group.state === 'PreparingRebalance') tryCompleteJoin(group, nowMs);
  else maybePrepareRebalance(group, nowMs);
}

/** Whether the identity is that of a member: a static one is known by its instance and may have been replaced. */
export function checkMember(
  group: GroupState,
  identity: { readonly memberId: string; readonly groupInstanceId: string | null },
): GroupError {
  const { memberId, groupInstanceId } = identity;
  if (groupInstanceId !== null) {
    const current = group.staticMembers.get(groupInstanceId);
    if (current === undefined) return 'UNKNOWN_MEMBER_ID';
    if (current !== memberId) return 'FENCED_INSTANCE_ID';
  }
  return group.members.has(memberId) ? 'NONE' : 'UNKNOWN_MEMBER_ID';
}

function addAndRebalance(
  group: GroupState,
  memberId: string,
  request: JoinRequest,
  token: number,
  nowMs: number,
): void {
  if (group.state === 'PreparingRebalance' && group.joinPhase?.initial === true) group.newMemberAdded = true;
  group.addMember(memberId, request, token, nowMs + group.config.newMemberJoinTimeoutMs);
  maybePrepareRebalance(group, nowMs);
  tryCompleteJoin(group, nowMs);
}

function updateMember(
  group: GroupState,
  member: Member,
  request: JoinRequest,
  token: number,
  nowMs: number,
): void {
  // The client asked again, so nobody listens to the first question any more.
  const previous = member.joinToken;
  if (previous !== undefined) {
    member.joinToken = undefined;
    group.sink.joined(previous, joinError(member.memberId, 'REBALANCE_IN_PROGRESS'));
  }
  answerSync(group, member, syncError('REBALANCE_IN_PROGRESS'), nowMs);
  group.changeProtocols(member, request.protocols);
  member.sessionTimeoutMs = request.sessionTimeoutMs;
  member.rebalanceTimeoutMs = request.rebalanceTimeoutMs;
  member.clientId = request.clientId;
  member.clientHost = request.clientHost;
  member.supportSkippingAssignment = request.supportSkippingAssignment;
  member.joinToken = token;
  member.rejoined = true;
  member.deadlineMs = Infinity;
  group.recount(member);
}

/** A restarted static member takes its old place under a new member id; the old one is fenced (KIP-345). */
function replaceStatic(
  group: GroupState,
  member: Member,
  request: JoinRequest,
  token: number,
  nowMs: number,
): void {
  const oldId = member.memberId;
  const oldLeaderId = group.leaderId;
  const keepsPlace = group.state === 'Stable' && wantsTheSame(group, member, request);
  answerJoin(group, member, joinError(oldId, 'FENCED_INSTANCE_ID'), nowMs);
  answerSync(group, member, syncError('FENCED_INSTANCE_ID'), nowMs);
  group.renameMember(member, request.newMemberId);
  updateMember(group, member, request, token, nowMs);
  if (keepsPlace && group.selectProtocol() === group.protocolName) {
    renameDurably(group, member, oldId, oldLeaderId);
    return;
  }
  if (group.state === 'PreparingRebalance') tryCompleteJoin(group, nowMs);
  else maybePrepareRebalance(group, nowMs);
}

/**
 * Whether a restarted member would be assigned the same. What Java tells behind its topics (owned partitions,
 * generation) is another after every restart and no reason to rebalance.
 */
function wantsTheSame(group: GroupState, member: Member, request: JoinRequest): boolean {
  if (sameProtocols(member.protocols, request.protocols)) return true;
  if (group.protocolType !== CONSUMER_PROTOCOL_TYPE) return false;
  const before = subscribedTopics(group.metadataOf(member, group.protocolName));
  const metadata = request.protocols.find(({ name }) => name === group.protocolName)?.metadata;
  const after = metadata === undefined ? undefined : subscribedTopics(metadata);
  if (before === undefined || after === undefined || before.size !== after.size) return false;
  return [...before].every((topic) => after.has(topic));
}

/** Nothing changed for the others: no rebalance, but the new id must survive a restart of the coordinator first. */
function renameDurably(group: GroupState, member: Member, oldId: string, oldLeaderId: string | null): void {
  // Known before the sink is called: it may report back at once.
  group.renames.set(group.persistId + 1, { memberId: member.memberId, oldId, oldLeaderId });
  persist(group);
}

/** A record with a new id of a static member has been stored, or could not be: then the old id is the member's again. */
export function renamePersisted(group: GroupState, id: number, error: GroupError, nowMs: number): void {
  const rename = group.renames.get(id);
  group.renames.delete(id);
  const member = rename && group.members.get(rename.memberId);
  // A rebalance that began meanwhile has told the member already, or will.
  if (rename === undefined || member?.joinToken === undefined || group.state !== 'Stable') return;
  if (error === 'NONE') {
    answerUnchanged(group, member, rename.oldLeaderId, nowMs);
    return;
  }
  answerJoin(group, member, joinError(rename.memberId, error), nowMs);
  group.renameMember(member, rename.oldId);
}

function answerUnchanged(group: GroupState, member: Member, oldLeaderId: string | null, nowMs: number): void {
  const leads = group.isLeader(member);
  const skips = leads && member.supportSkippingAssignment;
  answerJoin(
    group,
    member,
    {
      ...joinSuccess(group, member),
      // Before KIP-814 a leader is kept from assigning by naming its old self as the leader.
      leaderId: leads && !skips ? (oldLeaderId ?? '') : (group.leaderId ?? ''),
      skipAssignment: skips,
      members: skips ? group.joinedMembers() : [],
    },
    nowMs,
  );
}
