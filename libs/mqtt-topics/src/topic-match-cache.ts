// What the matches of a topic amount to, kept per topic, so that a repeated topic costs one Map look-up.

import type { FilterTrie } from './filter-trie.ts';

/** Sizes and meaning of a {@link TopicMatchCache}. */
export interface TopicMatchCacheOptions<T, V> {
  /** Topics kept; the oldest leaves first. */
  readonly maxTopics: number;
  /** What is kept per topic in place of its matches. Called when a topic is first asked for and after changes. */
  readonly build: (matches: T[], topic: string) => V;
}

interface Entry<V> {
  generation: number;
  value: V;
}

/** A bounded cache in front of a {@link FilterTrie}. After a change each topic is matched anew when it is next asked for. */
export class TopicMatchCache<T, V> {
  readonly #trie: FilterTrie<T>;
  readonly #entries = new Map<string, Entry<V>>();
  readonly #maxTopics: number;
  readonly #build: (matches: T[], topic: string) => V;

  constructor(trie: FilterTrie<T>, options: TopicMatchCacheOptions<T, V>) {
    this.#trie = trie;
    this.#maxTopics = options.maxTopics;
    this.#build = options.build;
  }

  /** The value for a valid Topic Name. */
  get(topic: string): V {
    const entry = this.#entries.get(topic);
    const { generation } = this.#trie;
    if (entry !== undefined) {
      if (entry.generation === generation) return entry.value;
      entry.value = this.#compute(topic);
      entry.generation = generation;
      return entry.value;
    }
    if (this.#entries.size >= this.#maxTopics) {
      const oldest = this.#entries.keys().next();
      if (oldest.done !== true) this.#entries.delete(oldest.value);
    }
    const value = this.#compute(topic);
    this.#entries.set(topic, { generation, value });
    return value;
  }

  /** Topics kept now. */
  get size(): number {
    return this.#entries.size;
  }

  #compute(topic: string): V {
    const matches: T[] = [];
    this.#trie.match(topic, (value) => matches.push(value));
    return this.#build(matches, topic);
  }
}
