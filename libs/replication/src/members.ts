// Words shared by leader and follower of a shard.

/** One run of a replica's process: LEOs reported by an earlier run say nothing about this one (rule R5). */
export interface Member {
  readonly nodeId: string;
  readonly incarnation: number;
}

/** The ISR as the controller committed it. */
export interface CommittedIsr {
  readonly members: readonly Member[];
  /** Compare-and-set version. */
  readonly version: number;
}

/** A change of the ISR that the leader asks the controller for (rule R2): compare-and-set on all four. */
export interface IsrProposal {
  readonly leaderEpoch: number;
  readonly isrVersion: number;
  readonly members: readonly Member[];
}

/** Two names of the same run. */
export function sameMember(left: Member, right: Member): boolean {
  return left.nodeId === right.nodeId && left.incarnation === right.incarnation;
}
