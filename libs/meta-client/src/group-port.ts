// Groups in meta as their coordinators use them (rule K2): claims, rows of members and targets, offsets. Plain values, so that
// who coordinates needs no contract and a test no meta-service.

/** One partition of a stream. */
export interface GroupShard {
  readonly streamId: number;
  readonly shard: number;
}

/** Who coordinates a group. */
export interface GroupClaim {
  readonly nodeId: string;
  readonly coordinatorEpoch: number;
  /** Whether the lease of the claim's incarnation lives. */
  readonly live: boolean;
}

/** A committed offset. */
export interface CommittedOffset extends GroupShard {
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly committedAtMs: number;
}

/** One listed group. */
export interface GroupSummary {
  readonly groupId: string;
  readonly state: string;
  readonly protocolType: string;
  readonly claim: GroupClaim | undefined;
}

/** A classic group as a whole. */
export interface GroupHeadRow {
  readonly state: string;
  readonly protocolType: string;
  readonly generationId: number;
  /** Null while the group has no member. */
  readonly protocolName: string | null;
  /** Null while the group has no member. */
  readonly leaderId: string | null;
}

/** What a member said of itself. */
export interface GroupMemberRow {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly position: number;
  readonly protocols: readonly { readonly name: string; readonly metadata: Buffer }[];
}

/** What a member is to have. */
export interface GroupTargetRow {
  readonly memberId: string;
  readonly assignment: Buffer;
}

/** Rows to change. */
export interface GroupRowChanges {
  readonly head: GroupHeadRow;
  /** All rows go first. */
  readonly replace: boolean;
  readonly members: readonly GroupMemberRow[];
  readonly targets: readonly GroupTargetRow[];
  /** Ids of members whose rows go. */
  readonly gone: readonly string[];
}

/** All rows of a group. */
export interface StoredGroup {
  readonly head: GroupHeadRow;
  /** False when who wrote last ended before it had changed all rows: nobody knows who owns what. */
  readonly isComplete: boolean;
  readonly members: readonly GroupMemberRow[];
  readonly targets: readonly GroupTargetRow[];
}

/** Whether the caller may coordinate, and what there was to know. */
export interface ClaimResult {
  readonly granted: boolean;
  readonly claim: GroupClaim;
  /** Undefined for a group without rows, and when the claim was not granted. */
  readonly stored: StoredGroup | undefined;
  readonly exists: boolean;
}

/** Groups in meta. Every command carries the coordinator epoch; a stale one rejects with `not_coordinator`. */
export interface GroupStorePort {
  /** Claims unless another live gateway holds the group, and reads its rows. */
  claim(groupId: string): Promise<ClaimResult>;
  /** In the order asked; undefined for a group that nobody ever claimed. */
  lookup(groupIds: readonly string[]): Promise<readonly (GroupClaim | undefined)[]>;
  /** Bounded commands, one after the other; one at a time per group, or rows of two would mix (N11). */
  putRows(groupId: string, coordinatorEpoch: number, changes: GroupRowChanges): Promise<void>;
  commitOffsets(
    groupId: string,
    coordinatorEpoch: number,
    offsets: readonly CommittedOffset[],
  ): Promise<void>;
  /** Null: all of the group. */
  fetchOffsets(groupId: string, shards: readonly GroupShard[] | null): Promise<readonly CommittedOffset[]>;
  deleteOffsets(groupId: string, coordinatorEpoch: number, shards: readonly GroupShard[]): Promise<void>;
  deleteGroup(groupId: string, coordinatorEpoch: number): Promise<void>;
  /** Every group of the tenant, in pages fetched as the iteration goes on. */
  list(): AsyncIterable<GroupSummary>;
}
