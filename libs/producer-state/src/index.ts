// What a shard's log says of those who write to it: idempotence, transactions, exactly-once publishes. Pure and synchronous.

export {
  ProducerQuota,
  type ProducerBatch,
  type ProducerTableOptions,
  type RememberedBatch,
} from './producer-table.ts';
export { ProducerState } from './producer-state.ts';
export { decodeSnapshot, encodeSnapshot } from './snapshot.ts';
