// The order of a checkpoint (rule L3), in one place because every other order loses acknowledged records.

import { assert } from '@robustmq/errors';
import type { CommitLog } from '@robustmq/commit-log';
import type { Checkpoint, ShardCheckpoint, SliceOfTurn } from './checkpoint-format.ts';
import type { CheckpointStore } from './checkpoint-store.ts';
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
  /** In its place: made later, and of what is in the commit log by then, which is durable before the checkpoint is. */
  readonly makeExtra?: () => Promise<Buffer>;
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
  /** Where to rest while the checkpoint is encoded (N8); default nowhere. */
  readonly turn?: SliceOfTurn;
}

const NOTHING = Buffer.alloc(0);

/**
 * Notes the position and what each shard holds at it; syncs segments, directories and snapshots; stores the
 * checkpoint; only then recycles the commit log. Rejects without having recycled anything. One at a time.
 */
export async function runCheckpoint(input: CheckpointInput): Promise<Checkpoint> {
  const { commitLog, store, appliedPosition: position } = input;
  assert(position >= store.latest.position && position <= commitLog.endPosition, 'checkpoints move forward');
  const pending = input.shards.map((shard) => ({ shard, checkpoint: shard.log.prepareCheckpoint() }));
  const shards: ShardCheckpoint[] = [];
  for (const { shard, checkpoint } of pending) {
    const hasSynced = await checkpoint.sync();
    shards.push({
      streamId: shard.streamId,
      shard: shard.shard,
      topicId: shard.topicId ?? '',
      extra: (await shard.makeExtra?.()) ?? shard.extra ?? NOTHING,
      ...checkpoint.record,
    });
    await input.pace?.(hasSynced);
  }
  await input.syncSnapshots?.();
  // What was made later may speak of sections behind the position: none of them may be lost any more.
  if (input.shards.some(({ makeExtra }) => makeExtra !== undefined)) await commitLog.sync();
  const checkpoint: Checkpoint = { position, shards, extra: input.extra ?? NOTHING };
  await store.save(checkpoint, input.turn);
  for (const { shard, checkpoint: made } of pending) shard.log.checkpointed(made.record);
  await commitLog.recycle(position);
  return checkpoint;
}
