// Batches for tests, and what is in batches that came back.

import { completeBatchBytes, RecordBatchBuilder, RecordCursor } from '@robustmq/record-batch';
import type { FinishOptions } from '@robustmq/record-batch/testing';

/** A record read back. */
export interface ReadRecord {
  readonly offset: number;
  readonly key: string;
  readonly value: string;
}

/** A batch of values, one record each, at one timestamp. */
export function batchOf(
  values: readonly string[],
  options: FinishOptions & { key?: string | null; timestampMs?: number } = {},
): Buffer {
  const builder = new RecordBatchBuilder();
  for (const value of values) {
    builder.append(options.timestampMs ?? 1_700_000_000_000, options.key ?? null, Buffer.from(value));
  }
  return builder.finishCopy(options);
}

/** All records of batches laid end to end. */
export function recordsOf(bytes: Buffer): ReadRecord[] {
  const records: ReadRecord[] = [];
  const cursor = new RecordCursor();
  for (let at = 0; at < bytes.length; at += completeBatchBytes(bytes, at, bytes.length)) {
    cursor.reset(bytes, at);
    while (cursor.next()) {
      records.push({ offset: cursor.offset, key: String(cursor.key), value: String(cursor.value) });
    }
  }
  return records;
}
