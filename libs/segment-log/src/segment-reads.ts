// Reads of a shard's log: at once what was just written, off the event loop what is cold, never what is damaged.

import { BrokerError } from '@robustmq/errors';
import { batchHeader, completeBatchBytes, RecordCursor } from '@robustmq/record-batch';
import { BatchRead, type ReadRange } from './batch-read.ts';
import type { LeaderEpochs } from './leader-epochs.ts';
import type { SeekResult, Segment } from './segment.ts';

/** A record found by its timestamp. */
export interface TimestampHit {
  readonly offset: number;
  readonly timestampMs: number;
  /** The record lies somewhere in the compressed batch that holds `offset`. */
  readonly compressed: boolean;
}

/** What is read: the state of a log as of now. */
export interface ReadSource {
  /** Ascending, the last is the active one; never empty. */
  readonly segments: readonly Segment[];
  readonly epochs: LeaderEpochs;
  logStartOffset(): number;
  logEndOffset(): number;
  /** Whether offsets may have gaps. */
  sparse(): boolean;
  /** Counts what may move bytes under a running asynchronous read. */
  mutations(): number;
}

/** Closed segments per log that keep their file open and their indexes in memory. */
const WARM_SEGMENTS = 4;
/** So close to the end of the active segment what is read was just written: it is in the page cache. */
const HOT_BYTES = 8 * 1024 * 1024;
/** Larger reads leave the event loop even when hot. */
const HOT_READ_BYTES = 512 * 1024;
/** A read that finds the log changed under it looks again so many times. */
const READ_ATTEMPTS = 4;
const SEARCH_BYTES = 64 * 1024;

/** The reading half of a SegmentLog, which says what its methods mean to callers. */
export class SegmentReads {
  readonly #source: ReadSource;
  #warm: Segment[] = [];

  constructor(source: ReadSource) {
    this.#source = source;
  }

  /**
   * Whole batches from the one that holds `fromOffset` on (or the first behind a gap), all below `upToOffset`; empty
   * if there are none. Reads the page cache for what was just written, else leaves the event loop.
   * @throws BrokerError out_of_range below the physical start or beyond the log end; corrupt for damaged batches,
   * which are never returned; unavailable if truncations kept moving the range.
   */
  async read(range: ReadRange): Promise<Buffer> {
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const hot = this.readHot(range);
      if (hot !== undefined) return hot;
      const mutations = this.#source.mutations();
      try {
        const result = await this.#readCold(range, mutations);
        if (mutations === this.#source.mutations()) return result;
      } catch (error) {
        if (mutations === this.#source.mutations()) throw error;
      }
    }
    throw new BrokerError('unavailable', 'the log keeps changing under the read');
  }

  /** As {@link read}, at once; undefined if it needs data that may not be in the page cache. Errors as {@link read}. */
  readHot(range: ReadRange): Buffer | undefined {
    this.#checkRange(range.fromOffset);
    if (range.fromOffset >= Math.min(range.upToOffset, this.#source.logEndOffset())) return EMPTY;
    const active = this.#source.segments.at(-1)!;
    if (range.fromOffset < active.baseOffset || range.maxBytes > HOT_READ_BYTES) return undefined;
    const from = active.seek(range.fromOffset);
    if (from.position < active.sizeBytes - HOT_BYTES) return undefined;
    try {
      const read = this.#beginRead(range, active, from);
      while (!read.feed(active.read(read.position, read.lengthBytes)));
      return read.result;
    } catch (error) {
      // Perhaps only the index is wrong: the cold read tries again without it.
      if (from.position > 0 && isCorrupt(error)) return undefined;
      throw error;
    }
  }

  /**
   * The first record at or above `timestampMs`, or undefined. In a compressed batch the answer is the batch's base
   * offset with its base timestamp; {@link batchForTimestamp} gives the batch to those who can inflate it.
   */
  async offsetForTimestamp(
    timestampMs: number,
    upToOffset = this.#source.logEndOffset(),
  ): Promise<TimestampHit | undefined> {
    for (let fromOffset = 0; ;) {
      const batch = await this.batchForTimestamp(timestampMs, upToOffset, fromOffset);
      if (batch === undefined) return undefined;
      const logStartOffset = this.#source.logStartOffset();
      if (batchHeader.codec(batch, 0) !== 0) {
        const offset = Math.max(batchHeader.baseOffset(batch, 0), logStartOffset);
        return { offset, timestampMs: batchHeader.baseTimestampMs(batch, 0), compressed: true };
      }
      const cursor = new RecordCursor().reset(batch, 0);
      while (cursor.next()) {
        const { offset } = cursor;
        if (cursor.timestampMs >= timestampMs && offset >= logStartOffset)
          return { offset, timestampMs: cursor.timestampMs, compressed: false };
      }
      // What was meant lies below the log start, or the header promised more than the records hold.
      fromOffset = batchHeader.lastOffset(batch, 0) + 1;
    }
  }

  /** The first batch at or above the log start and `firstOffset` whose maximal timestamp is at or above `timestampMs`. */
  async batchForTimestamp(
    timestampMs: number,
    upToOffset = this.#source.logEndOffset(),
    firstOffset = 0,
  ): Promise<Buffer | undefined> {
    for (const segment of [...this.#source.segments]) {
      if (segment.maxTimestampMs < timestampMs || segment.baseOffset >= upToOffset) continue;
      // Deleted while an earlier one was searched.
      if (!this.#source.segments.includes(segment)) continue;
      this.touch(segment);
      await segment.loadIndexes();
      if (!this.#source.segments.includes(segment)) continue;
      for (let fromOffset = Math.max(firstOffset, segment.offsetToSearch(timestampMs)); ;) {
        // Retention may go on meanwhile.
        fromOffset = Math.max(fromOffset, this.#source.logStartOffset());
        if (fromOffset >= upToOffset) break;
        const batches = await this.read({ fromOffset, upToOffset, maxBytes: SEARCH_BYTES });
        if (batches.length === 0) break;
        for (let at = 0; at < batches.length; at += completeBatchBytes(batches, at, batches.length)) {
          if (batchHeader.maxTimestampMs(batches, at) >= timestampMs) {
            return batches.subarray(at, at + completeBatchBytes(batches, at, batches.length));
          }
          fromOffset = batchHeader.lastOffset(batches, at) + 1;
        }
      }
    }
    return undefined;
  }

  #checkRange(fromOffset: number): void {
    const { segments } = this.#source;
    const logEndOffset = this.#source.logEndOffset();
    const startOffset = segments[0]!.baseOffset;
    if (fromOffset >= startOffset && fromOffset <= logEndOffset) return;
    throw new BrokerError('out_of_range', 'offset is not in the log', {
      details: { fromOffset, startOffset, endOffset: logEndOffset },
    });
  }

  async #readCold(range: ReadRange, mutations: number): Promise<Buffer> {
    let index = this.#source.segments.length - 1;
    while (index > 0 && this.#source.segments[index]!.baseOffset > range.fromOffset) index--;
    for (; index < this.#source.segments.length; index++) {
      const segment = this.#source.segments[index]!;
      if (segment.baseOffset >= range.upToOffset) break;
      this.touch(segment);
      let result: Buffer;
      try {
        result = await this.#readSegment(range, segment, mutations);
      } catch (error) {
        if (!isCorrupt(error) || mutations !== this.#source.mutations()) throw error;
        // Indexes are not synced: without a sound one the batches must tell.
        await segment.reindex();
        result = await this.#readSegment(range, segment, mutations);
      }
      if (result.length > 0 || mutations !== this.#source.mutations()) return result;
    }
    return EMPTY;
  }

  async #readSegment(range: ReadRange, segment: Segment, mutations: number): Promise<Buffer> {
    await segment.loadIndexes();
    if (mutations !== this.#source.mutations()) return EMPTY;
    const read = this.#beginRead(range, segment, segment.seek(range.fromOffset));
    for (let done = false; !done;) {
      const bytes = await segment.readAsync(read.position, read.lengthBytes);
      if (mutations !== this.#source.mutations()) return EMPTY;
      done = read.feed(bytes);
    }
    return read.result;
  }

  #beginRead(range: ReadRange, segment: Segment, from: SeekResult): BatchRead {
    const contiguous = !this.#source.sparse();
    // Where nothing was compacted a segment begins with its base offset.
    const baseOffset = contiguous ? from.baseOffset : -1;
    const epochAt = (offset: number): number => this.#source.epochs.at(offset);
    const checks = { baseOffset, lastOffset: from.lastOffset, contiguous, epochAt };
    return new BatchRead(range, from.position, segment.sizeBytes, checks);
  }

  /** Keeps a bounded number of closed segments warm. */
  touch(segment: Segment): void {
    if (segment === this.#source.segments.at(-1)!) return;
    this.forget(segment);
    this.#warm.push(segment);
    for (let i = 0; this.#warm.length - i > WARM_SEGMENTS; i++) this.#warm[i]!.cool();
    this.#warm = this.#warm.filter((kept, i) => kept.warm || i >= this.#warm.length - WARM_SEGMENTS);
  }

  /** The segment leaves the log. */
  forget(segment: Segment): void {
    const at = this.#warm.indexOf(segment);
    if (at >= 0) this.#warm.splice(at, 1);
  }
}

function isCorrupt(error: unknown): boolean {
  return error instanceof BrokerError && error.code === 'corrupt';
}

const EMPTY = Buffer.alloc(0);
