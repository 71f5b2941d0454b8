// GroupState: the data of one group and the operations on it that are not decisions: members, protocols, leader.
import { assert } from '@robustmq/errors';
import type { GroupConfig, GroupSink, GroupStateName, JoinedMember, JoinRequest, Protocol } from './types.ts';

const EMPTY = Buffer.alloc(0);

/** One member of the group. At most one of its two tokens is set. */
export interface Member {
  memberId: string;
  readonly groupInstanceId: string | null;
  clientId: string;
  clientHost: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  /** Grows in the order of the map of members. */
  position: number;
  protocols: readonly Protocol[];
  assignment: Buffer;
  /** Has not been in any generation yet. */
  isNew: boolean;
  /** JoinGroup that waits for its answer. */
  joinToken: number | undefined;
  /** True from JoinGroup until the generation starts, also when the waiting connection is gone. */
  rejoined: boolean;
  /** SyncGroup that waits for its answer. */
  syncToken: number | undefined;
  /** Has asked for its assignment of the current generation. */
  synced: boolean;
  /** When it is thrown out unless heard from; Infinity while a request of it waits. */
  deadlineMs: number;
  supportSkippingAssignment: boolean;
  /** What {@link GroupState.memberBytes} has of it. */
  countedBytes: number;
}

/** A static member that came back under a new id (KIP-345). */
export interface Rename {
  readonly memberId: string;
  readonly oldId: string;
  readonly oldLeaderId: string | null;
}

/** How long the rebalance that is being prepared still waits for members. */
export interface JoinPhase {
  readonly initial: boolean;
  deadlineMs: number;
  /** What the initial delay may still be extended by. */
  remainingMs: number;
}

/** See the file head. Changes nothing on its own and answers nobody. */
export class GroupState {
  readonly groupId: string;
  readonly config: GroupConfig;
  readonly sink: GroupSink;
  state: GroupStateName = 'Empty';
  generationId = 0;
  protocolType = '';
  protocolName: string | null = null;
  leaderId: string | null = null;
  readonly members = new Map<string, Member>();
  /** Instance id to member id (KIP-345). */
  readonly staticMembers = new Map<string, string>();
  /** Member ids handed out by KIP-394 that have not joined yet, with the time until which they may. */
  readonly pendingMembers = new Map<string, number>();
  /** Set in PreparingRebalance. */
  joinPhase: JoinPhase | undefined;
  /** Set in CompletingRebalance: who has not synced by then is thrown out. */
  syncDeadlineMs: number | undefined;
  /** A member joined during the initial delay, which extends it. */
  newMemberAdded = false;
  /** Records that tell of a new id of a static member, which waits for its answer. */
  readonly renames = new Map<number, Rename>();
  /** Record that SyncGroup waits for. */
  persistId = 0;
  syncPersistId: number | undefined;
  /** How many members support each protocol: to ask all of them at each join is dear in a large group (N8). */
  readonly #supporters = new Map<string, number>();
  #nextPosition = 1;
  #memberBytes = 0;

  constructor(groupId: string, config: GroupConfig, sink: GroupSink) {
    this.groupId = groupId;
    this.config = config;
    this.sink = sink;
  }

  /** Bytes of what members say of themselves and are assigned, and of ids that may still join. */
  get memberBytes(): number {
    return this.#memberBytes;
  }

  /** Adds a member that has just asked to join. */
  addMember(memberId: string, request: JoinRequest, token: number | undefined, deadlineMs: number): Member {
    assert(!this.members.has(memberId), 'a member is added once');
    if (this.members.size === 0) this.protocolType = request.protocolType;
    const member: Member = {
      memberId,
      groupInstanceId: request.groupInstanceId,
      clientId: request.clientId,
      clientHost: request.clientHost,
      sessionTimeoutMs: request.sessionTimeoutMs,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs,
      position: this.#nextPosition,
      protocols: request.protocols,
      assignment: EMPTY,
      isNew: true,
      joinToken: token,
      rejoined: token !== undefined,
      syncToken: undefined,
      synced: false,
      deadlineMs,
      supportSkippingAssignment: request.supportSkippingAssignment,
      countedBytes: 0,
    };
    this.insert(member);
    return member;
  }

  /** Puts a complete member behind all others; the first one leads. */
  insert(member: Member): void {
    this.#nextPosition = member.position + 1;
    this.members.set(member.memberId, member);
    this.recount(member);
    this.#support(member.protocols, 1);
    if (member.groupInstanceId !== null) this.staticMembers.set(member.groupInstanceId, member.memberId);
    this.leaderId ??= member.memberId;
  }

  /** Removes a member and elects another leader if it led. */
  removeMember(member: Member): void {
    if (this.members.delete(member.memberId)) {
      this.#memberBytes -= member.countedBytes;
      this.#support(member.protocols, -1);
    }
    const { groupInstanceId } = member;
    if (groupInstanceId !== null && this.staticMembers.get(groupInstanceId) === member.memberId) {
      this.staticMembers.delete(groupInstanceId);
    }
    if (this.leaderId === member.memberId) this.leaderId = this.members.keys().next().value ?? null;
  }

  /** A member supports other protocols from now on, or says something else of them; {@link recount} follows. */
  changeProtocols(member: Member, protocols: readonly Protocol[]): void {
    this.#support(member.protocols, -1);
    member.protocols = protocols;
    this.#support(protocols, 1);
  }

  #support(protocols: readonly Protocol[], change: 1 | -1): void {
    for (const name of new Set(protocols.map((protocol) => protocol.name))) {
      const count = (this.#supporters.get(name) ?? 0) + change;
      if (count === 0) this.#supporters.delete(name);
      else this.#supporters.set(name, count);
    }
  }

  /** Counts a member of the group again, which has changed. */
  recount(member: Member): void {
    const sizeBytes = sizeOf(member);
    this.#memberBytes += sizeBytes - member.countedBytes;
    member.countedBytes = sizeBytes;
  }

  /** An id was handed out: it may join until then. */
  expect(memberId: string, deadlineMs: number): void {
    this.expectNoMore(memberId);
    this.#memberBytes += memberId.length;
    this.pendingMembers.set(memberId, deadlineMs);
  }

  /** An id that was handed out joins, or may no more; answers whether it was one. */
  expectNoMore(memberId: string): boolean {
    const wasExpected = this.pendingMembers.delete(memberId);
    if (wasExpected) this.#memberBytes -= memberId.length;
    return wasExpected;
  }

  /** Gives a static member a new member id; everything else stays (KIP-345). */
  renameMember(member: Member, memberId: string): void {
    const led = this.leaderId === member.memberId;
    this.members.delete(member.memberId);
    member.memberId = memberId;
    member.position = this.#nextPosition;
    this.#nextPosition += 1;
    this.members.set(memberId, member);
    if (member.groupInstanceId !== null) this.staticMembers.set(member.groupInstanceId, memberId);
    if (led) this.leaderId = memberId;
  }

  isLeader(member: Member): boolean {
    return this.leaderId === member.memberId;
  }

  /** Whether a member with these protocols could take part. */
  supports(protocolType: string, protocols: readonly Protocol[]): boolean {
    if (protocolType === '' || protocols.length === 0) return false;
    if (this.members.size === 0) return true;
    if (protocolType !== this.protocolType) return false;
    return protocols.some(({ name }) => this.#isCommon(name));
  }

  /** Whether every member supports the protocol. */
  #isCommon(name: string): boolean {
    return this.#supporters.get(name) === this.members.size;
  }

  /** Every member votes for the first of its protocols that all support; the first of the most voted ones wins. */
  selectProtocol(): string {
    const votes = new Map<string, number>();
    for (const { protocols } of this.members.values()) {
      const vote = protocols.find(({ name }) => this.#isCommon(name));
      if (vote !== undefined) votes.set(vote.name, (votes.get(vote.name) ?? 0) + 1);
    }
    let winner: string | undefined;
    for (const [name, count] of votes) {
      if (winner === undefined || count > (votes.get(winner) ?? 0)) winner = name;
    }
    assert(winner !== undefined, 'members were only admitted with a common protocol');
    return winner;
  }

  /** What a member says under the protocol; empty when it does not support it. */
  metadataOf(member: Member, protocolName: string | null): Buffer {
    return member.protocols.find(({ name }) => name === protocolName)?.metadata ?? EMPTY;
  }

  /** The members as the leader sees them. */
  joinedMembers(): JoinedMember[] {
    return [...this.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      metadata: this.metadataOf(member, this.protocolName),
    }));
  }

  /** The longest rebalance timeout of any member: how long a rebalance waits. */
  rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const { rebalanceTimeoutMs } of this.members.values())
      longest = Math.max(longest, rebalanceTimeoutMs);
    return longest;
  }

  /** Whether everyone who is known has asked to join. */
  allRejoined(): boolean {
    if (this.pendingMembers.size > 0) return false;
    for (const { rejoined } of this.members.values()) if (!rejoined) return false;
    return true;
  }
}

function sizeOf({ memberId, clientId, protocols, assignment }: Member): number {
  const saidBytes = protocols.reduce((sum, { name, metadata }) => sum + name.length + metadata.length, 0);
  return memberId.length + clientId.length + saidBytes + assignment.length;
}

/** Whether two lists of protocols are the same, bytes included. */
export function sameProtocols(a: readonly Protocol[], b: readonly Protocol[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((protocol, index) => {
    const other = b[index];
    return other !== undefined && other.name === protocol.name && other.metadata.equals(protocol.metadata);
  });
}
