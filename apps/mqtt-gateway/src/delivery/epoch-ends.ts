// Where the leader epochs ended that rows of sessions speak of (rule X4). Each end is asked once per shard and leader, for all
// sessions, and everything that is asked in one turn goes in one call: a journal that restarts has its epochs rise.

import type { BrokerError } from '@robustmq/errors';
import type { EpochEndOffsets } from '@robustmq/mqtt-session';
import type { Timers } from '@robustmq/runtime';
import { shardKeyOf, type ShardPlace } from './shard-place.ts';

/** Where an epoch of a shard ended, by its leader of `currentLeaderEpoch`. */
export interface EpochQuestion {
  readonly streamId: number;
  readonly shard: number;
  readonly currentLeaderEpoch: number;
  readonly leaderEpoch: number;
}

/** The answer to one question. */
export interface EpochAnswer {
  readonly error: BrokerError | undefined;
  /** -1: the log can't say. */
  readonly endOffset: number;
}

/** Asks leaders; answers in the order of the questions, undefined where none came. */
export type EpochReader = (
  questions: readonly EpochQuestion[],
) => Promise<readonly (EpochAnswer | undefined)[]>;

/** A shard under its present leader. */
export type LedShard = Pick<ShardPlace, 'streamId' | 'shard' | 'key' | 'leaderEpoch'>;

/** The leader epoch of a shard as the view of the cluster has it; -1: it has none. */
export type LeaderEpochOf = (streamId: number, shard: number) => number;

type Heard = (isAnswered: boolean) => void;

interface KnownEnds {
  readonly streamId: number;
  /** A younger leader may have less of the log: it is asked again. */
  readonly leaderEpoch: number;
  readonly ends: Map<number, number>;
}

const NO_ENDS: EpochEndOffsets = new Map();
/** Before a leader that did not answer is asked again. */
const RETRY_DELAY_MS = 250;

/** The ends of epochs that this gateway has asked for. */
export class EpochEnds {
  readonly #reader: EpochReader;
  readonly #timers: Timers;
  readonly #leaderEpochOf: LeaderEpochOf;
  readonly #known = new Map<number, KnownEnds>();
  /** Who waits for an answer that is under way. */
  readonly #waiting = new Map<string, Heard[]>();
  #queued: EpochQuestion[] = [];

  constructor(reader: EpochReader, timers: Timers, leaderEpochOf: LeaderEpochOf) {
    this.#reader = reader;
    this.#timers = timers;
    this.#leaderEpochOf = leaderEpochOf;
  }

  /**
   * A tail under the shard's present leader. A tail itself learns of a leader by the first section that it sends: on a quiet
   * shard that is never, and a question in the name of the last one would be refused for good (N7).
   */
  present(tail: LedShard): LedShard {
    const { streamId, shard, key } = tail;
    const leaderEpoch = this.#leaderEpochOf(streamId, shard);
    return leaderEpoch > tail.leaderEpoch ? { streamId, shard, key, leaderEpoch } : tail;
  }

  /** The ends of these epochs; undefined while one has to be asked for. */
  of(shard: LedShard, epochs: readonly number[]): EpochEndOffsets | undefined {
    if (epochs.length === 0) return NO_ENDS;
    const ends = this.#endsOf(shard);
    return ends !== undefined && epochs.every((epoch) => ends.has(epoch)) ? ends : undefined;
  }

  #endsOf({ key, leaderEpoch }: LedShard): EpochEndOffsets | undefined {
    const known = this.#known.get(key);
    return known?.leaderEpoch === leaderEpoch ? known.ends : undefined;
  }

  /** Asks for those that are not known; calls back once, with whether all were answered. */
  ask(shard: LedShard, epochs: readonly number[], heard: Heard): void {
    const ends = this.#endsOf(shard) ?? NO_ENDS;
    const missing = epochs.filter((epoch) => !ends.has(epoch));
    let open = missing.length;
    let areAnswered = true;
    for (const epoch of missing) {
      this.#question(shard, epoch, (isAnswered) => {
        areAnswered &&= isAnswered;
        if (--open === 0) heard(areAnswered);
      });
    }
    if (missing.length === 0) this.#timers.soon(() => heard(true));
  }

  #question({ streamId, shard, leaderEpoch }: LedShard, epoch: number, heard: Heard): void {
    const question = { streamId, shard, currentLeaderEpoch: leaderEpoch, leaderEpoch: epoch };
    const waiting = this.#waiting.get(nameOf(question));
    if (waiting !== undefined) {
      waiting.push(heard);
      return;
    }
    this.#waiting.set(nameOf(question), [heard]);
    if (this.#queued.length === 0) this.#timers.soon(() => this.#flush());
    this.#queued.push(question);
  }

  /** Runs `action` when it is worth asking again. */
  later(action: () => void): void {
    this.#timers.after(RETRY_DELAY_MS, action);
  }

  /** Drops what is known of the shards of a deleted stream. */
  forget(streamId: number): void {
    for (const [key, known] of this.#known) if (known.streamId === streamId) this.#known.delete(key);
  }

  #flush(): void {
    const questions = this.#queued;
    this.#queued = [];
    this.#reader(questions).then(
      (answers) => questions.forEach((question, index) => this.#answered(question, answers[index])),
      () => questions.forEach((question) => this.#answered(question, undefined)),
    );
  }

  #answered(question: EpochQuestion, answer: EpochAnswer | undefined): void {
    const isAnswered = answer !== undefined && answer.error === undefined;
    if (isAnswered) this.#learn(question, answer.endOffset < 0 ? Infinity : answer.endOffset);
    const waiting = this.#waiting.get(nameOf(question)) ?? [];
    this.#waiting.delete(nameOf(question));
    for (const heard of waiting) heard(isAnswered);
  }

  #learn({ streamId, shard, currentLeaderEpoch, leaderEpoch }: EpochQuestion, endOffset: number): void {
    const key = shardKeyOf(streamId, shard);
    const known = this.#known.get(key);
    if (known !== undefined && known.leaderEpoch > currentLeaderEpoch) return;
    if (known?.leaderEpoch === currentLeaderEpoch) known.ends.set(leaderEpoch, endOffset);
    else {
      const ends = new Map([[leaderEpoch, endOffset]]);
      this.#known.set(key, { streamId, leaderEpoch: currentLeaderEpoch, ends });
    }
  }
}

function nameOf({ streamId, shard, currentLeaderEpoch, leaderEpoch }: EpochQuestion): string {
  return `${streamId}/${shard}/${currentLeaderEpoch}/${leaderEpoch}`;
}
