// Frames of the commit log as they are written (docs/en/formats/commit-log.md).

import { crc32c } from '@robustmq/bytes';
import {
  HEADER_BYTES,
  TABLE_ENTRY_BYTES,
  paddedFrameBytes,
  writeHeader,
  writeTableEntry,
  type FrameHeader,
  type Section,
} from './frame.ts';

/** What a frame's header says besides what follows from its sections. */
export type FramePlace = Omit<FrameHeader, 'sectionCount' | 'lengthBytes' | 'tableCrc'>;

/** Builds frames in one reused buffer: nothing is allocated per frame but views. */
export class FrameBuffer {
  #bytes: Buffer = Buffer.alloc(0);

  /**
   * The frame of `sections[from, to)`, padded with zeros to whole blocks. Valid until the next call.
   * `lengthBytes` is what {@link frameBytes} answers for the same range.
   */
  build(
    identity: Uint8Array,
    place: FramePlace,
    sections: readonly Section[],
    from: number,
    to: number,
    lengthBytes: number,
  ): Buffer {
    const paddedBytes = paddedFrameBytes(lengthBytes);
    if (paddedBytes > this.#bytes.length)
      this.#bytes = Buffer.allocUnsafe(Math.max(paddedBytes, 2 * this.#bytes.length, INITIAL_BYTES));
    const target = this.#bytes;
    const tableEnd = HEADER_BYTES + (to - from) * TABLE_ENTRY_BYTES;
    let position = tableEnd;
    for (let i = from; i < to; i++) {
      const section = sections[i]!;
      const start = position;
      for (const piece of section.buffers) {
        target.set(piece, position);
        position += piece.length;
      }
      writeTableEntry(target, i - from, section, position - start, crc32c(target, start, position));
    }
    target.fill(0, position, paddedBytes);
    writeHeader(target, identity, {
      ...place,
      sectionCount: to - from,
      lengthBytes,
      tableCrc: crc32c(target, HEADER_BYTES, tableEnd),
    });
    return target.subarray(0, paddedBytes);
  }
}

/** Header, table and bytes of a frame of one section; frames add up less one header each. */
export function sectionBytes(section: Section): number {
  let total = TABLE_ENTRY_BYTES;
  for (const piece of section.buffers) total += piece.length;
  return total;
}

/** Holds an ordinary tick of a busy directory; grows to the largest frame seen. */
const INITIAL_BYTES = 64 * 1024;
