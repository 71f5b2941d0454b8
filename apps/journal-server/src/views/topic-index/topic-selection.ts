// The topic filters of one read, compiled once: a read of a session with thousands of filters matches a topic as fast as one
// with a single filter.

import { BrokerError } from '@robustmq/errors';
import { FilterTrie, topicFilter } from '@robustmq/mqtt-topics';
import type { ReadTurns } from '../../shard/read-turns.ts';

/** Filters of one read: what a gateway allows a session by default, so that one read serves it (rule N13). */
export const MAX_READ_FILTERS = 10_000;

/** Which topics a read is about. */
export class TopicSelection {
  /** Filters without wildcards: topics. */
  readonly topics: ReadonlySet<string>;
  readonly #wildcards: FilterTrie<true>;
  #isMatch = false;

  private constructor(topics: ReadonlySet<string>, wildcards: FilterTrie<true>) {
    this.topics = topics;
    this.#wildcards = wildcards;
  }

  /** @throws BrokerError invalid_argument for too many filters or one that is none. */
  static async of(filters: readonly string[], turns: ReadTurns): Promise<TopicSelection> {
    if (filters.length > MAX_READ_FILTERS) {
      throw new BrokerError('invalid_argument', `more than ${MAX_READ_FILTERS} filters in one read`);
    }
    const topics = new Set<string>();
    const wildcards = new FilterTrie<true>();
    for (const filter of filters) {
      if (turns.isSpent) await turns.next();
      if (topicFilter.problem(filter) !== undefined) {
        throw new BrokerError('invalid_argument', 'not a topic filter');
      }
      if (topicFilter.hasWildcard(filter)) wildcards.add(filter, true);
      else topics.add(filter);
    }
    return new TopicSelection(topics, wildcards);
  }

  get isEmpty(): boolean {
    return this.topics.size === 0 && this.#wildcards.size === 0;
  }

  get hasWildcards(): boolean {
    return this.#wildcards.size > 0;
  }

  matches(topic: string): boolean {
    return this.topics.has(topic) || (this.hasWildcards && this.matchesWildcard(topic));
  }

  /** Whether a filter with wildcards matches. */
  matchesWildcard(topic: string): boolean {
    this.#isMatch = false;
    this.#wildcards.match(topic, this.#matched);
    return this.#isMatch;
  }

  readonly #matched = (): void => {
    this.#isMatch = true;
  };
}
