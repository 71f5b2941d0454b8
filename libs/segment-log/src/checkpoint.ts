// The order of a checkpoint (rule L3), in one place because every other order loses acknowledged records.

import { assert } from '@robustmq/errors';
import type { CommitLog } from '@robustmq/commit-log';
import type { Checkpoint, ShardCheckpoint, SliceOfTurn } from './checkpoint-format.ts';
import type { CheckpointStore } from './checkpoint-store.ts';
import type { PendingCheckpoint } from './log-checkpoint.ts';
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
  /**
   * Shards that are synced at the same time; default 1, so that appends find the disk free. A log that is being closed has no others
   * to mind: each shard of some thousands new ones waits for the disk several times.
   */
  readonly syncsAtOnce?: number;
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
  const shards = await synced(pending, input);
  await input.syncSnapshots?.();
  // What was made later may speak of sections behind the position: none of them may be lost any more.
  if (input.shards.some(({ makeExtra }) => makeExtra !== undefined)) await commitLog.sync();
  const checkpoint: Checkpoint = { position, shards, extra: input.extra ?? NOTHING };
  await store.save(checkpoint, input.turn);
  for (const { shard, checkpoint: made } of pending) shard.log.checkpointed(made.record);
  await commitLog.recycle(position);
  return checkpoint;
}

interface PendingShard {
  readonly shard: CheckpointShard;
  readonly checkpoint: PendingCheckpoint;
}

/** Syncs all of them; rejects with the first failure, when nothing is under way any more. */
async function synced(
  pending: readonly PendingShard[],
  { syncsAtOnce = 1, pace }: CheckpointInput,
): Promise<ShardCheckpoint[]> {
  const syncs = new SyncsAhead(pending, syncsAtOnce);
  const shards: ShardCheckpoint[] = [];
  try {
    for (const { shard, checkpoint } of pending) {
      const hasSynced = await syncs.next();
      shards.push({
        streamId: shard.streamId,
        shard: shard.shard,
        topicId: shard.topicId ?? '',
        extra: (await shard.makeExtra?.()) ?? shard.extra ?? NOTHING,
        ...checkpoint.record,
      });
      await pace?.(hasSynced);
    }
  } finally {
    await syncs.settled();
  }
  return shards;
}

/** Syncs that are begun before it is their turn, in order. */
class SyncsAhead {
  readonly #pending: readonly PendingShard[];
  readonly #atOnce: number;
  readonly #begun: Promise<boolean>[] = [];
  #next = 0;
  #hasFailed = false;

  constructor(pending: readonly PendingShard[], atOnce: number) {
    this.#pending = pending;
    this.#atOnce = atOnce;
  }

  /** Whether the next one had something to sync. */
  next(): Promise<boolean> {
    while (this.#begun.length < this.#atOnce && this.#next < this.#pending.length && !this.#hasFailed)
      this.#begin(this.#pending[this.#next++]!);
    const first = this.#begun.shift();
    assert(first !== undefined, 'one is asked for after a failure');
    return first;
  }

  /** Resolves when none is under way. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#begun);
  }

  #begin({ checkpoint }: PendingShard): void {
    const sync = checkpoint.sync();
    // Told when it is asked for, which may be later than it is noticed.
    sync.catch(() => (this.#hasFailed = true));
    this.#begun.push(sync);
  }
}
