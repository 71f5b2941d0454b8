// The topic index of one shard (rules X1, X2): blocks that are written, blocks on their way, the open one. It says where
// records of a topic are, or that a range must be scanned because nothing vouches for it.

import { BrokerError } from '@robustmq/errors';
import { hasWildcard, matchesFilter } from '@robustmq/mqtt-topics';
import { KeyValueBatch, type KeyValueStore } from '@robustmq/kv-store';
import type { BatchTopics } from '../stream-topics.ts';
import { IndexBlock } from './block.ts';
import {
  blockRange,
  completeKey,
  completeRange,
  decodeComplete,
  decodeDictionary,
  decodePostings,
  dictionaryKey,
  encodeComplete,
  encodeDictionary,
  encodePostings,
  INDEX_FAMILY,
  postingsKey,
  type CompleteBlock,
} from './rows.ts';

/** Blocks end at multiples of this. */
export const BLOCK_OFFSETS = 65_536;
/** A block with so many topics is closed early: its rows are one batch of the store. */
const MAX_BLOCK_TOPICS = 16_384;
/** Rows built in one go; then appends have their turn (rule X2: slices of at most 2 ms). */
const ROWS_PER_SLICE = 512;
/** More topics than this, or more than an eighth of a block's records, and a scan is cheaper (rule X2). */
const MAX_TOPICS_PER_READ = 1_000;
const SCAN_SHARE = 8;
const SCAN_PAGE = 1_024;

/** Where matching records of the beginning of a range are. */
export type IndexAnswer =
  /** All are among the offsets, as far as `complete` (exclusive). */
  | { readonly kind: 'offsets'; readonly offsets: readonly number[]; readonly complete: number }
  /** The log must be read up to `until` (exclusive). */
  | { readonly kind: 'scan'; readonly until: number };

/** Replaced by tests that plant mutants. */
export interface IndexRules {
  /** Whether rows of a block without a `complete` row are believed. */
  readonly trustIncomplete: boolean;
}

/** One shard's index. */
export class ShardIndex {
  readonly #store: KeyValueStore;
  readonly #streamId: number;
  readonly #shard: number;
  /** Written blocks, ascending. */
  #written: CompleteBlock[] = [];
  /** Closed and not yet written: their memory is still the truth. */
  readonly #closing: IndexBlock[] = [];
  #open: IndexBlock;
  #writing: Promise<void> = Promise.resolve();
  #failed = false;

  private constructor(store: KeyValueStore, streamId: number, shard: number, written: CompleteBlock[]) {
    this.#store = store;
    this.#streamId = streamId;
    this.#shard = shard;
    this.#written = written;
    this.#open = new IndexBlock(written.at(-1)?.nextOffset ?? 0);
  }

  /**
   * Loads which blocks are complete. Blocks beyond `highWatermark` are dropped: they speak of a log that is no more.
   * @throws BrokerError storage_failed, corrupt: then the index is dropped and built anew.
   */
  static async open(
    store: KeyValueStore,
    streamId: number,
    shard: number,
    highWatermark: number,
  ): Promise<ShardIndex> {
    const written: CompleteBlock[] = [];
    const range = completeRange(streamId, shard);
    for (let { from } = range; ;) {
      const page = await store.scan(INDEX_FAMILY, { from, until: range.until, limit: SCAN_PAGE });
      for (const { key, value } of page) written.push(decodeComplete(key, value));
      if (page.length < SCAN_PAGE) break;
      from = Buffer.concat([page.at(-1)!.key, Buffer.from([0])]);
    }
    const sound = written.findIndex((block) => block.nextOffset > highWatermark);
    const index = new ShardIndex(store, streamId, shard, sound < 0 ? written : written.slice(0, sound));
    if (sound >= 0) await index.#deleteFrom(written[sound]!.firstOffset);
    return index;
  }

  /** Offset of the next batch to be indexed; a later one means that the log must be read to catch up. */
  get nextOffset(): number {
    return this.#open.nextOffset;
  }

  /** The store failed: nothing more is indexed, reads scan. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Memory of blocks that are not written. */
  get sizeBytes(): number {
    let bytes = this.#open.sizeBytes;
    for (const block of this.#closing) bytes += block.sizeBytes;
    return bytes;
  }

  /** Begins again at an offset: what lies before it is not indexed, and scanned when it is read. */
  skipTo(offset: number): void {
    if (offset <= this.#open.nextOffset) return;
    this.closeBlock();
    this.#open = new IndexBlock(offset);
  }

  /** Adds the next batch below HW, at {@link nextOffset}. Offsets are given if the batch has gaps. */
  add(offsets: readonly number[], topics: BatchTopics, baseOffset: number, nextOffset: number): void {
    if (this.#failed) return;
    this.#open.add(offsets, topics, baseOffset, nextOffset);
    const full =
      Math.floor(nextOffset / BLOCK_OFFSETS) > Math.floor(this.#open.firstOffset / BLOCK_OFFSETS) ||
      this.#open.postings.size >= MAX_BLOCK_TOPICS;
    if (full) this.closeBlock();
  }

  /** Closes the open block early: when the memory of all is used up. */
  closeBlock(): void {
    const block = this.#open;
    if (block.nextOffset === block.firstOffset) return;
    this.#open = new IndexBlock(block.nextOffset);
    this.#closing.push(block);
    this.#writing = this.#writing.then(() => this.#write(block));
  }

  /** Resolves when all closed blocks are written or given up. */
  settled(): Promise<void> {
    return this.#writing;
  }

  /** Where records in [from, to) are that match any of the filters. */
  async find(
    filters: readonly string[],
    from: number,
    to: number,
    rules: IndexRules = { trustIncomplete: false },
  ): Promise<IndexAnswer> {
    const memory = this.#inMemory(from);
    if (memory !== undefined) return this.#answer(memory, memoryTopics(memory, filters), from, to);
    const written = this.#writtenAt(from);
    if (written === undefined) {
      if (rules.trustIncomplete) return { kind: 'offsets', offsets: [], complete: to };
      return { kind: 'scan', until: Math.min(to, this.#nextCovered(from)) };
    }
    return this.#findWritten(written, filters, from, to);
  }

  /** Lets go of blocks that lie wholly below the log start. */
  async deleteBelow(logStartOffset: number): Promise<void> {
    const kept = this.#written.findIndex((block) => block.nextOffset > logStartOffset);
    const count = kept < 0 ? this.#written.length : kept;
    if (count === 0) return;
    const until = this.#written[count - 1]!.nextOffset;
    this.#written = this.#written.slice(count);
    const rows = blockRange(this.#streamId, this.#shard, 0, until);
    const batch = new KeyValueBatch()
      .deleteRange(INDEX_FAMILY, completeRange(this.#streamId, this.#shard).from, this.#completeKey(until))
      .deleteRange(INDEX_FAMILY, rows.from, rows.until);
    await this.#store.write(batch);
  }

  /** Removes everything of a deleted shard. */
  async drop(): Promise<void> {
    this.#failed = true;
    await this.#writing;
    await this.#deleteFrom(0);
  }

  async #deleteFrom(offset: number): Promise<void> {
    const complete = completeRange(this.#streamId, this.#shard, offset);
    const rows = blockRange(this.#streamId, this.#shard, offset);
    const batch = new KeyValueBatch()
      .deleteRange(INDEX_FAMILY, complete.from, complete.until)
      .deleteRange(INDEX_FAMILY, rows.from, rows.until);
    await this.#store.write(batch);
  }

  #completeKey(firstOffset: number): Buffer {
    return completeKey(this.#streamId, this.#shard, firstOffset);
  }

  /** Postings, dictionary and `complete` row in one batch (rule X1). */
  async #write(block: IndexBlock): Promise<void> {
    if (this.#failed) return;
    try {
      const batch = new KeyValueBatch();
      const { firstOffset, nextOffset, records, opaque } = block;
      const rows = new Map<string, { key: Buffer; offsets: number[] }>();
      let built = 0;
      for (const [topic, offsets] of block.postings) {
        const key = postingsKey(this.#streamId, this.#shard, firstOffset, topic);
        const text = key.toString('latin1', 18);
        const known = rows.get(text);
        // Two topics of one hash share a row: readers match again anyway.
        if (known === undefined) rows.set(text, { key, offsets });
        else known.offsets = [...known.offsets, ...offsets].sort((left, right) => left - right);
        if (++built % ROWS_PER_SLICE === 0) await nextTurn();
      }
      for (const { key, offsets } of rows.values()) {
        batch.put(INDEX_FAMILY, key, encodePostings(firstOffset, offsets));
        if (++built % ROWS_PER_SLICE === 0) await nextTurn();
      }
      const dictionary = encodeDictionary(block.postings.keys());
      batch.put(INDEX_FAMILY, dictionaryKey(this.#streamId, this.#shard, firstOffset), dictionary);
      const complete = { firstOffset, nextOffset, records, opaque };
      batch.put(INDEX_FAMILY, this.#completeKey(firstOffset), encodeComplete(complete));
      await this.#store.write(batch);
      this.#written.push(complete);
    } catch (error) {
      // What could not be written is scanned instead; nothing is lost but speed.
      this.#failed = this.#failed || BrokerError.from(error).code === 'storage_failed';
    }
    this.#closing.splice(this.#closing.indexOf(block), 1);
  }

  #inMemory(offset: number): IndexBlock | undefined {
    const holds = (block: IndexBlock): boolean => block.firstOffset <= offset && offset < block.nextOffset;
    return holds(this.#open) ? this.#open : this.#closing.find(holds);
  }

  #writtenAt(offset: number): CompleteBlock | undefined {
    let low = 0;
    let high = this.#written.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#written[middle]!.nextOffset <= offset) low = middle + 1;
      else high = middle;
    }
    const block = this.#written[low];
    return block !== undefined && block.firstOffset <= offset ? block : undefined;
  }

  /** First offset behind `offset` that something vouches for. */
  #nextCovered(offset: number): number {
    let next = Infinity;
    for (const block of [...this.#closing, this.#open]) {
      if (block.firstOffset > offset) next = Math.min(next, block.firstOffset);
    }
    const written = this.#written.find((block) => block.firstOffset > offset);
    return Math.min(next, written?.firstOffset ?? Infinity);
  }

  async #findWritten(
    block: CompleteBlock,
    filters: readonly string[],
    from: number,
    to: number,
  ): Promise<IndexAnswer> {
    const topics = new Set<string>();
    const wildcards: string[] = [];
    for (const filter of filters) {
      if (hasWildcard(filter)) wildcards.push(filter);
      else topics.add(filter);
    }
    if (wildcards.length > 0) {
      const key = dictionaryKey(this.#streamId, this.#shard, block.firstOffset);
      const dictionary = await this.#store.get(INDEX_FAMILY, key);
      if (dictionary === undefined) return { kind: 'scan', until: Math.min(to, block.nextOffset) };
      for (const topic of decodeDictionary(dictionary)) {
        if (wildcards.some((filter) => matchesFilter(filter, topic))) topics.add(topic);
        if (topics.size > MAX_TOPICS_PER_READ) return { kind: 'scan', until: Math.min(to, block.nextOffset) };
      }
    }
    const keys = [...topics].map((topic) =>
      postingsKey(this.#streamId, this.#shard, block.firstOffset, topic),
    );
    const values = keys.length === 0 ? [] : await this.#store.getMany(INDEX_FAMILY, keys);
    const found = values.flatMap((value) =>
      value === undefined ? [] : [decodePostings(block.firstOffset, value)],
    );
    return this.#answer(block, found, from, to);
  }

  #answer(
    block: { readonly nextOffset: number; readonly records: number; readonly opaque: readonly number[] },
    postings: readonly (readonly number[])[] | undefined,
    from: number,
    to: number,
  ): IndexAnswer {
    const complete = Math.min(to, block.nextOffset);
    const count = postings?.reduce((sum, offsets) => sum + offsets.length, 0) ?? Infinity;
    if (postings === undefined || (count > 64 && count * SCAN_SHARE > block.records)) {
      return { kind: 'scan', until: complete };
    }
    const offsets = new Set<number>();
    for (const list of postings)
      for (const offset of list) if (offset >= from && offset < to) offsets.add(offset);
    // A batch may begin before the range: its reader starts at the range.
    for (const base of block.opaque) if (base < to) offsets.add(Math.max(base, from));
    return { kind: 'offsets', offsets: [...offsets].sort((left, right) => left - right), complete };
  }
}

/** Postings of a block in memory; undefined if they are too many topics. */
function memoryTopics(block: IndexBlock, filters: readonly string[]): (readonly number[])[] | undefined {
  const found = new Map<string, readonly number[]>();
  const wildcards: string[] = [];
  for (const filter of filters) {
    if (hasWildcard(filter)) wildcards.push(filter);
    else {
      const offsets = block.postings.get(filter);
      if (offsets !== undefined) found.set(filter, offsets);
    }
  }
  if (wildcards.length > 0) {
    for (const [topic, offsets] of block.postings) {
      if (wildcards.some((filter) => matchesFilter(filter, topic))) found.set(topic, offsets);
      if (found.size > MAX_TOPICS_PER_READ) return undefined;
    }
  }
  return [...found.values()];
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
