// The topic index of a data directory (rules X1, X2): a view of each shard that owns more than one MQTT topic, under one
// budget of memory. Answers backlog reads.

import { KeyValueBatch, type KeyValueStore } from '@robustmq/kv-store';
import type { Log } from '@robustmq/runtime';
import type { ReadTurns } from '../../shard/read-turns.ts';
import type { Shard } from '../../shard/shard.ts';
import type { StreamFacts } from '../../shard/stream-facts.ts';
import { topicRuleOf } from '../../shard/stream-topics.ts';
import { ViewFeed, type ViewKind } from '../view-feed.ts';
import { INDEX_FAMILY, streamRanges } from './rows.ts';
import type { IndexAnswer } from './block-answer.ts';
import { ShardIndex } from './shard-index.ts';
import type { TopicSelection } from './topic-selection.ts';

/** Memory of all open blocks of a process; beyond it the largest is closed early (rule X2). */
const MAX_OPEN_BYTES = 64 * 1024 * 1024;

/** Index of all shards that own more than one MQTT topic. */
export class TopicIndex {
  readonly feed: ViewFeed<ShardIndex>;
  readonly #log: Pick<Log, 'warn'>;

  constructor(store: KeyValueStore, log: Pick<Log, 'warn'>, turns: ReadTurns) {
    this.#log = log;
    this.feed = new ViewFeed(new TopicIndexKind(store, turns), log, turns);
  }

  /** Where records of [from, to) are that the selection wants, as far as the index knows. */
  async offsetsOf(shard: Shard, selection: TopicSelection, from: number, to: number): Promise<IndexAnswer> {
    const index = this.feed.viewOf(shard);
    if (index === undefined) return { kind: 'scan', until: to };
    try {
      return await index.find(selection, from, to);
    } catch (err) {
      const fields = { err, stream_id: shard.streamId, shard: shard.shard };
      this.#log.warn(fields, 'topic index not readable');
      return { kind: 'scan', until: to };
    }
  }
}

class TopicIndexKind implements ViewKind<ShardIndex> {
  readonly name = 'topic index';
  readonly #store: KeyValueStore;
  readonly #turns: ReadTurns;

  constructor(store: KeyValueStore, turns: ReadTurns) {
    this.#store = store;
    this.#turns = turns;
  }

  wants(stream: StreamFacts): boolean {
    return topicRuleOf(stream).kind === 'key';
  }

  open({ streamId, shard, highWatermark }: Shard): Promise<ShardIndex> {
    return ShardIndex.open(this.#store, streamId, shard, highWatermark, this.#turns);
  }

  async forget(streamId: number): Promise<void> {
    const batch = new KeyValueBatch();
    for (const { from, until } of streamRanges(streamId)) batch.deleteRange(INDEX_FAMILY, from, until);
    await this.#store.write(batch);
  }

  grown(views: Iterable<ShardIndex>): void {
    let totalBytes = 0;
    let largest: ShardIndex | undefined;
    for (const index of views) {
      totalBytes += index.sizeBytes;
      if (largest === undefined || index.sizeBytes > largest.sizeBytes) largest = index;
    }
    if (totalBytes > MAX_OPEN_BYTES) largest?.closeBlock();
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
