// Remembers what was computed for a topic until the thing it was computed from changes.

import { RecentMap } from './recent-map.ts';

/** A bounded map from topic to result, valid for one generation of its source. What was not asked for lately leaves first. */
export class TopicCache<R> {
  /**
   * Longer topics are rare, and looking one up again costs less than to keep it: a table full of the longest would take
   * gigabytes (I8).
   */
  static readonly maxTopicChars = 256;

  readonly #entries: RecentMap<string, R>;
  #generation = -1;

  /** @param capacity entries kept; a topic that recurs seldom is cheaper to compute than to keep. */
  constructor(capacity: number) {
    this.#entries = new RecentMap(capacity);
  }

  /** The result for this generation of the source, or undefined. A new generation drops everything. */
  get(topic: string, generation: number): R | undefined {
    if (generation !== this.#generation) {
      this.#entries.clear();
      this.#generation = generation;
      return undefined;
    }
    return this.#entries.get(topic);
  }

  /** Keeps a result computed from the generation last asked for, unless the topic is too long. */
  set(topic: string, result: R): void {
    if (topic.length <= TopicCache.maxTopicChars) this.#entries.set(topic, result);
  }

  /** Entries kept now. */
  get size(): number {
    return this.#entries.size;
  }
}
