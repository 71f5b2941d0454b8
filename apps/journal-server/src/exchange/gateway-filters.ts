// The topic filters of one gateway, per tenant, with the answers per topic cached until they change (rule X5).

import { FilterTrie, TopicCache } from '@robustmq/mqtt-topics';
import type { StreamFacts } from '../shard/stream-facts.ts';
import { mayHold } from '../shard/stream-topics.ts';

interface TenantFilters {
  readonly trie: FilterTrie<number>;
  readonly matches: TopicCache<boolean>;
  /** Per stream whether any filter may match it; dropped with every change. */
  readonly streams: Map<number, boolean>;
}

interface Registered {
  readonly tenant: string;
  readonly filter: string;
}

/** Topics remembered per gateway and tenant. */
const CACHED_TOPICS = 65_536;

const MAX_LOOKED_AT = 1_024;

/** A gateway's filters. */
export class GatewayFilters {
  readonly #tenants = new Map<string, TenantFilters>();
  readonly #byId = new Map<number, Registered>();

  get size(): number {
    return this.#byId.size;
  }

  /** Adds a filter; one with the same id is replaced. The filter is valid. */
  add(filterId: number, tenant: string, filter: string): void {
    this.remove(filterId);
    this.#byId.set(filterId, { tenant, filter });
    const filters = this.#tenant(tenant);
    filters.trie.add(filter, filterId);
    filters.streams.clear();
  }

  remove(filterId: number): void {
    const known = this.#byId.get(filterId);
    if (known === undefined) return;
    this.#byId.delete(filterId);
    const filters = this.#tenant(known.tenant);
    filters.trie.remove(known.filter, filterId);
    filters.streams.clear();
  }

  /** Whether any filter matches the topic. */
  matches(tenant: string, topic: string): boolean {
    const filters = this.#tenants.get(tenant);
    if (filters === undefined || filters.trie.size === 0) return false;
    const known = filters.matches.get(topic, filters.trie.generation);
    if (known !== undefined) return known;
    let found = false;
    filters.trie.match(topic, () => {
      found = true;
    });
    filters.matches.set(topic, found);
    return found;
  }

  /** Whether any filter may match a record of the stream. */
  mayMatch(stream: StreamFacts): boolean {
    const filters = this.#tenants.get(stream.tenant);
    if (filters === undefined || filters.trie.size === 0) return false;
    // To look at so many for one that may match costs more than to match each topic (rule N8).
    if (stream.ownsRest || this.#byId.size > MAX_LOOKED_AT) return true;
    const known = filters.streams.get(stream.streamId);
    if (known !== undefined) return known;
    const may = this.#anyMayHold(stream);
    filters.streams.set(stream.streamId, may);
    return may;
  }

  #anyMayHold(stream: StreamFacts): boolean {
    for (const { tenant, filter } of this.#byId.values()) {
      if (tenant === stream.tenant && mayHold(stream, filter)) return true;
    }
    return false;
  }

  #tenant(tenant: string): TenantFilters {
    let filters = this.#tenants.get(tenant);
    if (filters === undefined) {
      filters = { trie: new FilterTrie(), matches: new TopicCache(CACHED_TOPICS), streams: new Map() };
      this.#tenants.set(tenant, filters);
    }
    return filters;
  }
}
