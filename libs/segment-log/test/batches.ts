import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { batchHeader, completeBatchBytes, RecordBatchBuilder } from '@robustmq/record-batch';

/** A directory of its own for one test; removed by the returned function. */
export function scratchDirectory(): { directory: string; remove: () => void } {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'segment-log-'));
  return { directory, remove: () => fs.rmSync(directory, { recursive: true, force: true }) };
}

/** A batch of one-value records at consecutive offsets and timestamps. */
export function batch(baseOffset: number, values: string[], timestampMs = 1000, leaderEpoch = 0): Buffer {
  const builder = new RecordBatchBuilder({ maxBatchBytes: 4 * 1024 * 1024 });
  values.forEach((value, i) => builder.append(timestampMs + i, null, Buffer.from(value)));
  return builder.finishCopy({ baseOffset, leaderEpoch });
}

/** The batches of a read as `base-last`. */
export function ranges(batches: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at < batches.length; at += completeBatchBytes(batches, at, batches.length)) {
    found.push(`${batchHeader.baseOffset(batches, at)}-${batchHeader.lastOffset(batches, at)}`);
  }
  return found;
}
