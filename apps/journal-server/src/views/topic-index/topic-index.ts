// The topic index of a data directory: feeds each shard's index with what HW has passed, from memory while it keeps up,
// else from the segments, and answers backlog reads. It is a view: losing it costs speed, never records.

import type { KeyValueStore } from '@robustmq/kv-store';
import { BrokerError } from '@robustmq/errors';
import {
  baseOffsetOf,
  codecOf,
  completeBatchBytes,
  isControl,
  lastOffsetDeltaOf,
  lastOffsetOf,
  recordCountOf,
  RecordCursor,
} from '@robustmq/record-batch';
import type { ReadTurns } from '../../shard/read-turns.ts';
import type { TopicSelection } from './topic-selection.ts';
import type { Shard } from '../../shard/shard.ts';
import { topicRuleOf, topicsOfBatch, type BatchTopics } from '../../shard/stream-topics.ts';
import { ShardIndex, type IndexAnswer } from './shard-index.ts';

/** A committed batch as the commit loop hands it over. */
export interface CommittedBatch {
  readonly bytes: Buffer;
  topics: BatchTopics | undefined;
}

interface Entry {
  index: ShardIndex | undefined;
  /** Reading the log to catch up. */
  catchingUp: boolean;
  dropped: boolean;
  indexedStart: number;
}

interface IndexLog {
  warn(fields: Record<string, unknown>, message: string): void;
}

/** Memory of all open blocks of a process; beyond it the largest is closed early (rule X2). */
const MAX_OPEN_BYTES = 64 * 1024 * 1024;
const CATCH_UP_BYTES = 128 * 1024;
const NO_OFFSETS: readonly number[] = [];
const cursor = new RecordCursor();

/** Index of all shards that own more than one MQTT topic. */
export class TopicIndex {
  readonly #store: KeyValueStore;
  readonly #log: IndexLog;
  readonly #turns: ReadTurns;
  readonly #entries = new Map<Shard, Entry>();
  #closed = false;

  constructor(store: KeyValueStore, log: IndexLog, turns: ReadTurns) {
    this.#store = store;
    this.#log = log;
    this.#turns = turns;
  }

  /** HW has passed these batches. */
  committed(shard: Shard, batches: readonly CommittedBatch[]): void {
    if (this.#closed || shard.stream === undefined || topicRuleOf(shard.stream).kind !== 'key') return;
    const entry = this.#entries.get(shard);
    if (entry === undefined) {
      this.#attach(shard);
      return;
    }
    const { index } = entry;
    if (index === undefined || index.failed || entry.catchingUp) return;
    for (const batch of batches) {
      if (baseOffsetOf(batch.bytes, 0) !== index.nextOffset) {
        void this.#catchUp(shard, entry, index);
        return;
      }
      addBatch(index, batch.bytes, (batch.topics ??= topicsOfBatch(batch.bytes, 0)));
    }
    this.#bound();
  }

  /** Begins to index a shard that is led here. */
  attach(shard: Shard): void {
    if (shard.stream === undefined || topicRuleOf(shard.stream).kind !== 'key') return;
    if (!this.#entries.has(shard)) this.#attach(shard);
  }

  /** Forgets the rows of a deleted shard. */
  async drop(shard: Shard): Promise<void> {
    const entry = this.#entries.get(shard);
    if (entry === undefined) return;
    entry.dropped = true;
    this.#entries.delete(shard);
    await entry.index?.drop();
  }

  async offsetsOf(shard: Shard, selection: TopicSelection, from: number, to: number): Promise<IndexAnswer> {
    const entry = this.#entries.get(shard);
    if (entry?.index === undefined) return { kind: 'scan', until: to };
    try {
      return await entry.index.find(selection, from, to);
    } catch (error) {
      this.#log.warn(
        { err: error, stream_id: shard.streamId, shard: shard.shard },
        'topic index not readable',
      );
      return { kind: 'scan', until: to };
    }
  }

  /** Removes blocks that retention has overtaken. */
  async retain(): Promise<void> {
    for (const [shard, entry] of this.#entries) {
      if (entry.indexedStart >= shard.log.logStartOffset) continue;
      entry.indexedStart = shard.log.logStartOffset;
      await entry.index?.deleteBelow(shard.log.logStartOffset);
    }
  }

  /** Waits for what is being written; what is in memory only is read from the log after the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { index } of this.#entries.values()) await index?.settled();
    await this.#store.close();
  }

  /** Resolves when the shard's index has caught up; for tests. */
  async settled(shard: Shard): Promise<void> {
    for (;;) {
      const entry = this.#entries.get(shard);
      if (entry?.index !== undefined && !entry.catchingUp) return entry.index.settled();
      await this.#turns.next();
    }
  }

  #attach(shard: Shard): void {
    const entry: Entry = { index: undefined, catchingUp: true, dropped: false, indexedStart: 0 };
    this.#entries.set(shard, entry);
    ShardIndex.open(this.#store, shard.streamId, shard.shard, shard.highWatermark, this.#turns)
      .then(
        (index) => {
          entry.index = index;
          entry.catchingUp = false;
          if (entry.dropped) return index.drop();
          return this.#catchUp(shard, entry, index);
        },
        (error: unknown) => {
          this.#log.warn(
            { err: error, stream_id: shard.streamId, shard: shard.shard },
            'topic index not usable',
          );
        },
      )
      .catch((error: unknown) => this.#log.warn({ err: error }, 'topic index not dropped'));
  }

  /** Reads the log up to HW, slice by slice; appends have their turn in between. */
  async #catchUp(shard: Shard, entry: Entry, index: ShardIndex): Promise<void> {
    if (entry.catchingUp) return;
    entry.catchingUp = true;
    try {
      while (!this.#closed && !entry.dropped && !index.failed && shard.failure === undefined) {
        index.skipTo(shard.log.logStartOffset);
        const upToOffset = shard.highWatermark;
        const fromOffset = index.nextOffset;
        if (fromOffset >= upToOffset) break;
        const batches = await shard.log.read({ fromOffset, upToOffset, maxBytes: CATCH_UP_BYTES });
        if (batches.length === 0) {
          index.skipTo(upToOffset);
          continue;
        }
        for (let at = 0; at < batches.length;) {
          const sizeBytes = completeBatchBytes(batches, at, batches.length);
          const bytes = batches.subarray(at, at + sizeBytes);
          if (lastOffsetOf(bytes, 0) >= index.nextOffset) addBatch(index, bytes, topicsOfBatch(bytes, 0));
          at += sizeBytes;
          if (this.#turns.isSpent) await this.#turns.next();
        }
        this.#bound();
      }
    } catch (thrown) {
      const error = BrokerError.from(thrown);
      this.#log.warn(
        { err: error, stream_id: shard.streamId, shard: shard.shard },
        'topic index stays behind',
      );
    } finally {
      entry.catchingUp = false;
    }
  }

  /** Keeps the memory of open blocks within its budget (rule X2, I8). */
  #bound(): void {
    let total = 0;
    let largest: ShardIndex | undefined;
    for (const { index } of this.#entries.values()) {
      if (index === undefined) continue;
      total += index.sizeBytes;
      if (largest === undefined || index.sizeBytes > largest.sizeBytes) largest = index;
    }
    if (total > MAX_OPEN_BYTES) largest?.closeBlock();
  }
}

function addBatch(index: ShardIndex, bytes: Buffer, topics: BatchTopics): void {
  index.add(offsetsIn(bytes), topics, baseOffsetOf(bytes, 0), lastOffsetOf(bytes, 0) + 1);
}

/** Offsets of the records of a batch that compaction left sparse; none for a dense one. */
function offsetsIn(bytes: Buffer): readonly number[] {
  if (isControl(bytes, 0) || codecOf(bytes, 0) !== 0) return NO_OFFSETS;
  if (recordCountOf(bytes, 0) === lastOffsetDeltaOf(bytes, 0) + 1) return NO_OFFSETS;
  const offsets: number[] = [];
  cursor.reset(bytes, 0);
  while (cursor.next()) offsets.push(cursor.offset);
  return offsets;
}
