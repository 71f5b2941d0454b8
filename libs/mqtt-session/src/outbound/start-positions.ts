// From where on a subscription matches, and from where on a session reads (rules X3, X4): decided from vectors alone.

import type { Place } from './place.ts';

/** A position in a shard: the first offset that is wanted. */
export interface StartOffset {
  readonly streamId: number;
  readonly shard: number;
  readonly leaderEpoch: number;
  readonly offset: number;
}

/** First offsets by the key of the shard. */
export type StartVector = ReadonlyMap<number, StartOffset>;

/** What X4 looks at of a subscription. */
export interface StartingSubscription {
  /** Null: it was made on this connection, and every start lies behind the tails. */
  readonly starts: StartVector | null;
  /** Revision of the cluster at which it was made. */
  readonly createdAtRevision: number;
}

/** Decides positions from vectors. */
export const startPositions = {
  /** First offset wanted of a shard; 0 for one that the vector does not name. */
  of(starts: StartVector, placeKey: number): number {
    return starts.get(placeKey)?.offset ?? 0;
  },

  /**
   * Where a new subscription starts (X3): from `activeFrom` on the tails have what its filter matches, and what lies below
   * this gateway's place was published before SUBACK.
   */
  ofNew(
    activeFrom: StartVector,
    placeOf: (key: number) => (Place & Pick<StartOffset, 'leaderEpoch'>) | undefined,
  ): Map<number, StartOffset> {
    const starts = new Map<number, StartOffset>();
    for (const [key, start] of activeFrom) {
      const { nextOffset = 0, leaderEpoch = -1 } = placeOf(key) ?? {};
      // A tail that is ahead may be so under a younger leader, of whose epoch what it has come to is.
      starts.set(key, {
        ...start,
        leaderEpoch: Math.max(start.leaderEpoch, leaderEpoch),
        offset: Math.max(start.offset, nextOffset),
      });
    }
    return starts;
  },

  /**
   * The first offset that a resumed session reads of a shard: its cursor; without one the earliest start among the
   * subscriptions. A shard that a vector does not name is read from its first offset if its stream is younger than the
   * subscription, else from where this gateway is (X4).
   */
  firstToRead(
    place: Place,
    cursor: number | undefined,
    subscriptions: Iterable<StartingSubscription>,
    streamRevision: number,
  ): number {
    if (cursor !== undefined) return cursor;
    let from = place.nextOffset;
    for (const { starts, createdAtRevision } of subscriptions) {
      const start = starts?.get(place.key);
      if (start !== undefined) from = Math.min(from, start.offset);
      else if (streamRevision > createdAtRevision) from = 0;
    }
    return from;
  },
} as const;
