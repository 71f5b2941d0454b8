// The topic index of one shard (rules X1, X2): blocks that are written, blocks on their way, the open one. It says where
// records of a topic are, or that a range must be scanned because nothing vouches for it.

import { BrokerError } from '@robustmq/errors';
import { KeyValueBatch, type KeyValueStore } from '@robustmq/kv-store';
import { batchHeader, RecordCursor } from '@robustmq/record-batch';
import type { ReadTurns } from '../../shard/read-turns.ts';
import type { TopicSelection } from './topic-selection.ts';
import type { BatchTopics } from '../../shard/stream-topics.ts';
import type { LogView } from '../view-feed.ts';
import {
  answerOf,
  findInMemory,
  isScanCheaper,
  MAX_TOPICS_PER_READ,
  type IndexAnswer,
} from './block-answer.ts';
import { rowsOfBlock } from './block-rows.ts';
import { IndexBlock } from './block.ts';
import {
  blockRange,
  completeKey,
  completeRange,
  decodeComplete,
  decodePostings,
  dictionaryKey,
  dictionaryTopics,
  firstOffsetOf,
  INDEX_FAMILY,
  opaqueKey,
  postingsKey,
  type CompleteBlock,
} from './rows.ts';

/** Blocks end at multiples of this. */
export const BLOCK_OFFSETS = 65_536;
/** A block with so many topics is closed early: its rows are one batch of the store. */
const MAX_BLOCK_TOPICS = 16_384;
const SCAN_PAGE = 1_024;

/** Replaced by tests that plant mutants. */
export interface IndexRules {
  /** Whether rows of a block without a `complete` row are believed. */
  readonly trustIncomplete: boolean;
}

/** One shard's index. */
export class ShardIndex implements LogView {
  readonly #store: KeyValueStore;
  readonly #streamId: number;
  readonly #shard: number;
  readonly #turns: ReadTurns;
  /** Written blocks, ascending. */
  #written: CompleteBlock[] = [];
  /** Closed and not yet written: their memory is still the truth. */
  readonly #closing: IndexBlock[] = [];
  #open: IndexBlock;
  #writing: Promise<void> = Promise.resolve();
  #failed = false;

  private constructor(
    store: KeyValueStore,
    streamId: number,
    shard: number,
    written: CompleteBlock[],
    turns: ReadTurns,
  ) {
    this.#store = store;
    this.#turns = turns;
    this.#streamId = streamId;
    this.#shard = shard;
    this.#written = written;
    this.#open = new IndexBlock(written.at(-1)?.nextOffset ?? 0);
  }

  /**
   * Loads which blocks are complete. Blocks beyond `highWatermark` are dropped: they speak of a log that is no more. So are
   * all from one on that is damaged or of another version: they are built anew.
   * @throws BrokerError storage_failed.
   */
  static async open(
    store: KeyValueStore,
    streamId: number,
    shard: number,
    highWatermark: number,
    turns: ReadTurns,
  ): Promise<ShardIndex> {
    const written: CompleteBlock[] = [];
    const range = completeRange(streamId, shard);
    let unsound: number | undefined;
    for (let { from } = range; unsound === undefined;) {
      const page = await store.scan(INDEX_FAMILY, { from, until: range.until, limit: SCAN_PAGE });
      for (const { key, value } of page) {
        const block = soundBlock(key, value, highWatermark);
        if (block === undefined) unsound ??= firstOffsetOf(key);
        else if (unsound === undefined) written.push(block);
      }
      if (page.length < SCAN_PAGE) break;
      from = Buffer.concat([page.at(-1)!.key, Buffer.from([0])]);
    }
    const index = new ShardIndex(store, streamId, shard, written, turns);
    if (unsound !== undefined) await index.#deleteFrom(unsound);
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

  /** Adds the next batch below HW. */
  add(batch: Buffer, topics: BatchTopics): void {
    this.post(
      offsetsIn(batch),
      topics,
      batchHeader.baseOffset(batch, 0),
      batchHeader.lastOffset(batch, 0) + 1,
    );
  }

  /** Adds what is at {@link nextOffset}. Offsets are given if there are gaps. */
  post(offsets: readonly number[], topics: BatchTopics, baseOffset: number, nextOffset: number): void {
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

  /** Where records in [from, to) are that the selection wants. */
  async find(
    selection: TopicSelection,
    from: number,
    to: number,
    rules: IndexRules = { trustIncomplete: false },
  ): Promise<IndexAnswer> {
    const memory = this.#inMemory(from);
    if (memory !== undefined) return findInMemory(memory, selection, from, to, this.#turns);
    const written = this.#writtenAt(from);
    if (written === undefined) {
      if (rules.trustIncomplete) return { kind: 'offsets', offsets: [], complete: to };
      return { kind: 'scan', until: Math.min(to, this.#nextCovered(from)) };
    }
    return this.#findWritten(written, selection, from, to);
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

  async #write(block: IndexBlock): Promise<void> {
    if (this.#failed) return;
    try {
      const { batch, complete } = await rowsOfBlock(block, this.#streamId, this.#shard, this.#turns);
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
    selection: TopicSelection,
    from: number,
    to: number,
  ): Promise<IndexAnswer> {
    const turns = this.#turns;
    const scan: IndexAnswer = { kind: 'scan', until: Math.min(to, block.nextOffset) };
    // Not even those that nobody can tell apart would be worth looking up.
    if (isScanCheaper(0, block)) return scan;
    const topics = await this.#topicsIn(block, selection);
    if (topics === undefined) return scan;
    const keys = topics.map((topic) => postingsKey(this.#streamId, this.#shard, block.firstOffset, topic));
    if (block.opaqueBatches > 0) keys.push(opaqueKey(this.#streamId, this.#shard, block.firstOffset));
    const values = keys.length === 0 ? [] : await this.#store.getMany(INDEX_FAMILY, keys);
    const opaqueValue = block.opaqueBatches > 0 ? values.pop() : undefined;
    if (block.opaqueBatches > 0 && opaqueValue === undefined) return scan;
    const postings: number[][] = [];
    for (const value of values) {
      if (turns.isSpent) await turns.next();
      if (value !== undefined) postings.push(decodePostings(block.firstOffset, value));
    }
    const opaque = opaqueValue === undefined ? [] : decodePostings(block.firstOffset, opaqueValue);
    return answerOf(block, { postings, opaque }, from, to);
  }

  /** Topics whose postings answer the selection; undefined if a scan is cheaper or the dictionary is not there. */
  async #topicsIn(block: CompleteBlock, selection: TopicSelection): Promise<string[] | undefined> {
    if (!selection.hasWildcards && selection.topics.size <= MAX_TOPICS_PER_READ) return [...selection.topics];
    const key = dictionaryKey(this.#streamId, this.#shard, block.firstOffset);
    const dictionary = await this.#store.get(INDEX_FAMILY, key);
    if (dictionary === undefined) return undefined;
    const topics: string[] = [];
    for (const topic of dictionaryTopics(dictionary)) {
      if (selection.matches(topic)) topics.push(topic);
      if (topics.length > MAX_TOPICS_PER_READ) return undefined;
      if (this.#turns.isSpent) await this.#turns.next();
    }
    return topics;
  }
}

const NO_OFFSETS: readonly number[] = [];
const cursor = new RecordCursor();

/** Offsets of the records of a batch that compaction left sparse; none for a dense one. */
function offsetsIn(bytes: Buffer): readonly number[] {
  if (batchHeader.isControl(bytes, 0) || batchHeader.codec(bytes, 0) !== 0) return NO_OFFSETS;
  if (batchHeader.recordCount(bytes, 0) === batchHeader.lastOffsetDelta(bytes, 0) + 1) return NO_OFFSETS;
  const offsets: number[] = [];
  cursor.reset(bytes, 0);
  while (cursor.next()) offsets.push(cursor.offset);
  return offsets;
}

function soundBlock(key: Buffer, value: Buffer, highWatermark: number): CompleteBlock | undefined {
  try {
    const block = decodeComplete(key, value);
    return block.nextOffset > highWatermark ? undefined : block;
  } catch (error) {
    if (BrokerError.from(error).code === 'corrupt') return undefined;
    throw error;
  }
}
