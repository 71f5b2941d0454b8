// How far a session has read each shard. It follows a shard live, reads it behind the tail (lagging), or waits to be told
// where it stands. Live is said of an offset, not of a shard: a session that comes from another gateway may be ahead of
// this one's tail (rules X5, N5, N6).

import type { Place } from './place.ts';

/** Where a session goes on reading a shard. */
export interface ShardLag {
  nextOffset: number;
  /** The gateway's recent records have everything that matches the session's filters only from here on (rule X5). */
  readonly ringFrom: number;
}

/** The places of one session. Invariant: nothing below {@link sentBelow} of a place is delivered as new again. */
export class ShardReading<P extends Place> {
  #lags: Map<number, ShardLag> | null = null;
  /** First offset wanted of shards whose tail on this gateway is behind the session. */
  #floors: Map<number, number> | null = null;
  /** No place is known yet: the session was resumed and its filters are not active everywhere. */
  #isResuming = false;
  /** Shards whose leader has not said yet from where on the tail has what the session's filters match (N5). */
  #awaited: Set<number> | null = null;

  /** Shards that are read behind the tail; null when there are none. */
  get lags(): ReadonlyMap<number, ShardLag> | null {
    return this.#lags;
  }

  /** Until {@link resumed}, the session follows nothing live. */
  get isResuming(): boolean {
    return this.#isResuming;
  }

  /** Whether every shard is followed live, from wherever the tail is. */
  get isLive(): boolean {
    return !this.#isResuming && this.#lags === null && this.#floors === null && this.#awaited === null;
  }

  resume(): void {
    this.#isResuming = true;
  }

  /** Every place that could be told was told; see {@link awaitPlace} for those that are still to come. */
  resumed(): void {
    this.#isResuming = false;
  }

  /** Where the session stands in a shard is to be found out first: nothing of it is live. */
  awaitPlace(key: number): void {
    (this.#awaited ??= new Set()).add(key);
  }

  /** Whether there are shards where the session does not know its place. */
  get hasUnknown(): boolean {
    return this.#isResuming || this.#awaited !== null;
  }

  /** Whether where the session stands in a shard is not known. */
  awaits(key: number): boolean {
    return this.#isResuming || this.#awaited?.has(key) === true;
  }

  /** Whether the message at this offset is the session's to take from the tail. */
  isLiveAt(key: number, offset: number): boolean {
    if (this.isLive) return true;
    if (this.awaits(key) || this.#lags?.has(key) === true) return false;
    return this.#floors === null || this.#isAboveFloor(key, offset);
  }

  #isAboveFloor(key: number, offset: number): boolean {
    const floor = this.#floors!.get(key);
    if (floor === undefined) return true;
    if (offset < floor) return false;
    this.#dropFloor(key);
    return true;
  }

  /**
   * The session stands at `offset` of a place. Behind the tail it reads on from there, ahead of it it waits for the tail
   * to come up. `ringFrom`: see {@link ShardLag}.
   */
  begin(place: P, offset: number, ringFrom: number): void {
    this.#stopAwaiting(place.key);
    // The tail may not have come to where it begins to have what the session's filters match.
    if (offset < Math.max(place.nextOffset, ringFrom)) this.fallBehind(place, offset, ringFrom);
    else this.#waitFor(place, offset);
  }

  /** Nothing below `offset` is wanted of a tail that has not come to it. */
  #waitFor(place: P, offset: number): void {
    if (offset > place.nextOffset) (this.#floors ??= new Map()).set(place.key, offset);
  }

  /** Reads the shard from `offset` on. */
  fallBehind(place: P, offset: number, ringFrom: number): void {
    (this.#lags ??= new Map()).set(place.key, { nextOffset: offset, ringFrom });
  }

  /** The tail left out [from, ringFrom): who follows it live reads that behind it (N5). */
  tailJumped(place: P, from: number, ringFrom: number): void {
    if (this.awaits(place.key) || this.#lags?.has(place.key) === true) return;
    const offset = Math.max(from, this.#floors?.get(place.key) ?? 0);
    if (offset >= ringFrom) return;
    this.#dropFloor(place.key);
    this.fallBehind(place, offset, ringFrom);
  }

  /** The session has come up with the tail, or is ahead of it by now: it is live from where it has read to. */
  caughtUp(place: P): void {
    const lag = this.#lags?.get(place.key);
    if (lag === undefined) return;
    this.#stopLagging(place.key);
    this.#waitFor(place, lag.nextOffset);
  }

  #stopLagging(key: number): void {
    if (this.#lags?.delete(key) === true && this.#lags.size === 0) this.#lags = null;
  }

  /** The shard is gone. */
  forget(key: number): void {
    this.#stopLagging(key);
    this.#dropFloor(key);
    this.#stopAwaiting(key);
  }

  /** Everything of a shard below was sent, or is settled. */
  sentBelow(place: P): number {
    const lag = this.#lags?.get(place.key);
    if (lag !== undefined) return lag.nextOffset;
    return Math.max(place.deliveredBelow, this.#floors?.get(place.key) ?? 0);
  }

  #stopAwaiting(key: number): void {
    if (this.#awaited?.delete(key) === true && this.#awaited.size === 0) this.#awaited = null;
  }

  #dropFloor(key: number): void {
    if (this.#floors === null) return;
    this.#floors.delete(key);
    if (this.#floors.size === 0) this.#floors = null;
  }
}
