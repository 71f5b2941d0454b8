// Start vectors of a session's filters (rule X3): filters that begin at the same places share one row, numbered here. Knows
// which rows meta has for sure, and which of them no filter names any more.

import { create } from '@bufbuild/protobuf';
import { StartVectorSchema, type StartVector, type SubscriptionRow } from '@robustmq/rpc';
import { positionOf, type ShardPlace } from './session-rows.ts';

/** A row, and how many filters name it. */
interface Shared {
  readonly row: StartVector;
  readonly content: string;
  filters: number;
}

/** Number of the vector without places, which has no row. */
const EMPTY = 0;

/** The vectors of one session. */
export class StartVectors {
  readonly #byFilter = new Map<string, Shared>();
  readonly #byContent = new Map<string, Shared>();
  /** By number: those that meta may not have. */
  readonly #unstored = new Map<number, Shared>();
  /** Numbers of rows that meta may have and no filter names. */
  readonly #unused = new Set<number>();
  #lastId = 0;
  /** The filters of one SUBSCRIBE mostly begin at the same places. */
  #last: { readonly places: readonly ShardPlace[]; readonly shared: Shared } | undefined;

  /** From the rows of a session that was opened. */
  constructor(rows: readonly StartVector[], subscriptions: readonly SubscriptionRow[]) {
    const byId = new Map<number, Shared>();
    for (const row of rows) {
      byId.set(row.id, { row, content: contentOf(row), filters: 0 });
      this.#lastId = Math.max(this.#lastId, row.id);
    }
    for (const { filter, start } of subscriptions) {
      const shared = byId.get(start);
      if (shared !== undefined) this.#name(filter, shared);
    }
    for (const [id, { filters }] of byId) if (filters === 0) this.#unused.add(id);
  }

  /** Number of the vector of a filter. One that is known keeps its own (rule X3). */
  put(filter: string, places: readonly ShardPlace[]): number {
    const known = this.#byFilter.get(filter);
    if (known !== undefined) return known.row.id;
    if (places.length === 0) return EMPTY;
    const shared = this.#sharedOf(places);
    this.#name(filter, shared);
    return shared.row.id;
  }

  #sharedOf(places: readonly ShardPlace[]): Shared {
    if (this.#last !== undefined && areSame(this.#last.places, places)) return this.#last.shared;
    const row = create(StartVectorSchema, { positions: places.map(positionOf) });
    const content = contentOf(row);
    let shared = this.#byContent.get(content);
    if (shared === undefined) {
      row.id = ++this.#lastId;
      shared = { row, content, filters: 0 };
      this.#unstored.set(row.id, shared);
    }
    this.#last = { places, shared };
    return shared;
  }

  /** A filter is gone. */
  remove(filter: string): void {
    const shared = this.#byFilter.get(filter);
    if (shared === undefined) return;
    this.#byFilter.delete(filter);
    if (--shared.filters > 0) return;
    // A later filter that begins there gets a new number: the removal of this one may be under way.
    this.#byContent.delete(shared.content);
    if (this.#last?.shared === shared) this.#last = undefined;
    this.#unused.add(shared.row.id);
  }

  /** Rows of these filters that meta may not have. */
  missingOf(filters: Iterable<string>): StartVector[] {
    const missing = new Set<StartVector>();
    for (const filter of filters) {
      const shared = this.#byFilter.get(filter);
      if (shared !== undefined && this.#unstored.has(shared.row.id)) missing.add(shared.row);
    }
    return [...missing];
  }

  /** Numbers of rows to remove. */
  get unused(): number[] {
    return [...this.#unused];
  }

  /** Meta has put and removed these. */
  stored(put: readonly StartVector[], removed: readonly number[]): void {
    for (const { id } of put) this.#unstored.delete(id);
    for (const id of removed) this.#unused.delete(id);
  }

  #name(filter: string, shared: Shared): void {
    shared.filters++;
    this.#byFilter.set(filter, shared);
    this.#byContent.set(shared.content, shared);
  }
}

function areSame(a: readonly ShardPlace[], b: readonly ShardPlace[]): boolean {
  return (
    a === b ||
    (a.length === b.length &&
      a.every((place, i) => {
        const other = b[i];
        return (
          place.streamId === other?.streamId &&
          place.shard === other.shard &&
          place.leaderEpoch === other.leaderEpoch &&
          place.offset === other.offset
        );
      }))
  );
}

function contentOf({ positions }: StartVector): string {
  return positions
    .map(({ streamId, shard, leaderEpoch, offset }) => `${streamId}/${shard}/${leaderEpoch}/${offset}`)
    .join(' ');
}
