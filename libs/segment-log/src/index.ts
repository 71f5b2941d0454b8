// A shard's log in segments, the checkpoint that ties it to the commit log (L3), and retention (L4).

export type { ReadRange } from './batch-read.ts';
export { runCheckpoint, type CheckpointInput, type CheckpointShard } from './checkpoint.ts';
export { CheckpointStore, type Checkpoint, type ShardCheckpoint } from './checkpoint-store.ts';
export { LeaderEpochs, type EpochEnd, type EpochStart } from './leader-epochs.ts';
export { retentionStart, type RetainedSegment, type RetentionConfig } from './retention.ts';
export type { SegmentCheckpoint } from './segment.ts';
export {
  SegmentLog,
  type PendingCheckpoint,
  type SegmentLogCheckpoint,
  type SegmentLogConfig,
} from './segment-log.ts';
export type { TimestampHit } from './segment-reads.ts';
export {
  decodeTransactions,
  encodeTransactions,
  TRANSACTION_ENTRY_BYTES,
  type AbortedTransaction,
} from './transaction-index.ts';
