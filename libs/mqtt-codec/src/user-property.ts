// A User Property in its wire form, from bytes that lie elsewhere: headers of a Kafka record become properties without a
// string being made of them.

import { PROPERTY } from './property.ts';

/** The wire form of a User Property. */
export const userProperty = {
  /** Bytes of a User Property whose name and value are that long in UTF-8. */
  sizeOf(nameBytes: number, valueBytes: number): number {
    // One identifier, and a length before each string.
    return 1 + 2 + nameBytes + 2 + valueBytes;
  },

  /**
   * Writes the pair at `position`; the caller has made room and checked both strings. An empty range may lie anywhere.
   * Returns the position behind it.
   */
  write(
    target: Buffer,
    position: number,
    source: Buffer,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
  ): number {
    target[position] = PROPERTY.userProperty;
    const at = writeString(target, position + 1, source, nameStart, nameEnd);
    return writeString(target, at, source, valueStart, valueEnd);
  },
} as const;

function writeString(target: Buffer, position: number, source: Buffer, start: number, end: number): number {
  const at = target.writeUInt16BE(end - start, position);
  return end === start ? at : at + source.copy(target, at, start, end);
}
