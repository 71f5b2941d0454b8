// Who leads what: the only thing this client needs to know of the cluster. The production directory follows
// meta-client's view (cluster-directory.ts), tests write their own.

/** Leader of a shard, as far as the sender knows. */
export interface ShardLeader {
  readonly nodeId: string;
  readonly leaderEpoch: number;
}

/** A live journal-server. */
export interface JournalNode {
  readonly nodeId: string;
  /** host:port of its gRPC endpoint. */
  readonly address: string;
}

/** A view of the cluster that changes under its reader. */
export interface ShardDirectory {
  /** Revision of the cluster group that this view has reached; sent along, so that journals wait for young shards. */
  revision(): number;
  /** Undefined while the shard is unknown or has no leader. */
  leaderOf(streamId: number, shard: number): ShardLeader | undefined;
  /** Whether the stream exists in this view: a shard without a leader is waited for, a deleted one is not. */
  hasStream(streamId: number): boolean;
  /** All live journal-servers; filters are registered with each (rule X5). */
  journals(): readonly JournalNode[];
  /** Calls back after each change of the view; answers the function that ends it. */
  onChange(listener: () => void): () => void;
}
