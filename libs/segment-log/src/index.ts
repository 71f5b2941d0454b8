// A shard's log in segments, the checkpoint that ties it to the commit log (L3), and retention (L4).

export { runCheckpoint } from './checkpoint.ts';
export type { ShardCheckpoint } from './checkpoint-format.ts';
export { CheckpointStore } from './checkpoint-store.ts';
export { openFiles } from './open-files.ts';
export { retentionStart } from './retention.ts';
export { SegmentLog } from './segment-log.ts';
export type { TimestampHit } from './segment-reads.ts';
