// Which stream owns an MQTT topic: the most specific `mqtt.filter` that matches (rule O1).
import { compareSpecificity, intersects, overlapsWithoutContainment } from './filter-algebra.ts';
import { FilterTrie } from './filter-trie.ts';
import { TopicCache } from './topic-cache.ts';

/** An owner and its filter. */
export interface OwnedFilter<T> {
  readonly filter: string;
  readonly owner: T;
}

/** Topics remembered; a gateway rarely routes more at once. */
const DEFAULT_CACHE_TOPICS = 16_384;

/**
 * Owners by filter. Because filters that overlap without containment are refused, the filters that match one topic form
 * a chain under containment and its smallest member is the owner.
 */
export class OwnerTable<T> {
  readonly #trie = new FilterTrie<OwnedFilter<T>>();
  readonly #byFilter = new Map<string, OwnedFilter<T>>();
  readonly #cache: TopicCache<OwnedFilter<T> | null>;

  constructor(cacheTopics: number = DEFAULT_CACHE_TOPICS) {
    this.#cache = new TopicCache(cacheTopics);
  }

  /** The filter already present with which `filter` may not coexist: equal, or overlapping without containment. */
  conflict(filter: string): OwnedFilter<T> | undefined {
    const same = this.#byFilter.get(filter);
    if (same !== undefined) return same;
    for (const owned of this.#byFilter.values()) {
      if (overlapsWithoutContainment(owned.filter, filter)) return owned;
    }
    return undefined;
  }

  /** Adds or replaces the owner of a filter. The caller has asked {@link conflict}. */
  set(filter: string, owner: T): void {
    this.delete(filter);
    const owned = { filter, owner };
    this.#byFilter.set(filter, owned);
    this.#trie.add(filter, owned);
  }

  /** Removes a filter; its topics fall to the next less specific one. */
  delete(filter: string): boolean {
    const owned = this.#byFilter.get(filter);
    if (owned === undefined) return false;
    this.#byFilter.delete(filter);
    this.#trie.remove(filter, owned);
    return true;
  }

  /** The owner of a topic, or undefined: then the tenant's built-in stream owns it. */
  ownerOf(topic: string): T | undefined {
    const known = this.#cache.get(topic, this.#trie.generation);
    if (known !== undefined) return known?.owner;
    let best: OwnedFilter<T> | null = null;
    this.#trie.match(topic, (owned) => {
      if (best === null || compareSpecificity(owned.filter, best.filter) < 0) best = owned;
    });
    this.#cache.set(topic, best);
    return (best as OwnedFilter<T> | null)?.owner;
  }

  /** The owners that can hold a topic of `filter`, besides the built-in stream, the most specific first (rule O2). */
  intersecting(filter: string): OwnedFilter<T>[] {
    const found = [...this.#byFilter.values()].filter((owned) => intersects(owned.filter, filter));
    return found.sort((a, b) => compareSpecificity(a.filter, b.filter));
  }

  /** Every filter with its owner. */
  entries(): IterableIterator<OwnedFilter<T>> {
    return this.#byFilter.values();
  }
}
