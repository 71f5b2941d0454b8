// Where the tail of each shard has come to, over all links: a new leader goes on where the old one stopped (X5).

import type { ShardPositionValue } from './types.ts';

/** A position, and the journal-server that the tail comes from. */
export interface TailPosition extends ShardPositionValue {
  leaderEpoch: number;
  offset: number;
  nodeId: string;
}

/** Positions by shard. */
export class TailPositions {
  readonly #shards = new Map<number, Map<number, TailPosition>>();

  get(streamId: number, shard: number): TailPosition | undefined {
    return this.#shards.get(streamId)?.get(shard);
  }

  /** The tail has come to `offset`. */
  moved(streamId: number, shard: number, leaderEpoch: number, offset: number, nodeId: string): void {
    let shards = this.#shards.get(streamId);
    if (shards === undefined) this.#shards.set(streamId, (shards = new Map<number, TailPosition>()));
    const position = shards.get(shard);
    if (position === undefined) {
      shards.set(shard, { streamId, shard, leaderEpoch, offset, nodeId });
      return;
    }
    position.leaderEpoch = leaderEpoch;
    // What comes twice, because a tail was resumed, moves nothing back.
    position.offset = Math.max(position.offset, offset);
    position.nodeId = nodeId;
  }

  /** Where a tail begins, as far as nothing is known of it yet. */
  began({ streamId, shard, leaderEpoch, offset }: ShardPositionValue, nodeId: string): void {
    if (this.get(streamId, shard) === undefined) this.moved(streamId, shard, leaderEpoch, offset, nodeId);
  }

  /** All positions of shards that the predicate takes. */
  select(takes: (position: TailPosition) => boolean): TailPosition[] {
    const positions: TailPosition[] = [];
    for (const shards of this.#shards.values()) {
      for (const position of shards.values()) if (takes(position)) positions.push(position);
    }
    return positions;
  }

  /** Forgets streams that are gone. */
  keepOnly(exists: (streamId: number) => boolean): void {
    for (const streamId of this.#shards.keys()) if (!exists(streamId)) this.#shards.delete(streamId);
  }
}
