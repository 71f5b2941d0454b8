// The changes of one opened session, in the order of its chain: each is numbered, names its start vectors, and repeats what
// an earlier one that failed may have left undone.

import { create } from '@bufbuild/protobuf';
import { SessionUpdateSchema, type SessionKey, type SessionUpdate } from '@robustmq/rpc';
import {
  cursorRow,
  subscriptionRow,
  type CollectedRows,
  type StoredCursor,
  type StoredSubscription,
} from './session-rows.ts';
import { StartVectors } from './start-vectors.ts';

/** What becomes of a session's cursors. */
export interface CursorChange {
  readonly cursors?: readonly StoredCursor[];
  /** Of streams that are gone. */
  readonly goneCursors?: readonly Pick<StoredCursor, 'streamId' | 'shard'>[];
}

/** What becomes of a session's rows. */
export interface SessionChange extends CursorChange {
  readonly put?: readonly StoredSubscription[];
  readonly remove?: readonly string[];
  /** Whether it is made although nothing else changes: for what earlier ones left undone. */
  readonly repairs?: boolean;
}

/** Rows that one change repairs, of either kind: as many as meta applies within a turn of its loop (N8). */
const MAX_REPAIRS = 256;

/** What a change that failed was about. */
export interface FailedChange {
  readonly remove: readonly string[];
  readonly made: readonly string[];
  readonly replaced: readonly StoredSubscription[];
}

/** Changes of one epoch of a session. */
export class SessionChanges {
  readonly key: SessionKey;
  /** Null while no filter has a row. */
  #starts: StartVectors | null = null;
  /** Filters that may have a row and must not: what put or removed them failed. */
  #stray: Set<string> | null = null;
  /** Rows that must be as here and may not be: what was to replace them failed. */
  #doubtful: Map<string, StoredSubscription> | null = null;
  #lastChange = 0n;

  constructor(
    key: SessionKey,
    { startRows, subscriptionRows }: Pick<CollectedRows, 'startRows' | 'subscriptionRows'>,
  ) {
    this.key = key;
    if (startRows.length + subscriptionRows.length > 0)
      this.#starts = new StartVectors(startRows, subscriptionRows);
  }

  /** Whether rows may be there, or be otherwise, than the session has subscriptions. */
  get areUndone(): boolean {
    return (this.#stray?.size ?? 0) + (this.#doubtful?.size ?? 0) > 0;
  }

  /** Whether a row of this filter may be there although its subscription is gone. */
  mayHaveRow(filter: string): boolean {
    return this.#stray?.has(filter) === true;
  }

  /** The next change; to be made when it is sent. Cursors alone need no order, but for those that go. */
  next({
    put = [],
    remove = [],
    cursors = [],
    goneCursors = [],
    repairs = false,
  }: SessionChange): SessionUpdate {
    const putCursors = cursors.map(cursorRow);
    if (put.length === 0 && remove.length === 0 && !repairs) {
      const removeCursors = goneCursors.map(({ streamId, shard }) => ({ streamId, shard }));
      const change = removeCursors.length > 0 ? ++this.#lastChange : 0n;
      return create(SessionUpdateSchema, { key: this.key, change, putCursors, removeCursors });
    }
    const starts = (this.#starts ??= new StartVectors([], []));
    const rows = [...this.#putAgain(put, remove).slice(0, MAX_REPAIRS), ...put];
    const gone = this.#gone(put, remove);
    const most = Math.max(MAX_REPAIRS, gone.needed);
    const removeSubscriptions = gone.filters.slice(0, most);
    for (const filter of remove) starts.remove(filter);
    const putSubscriptions = rows.map((row) => subscriptionRow(row, starts.put(row.filter, row.start)));
    return create(SessionUpdateSchema, {
      key: this.key,
      change: ++this.#lastChange,
      putSubscriptions,
      removeSubscriptions,
      putStarts: starts.missingOf(rows.map(({ filter }) => filter)),
      // A row that stays for now may name one of them.
      removeStarts: gone.filters.length > most ? [] : starts.unused,
      putCursors,
    });
  }

  /** Filters whose rows must go; those `needed` at once come first. One that is put would else keep the start of its old row (X3). */
  #gone(
    put: readonly StoredSubscription[],
    remove: readonly string[],
  ): { readonly filters: readonly string[]; readonly needed: number } {
    const stray = this.#stray;
    if (stray === null) return { filters: [...new Set(remove)], needed: remove.length };
    const begun = put.map(({ filter }) => filter).filter((filter) => stray.has(filter));
    return { filters: [...new Set([...remove, ...begun, ...stray])], needed: remove.length + begun.length };
  }

  #putAgain(put: readonly StoredSubscription[], remove: readonly string[]): StoredSubscription[] {
    if (this.#doubtful === null) return [];
    const named = new Set([...remove, ...put.map(({ filter }) => filter)]);
    return [...this.#doubtful.values()].filter(({ filter }) => !named.has(filter));
  }

  /** Meta has taken a change. */
  taken(update: SessionUpdate): void {
    this.#starts?.stored(update.putStarts, update.removeStarts);
    for (const filter of update.removeSubscriptions) {
      this.#stray?.delete(filter);
      this.#doubtful?.delete(filter);
    }
    for (const { filter } of update.putSubscriptions) this.#doubtful?.delete(filter);
  }

  /**
   * Meta has not taken all of a change, or nobody knows: its caller holds subscriptions that it made for gone, so their rows
   * must go as well, and those that it was to replace must be as before. `made` are the filters that had no row before.
   */
  failed({ remove, made, replaced }: FailedChange): void {
    for (const filter of [...remove, ...made]) {
      this.#starts?.remove(filter);
      this.#doubtful?.delete(filter);
      (this.#stray ??= new Set()).add(filter);
    }
    for (const row of replaced) (this.#doubtful ??= new Map()).set(row.filter, row);
  }
}
