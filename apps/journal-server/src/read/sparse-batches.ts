// What a read of single records collects: batches of which only the wanted records are left, within the bounds of the read.

import { batchHeader, pickRecords } from '@robustmq/record-batch';

/** Bounds of every read, whatever it asks for. */
const MAX_READ_BYTES = 1024 * 1024;
const MAX_READ_RECORDS = 10_000;

/** Which records of a batch are wanted: indices, or all of them. */
export type Wanted = 'none' | 'all' | readonly number[];

/** The records found so far. */
export class SparseBatches {
  readonly pieces: Buffer[] = [];
  sizeBytes = 0;
  readonly #maxBytes: number;
  readonly #maxRecords: number;
  #records = 0;

  constructor(bounds: { readonly maxBytes: number; readonly maxRecords: number }) {
    this.#maxBytes = Math.min(Math.max(1, bounds.maxBytes), MAX_READ_BYTES);
    this.#maxRecords = Math.min(Math.max(1, bounds.maxRecords), MAX_READ_RECORDS);
  }

  /** The read ends here; its caller goes on from where it came to. */
  get isFull(): boolean {
    return this.sizeBytes >= this.#maxBytes || this.#records >= this.#maxRecords;
  }

  add(batch: Buffer, wanted: Wanted): void {
    if (wanted === 'none') return;
    const piece = wanted === 'all' ? batch : pickRecords(batch, 0, wanted);
    this.pieces.push(piece);
    this.sizeBytes += piece.length;
    this.#records +=
      wanted === 'all'
        ? batchHeader.lastOffset(batch, 0) + 1 - batchHeader.baseOffset(batch, 0)
        : wanted.length;
  }
}

/** What one read gets to answer with: the bytes it may claim before it reads. */
export function claimOf(maxBytes: number): number {
  return Math.min(Math.max(1, maxBytes), MAX_READ_BYTES);
}
