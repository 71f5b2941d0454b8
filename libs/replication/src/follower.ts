// A follower's side of one shard (rules R1, R4): which part of its log it must give up before it may follow a leader,
// and the HW it may pass on. Fetching, writing and syncing are the shell's.

import { assert } from '@robustmq/errors';

/** Where records of an epoch, or of the next lower known one, end in a log (KIP-279). -1 and -1: it can't say. */
export interface EpochEnd {
  readonly leaderEpoch: number;
  readonly endOffset: number;
}

/** What a follower knows of its own log. */
export interface FollowerLog {
  logEndOffset(): number;
  /** Newest epoch in the log; -1 if it has none. */
  latestEpoch(): number;
  endOffsetFor(leaderEpoch: number): EpochEnd;
}

/**
 * KIP-279: compares the leader's answer for the follower's latest epoch with the follower's own log. Answers the offset
 * to cut to, and whether that settles it; if not, cut and ask again with the epoch that is the latest then.
 */
export function truncationFor(log: FollowerLog, answer: EpochEnd): { offset: number; settled: boolean } {
  const end = log.logEndOffset();
  // The leader knows no epoch that old: everything of ours is older than its log.
  if (answer.leaderEpoch < 0) return { offset: 0, settled: true };
  const own = log.endOffsetFor(answer.leaderEpoch);
  // All that we have is of epochs that the leader never had: of what it has below its answer's end we have nothing.
  if (own.leaderEpoch < 0) return { offset: 0, settled: true };
  if (own.leaderEpoch === answer.leaderEpoch) {
    return { offset: Math.min(answer.endOffset, own.endOffset, end), settled: true };
  }
  // We have an epoch below the leader's answer but not that one: cut behind ours and ask about ours.
  return { offset: Math.min(own.endOffset, end), settled: false };
}

/** HW at a follower: what the leader said, as far as the own log goes; never back within one leader epoch. */
export class ShardFollower {
  readonly leaderEpoch: number;
  #leaderHighWatermark = -1;
  #highWatermark: number;

  constructor(leaderEpoch: number, highWatermark: number) {
    this.leaderEpoch = leaderEpoch;
    this.#highWatermark = highWatermark;
  }

  get highWatermark(): number {
    return this.#highWatermark;
  }

  /** The leader's HW came with a fetch answer. */
  leaderReported(highWatermark: number, durableLogEndOffset: number): void {
    this.#leaderHighWatermark = Math.max(this.#leaderHighWatermark, highWatermark);
    this.durable(durableLogEndOffset);
  }

  /** The own log is durable up to here. */
  durable(durableLogEndOffset: number): void {
    const known = Math.min(this.#leaderHighWatermark, durableLogEndOffset);
    if (known > this.#highWatermark) this.#highWatermark = known;
  }

  /** Truncation below HW would lose committed records: the leader's log or its answer is wrong. */
  assertTruncation(offset: number): void {
    assert(offset >= this.#highWatermark, 'a follower never cuts below HW');
  }
}
