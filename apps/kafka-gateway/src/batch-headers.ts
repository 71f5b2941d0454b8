// The headers of batches that came in pieces: the journal cuts what it sends anywhere, also in the middle of a batch.
import { BATCH_HEADER_BYTES, batchHeader } from '@robustmq/record-batch';

const NOTHING = Buffer.alloc(0);

/** Every header, in order; what lies between them is neither looked at nor copied. Ends where no batch can begin. */
export function* batchHeaders(pieces: readonly Buffer[]): Generator<Buffer, void, undefined> {
  let header: Buffer = NOTHING;
  /** Records of the batch that are still to come. */
  let recordBytes = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const skipped = Math.min(recordBytes, piece.length - at);
      recordBytes -= skipped;
      at += skipped;
      const more = piece.subarray(at, at + BATCH_HEADER_BYTES - header.length);
      at += more.length;
      header = header.length === 0 ? more : Buffer.concat([header, more]);
      if (header.length < BATCH_HEADER_BYTES) break;
      yield header;
      recordBytes = batchHeader.batchSizeBytes(header, 0) - BATCH_HEADER_BYTES;
      if (recordBytes < 0) return;
      header = NOTHING;
    }
  }
}
