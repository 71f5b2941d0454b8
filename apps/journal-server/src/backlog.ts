// Reads of what sessions missed: every record of a range that matches one of the filters, as sparse batches. In slices,
// so that appends have their turn between them.

import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import { matchesFilter, topicFilterProblem } from '@robustmq/mqtt-topics';
import {
  baseOffsetOf,
  completeBatchBytes,
  isControl,
  lastOffsetOf,
  pickRecords,
} from '@robustmq/record-batch';
import { BacklogOutcomeSchema, toFailure, type BacklogOutcome, type BacklogRead } from '@robustmq/rpc';
import type { Shard } from './shard.ts';
import type { IndexAnswer } from './topic-index/shard-index.ts';
import { topicRuleOf, topicsOfBatch } from './stream-topics.ts';

/** Answer to one read. */
export interface BacklogAnswer {
  readonly outcome: BacklogOutcome;
  readonly pieces: readonly Buffer[];
  readonly sizeBytes: number;
}

/** Where the records of a topic are, without reading the log. */
export interface BacklogIndex {
  /** What is known of the beginning of [from, to): offsets that may match, or that it must be scanned. */
  offsetsOf(shard: Shard, filters: readonly string[], from: number, to: number): Promise<IndexAnswer>;
}

const SLICE_BYTES = 128 * 1024;
const MAX_READ_BYTES = 1024 * 1024;
const MAX_READ_RECORDS = 10_000;
const MAX_FILTERS = 1_000;
/** One read looks at no more of the log; the caller goes on from `next_offset`. */
const MAX_SCAN_BYTES = 8 * 1024 * 1024;

/** What a read needs of the server. */
export interface BacklogHost {
  readonly index: BacklogIndex | undefined;
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
    const scan = new Scan(shard, read);
    await scan.run(host.index);
    return scan.answer(read);
  } catch (thrown) {
    const error = BrokerError.from(thrown);
    if (!(shard instanceof BrokerError)) host.readFailed(shard, error);
    const outcome = create(BacklogOutcomeSchema, { readId: read.readId, failure: toFailure(error) });
    return { outcome, pieces: [], sizeBytes: 0 };
  }
}

class Scan {
  readonly #shard: Shard;
  readonly #filters: readonly string[];
  readonly #from: number;
  readonly #to: number;
  readonly #maxBytes: number;
  readonly #maxRecords: number;
  readonly #pieces: Buffer[] = [];
  #sizeBytes = 0;
  #records = 0;
  #scannedBytes = 0;
  #next: number;

  constructor(shard: Shard, read: BacklogRead) {
    if (
      read.filters.length > MAX_FILTERS ||
      read.filters.some((filter) => topicFilterProblem(filter) !== undefined)
    ) {
      throw new BrokerError('invalid_argument', 'too many or invalid filters');
    }
    this.#shard = shard;
    this.#filters = read.filters;
    const toOffset = Number(read.toOffset);
    const { highWatermark } = shard;
    this.#to = toOffset < 0 ? highWatermark : Math.min(toOffset, highWatermark);
    // Below the log start there is nothing any more: the gap shows in `from_offset`.
    this.#from = Math.max(Number(read.fromOffset), shard.log.logStartOffset);
    this.#next = this.#from;
    this.#maxBytes = Math.min(Math.max(1, read.maxBytes), MAX_READ_BYTES);
    this.#maxRecords = Math.min(Math.max(1, read.maxRecords), MAX_READ_RECORDS);
  }

  answer(read: BacklogRead): BacklogAnswer {
    const outcome = create(BacklogOutcomeSchema, {
      readId: read.readId,
      fromOffset: BigInt(this.#from),
      nextOffset: BigInt(this.#next),
      sizeBytes: this.#sizeBytes,
      highWatermark: BigInt(this.#shard.highWatermark),
      logStartOffset: BigInt(this.#shard.log.logStartOffset),
      leaderEpoch: this.#shard.leaderEpoch,
    });
    return { outcome, pieces: this.#pieces, sizeBytes: this.#sizeBytes };
  }

  get #full(): boolean {
    return this.#sizeBytes >= this.#maxBytes || this.#records >= this.#maxRecords;
  }

  async run(index: BacklogIndex | undefined): Promise<void> {
    if (this.#filters.length === 0) this.#next = Math.max(this.#next, this.#to);
    while (this.#next < this.#to && !this.#full && this.#scannedBytes < MAX_SCAN_BYTES) {
      const found = await index?.offsetsOf(this.#shard, this.#filters, this.#next, this.#to);
      if (found?.kind === 'offsets') await this.#follow(found.offsets, found.complete);
      else await this.#scan(found?.until ?? this.#to);
    }
  }

  /** Reads the batches that hold the offsets; the rest of the range has nothing. */
  async #follow(offsets: readonly number[], complete: number): Promise<void> {
    for (const offset of offsets) {
      if (offset < this.#next) continue;
      if (this.#full) return;
      const batch = await this.#read(offset, 1);
      if (batch.length > 0) this.#take(batch);
      else this.#next = offset + 1;
    }
    if (!this.#full) this.#next = Math.max(this.#next, complete);
  }

  /** Walks the log itself. */
  async #scan(to: number): Promise<void> {
    while (this.#next < to && !this.#full && this.#scannedBytes < MAX_SCAN_BYTES) {
      const bytes = await this.#read(this.#next, SLICE_BYTES);
      // Nothing of the range is left in the log (compaction), or a batch spans its end.
      if (bytes.length === 0) {
        this.#next = to;
        return;
      }
      this.#scannedBytes += bytes.length;
      for (let at = 0; at < bytes.length && !this.#full;) {
        const sizeBytes = completeBatchBytes(bytes, at, bytes.length);
        if (sizeBytes === 0) break;
        this.#take(bytes.subarray(at, at + sizeBytes));
        at += sizeBytes;
      }
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  #read(fromOffset: number, maxBytes: number): Promise<Buffer> {
    // A batch may reach beyond the end of the range, never beyond HW.
    const range = { fromOffset, upToOffset: this.#shard.highWatermark, maxBytes };
    return this.#shard.log.read(range);
  }

  /** Adds what matches of one batch. */
  #take(batch: Buffer): void {
    const next = lastOffsetOf(batch, 0) + 1;
    if (baseOffsetOf(batch, 0) >= this.#to) {
      this.#next = this.#to;
      return;
    }
    const matched = this.#match(batch);
    this.#next = next;
    if (matched === 'none') return;
    const piece = matched === 'all' ? batch : pickRecords(batch, 0, matched);
    this.#pieces.push(piece);
    this.#sizeBytes += piece.length;
    this.#records += matched === 'all' ? next - baseOffsetOf(batch, 0) : matched.length;
  }

  #match(batch: Buffer): 'none' | 'all' | number[] {
    const { stream } = this.#shard;
    if (stream === undefined || isControl(batch, 0)) return 'none';
    const rule = topicRuleOf(stream);
    if (rule.kind === 'none') return 'none';
    if (rule.kind === 'exact')
      return this.#filters.some((each) => matchesFilter(each, rule.topic)) ? 'all' : 'none';
    const topics = topicsOfBatch(batch, 0);
    if (topics === 'opaque') return 'all';
    const matched: number[] = [];
    topics.forEach((topic, index) => {
      if (topic !== undefined && this.#filters.some((filter) => matchesFilter(filter, topic)))
        matched.push(index);
    });
    if (matched.length === 0) return 'none';
    return matched.length === topics.length ? 'all' : matched;
  }
}
