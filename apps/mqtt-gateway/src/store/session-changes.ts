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

/** What becomes of a session's rows. */
export interface SessionChange {
  readonly put?: readonly StoredSubscription[];
  readonly remove?: readonly string[];
  readonly cursors?: readonly StoredCursor[];
}

/** Changes of one epoch of a session. */
export class SessionChanges {
  readonly key: SessionKey;
  /** Null while no filter has a row. */
  #starts: StartVectors | null = null;
  /** Filters that may have a row and must not: what put or removed them failed. */
  #stray: Set<string> | null = null;
  #lastChange = 0n;

  constructor(
    key: SessionKey,
    { startRows, subscriptionRows }: Pick<CollectedRows, 'startRows' | 'subscriptionRows'>,
  ) {
    this.key = key;
    if (startRows.length + subscriptionRows.length > 0)
      this.#starts = new StartVectors(startRows, subscriptionRows);
  }

  /** The next change; to be made when it is sent. Cursors alone need no order. */
  next({ put = [], remove = [], cursors = [] }: SessionChange): SessionUpdate {
    const putCursors = cursors.map(cursorRow);
    if (put.length === 0 && remove.length === 0)
      return create(SessionUpdateSchema, { key: this.key, putCursors });
    const starts = (this.#starts ??= new StartVectors([], []));
    for (const filter of remove) starts.remove(filter);
    const putSubscriptions = put.map((row) => subscriptionRow(row, starts.put(row.filter, row.start)));
    return create(SessionUpdateSchema, {
      key: this.key,
      change: ++this.#lastChange,
      putSubscriptions,
      removeSubscriptions: [...new Set([...remove, ...(this.#stray ?? [])])],
      putStarts: starts.missingOf(put.map(({ filter }) => filter)),
      removeStarts: starts.unused,
      putCursors,
    });
  }

  /** Meta has taken a change. */
  taken(update: SessionUpdate): void {
    this.#starts?.stored(update.putStarts, update.removeStarts);
    for (const filter of update.removeSubscriptions) this.#stray?.delete(filter);
  }

  /**
   * Meta has not taken all of a change, or nobody knows: its caller holds subscriptions that it made for gone, so their rows
   * must go as well. `made` are the filters that had no row before.
   */
  failed({ remove, made }: { readonly remove: readonly string[]; readonly made: readonly string[] }): void {
    for (const filter of [...remove, ...made]) {
      this.#starts?.remove(filter);
      (this.#stray ??= new Set()).add(filter);
    }
  }
}
