// Reads of what sessions missed: every record of a range that matches one of the filters, or the records at exact places, as
// sparse batches. In slices of the loop, so that appends have their turn between them (rule N8).

import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import { batchHeader, completeBatchBytes } from '@robustmq/record-batch';
import { BacklogOutcomeSchema, toFailure, type BacklogOutcome, type BacklogRead } from '@robustmq/rpc';
import type { Shard } from '../shard/shard.ts';
import { topicRuleOf, topicsOfBatch } from '../shard/stream-topics.ts';
import type { IndexAnswer } from '../views/topic-index/block-answer.ts';
import { placesOf, readPlaces } from './places.ts';
import type { ReadTurns } from '../shard/read-turns.ts';
import { SparseBatches, type Wanted } from './sparse-batches.ts';
import { TopicSelection } from '../views/topic-index/topic-selection.ts';

/** Answer to one read. */
export interface BacklogAnswer {
  readonly outcome: BacklogOutcome;
  readonly pieces: readonly Buffer[];
  readonly sizeBytes: number;
}

/** Where the records of a topic are, without reading the log. */
export interface BacklogIndex {
  /** What is known of the beginning of [from, to): offsets that may match, or that it must be scanned. */
  offsetsOf(shard: Shard, selection: TopicSelection, from: number, to: number): Promise<IndexAnswer>;
}

const SLICE_BYTES = 128 * 1024;
/** One read looks at no more of the log; the caller goes on from `next_offset`. */
const MAX_SCAN_BYTES = 8 * 1024 * 1024;

/** What a read needs of the server. */
export interface BacklogHost {
  readonly index: BacklogIndex | undefined;
  readonly turns: ReadTurns;
  readFailed(shard: Shard, error: BrokerError): void;
}

/** Reads one backlog; never rejects. */
export async function readBacklog(
  shard: Shard | BrokerError,
  read: BacklogRead,
  host: BacklogHost,
): Promise<BacklogAnswer> {
  try {
    if (shard instanceof BrokerError) throw shard;
    shard.leaderFor(read.leaderEpoch);
    if (read.offsets.length > 0 && read.filters.length > 0) {
      throw new BrokerError('invalid_argument', 'a read is by places or by filters');
    }
    if (host.turns.isSpent) await host.turns.next();
    const found = new SparseBatches(read);
    const range = await (read.offsets.length > 0
      ? readAtPlaces(shard, read, found, host.turns)
      : readMatching(shard, read, found, host));
    return answerOf(shard, read, range, found);
  } catch (thrown) {
    const error = BrokerError.from(thrown);
    if (!(shard instanceof BrokerError)) host.readFailed(shard, error);
    const outcome = create(BacklogOutcomeSchema, { readId: read.readId, failure: toFailure(error) });
    return { outcome, pieces: [], sizeBytes: 0 };
  }
}

/** What an answer accounts for. */
interface ReadRange {
  readonly from: number;
  readonly next: number;
}

async function readAtPlaces(
  shard: Shard,
  read: BacklogRead,
  found: SparseBatches,
  turns: ReadTurns,
): Promise<ReadRange> {
  const places = placesOf(read.offsets);
  return { from: places[0]!, next: await readPlaces(shard, places, found, turns) };
}

async function readMatching(
  shard: Shard,
  read: BacklogRead,
  found: SparseBatches,
  host: BacklogHost,
): Promise<ReadRange> {
  const selection = await TopicSelection.of(read.filters, host.turns);
  const scan = new Scan(shard, read, selection, found, host.turns);
  await scan.run(host.index);
  return scan;
}

function answerOf(shard: Shard, read: BacklogRead, range: ReadRange, found: SparseBatches): BacklogAnswer {
  const { pieces, sizeBytes } = found;
  const outcome = create(BacklogOutcomeSchema, {
    readId: read.readId,
    fromOffset: BigInt(range.from),
    nextOffset: BigInt(range.next),
    sizeBytes,
    highWatermark: BigInt(shard.highWatermark),
    logStartOffset: BigInt(shard.log.logStartOffset),
    leaderEpoch: shard.leaderEpoch,
  });
  return { outcome, pieces, sizeBytes };
}

/** One range and its filters. */
class Scan implements ReadRange {
  readonly from: number;
  next: number;
  readonly #shard: Shard;
  readonly #selection: TopicSelection;
  readonly #to: number;
  readonly #found: SparseBatches;
  readonly #turns: ReadTurns;
  #readBytes = 0;

  constructor(
    shard: Shard,
    read: BacklogRead,
    selection: TopicSelection,
    found: SparseBatches,
    turns: ReadTurns,
  ) {
    this.#shard = shard;
    this.#selection = selection;
    this.#found = found;
    this.#turns = turns;
    const toOffset = Number(read.toOffset);
    const { highWatermark } = shard;
    this.#to = toOffset < 0 ? highWatermark : Math.min(toOffset, highWatermark);
    // Below the log start there is nothing any more: the gap shows in `from_offset`.
    this.from = Math.max(Number(read.fromOffset), shard.log.logStartOffset);
    this.next = this.from;
  }

  /** The read is full, or has looked at enough of the log. */
  get #isOver(): boolean {
    return this.#found.isFull || this.#readBytes >= MAX_SCAN_BYTES;
  }

  async run(index: BacklogIndex | undefined): Promise<void> {
    if (this.#selection.isEmpty) this.next = Math.max(this.next, this.#to);
    while (this.next < this.#to && !this.#isOver) {
      if (this.#turns.isSpent) await this.#turns.next();
      const found = await index?.offsetsOf(this.#shard, this.#selection, this.next, this.#to);
      if (found?.kind === 'offsets') await this.#follow(found.offsets, found.complete);
      else await this.#scan(found?.until ?? this.#to);
    }
  }

  /** Reads the batches that hold the offsets; the rest of the range has nothing. */
  async #follow(offsets: readonly number[], complete: number): Promise<void> {
    for (const offset of offsets) {
      if (offset < this.next) continue;
      if (this.#isOver) return;
      if (this.#turns.isSpent) await this.#turns.next();
      const batch = await this.#read(offset, 1);
      if (batch.length > 0) this.#take(batch);
      else this.next = offset + 1;
    }
    if (!this.#isOver) this.next = Math.max(this.next, complete);
  }

  /** Walks the log itself. */
  async #scan(to: number): Promise<void> {
    while (this.next < to && !this.#isOver) {
      const bytes = await this.#read(this.next, SLICE_BYTES);
      // Nothing of the range is left in the log (compaction), or a batch spans its end.
      if (bytes.length === 0) {
        this.next = to;
        return;
      }
      for (let at = 0; at < bytes.length && !this.#found.isFull;) {
        const sizeBytes = completeBatchBytes(bytes, at, bytes.length);
        if (sizeBytes === 0) break;
        this.#take(bytes.subarray(at, at + sizeBytes));
        at += sizeBytes;
        if (this.#turns.isSpent) await this.#turns.next();
      }
    }
  }

  async #read(fromOffset: number, maxBytes: number): Promise<Buffer> {
    // A batch may reach beyond the end of the range, never beyond HW.
    const upToOffset = this.#shard.highWatermark;
    const bytes = await this.#shard.log.read({ fromOffset, upToOffset, maxBytes });
    this.#readBytes += bytes.length;
    return bytes;
  }

  /** Adds what matches of one batch. */
  #take(batch: Buffer): void {
    if (batchHeader.baseOffset(batch, 0) >= this.#to) {
      this.next = this.#to;
      return;
    }
    this.next = batchHeader.lastOffset(batch, 0) + 1;
    this.#found.add(batch, this.#match(batch));
  }

  #match(batch: Buffer): Wanted {
    const { stream } = this.#shard;
    if (stream === undefined || batchHeader.isControl(batch, 0)) return 'none';
    const rule = topicRuleOf(stream);
    if (rule.kind === 'none') return 'none';
    if (rule.kind === 'exact') return this.#selection.matches(rule.topic) ? 'all' : 'none';
    const topics = topicsOfBatch(batch, 0);
    if (topics === 'opaque') return 'all';
    const matched: number[] = [];
    for (let index = 0; index < topics.length; index++) {
      const topic = topics[index];
      if (topic !== undefined && this.#selection.matches(topic)) matched.push(index);
    }
    if (matched.length === 0) return 'none';
    return matched.length === topics.length ? 'all' : matched;
  }
}
