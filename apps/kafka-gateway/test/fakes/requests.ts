// Requests for the topic `t`.

import { batchOf } from './batches.ts';
import type { RunningGateway } from './running-gateway.ts';
import type { WireClient } from './wire-client.ts';

/** A batch of one record for a partition of the topic `t`. */
export const produceOf = (index: number, acks = -1) => ({
  transactionalId: null,
  acks,
  timeoutMs: 1000,
  topicData: [{ name: 't', partitionData: [{ index, records: batchOf([`v${index}`]) }] }],
});

/** What there is of the first partition of the topic `t`, waited for that long. */
export const fetchOf = (maxWaitMs: number) => ({
  maxWaitMs,
  minBytes: 1,
  topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }],
});

const PRODUCE = 0;

/** Makes topic `t` of one partition, with so many batches of one record each. */
export async function storeRecords(
  running: RunningGateway,
  client: WireClient,
  sizeBytes: number,
  count: number,
): Promise<void> {
  running.meta.add('t');
  for (let n = 0; n < count; n += 1) {
    const records = batchOf(['x'.repeat(sizeBytes)]);
    const topicData = [{ name: 't', partitionData: [{ index: 0, records }] }];
    await client.call(PRODUCE, 8, { ...produceOf(0), topicData });
  }
}

/** A fetch of all that {@link storeRecords} has left. */
export const FETCH_MUCH = {
  maxWaitMs: 0,
  minBytes: 1,
  topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 4_000_000 }] }],
};
