// The sparse offset index of a segment: last offset of a batch → where the batch begins. Rebuildable.

import { readInt32, writeInt32 } from '@robustmq/bytes';

/** Bytes of one entry in the file: relative offset and position, both unsigned 32-bit big-endian. */
export const OFFSET_ENTRY_BYTES = 8;

/** Entries in ascending order, in memory as they are in the file. */
export class OffsetIndex {
  #bytes: Buffer;
  #length: number;

  /** `bytes` are entries of a file already checked by {@link soundOffsetEntries}. */
  constructor(bytes: Buffer = Buffer.alloc(0)) {
    this.#bytes = bytes;
    this.#length = bytes.length;
  }

  get count(): number {
    return this.#length / OFFSET_ENTRY_BYTES;
  }

  /** The entries as the file has them. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  relativeOffset(index: number): number {
    return readInt32(this.#bytes, index * OFFSET_ENTRY_BYTES) >>> 0;
  }

  position(index: number): number {
    return readInt32(this.#bytes, index * OFFSET_ENTRY_BYTES + 4) >>> 0;
  }

  append(relativeOffset: number, position: number): void {
    if (this.#length === this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(16 * OFFSET_ENTRY_BYTES, 2 * this.#length));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    writeInt32(this.#bytes, this.#length, relativeOffset);
    writeInt32(this.#bytes, this.#length + 4, position);
    this.#length += OFFSET_ENTRY_BYTES;
  }

  /** Index of the last entry with a relative offset at or below the given one; -1 if none. */
  floor(relativeOffset: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.relativeOffset(middle) <= relativeOffset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Drops the entries of batches at or behind `sizeBytes`. */
  truncate(sizeBytes: number): void {
    while (this.#length > 0 && this.position(this.count - 1) >= sizeBytes) this.#length -= OFFSET_ENTRY_BYTES;
  }
}

/** The leading entries of a file that can be entries of a segment of that size; a torn file is cut, never trusted. */
export function soundOffsetEntries(bytes: Buffer, sizeBytes: number): Buffer {
  let end = 0;
  let lastOffset = -1;
  let lastPosition = -1;
  for (; end + OFFSET_ENTRY_BYTES <= bytes.length; end += OFFSET_ENTRY_BYTES) {
    const offset = readInt32(bytes, end) >>> 0;
    const position = readInt32(bytes, end + 4) >>> 0;
    if (offset <= lastOffset || position <= lastPosition || position >= sizeBytes) break;
    lastOffset = offset;
    lastPosition = position;
  }
  return bytes.subarray(0, end);
}
