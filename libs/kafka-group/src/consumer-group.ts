// ConsumerGroup: one classic consumer group as its coordinator runs it. Synchronous and without clock, I/O or
// randomness: requests and times go in, answers and records to store come out through the sink.
import { answerJoin, answerSync, joinError, syncError } from './answers.ts';
import { GroupState, type Member } from './group-state.ts';
import { checkMember, join, renamePersisted } from './join.ts';
import {
  joinPhaseExpired,
  maybePrepareRebalance,
  removeMember,
  syncPhaseExpired,
  tryCompleteJoin,
} from './rebalance.ts';
import { restoreGroup } from './record.ts';
import { CONSUMER_PROTOCOL_TYPE, subscribedTopics } from './subscription.ts';
import { assignmentPersisted, sync } from './sync.ts';
import type {
  GroupConfig,
  GroupDescription,
  GroupError,
  GroupSink,
  GroupStateName,
  JoinRequest,
  MemberIdentity,
  StoredRecord,
  SyncRequest,
} from './types.ts';

/** See the file head. `nowMs` never goes back from call to call. */
export class ConsumerGroup {
  readonly #group: GroupState;

  constructor(groupId: string, config: GroupConfig, sink: GroupSink) {
    this.#group = new GroupState(groupId, config, sink);
  }

  /** Loads what an earlier coordinator stored, or a part of it: then the members rebalance. Only on a fresh group. */
  restore(stored: StoredRecord, nowMs: number): void {
    restoreGroup(this.#group, stored, nowMs);
    if (!stored.isComplete && this.#group.state !== 'Empty') maybePrepareRebalance(this.#group, nowMs);
  }

  get groupId(): string {
    return this.#group.groupId;
  }

  get state(): GroupStateName {
    return this.#group.state;
  }

  get generationId(): number {
    return this.#group.generationId;
  }

  get protocolType(): string {
    return this.#group.protocolType;
  }

  /** Members that joined, and ids that were handed out and may still join. */
  get memberCount(): number {
    return this.#group.members.size + this.#group.pendingMembers.size;
  }

  /** Bytes of what members say of themselves and are assigned, and of ids that may still join. */
  get memberBytes(): number {
    return this.#group.memberBytes;
  }

  /** JoinGroup; answered through the sink under `token`. */
  join(request: JoinRequest, token: number, nowMs: number): void {
    join(this.#group, request, token, nowMs);
  }

  /** SyncGroup; answered through the sink under `token`. */
  sync(request: SyncRequest, token: number, nowMs: number): void {
    sync(this.#group, request, token, nowMs);
  }

  /** The outcome of storing a record; anything but NONE fails the requests that wait for it. */
  persisted(id: number, error: GroupError, nowMs: number): void {
    assignmentPersisted(this.#group, id, error, nowMs);
    renamePersisted(this.#group, id, error, nowMs);
  }

  /** Heartbeat. */
  heartbeat(identity: MemberIdentity, generationId: number, nowMs: number): GroupError {
    const group = this.#group;
    if (group.state === 'Dead') return 'COORDINATOR_NOT_AVAILABLE';
    const error = this.#checkGeneration(identity, generationId);
    if (error !== 'NONE') return error;
    this.#heardFrom(identity.memberId, nowMs);
    return group.state === 'PreparingRebalance' ? 'REBALANCE_IN_PROGRESS' : 'NONE';
  }

  /** One member of a LeaveGroup; a static one may be named by its instance id alone. */
  leave(identity: MemberIdentity, nowMs: number): GroupError {
    const group = this.#group;
    if (group.state === 'Dead') return 'COORDINATOR_NOT_AVAILABLE';
    if (identity.groupInstanceId === null && group.expectNoMore(identity.memberId)) {
      tryCompleteJoin(group, nowMs);
      return 'NONE';
    }
    const memberId = this.#resolve(identity);
    const error = checkMember(group, { memberId, groupInstanceId: identity.groupInstanceId });
    const member = group.members.get(memberId);
    if (error !== 'NONE' || member === undefined) return error;
    removeMember(group, member, nowMs);
    return 'NONE';
  }

  #resolve({ memberId, groupInstanceId }: MemberIdentity): string {
    if (memberId !== '' || groupInstanceId === null) return memberId;
    return this.#group.staticMembers.get(groupInstanceId) ?? '';
  }

  /**
   * Whether these offsets may be committed. A generation below zero with no member id is a consumer without group
   * management: it may commit only while the group is empty.
   */
  checkCommit(identity: MemberIdentity, generationId: number, nowMs: number): GroupError {
    const group = this.#group;
    if (group.state === 'Dead') return 'COORDINATOR_NOT_AVAILABLE';
    const simple = generationId < 0 && identity.memberId === '' && identity.groupInstanceId === null;
    if (simple || (generationId < 0 && group.state === 'Empty')) {
      return group.state === 'Empty' ? 'NONE' : 'UNKNOWN_MEMBER_ID';
    }
    const error = this.#checkGeneration(identity, generationId);
    if (error !== 'NONE') return error;
    this.#heardFrom(identity.memberId, nowMs);
    // While assignments are handed out nobody knows yet who owns the partitions.
    return group.state === 'CompletingRebalance' ? 'REBALANCE_IN_PROGRESS' : 'NONE';
  }

  #checkGeneration(identity: MemberIdentity, generationId: number): GroupError {
    const error = checkMember(this.#group, identity);
    if (error !== 'NONE') return error;
    return generationId === this.#group.generationId ? 'NONE' : 'ILLEGAL_GENERATION';
  }

  #heardFrom(memberId: string, nowMs: number): void {
    const member = this.#group.members.get(memberId);
    if (member !== undefined && member.deadlineMs !== Infinity && !member.isNew) {
      member.deadlineMs = nowMs + member.sessionTimeoutMs;
    }
  }

  /** Whether the group may be deleted; a deleted one is Dead. */
  delete(): GroupError {
    const group = this.#group;
    if (group.state === 'Dead') return 'NONE';
    if (group.state !== 'Empty' || group.members.size > 0) return 'NON_EMPTY_GROUP';
    group.state = 'Dead';
    for (const memberId of [...group.pendingMembers.keys()]) group.expectNoMore(memberId);
    return 'NONE';
  }

  /** Whether committed offsets may be deleted (OffsetDelete): of a group of another protocol nobody knows what it reads. */
  checkOffsetDelete(): GroupError {
    const { state, protocolType } = this.#group;
    if (state === 'Empty' || state === 'Dead') return 'NONE';
    return protocolType === CONSUMER_PROTOCOL_TYPE ? 'NONE' : 'NON_EMPTY_GROUP';
  }

  /**
   * What members of a group of consumers read, one after the other: there may be many, and each may name many topics. An
   * unreadable subscription is undefined; it may be any.
   */
  *subscriptions(): Generator<ReadonlySet<string> | undefined, void, undefined> {
    for (const { protocols } of this.#group.members.values()) {
      for (const { metadata } of protocols) yield subscribedTopics(metadata);
    }
  }

  /** DescribeGroups: subscriptions only of a stable group, assignments also while the next ones are made, as Kafka does. */
  describe(): GroupDescription {
    const group = this.#group;
    const stable = group.state === 'Stable';
    const empty = Buffer.alloc(0);
    return {
      state: group.state,
      protocolType: group.protocolType,
      protocolName: stable ? (group.protocolName ?? '') : '',
      members: [...group.members.values()].map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        metadata: stable ? group.metadataOf(member, group.protocolName) : empty,
        assignment: member.assignment,
      })),
    };
  }

  /** When {@link tick} has to be called next; Infinity when nothing can expire. */
  nextDeadlineMs(): number {
    const group = this.#group;
    let next = Math.min(group.joinPhase?.deadlineMs ?? Infinity, group.syncDeadlineMs ?? Infinity);
    for (const { deadlineMs } of group.members.values()) next = Math.min(next, deadlineMs);
    for (const deadlineMs of group.pendingMembers.values()) next = Math.min(next, deadlineMs);
    return next;
  }

  /** Expires what is due: members not heard from, ids never used, phases of a rebalance. */
  tick(nowMs: number): void {
    const group = this.#group;
    for (const [memberId, deadlineMs] of [...group.pendingMembers]) {
      if (deadlineMs <= nowMs) group.expectNoMore(memberId);
    }
    const silent = [...group.members.values()].filter(({ deadlineMs }) => deadlineMs <= nowMs);
    for (const member of silent) {
      // The removal of one may end a rebalance, which removes or renews others.
      const still = group.members.get(member.memberId) === member && member.deadlineMs <= nowMs;
      if (still) removeMember(group, member, nowMs);
    }
    joinPhaseExpired(group, nowMs);
    tryCompleteJoin(group, nowMs);
    syncPhaseExpired(group, nowMs);
  }

  /**
   * The connection on which these requests wait is gone, so nobody will read their answers: their members count as
   * silent from now on instead of being waited for without end.
   */
  disconnected(tokens: ReadonlySet<number>, nowMs: number): void {
    for (const member of this.#group.members.values()) {
      if (member.joinToken !== undefined && tokens.has(member.joinToken)) this.#forgetJoin(member, nowMs);
      if (member.syncToken !== undefined && tokens.has(member.syncToken)) {
        member.syncToken = undefined;
        member.deadlineMs = nowMs + member.sessionTimeoutMs;
      }
    }
  }

  #forgetJoin(member: Member, nowMs: number): void {
    member.joinToken = undefined;
    member.rejoined = false;
    member.isNew = false;
    member.deadlineMs = nowMs + member.sessionTimeoutMs;
  }

  /** This node is no longer the coordinator: whoever waits is sent away, and the object is not used again (F1). */
  resign(nowMs: number): void {
    const group = this.#group;
    group.state = 'Dead';
    for (const member of group.members.values()) {
      if (member.joinToken !== undefined)
        answerJoin(group, member, joinError(member.memberId, 'NOT_COORDINATOR'), nowMs);
      answerSync(group, member, syncError('NOT_COORDINATOR'), nowMs);
    }
  }
}
