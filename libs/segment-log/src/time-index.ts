// The sparse time index of a segment: highest timestamp so far → last offset of the batch that has it. Rebuildable.

import { readInt32, readInt64Rounded, writeInt32, writeInt64 } from '@robustmq/bytes';

/** Bytes of one entry in the file: timestamp (64-bit) and relative offset (unsigned 32-bit), big-endian. */
export const TIME_ENTRY_BYTES = 12;

/** Entries with ascending timestamps and offsets. */
export class TimeIndex {
  readonly #timestamps: number[] = [];
  readonly #relativeOffsets: number[] = [];

  get count(): number {
    return this.#timestamps.length;
  }

  /** Highest timestamp indexed; -1 if none. */
  get maxTimestampMs(): number {
    return this.#timestamps.at(-1) ?? -1;
  }

  /** Adds an entry; ignored unless the timestamp is higher than all before. */
  append(timestampMs: number, relativeOffset: number): void {
    if (timestampMs <= this.maxTimestampMs) return;
    this.#timestamps.push(timestampMs);
    this.#relativeOffsets.push(relativeOffset);
  }

  /** Relative offset from which to search the first timestamp at or above the given one: all before are lower. */
  searchStart(timestampMs: number): number {
    let low = 0;
    let high = this.#timestamps.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#timestamps[middle]! < timestampMs) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : this.#relativeOffsets[low - 1]! + 1;
  }

  /** Drops entries at or behind a relative offset. */
  truncate(relativeOffset: number): void {
    while ((this.#relativeOffsets.at(-1) ?? -1) >= relativeOffset) {
      this.#relativeOffsets.pop();
      this.#timestamps.pop();
    }
  }

  /** The entries from index `first` on, as the file has them. */
  encode(first = 0): Buffer {
    const bytes = Buffer.alloc((this.count - first) * TIME_ENTRY_BYTES);
    for (let i = first; i < this.count; i++) {
      const at = (i - first) * TIME_ENTRY_BYTES;
      writeInt64(bytes, at, this.#timestamps[i]!);
      writeInt32(bytes, at + 8, this.#relativeOffsets[i]!);
    }
    return bytes;
  }

  /** The leading entries of a file that can be entries; a torn file is cut, never trusted. */
  static decode(bytes: Buffer, endRelativeOffset: number): TimeIndex {
    const index = new TimeIndex();
    let lastOffset = -1;
    for (let at = 0; at + TIME_ENTRY_BYTES <= bytes.length; at += TIME_ENTRY_BYTES) {
      const timestampMs = readInt64Rounded(bytes, at);
      const relativeOffset = readInt32(bytes, at + 8) >>> 0;
      const ascending = timestampMs > index.maxTimestampMs && relativeOffset > lastOffset;
      if (!ascending || relativeOffset >= endRelativeOffset || !Number.isSafeInteger(timestampMs)) break;
      index.append(timestampMs, relativeOffset);
      lastOffset = relativeOffset;
    }
    return index;
  }
}
