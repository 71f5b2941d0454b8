// Inputs, results and effects of the classic group coordinator. Times are milliseconds of the caller's monotonic clock;
// member ids are made by the caller, so that the core needs no randomness.

/** Names of Kafka errors that the core answers; the gateway turns them into codes. */
export type GroupError =
  | 'NONE'
  | 'COORDINATOR_NOT_AVAILABLE'
  | 'NOT_COORDINATOR'
  | 'ILLEGAL_GENERATION'
  | 'INCONSISTENT_GROUP_PROTOCOL'
  | 'UNKNOWN_MEMBER_ID'
  | 'INVALID_SESSION_TIMEOUT'
  | 'REBALANCE_IN_PROGRESS'
  | 'MEMBER_ID_REQUIRED'
  | 'GROUP_MAX_SIZE_REACHED'
  | 'FENCED_INSTANCE_ID'
  | 'NON_EMPTY_GROUP';

/** States of a classic group, by Kafka's names. */
export type GroupStateName = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

/** Bounds and delays of groups. */
export interface GroupConfig {
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  /** How long the first rebalance of an empty group waits for more members. */
  readonly initialRebalanceDelayMs: number;
  /** How long a member that never joined before may wait for its first JoinGroup answer. */
  readonly newMemberJoinTimeoutMs: number;
  readonly maxMembers: number;
}

/** Kafka's defaults. */
export const DEFAULT_GROUP_CONFIG: GroupConfig = {
  minSessionTimeoutMs: 6_000,
  maxSessionTimeoutMs: 1_800_000,
  initialRebalanceDelayMs: 3_000,
  newMemberJoinTimeoutMs: 300_000,
  maxMembers: 1_000,
};

/** One assignment strategy that a member supports, with what it tells the leader. */
export interface Protocol {
  readonly name: string;
  readonly metadata: Buffer;
}

/** JoinGroup. Buffers must be the core's to keep. */
export interface JoinRequest {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocolType: string;
  readonly protocols: readonly Protocol[];
  /** From version 4 on a member gets its id first and joins with it (KIP-394). */
  readonly requireKnownMemberId: boolean;
  /** From version 9 on the leader can be told to keep the assignment (KIP-814). */
  readonly supportSkippingAssignment: boolean;
  /** Id for the member if it has none yet. */
  readonly newMemberId: string;
}

/** One member as the leader sees it. */
export interface JoinedMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly metadata: Buffer;
}

/** Answer to JoinGroup. */
export interface JoinResult {
  readonly error: GroupError;
  readonly memberId: string;
  readonly generationId: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly leaderId: string;
  readonly skipAssignment: boolean;
  /** Filled for the leader only. */
  readonly members: readonly JoinedMember[];
}

/** SyncGroup. Buffers must be the core's to keep. */
export interface SyncRequest {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly generationId: number;
  /** Null before version 5. */
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[];
}

/** Answer to SyncGroup. */
export interface SyncResult {
  readonly error: GroupError;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignment: Buffer;
}

/** Who sends a Heartbeat, LeaveGroup or OffsetCommit. */
export interface MemberIdentity {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

/** What is stored of a group as a whole. */
export interface GroupHead {
  readonly state: GroupStateName;
  readonly protocolType: string;
  readonly generationId: number;
  /** Null while the group has no member. */
  readonly protocolName: string | null;
  /** Null while the group has no member. */
  readonly leaderId: string | null;
}

/** What is stored of a member: what it said of itself. */
export interface MemberRow {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** Members are in this order: in it they vote, and the first leads. */
  readonly position: number;
  readonly protocols: readonly Protocol[];
}

/** What a member is to have; a member without one has nothing. */
export interface TargetRow {
  readonly memberId: string;
  readonly assignment: Buffer;
}

/** All that has to be stored before the group goes on. */
export interface GroupRecord {
  readonly head: GroupHead;
  /** In the order of their positions. */
  readonly members: readonly MemberRow[];
  readonly targets: readonly TargetRow[];
}

/** A record as read back, in any order. */
export interface StoredRecord extends Omit<GroupRecord, 'head'> {
  readonly head: Omit<GroupHead, 'state'>;
  /** False when its writer ended before it had changed all rows: nobody knows who owns what. */
  readonly isComplete: boolean;
}

/**
 * Where the core's effects go. Tokens are the caller's names for requests that wait for an answer; each token gets
 * exactly one answer.
 */
export interface GroupSink {
  joined(token: number, result: JoinResult): void;
  synced(token: number, result: SyncResult): void;
  /** Store the record, then call `persisted(id, …)`. A later record replaces an earlier one. */
  persist(id: number, record: GroupRecord): void;
}

/** One member of a described group. */
export interface DescribedMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly metadata: Buffer;
  readonly assignment: Buffer;
}

/** Answer to DescribeGroups. */
export interface GroupDescription {
  readonly state: GroupStateName;
  readonly protocolType: string;
  readonly protocolName: string;
  readonly members: readonly DescribedMember[];
}
