// RecordsCheck: walks the records of a batch from outside in steps of a bounded size, so that no batch takes the loop for
// long, however many records and headers it holds (N1, N8).

import { BrokerError } from '@robustmq/errors';
import { HeaderCursor, RecordCursor } from './cursor.ts';
import { batchHeader } from './header.ts';

const NO_TIMESTAMP = -1;

/** The batch may be just what its producer meant, so that edges can tell it from damage. */
export function impossibleTimestamp(cause?: unknown): BrokerError {
  return new BrokerError('corrupt', 'impossible timestamp', { cause, details: { field: 'timestamp' } });
}

/** One walk after the other. */
export class RecordsCheck {
  /** Latest timestamp of the records so far; -1 when none has one. What the header claims is not looked at. */
  maxTimestampMs = NO_TIMESTAMP;
  /** Earliest timestamp of those records that have one; Infinity when none has. */
  minTimestampMs = Infinity;
  readonly #records = new RecordCursor();
  readonly #headers = new HeaderCursor();
  #batchEnd = 0;
  #lastOffsetDelta = 0;
  #previousDelta = -1;
  #isSparse = false;
  #inHeaders = false;

  /**
   * Begins with the batch at `batchStart`; {@link step} does the work. Offset deltas have to be 0..n-1; in sparse batches
   * (of compaction or picking) they ascend up to the last one.
   * @throws BrokerError corrupt when the header contradicts the buffer; unsupported for a compressed batch
   */
  begin(buffer: Buffer, batchStart: number, isSparse = false): this {
    this.#records.reset(buffer, batchStart);
    this.#batchEnd = batchStart + batchHeader.batchSizeBytes(buffer, batchStart);
    this.#lastOffsetDelta = batchHeader.lastOffsetDelta(buffer, batchStart);
    this.#previousDelta = -1;
    this.#isSparse = isSparse;
    this.#inHeaders = false;
    this.maxTimestampMs = NO_TIMESTAMP;
    this.minTimestampMs = Infinity;
    return this;
  }

  /**
   * Checks the next records and headers, `units` of them at most; whether that was the end of the batch.
   * @throws BrokerError corrupt when a length does not fit, an offset delta is out of order or bytes are left over
   */
  step(units: number): boolean {
    for (let left = units; left > 0; left--) {
      if (this.#inHeaders) {
        if (this.#headers.next()) continue;
        this.#inHeaders = false;
        if (this.#headers.position !== this.#records.recordEnd)
          throw new BrokerError('corrupt', 'bytes left over behind the headers');
      }
      if (!this.#records.next()) {
        if (this.#records.recordEnd !== this.#batchEnd)
          throw new BrokerError('corrupt', 'bytes left over behind the last record');
        return true;
      }
      this.#checkRecord();
      this.#headers.reset(this.#records);
      this.#inHeaders = true;
    }
    return false;
  }

  #checkRecord(): void {
    const { offsetDelta, timestampMs } = this.#records;
    const fits = this.#isSparse
      ? offsetDelta > this.#previousDelta && offsetDelta <= this.#lastOffsetDelta
      : offsetDelta === this.#previousDelta + 1;
    if (!fits) throw new BrokerError('corrupt', 'offset deltas are out of order');
    this.#previousDelta = offsetDelta;
    if (!Number.isSafeInteger(timestampMs)) throw impossibleTimestamp();
    if (timestampMs > this.maxTimestampMs) this.maxTimestampMs = timestampMs;
    if (timestampMs < this.minTimestampMs && timestampMs !== NO_TIMESTAMP) this.minTimestampMs = timestampMs;
  }
}
