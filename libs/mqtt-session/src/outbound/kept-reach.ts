// What is kept of a session may lie beyond the end of its leader epoch: the log was truncated, or its journal was restored to
// an older state. The offsets from there on name other records by now, so it is reset to that end (rule X4).

import type { StartOffset } from './start-positions.ts';

/** Where leader epochs end, by epoch; one that is not named has no end that is known. */
export type EpochEndOffsets = ReadonlyMap<number, number>;

/** A cursor as it is kept: everything below `sentBelow` was sent as well. */
export interface KeptCursor extends StartOffset {
  readonly sentBelow: number;
}

/** How far rows of one session reach in each shard and leader epoch, so that the common case needs no look at them. */
export class KeptReach {
  /** By key and epoch; null while nothing is kept. */
  #shards: Map<number, Map<number, number>> | null = null;

  /** A row speaks of offsets below `below`. One of a negative epoch says nothing of where it lies. */
  add(key: number, leaderEpoch: number, below: number): void {
    if (leaderEpoch < 0) return;
    const shards = (this.#shards ??= new Map<number, Map<number, number>>());
    let epochs = shards.get(key);
    if (epochs === undefined) shards.set(key, (epochs = new Map<number, number>()));
    epochs.set(leaderEpoch, Math.max(below, epochs.get(leaderEpoch) ?? 0));
  }

  /** Epochs of rows of a shard that are over: `leaderEpoch` has begun. */
  epochsBefore(key: number, leaderEpoch: number): number[] {
    return [...(this.#shards?.get(key)?.keys() ?? [])].filter((epoch) => epoch < leaderEpoch);
  }

  /** Whether a row of a shard speaks of what its epoch never had. */
  exceeds(key: number, ends: EpochEndOffsets): boolean {
    for (const [epoch, below] of this.#shards?.get(key) ?? []) if (below > endOf(ends, epoch)) return true;
    return false;
  }

  /** The rows of a shard lie within their epochs, or the shard is gone. */
  forget(key: number): void {
    this.#shards?.delete(key);
  }
}

/** Rows of one shard, reset. */
export interface ResetPlaces<C, M> {
  readonly cursors: readonly C[];
  readonly inFlight: readonly M[];
  /** Messages in flight that the log has no more. */
  readonly lost: readonly M[];
}

/** Takes what is kept back to the ends of leader epochs. */
export const epochReset = {
  /** Resets the cursors and messages in flight that `isOf` takes to the ends of their epochs. */
  places<C extends KeptCursor, M extends StartOffset>(
    cursors: readonly C[],
    inFlight: readonly M[],
    isOf: (place: StartOffset) => boolean,
    ends: EpochEndOffsets,
  ): ResetPlaces<C, M> {
    const isLost = (message: M): boolean =>
      isOf(message) && message.offset >= endOf(ends, message.leaderEpoch);
    return {
      cursors: cursors.map((cursor) => (isOf(cursor) ? resetCursor(cursor, ends) : cursor)),
      inFlight: inFlight.filter((message) => !isLost(message)),
      lost: inFlight.filter(isLost),
    };
  },

  /** Resets what a start vector says of a shard: what was published behind the end of its epoch is wanted. */
  start(starts: Map<number, StartOffset>, key: number, ends: EpochEndOffsets): void {
    const start = starts.get(key);
    if (start === undefined) return;
    const end = endOf(ends, start.leaderEpoch);
    if (start.offset > end) starts.set(key, { ...start, offset: end });
  },
} as const;

function resetCursor<C extends KeptCursor>(cursor: C, ends: EpochEndOffsets): C {
  const end = endOf(ends, cursor.leaderEpoch);
  return { ...cursor, offset: Math.min(cursor.offset, end), sentBelow: Math.min(cursor.sentBelow, end) };
}

function endOf(ends: EpochEndOffsets, leaderEpoch: number): number {
  return ends.get(leaderEpoch) ?? Infinity;
}
