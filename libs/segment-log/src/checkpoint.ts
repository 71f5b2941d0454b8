// The order of a checkpoint (rule L3), in one place because every other order loses acknowledged records.

import { assert } from '@robustmq/errors';
import type { CommitLog } from '@robustmq/commit-log';
import type { Checkpoint, CheckpointStore, ShardCheckpoint } from './checkpoint-store.ts';
import type { SegmentLog } from './segment-log.ts';

/** A shard to checkpoint. */
export interface CheckpointShard {
  readonly streamId: number;
  readonly shard: number;
  /** Default empty. */
  readonly topicId?: string;
  readonly log: SegmentLog;
  /** Opaque facts as of now; default empty. */
  readonly extra?: Buffer;
}

/** What {@link runCheckpoint} works on. */
export interface CheckpointInput {
  readonly commitLog: CommitLog;
  readonly store: CheckpointStore;
  readonly shards: readonly CheckpointShard[];
  /**
   * Every section of the commit log up to this position has been applied to the segment logs, in this very turn of the
   * event loop. Usually `commitLog.endPosition`.
   */
  readonly appliedPosition: number;
  /** Opaque facts about the directory; default empty. */
  readonly extra?: Buffer;
  /** Syncs what else must be durable before the commit log may be recycled (snapshots of views). */
  readonly syncSnapshots?: () => Promise<void>;
  /**
   * Waited for behind each shard, so that a checkpoint starves appends neither of the disk (L6) nor of the loop (N8). Most shards of
   * many have not changed and cost the disk nothing: what waited as long for them took a minute for some thousands.
   */
  readonly pace?: (hasSynced: boolean) => Promise<void>;
}

/**
 * Notes the position and what each shard holds at it; syncs segments, directories and snapshots; stores the
 * checkpoint; only then recycles the commit log. Rejects without having recycled anything. One at a time.
 */
export async function runCheckpoint(input: CheckpointInput): Promise<Checkpoint> {
  const { commitLog, store, appliedPosition: position } = input;
  assert(position >= store.latest.position && position <= commitLog.endPosition, 'checkpoints move forward');
  const pending = input.shards.map((shard) => ({ shard, checkpoint: shard.log.prepareCheckpoint() }));
  for (const { checkpoint } of pending) {
    const hasSynced = await checkpoint.sync();
    await input.pace?.(hasSynced);
  }
  await input.syncSnapshots?.();
  const shards: ShardCheckpoint[] = pending.map(({ shard, checkpoint }) => ({
    streamId: shard.streamId,
    shard: shard.shard,
    topicId: shard.topicId ?? '',
    extra: shard.extra ?? Buffer.alloc(0),
    ...checkpoint.record,
  }));
  const checkpoint: Checkpoint = { position, shards, extra: input.extra ?? Buffer.alloc(0) };
  await store.save(checkpoint);
  for (const { shard, checkpoint: made } of pending) shard.log.checkpointed(made.record);
  await commitLog.recycle(position);
  return checkpoint;
}
