// Turns bytes of a segment into whole batches. It says what to read and judges what it is given, so that the same
// code serves synchronous reads of hot data and asynchronous reads of cold data.

import { BrokerError } from '@robustmq/errors';
import { BATCH_HEADER_BYTES, batchHeader } from '@robustmq/record-batch';

/** What a reader asks for. */
export interface ReadRange {
  /** The first batch returned is the first whose last offset is at or above this. */
  readonly fromOffset: number;
  /** No batch is returned whose last offset is at or above this. */
  readonly upToOffset: number;
  /** Limit of the answer; the first batch is returned also if it alone is larger. */
  readonly maxBytes: number;
}

/**
 * What is known of the batches besides their own bytes. The CRC of a batch does not cover its base offset and leader
 * epoch, so a flipped bit there is seen only against these.
 */
export interface ReadChecks {
  /** Base offset of the batch where the read begins, if known; else -1. */
  readonly baseOffset: number;
  /** Last offset of the batch where the read begins, if known; else -1. */
  readonly lastOffset: number;
  /** Whether offsets have no gaps: nothing was ever compacted away. */
  readonly contiguous: boolean;
  /** Leader epoch that the record at an offset has; -1 if unknown. */
  epochAt(offset: number): number;
}

/** Slack of the first read: what the sparse index may point before the wanted batch. */
const INDEX_SLACK_BYTES = 8192;

/** One read within one segment: read `lengthBytes` at `position`, feed, repeat until `feed` answers true. */
export class BatchRead {
  readonly #range: ReadRange;
  readonly #endPosition: number;
  readonly #checks: ReadChecks;
  position: number;
  lengthBytes: number;
  /** The batches found; empty if the segment has none in the range. */
  result: Buffer = EMPTY;
  /** Where the first batch of the result begins. */
  resultPosition = -1;
  #lastOffset = -1;

  constructor(range: ReadRange, position: number, endPosition: number, checks: ReadChecks) {
    this.#checks = checks;
    this.#range = range;
    this.#endPosition = endPosition;
    this.position = position;
    this.lengthBytes = Math.min(range.maxBytes + INDEX_SLACK_BYTES, endPosition - position);
  }

  /**
   * Takes the bytes read at `position` and answers whether the result is complete.
   * @throws BrokerError corrupt if what is there is not the batches that were written.
   */
  feed(bytes: Buffer): boolean {
    const { fromOffset, upToOffset, maxBytes } = this.#range;
    let start = -1;
    let at = 0;
    while (this.position + at < this.#endPosition) {
      const size = sizeOfBatch(bytes, at, this.#endPosition - this.position);
      if (size > bytes.length - at) {
        if (start >= 0) break;
        return this.#readOn(at, size);
      }
      const lastOffset = this.#checkOrder(bytes, at);
      if (start >= 0 && (lastOffset >= upToOffset || at + size - start > maxBytes)) break;
      if (lastOffset >= fromOffset) {
        // Also of a batch that seems to lie beyond: its offsets are believed only with its CRC.
        if (!batchHeader.crcMatches(bytes, at)) throw damaged('CRC-32C mismatch', this.position + at);
        if (lastOffset >= upToOffset) break;
        if (start < 0) start = at;
      }
      at += size;
    }
    if (start >= 0) {
      this.resultPosition = this.position + start;
      this.result = bytes.subarray(start, at);
    }
    return true;
  }

  #readOn(at: number, neededBytes: number): boolean {
    if (at === 0 && neededBytes <= this.lengthBytes) throw damaged('file is too short', this.position);
    this.position += at;
    const wanted = Math.max(neededBytes, this.#range.maxBytes);
    this.lengthBytes = Math.min(wanted, this.#endPosition - this.position);
    return false;
  }

  #checkOrder(bytes: Buffer, at: number): number {
    const checks = this.#checks;
    const baseOffset = batchHeader.baseOffset(bytes, at);
    const lastOffset = batchHeader.lastOffset(bytes, at);
    const previous = this.#lastOffset;
    this.#lastOffset = lastOffset;
    const expectedBase = previous >= 0 ? previous + 1 : checks.baseOffset;
    const gap = baseOffset - expectedBase;
    const ordered = expectedBase < 0 || gap === 0 || (gap > 0 && !checks.contiguous);
    const placed = previous >= 0 || checks.lastOffset < 0 || lastOffset === checks.lastOffset;
    if (!ordered || !placed || lastOffset < baseOffset)
      throw damaged('offsets out of order', this.position + at);
    const epoch = checks.epochAt(baseOffset);
    const stored = batchHeader.leaderEpoch(bytes, at);
    if (epoch >= 0 && stored >= 0 && stored !== epoch) throw damaged('leader epoch', this.position + at);
    return lastOffset;
  }
}

/**
 * Size of the batch at `at`, or the bytes needed to tell it.
 * @throws BrokerError corrupt if it can't be a batch that ends before `endPosition` (relative to the bytes' start).
 */
export function sizeOfBatch(bytes: Buffer, at: number, endPosition: number): number {
  if (endPosition - at < BATCH_HEADER_BYTES) throw damaged('bytes behind the last batch', at);
  if (bytes.length - at < BATCH_HEADER_BYTES) return BATCH_HEADER_BYTES;
  const size = batchHeader.batchSizeBytes(bytes, at);
  // The accessors throw for offsets beyond safe integers: here that is damage.
  if (bytes[at] !== 0 || bytes[at + 1]! >= 0x20) throw damaged('impossible base offset', at);
  if (!batchHeader.isMagicV2(bytes, at) || size < BATCH_HEADER_BYTES || size > endPosition - at) {
    throw damaged('impossible batch header', at);
  }
  return size;
}

/** The error that makes a journal-server quarantine the shard. */
export function damaged(what: string, position: number): BrokerError {
  return new BrokerError('corrupt', `segment is damaged: ${what}`, { details: { position } });
}

const EMPTY = Buffer.alloc(0);
