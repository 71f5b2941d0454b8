// Rows of one kind in the view, and edits of them: what a change of the watch means, before it is applied.
import type { ViewChange } from './model.ts';

/** How listeners hear of the rows of a table. */
export interface RowChanges<Key, Value> {
  readonly put: (key: Key, value: Value, previous: Value | undefined) => ViewChange;
  readonly gone: (key: Key, value: Value) => ViewChange;
}

/** Rows by key. They are replaced, never changed, so a reader may keep them. */
export class RowTable<Key, Value> {
  readonly rows: ReadonlyMap<Key, Value>;
  readonly #rows = new Map<Key, Value>();
  readonly #changes: RowChanges<Key, Value>;

  constructor(changes: RowChanges<Key, Value>) {
    this.#changes = changes;
    this.rows = this.#rows;
  }

  /** Adds or replaces a row. */
  put(key: Key, value: Value): ViewChange {
    const previous = this.#rows.get(key);
    this.#rows.set(key, value);
    return this.#changes.put(key, value, previous);
  }

  /** Removes a row; undefined when there was none. */
  delete(key: Key): ViewChange | undefined {
    const value = this.#rows.get(key);
    if (value === undefined) return undefined;
    this.#rows.delete(key);
    return this.#changes.gone(key, value);
  }
}

/** A row to be put, or to be deleted when there is no value. */
export interface RowEdit {
  /** Undefined for what exists once and is never deleted. */
  readonly table: object | undefined;
  readonly key: unknown;
  readonly value: unknown;
  readonly isDeletion: boolean;
  apply(): ViewChange | undefined;
}

/** An edit of a row of a table. */
export function rowEdit<Key, Value>(
  table: RowTable<Key, Value>,
  key: Key,
  value: Value | undefined,
): RowEdit {
  return {
    table,
    key,
    value,
    isDeletion: value === undefined,
    apply: () => (value === undefined ? table.delete(key) : table.put(key, value)),
  };
}

/** Removes the rows of a table that a snapshot does not have: their deletion happened while nobody watched. */
export function deleteMissing<Key, Value>(
  table: RowTable<Key, Value>,
  kept: ReadonlySet<unknown> | undefined,
): ViewChange[] {
  const changes: ViewChange[] = [];
  for (const key of [...table.rows.keys()]) {
    if (kept?.has(key) === true) continue;
    const change = table.delete(key);
    if (change !== undefined) changes.push(change);
  }
  return changes;
}
