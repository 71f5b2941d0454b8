// Picking some records of a batch, as compaction leaves them: the header keeps base offset and last offset delta, so
// every picked record keeps its offset and readers know which range the batch covered.

import { ByteWriter } from '@robustmq/bytes';
import { RecordCursor } from './cursor.ts';
import { batchHeader } from './header.ts';
import { BATCH_HEADER_BYTES } from './layout.ts';

/** Which records to keep: their indices in the batch, ascending, or a function of the cursor's current record. */
export type RecordSelection = ArrayLike<number> | ((record: RecordCursor) => boolean);

const cursor = new RecordCursor();

/**
 * Writes the sparse batch to `writer` and returns its size. With no record left it is an empty batch that still covers
 * its offsets, as Kafka's cleaner leaves it.
 * @throws BrokerError as RecordCursor; too_large from the writer.
 */
export function pickRecordsInto(
  writer: ByteWriter,
  buffer: Buffer,
  batchStart: number,
  selection: RecordSelection,
): number {
  const start = writer.position;
  cursor.reset(buffer, batchStart);
  writer.writeBytes(buffer, batchStart, batchStart + BATCH_HEADER_BYTES);
  let recordCount = 0;
  let maxTimestampMs = Number.NEGATIVE_INFINITY;
  let runStart = 0;
  let runEnd = 0;
  while (cursor.next()) {
    if (typeof selection === 'function') {
      if (!selection(cursor)) continue;
    } else if (recordCount === selection.length) {
      break;
    } else if (selection[recordCount] !== cursor.index) {
      continue;
    }
    recordCount++;
    if (cursor.timestampMs > maxTimestampMs) maxTimestampMs = cursor.timestampMs;
    // Neighbours are copied in one piece.
    if (cursor.recordStart !== runEnd) {
      writer.writeBytes(buffer, runStart, runEnd);
      runStart = cursor.recordStart;
    }
    runEnd = cursor.recordEnd;
  }
  writer.writeBytes(buffer, runStart, runEnd);
  const keepsMaxTimestamp = recordCount === 0 || batchHeader.isLogAppendTime(buffer, batchStart);
  batchHeader.rewriteSection(
    writer.buffer,
    start,
    writer.position,
    keepsMaxTimestamp ? { codec: 0, recordCount } : { codec: 0, recordCount, maxTimestampMs },
  );
  return writer.position - start;
}

/** {@link pickRecordsInto} into memory of its own. */
export function pickRecords(buffer: Buffer, batchStart: number, selection: RecordSelection): Buffer {
  const sizeBytes = batchHeader.batchSizeBytes(buffer, batchStart);
  const writer = new ByteWriter({
    initialBytes: Math.min(sizeBytes, buffer.length),
    maxBytes: Math.max(sizeBytes, 0),
  });
  pickRecordsInto(writer, buffer, batchStart, selection);
  return writer.finish();
}
