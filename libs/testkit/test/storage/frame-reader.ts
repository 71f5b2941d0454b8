// Reads commit-log frames from docs/en/formats/commit-log.md alone, without the library: the page is enough for a
// stranger, and a slip in the library's own reader can't hide itself.

import { crc32c } from '@robustmq/bytes';

/** A readable frame header, where it was found. */
export interface ForeignFrame {
  readonly path: string;
  readonly start: number;
  readonly sequence: number;
  readonly durableSequence: number;
  readonly generation: number;
  /** First byte behind header and table. */
  readonly dataStart: number;
  readonly end: number;
}

/** All frames with a readable header in a file. */
export function readForeignFrames(path: string, bytes: Buffer): ForeignFrame[] {
  const frames: ForeignFrame[] = [];
  for (let start = 0; start + 64 <= bytes.length; start += 4096) {
    if (bytes.toString('latin1', start, start + 4) !== 'RMCL') continue;
    if (crc32c(bytes, start, start + 60) !== bytes.readUInt32BE(start + 60)) continue;
    frames.push({
      path,
      start,
      generation: bytes.readUInt32BE(start + 16),
      sequence: Number(bytes.readBigUInt64BE(start + 32)),
      durableSequence: Number(bytes.readBigUInt64BE(start + 40)),
      dataStart: start + 64 + 20 * bytes.readUInt32BE(start + 48),
      end: start + bytes.readUInt32BE(start + 52),
    });
  }
  return frames;
}

/** The sections of such a frame. */
export function readForeignSections(
  frame: ForeignFrame,
  bytes: Buffer,
): { kind: number; key: number; subKey: number; bytes: Buffer; damaged: boolean }[] {
  const count = bytes.readUInt32BE(frame.start + 48);
  let start = frame.dataStart;
  return Array.from({ length: count }, (_, i) => {
    const entry = frame.start + 64 + 20 * i;
    const end = start + bytes.readUInt32BE(entry + 12);
    const section = {
      kind: bytes.readUInt16BE(entry),
      key: bytes.readUInt32BE(entry + 4),
      subKey: bytes.readUInt32BE(entry + 8),
      bytes: bytes.subarray(start, end),
      damaged: crc32c(bytes, start, end) !== bytes.readUInt32BE(entry + 16),
    };
    start = end;
    return section;
  });
}
