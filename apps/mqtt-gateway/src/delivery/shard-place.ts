// A place in the log: a shard, and how far its tail has come. What sessions keep of shards is keyed by it.

/** Shards of a stream are far fewer; makes one number of a shard's name. */
const MAX_SHARDS = 65_536;

/** One number for (stream, shard): a Map key that allocates nothing. */
export function shardKeyOf(streamId: number, shard: number): number {
  return streamId * MAX_SHARDS + shard;
}

/** A shard as sessions see it. */
export interface ShardPlace {
  readonly streamId: number;
  readonly shard: number;
  readonly key: number;
  readonly leaderEpoch: number;
  /** Everything below was handed to live sessions, or is being handed to them in this very step. */
  readonly nextOffset: number;
  /** Everything below was handed to every live session: what cursors may say. */
  readonly deliveredBelow: number;
}
