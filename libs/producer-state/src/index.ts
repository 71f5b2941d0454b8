// What a shard's log says of those who write to it: idempotence, transactions, exactly-once publishes. Pure and synchronous.

export { ProducerQuota, type ProducerBatch, type ProducerTableOptions } from './producer-table.ts';
export { ProducerState } from './producer-state.ts';
export { producerSnapshot } from './snapshot.ts';
