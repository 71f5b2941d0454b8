// Which cursors meta does not know yet (rule X4): only of shards that had something for the session, and only where it
// moved since the last commit.

import type { Place } from './place.ts';

interface Known<P> {
  readonly place: P;
  /** As meta has it; -1: not at all. */
  committed: number;
}

/** A cursor in a log that is gone, as meta had it. */
export type GoneCursor<P> = Readonly<Known<P>>;

/** The cursor of a place: nothing below is wanted any more. */
export interface Cursor<P> {
  readonly place: P;
  readonly offset: number;
}

/** Cursors of one session, as meta knows them. */
export class MovedCursors<P extends Place> {
  /** By key; null until a shard has something for the session. */
  #known: Map<number, Known<P>> | null = null;
  /** Keys of those whose log is gone; null when there are none. */
  #gone: Set<number> | null = null;
  /** Saves the look-up for all but the first message of a run from one shard. */
  #last: P | null = null;
  /** Whether any may have moved since they were last {@link take}n. */
  isDirty = false;

  /** The place had something for the session. */
  touch(place: P): void {
    this.isDirty = true;
    if (this.#last === place) return;
    this.#last = place;
    if (this.#known?.has(place.key) !== true) this.#learn(place, -1);
  }

  /** Meta has this cursor. */
  stored(place: P, offset: number): void {
    this.#learn(place, offset);
  }

  #learn(place: P, committed: number): void {
    (this.#known ??= new Map<number, Known<P>>()).set(place.key, { place, committed });
  }

  /** The log of a shard is gone: its cursor may go too, see {@link takeGone}. */
  gone(key: number): void {
    if (this.#known?.has(key) === true) (this.#gone ??= new Set()).add(key);
  }

  /** Whether there are cursors in logs that are gone. */
  get hasGone(): boolean {
    return this.#gone !== null;
  }

  /** Takes out at most `count` cursors in logs that are gone, of those that no next owner needs. */
  takeGone(isNeedless: (place: P) => boolean, count: number): GoneCursor<P>[] {
    const taken: GoneCursor<P>[] = [];
    for (const key of this.#gone ?? []) {
      if (taken.length === count) break;
      const known = this.#known?.get(key);
      if (known !== undefined && !isNeedless(known.place)) continue;
      this.#gone?.delete(key);
      this.#known?.delete(key);
      if (known !== undefined) taken.push(known);
    }
    if (this.#gone?.size === 0) this.#gone = null;
    return taken;
  }

  /** Meta has not let them go. */
  goneFailed(cursors: readonly GoneCursor<P>[]): void {
    for (const { place, committed } of cursors) {
      this.#learn(place, committed);
      this.gone(place.key);
    }
  }

  /** All of them, for the next owner. */
  all(cursorOf: (place: P) => number): Cursor<P>[] {
    return Array.from(this.#known?.values() ?? [], ({ place }) => ({ place, offset: cursorOf(place) }));
  }

  /** Those that moved; they count as known to meta from now on, until {@link failed} says otherwise. */
  take(cursorOf: (place: P) => number): Cursor<P>[] {
    this.isDirty = false;
    const moved: Cursor<P>[] = [];
    for (const known of this.#known?.values() ?? []) {
      const offset = cursorOf(known.place);
      if (offset === known.committed) continue;
      known.committed = offset;
      moved.push({ place: known.place, offset });
    }
    return moved;
  }

  /** Meta did not take them. */
  failed(cursors: readonly Cursor<P>[]): void {
    for (const { place } of cursors) {
      const known = this.#known?.get(place.key);
      if (known !== undefined) known.committed = -1;
    }
    if (cursors.length > 0) this.isDirty = true;
  }
}
