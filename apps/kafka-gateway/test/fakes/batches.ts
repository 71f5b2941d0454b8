// Record batches for tests.
import { deflateBatch } from '@robustmq/batch-compression/testing';
import { batchHeader, RecordBatchBuilder } from '@robustmq/record-batch';
import { type FinishOptions } from '@robustmq/record-batch/testing';

/** A batch of one record per value. */
export function batchOf(
  values: readonly string[],
  options: FinishOptions & { readonly timestampMs?: number } = {},
): Buffer {
  const builder = new RecordBatchBuilder({ maxBatchBytes: 16 * 1024 * 1024 });
  for (const value of values) builder.append(options.timestampMs ?? 1_000, null, Buffer.from(value));
  return builder.finishCopy(options);
}

export function zstdBatch(values: readonly string[]): Buffer {
  return Buffer.from(deflateBatch(batchOf(values), 0, 'zstd'));
}

/** The batch with some bytes of its header changed and a CRC that fits. */
export function tampered(batch: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(batch);
  change(copy);
  batchHeader.stampCrc(copy, 0);
  return copy;
}
