// Which record of a compressed batch a time means. The journal finds the batch; its records are only seen when it is
// inflated, which is done here: bounded, a few at a time, and in slices (N1, N8).
import { inflateForReading } from '@robustmq/batch-compression';
import {
  batchHeader,
  completeBatchBytes,
  MAX_INFLATED_BATCH_BYTES,
  RecordCursor,
} from '@robustmq/record-batch';
import type { RequestContext } from './context.ts';
import type { OffsetAnswer, OffsetQuery } from './ports.ts';

/** Kafka's mark for the newest record. */
export const MAX_TIMESTAMP = -3;
/** Records between two looks at the clock. */
const STEP_RECORDS = 1_000;

/** The first record at or above the time asked for, or the newest one, where the answer names no more than its batch. */
export async function exactOffset(
  query: OffsetQuery,
  answer: OffsetAnswer,
  context: RequestContext,
): Promise<OffsetAnswer> {
  const isByTime = query.timestampMs >= 0 || query.timestampMs === MAX_TIMESTAMP;
  if (!isByTime || answer.error !== undefined || answer.offset < 0) return answer;
  const batch = await readBatch(query, answer.offset, context);
  if (batch === undefined || batchHeader.codec(batch, 0) === 0) return answer;
  const { checks } = context.gateway;
  const found = await checks.inflating(async () =>
    search(await inflateForReading(batch, 0, MAX_INFLATED_BATCH_BYTES, checks), query.timestampMs, context),
  );
  return found === undefined ? answer : { ...answer, ...found };
}

/** The batch that holds the offset, or undefined when it is gone by now. */
function readBatch(
  { streamId, shard }: OffsetQuery,
  offset: number,
  { gateway }: RequestContext,
): Promise<Buffer | undefined> {
  const section = {
    streamId,
    shard,
    fetchOffset: offset,
    maxBytes: 1,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
  };
  const request = { maxWaitMs: 0, minBytes: 0, maxBytes: 1, readCommitted: false, sections: [section] };
  return new Promise((resolve) => {
    gateway.journal.fetch(request, ([result]) => {
      const isRead = result !== undefined && result.error === undefined;
      resolve(isRead ? batchAt(Buffer.concat(result.batches), offset) : undefined);
    });
  });
}

function batchAt(batches: Buffer, offset: number): Buffer | undefined {
  for (let at = 0; ;) {
    const sizeBytes = completeBatchBytes(batches, at, batches.length);
    if (sizeBytes === 0) return undefined;
    if (batchHeader.lastOffset(batches, at) >= offset) return batches.subarray(at, at + sizeBytes);
    at += sizeBytes;
  }
}

async function search(
  batch: Buffer,
  timestampMs: number,
  { gateway: { checks } }: RequestContext,
): Promise<Pick<OffsetAnswer, 'offset' | 'timestampMs'> | undefined> {
  const records = new RecordCursor().reset(batch, 0);
  let newest: { offset: number; timestampMs: number } | undefined;
  for (let walked = 0; records.next(); walked += 1) {
    const here = records.timestampMs;
    if (timestampMs >= 0 && here >= timestampMs) return { offset: records.offset, timestampMs: here };
    if (newest === undefined || here > newest.timestampMs) {
      newest = { offset: records.offset, timestampMs: here };
    }
    if (walked % STEP_RECORDS === STEP_RECORDS - 1) while (checks.isSpent) await checks.yield();
  }
  return timestampMs === MAX_TIMESTAMP ? newest : undefined;
}
