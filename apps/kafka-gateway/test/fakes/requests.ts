// Requests for the topic `t`.

import { batchOf } from './batches.ts';

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
