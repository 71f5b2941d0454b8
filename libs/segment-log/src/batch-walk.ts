// A walk over the batches of a segment by their headers alone: at once, or off the event loop step by step.

import { BrokerError } from '@robustmq/errors';
import { batchHeader } from '@robustmq/record-batch';
import { sizeOfBatch } from './batch-read.ts';

const WALK_BYTES = 256 * 1024;

/** Called for each batch of a walk; false ends it. */
export type VisitBatch = (bytes: Buffer, at: number, position: number, sizeBytes: number) => boolean | void;

/** Where the bytes come from. */
export interface WalkedBytes {
  readonly sizeBytes: number;
  read(position: number, lengthBytes: number): Buffer;
  readAsync(position: number, lengthBytes: number): Promise<Buffer>;
}

/** How far a walk over batches has come. */
interface Walk {
  position: number;
  /** End of the segment when the bytes of the step were asked for; it may grow while they are read. */
  endPosition: number;
  /** Bytes that the batch there takes, once that is known. */
  neededBytes: number;
  /** From where on it can't be batches. */
  suspectFrom: number;
}

/** Visits batches from `position` until the visitor answers false; answers where it can't be a batch, Infinity if nowhere. */
export function walkBatches(source: WalkedBytes, position: number, visit: VisitBatch): number {
  const walk: Walk = { position, endPosition: 0, neededBytes: 0, suspectFrom: Infinity };
  while (walk.position < source.sizeBytes) {
    const lengthBytes = stepBytes(walk, source);
    if (!step(walk, source.read(walk.position, lengthBytes), lengthBytes, visit)) break;
  }
  return walk.suspectFrom;
}

/** As {@link walkBatches}; each step leaves the event loop. Ends when what was read is void meanwhile. */
export async function walkBatchesAsync(
  source: WalkedBytes,
  position: number,
  visit: VisitBatch,
  isVoid: () => boolean,
): Promise<number> {
  const walk: Walk = { position, endPosition: 0, neededBytes: 0, suspectFrom: Infinity };
  while (walk.position < source.sizeBytes) {
    const lengthBytes = stepBytes(walk, source);
    const bytes = await source.readAsync(walk.position, lengthBytes);
    if (isVoid() || !step(walk, bytes, lengthBytes, visit)) break;
  }
  return walk.suspectFrom;
}

/** Last offset of the batch that the bytes begin with; -1 if their header can't be that of a batch within `leftBytes`. */
export function lastOffsetFrom(header: Buffer, leftBytes: number): number {
  try {
    sizeOfBatch(header, 0, leftBytes);
    return batchHeader.lastOffset(header, 0);
  } catch (error) {
    if (isImpossible(error)) return -1;
    throw error;
  }
}

function stepBytes(walk: Walk, source: WalkedBytes): number {
  walk.endPosition = source.sizeBytes;
  return Math.min(Math.max(WALK_BYTES, walk.neededBytes), walk.endPosition - walk.position);
}

/** Visits the batches in what was read of the bytes asked for; false ends the walk. */
function step(walk: Walk, bytes: Buffer, askedBytes: number, visit: VisitBatch): boolean {
  const { position } = walk;
  const leftBytes = walk.endPosition - position;
  let at = 0;
  try {
    for (walk.neededBytes = 0; at < bytes.length; at += walk.neededBytes) {
      walk.neededBytes = sizeOfBatch(bytes, at, leftBytes);
      if (walk.neededBytes > bytes.length - at) break;
      if (visit(bytes, at, position + at, walk.neededBytes) === false) return false;
    }
  } catch (error) {
    if (!isImpossible(error)) throw error;
    walk.suspectFrom = position + at;
    return false;
  }
  // Without this an end of the file within the first batch would be read again and again.
  if (at === 0 && bytes.length < askedBytes) {
    walk.suspectFrom = position;
    return false;
  }
  walk.position += at;
  return true;
}

/** Whether an error says that the bytes can't be a batch header. */
function isImpossible(error: unknown): boolean {
  return error instanceof BrokerError && (error.code === 'corrupt' || error.code === 'out_of_range');
}
