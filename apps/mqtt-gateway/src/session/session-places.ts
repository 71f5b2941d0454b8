// Where a session stands in its shards, as rows of meta and as places of the core, both ways (rules S3, X4).

import type { AwaitedPlace, PlacedMessage } from '@robustmq/mqtt-session';
import { shardKeyOf, type ShardPlace } from '../delivery/shard-place.ts';
import type { StoredPlaces } from '../store/session-rows.ts';

/** What rows say of one shard. */
export interface StoredPlace {
  /** First offset that was not sent; undefined: nothing is said. */
  readonly from: number | undefined;
  /** What meta has as its cursor; see `ResumedPlace`. */
  readonly committed: number | null;
}

type StartPlace = Pick<ShardPlace, 'streamId' | 'shard' | 'leaderEpoch'>;
type Shard = Pick<ShardPlace, 'streamId' | 'shard'>;

function isIn(row: Shard, { streamId, shard }: Shard): boolean {
  return row.streamId === streamId && row.shard === shard;
}

const NOTHING_SAID: StoredPlace = { from: undefined, committed: null };

/** What the rows of a session say of a shard. */
export function storedPlaceOf(stored: StoredPlaces, shard: Shard): StoredPlace {
  const cursors = stored.cursors.filter((row) => isIn(row, shard));
  const outbound = stored.outbound.filter((row) => isIn(row, shard));
  return storedPlaces({ cursors, outbound }).get(shardKeyOf(shard.streamId, shard.shard)) ?? NOTHING_SAID;
}

/** What the rows of a session say, by shard. */
function storedPlaces({ cursors, outbound }: Omit<StoredPlaces, 'doubtful'>): Map<number, StoredPlace> {
  const places = new Map<number, StoredPlace>();
  for (const { streamId, shard, offset, sentBelow } of cursors)
    places.set(shardKeyOf(streamId, shard), { from: Math.max(sentBelow, offset), committed: offset });
  // What was sent at an earlier release stays in the row until the cursor has passed it.
  for (const { streamId, shard, offset } of outbound) {
    const key = shardKeyOf(streamId, shard);
    const { from = 0, committed } = places.get(key) ?? NOTHING_SAID;
    places.set(key, { from: Math.max(from, offset + 1), committed: committed ?? -1 });
  }
  return places;
}

/**
 * What stands in for tails that are not known, so that what is owed there is sent all the same (N6). Of a session in doubt
 * `starts` count as well: what its subscriptions began with may have been sent, and the next owner has to know (S3).
 */
export function standIns(
  stored: StoredPlaces,
  isKnown: (key: number) => boolean,
  starts: readonly StartPlace[] = [],
): AwaitedPlace<ShardPlace>[] {
  const found = new Map<number, AwaitedPlace<ShardPlace>>();
  const places = storedPlaces(stored);
  for (const { streamId, shard, leaderEpoch } of [...stored.cursors, ...stored.outbound, ...starts]) {
    const key = shardKeyOf(streamId, shard);
    if (isKnown(key) || found.has(key)) continue;
    const { from = 0, committed } = places.get(key) ?? NOTHING_SAID;
    const place = { streamId, shard, key, leaderEpoch, nextOffset: from, deliveredBelow: from };
    found.set(key, { place, committed });
  }
  return [...found.values()];
}

/** What stands in for a tail while it is asked where the epochs of the session's rows ended (X4). */
export function standInFor(stored: StoredPlaces, tail: ShardPlace): AwaitedPlace<ShardPlace> {
  const { streamId, shard, key, leaderEpoch } = tail;
  const [known] = standIns(stored, (other) => other !== key);
  const place = { streamId, shard, key, leaderEpoch, nextOffset: 0, deliveredBelow: 0 };
  return known ?? { place, committed: null };
}

/** What the last connection had in flight, in the places of this gateway. */
export function inFlightOf(
  stored: StoredPlaces,
  placeOf: (key: number) => ShardPlace | undefined,
): PlacedMessage<ShardPlace>[] {
  return stored.outbound.flatMap(({ packetId, streamId, shard, offset, departures }) => {
    const place = placeOf(shardKeyOf(streamId, shard));
    return place === undefined ? [] : [{ packetId, place, offset, departures }];
  });
}

/** After a crash of the owner the cursors alone are believed: what it had in flight nobody knows (rule S3). */
export function placesAfterCrash({ cursors }: StoredPlaces): StoredPlaces {
  return { cursors: cursors.map((cursor) => ({ ...cursor, sentBelow: 0 })), outbound: [], doubtful: true };
}
