// What a checkpoint says of one shard's log (L3): enough to cut the files back to it.

import type { EpochStart } from './leader-epochs.ts';
import type { SegmentCheckpoint } from './segment.ts';

/** What a checkpoint stores of a shard's log. */
export interface SegmentLogCheckpoint {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** Ascending, the last is the active one; never empty. */
  readonly segments: readonly SegmentCheckpoint[];
  readonly leaderEpochs: readonly EpochStart[];
}

/** A checkpoint in the making: the record is fixed, {@link PendingCheckpoint.sync} makes it true. */
export interface PendingCheckpoint {
  readonly record: SegmentLogCheckpoint;
  /**
   * Syncs every file and directory change that the record speaks of; false: there were none. Rejects with storage_failed or
   * storage_full.
   */
  sync(): Promise<boolean>;
}
