// Collects every readable frame header of every file of a commit log. All blocks are looked at, not only the chain
// from the file's start: a frame behind a damaged one is the witness that the damaged one was durable (L2), and a
// frame behind a torn one carries a generation that must never be used again.

import { BLOCK_BYTES, readHeader, type FrameHeader } from './frame.ts';
import type { LogFile } from './log-file.ts';

/** A readable header and the file it is in. */
export interface LocatedFrame {
  readonly file: LogFile;
  readonly header: FrameHeader;
}

/** What the headers of a log say. */
export interface LogScan {
  /** Frames with a sequence above the start of the scan, in the order of files and positions. */
  readonly frames: readonly LocatedFrame[];
  /** The same by sequence: more than one where a generation gave up what an older one had written. */
  readonly bySequence: ReadonlyMap<number, readonly LocatedFrame[]>;
  /** First sequence of each generation of which any frame is left. */
  readonly generationStarts: ReadonlyMap<number, number>;
  /** Highest generation seen; 0 if none. */
  readonly maxGeneration: number;
  /** Highest sequence that a readable header says was durable; 0 if none. */
  readonly knownDurable: number;
}

const CHUNK_BYTES = 256 * BLOCK_BYTES;

/** Reads all files; keeps the frames with a sequence above `afterSequence`. */
export function scanFiles(files: readonly LogFile[], identity: Uint8Array, afterSequence: number): LogScan {
  const frames: LocatedFrame[] = [];
  const bySequence = new Map<number, LocatedFrame[]>();
  const generationStarts = new Map<number, number>();
  let maxGeneration = 0;
  let knownDurable = 0;
  const largestBytes = Math.max(0, ...files.map((file) => file.file.sizeBytes()));
  const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, largestBytes));
  for (const file of files) {
    const sizeBytes = file.file.sizeBytes();
    for (let position = 0; position < sizeBytes; position += CHUNK_BYTES) {
      const bytes = chunk.subarray(0, file.file.read(chunk, position));
      for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
        const header = readHeader(bytes, start, identity, (position + start) / BLOCK_BYTES);
        if (header === undefined) continue;
        maxGeneration = Math.max(maxGeneration, header.generation);
        knownDurable = Math.max(knownDurable, header.durableSequence);
        generationStarts.set(header.generation, header.generationStart);
        if (header.sequence <= afterSequence) continue;
        const frame = { file, header };
        frames.push(frame);
        const rivals = bySequence.get(header.sequence);
        if (rivals === undefined) bySequence.set(header.sequence, [frame]);
        else rivals.push(frame);
      }
    }
  }
  return { frames, bySequence, generationStarts, maxGeneration, knownDurable };
}
