// Which leader epoch began at which offset (KIP-101), and the file that says so in Kafka's text form.

import { assert, BrokerError } from '@robustmq/errors';

/** A leader epoch and the offset of its first record. */
export interface EpochStart {
  readonly leaderEpoch: number;
  readonly startOffset: number;
}

/** Where an epoch ends (KIP-279). */
export interface EpochEnd {
  readonly leaderEpoch: number;
  readonly endOffset: number;
}

/** The epochs of one log, ascending in epoch and start offset. */
export class LeaderEpochs {
  readonly #starts: EpochStart[] = [];
  /** Grows with each change. */
  version = 0;

  constructor(starts: readonly EpochStart[] = []) {
    for (const { leaderEpoch, startOffset } of starts) this.assign(leaderEpoch, startOffset);
  }

  /** Newest epoch; -1 if none. */
  get latest(): number {
    return this.#starts.at(-1)?.leaderEpoch ?? -1;
  }

  /** Epoch of the record at `offset`; -1 below the first known start. */
  at(offset: number): number {
    let i = this.#starts.length - 1;
    while (i >= 0 && this.#starts[i]!.startOffset > offset) i--;
    return this.#starts[i]?.leaderEpoch ?? -1;
  }

  /** A copy of all. */
  list(): EpochStart[] {
    return [...this.#starts];
  }

  /** Notes that records from `startOffset` on are of `leaderEpoch`; nothing happens if that epoch is the latest. */
  assign(leaderEpoch: number, startOffset: number): void {
    const latest = this.#starts.at(-1);
    if (leaderEpoch === latest?.leaderEpoch || leaderEpoch < 0) return;
    assert(latest === undefined || leaderEpoch > latest.leaderEpoch, 'leader epochs never go back in a log');
    // An epoch that wrote nothing has no offsets of its own.
    if (latest?.startOffset === startOffset) this.#starts.pop();
    this.#starts.push({ leaderEpoch, startOffset });
    this.version++;
  }

  /**
   * KIP-101 and KIP-279: where records of `leaderEpoch` or the next lower known epoch end: the start of the next
   * higher epoch, or the log end for the latest. An epoch newer than all known answers -1 and -1: this log can't say.
   */
  endOffsetFor(leaderEpoch: number, logEndOffset: number): EpochEnd {
    if (leaderEpoch === this.latest && leaderEpoch >= 0) return { leaderEpoch, endOffset: logEndOffset };
    const next = this.#starts.findIndex((start) => start.leaderEpoch > leaderEpoch);
    if (leaderEpoch < 0 || next < 0) return { leaderEpoch: -1, endOffset: -1 };
    const floor = this.#starts[next - 1]?.leaderEpoch ?? leaderEpoch;
    return { leaderEpoch: floor, endOffset: this.#starts[next]!.startOffset };
  }

  /** The log ends at `endOffset` now. */
  truncateTo(endOffset: number): void {
    while ((this.#starts.at(-1)?.startOffset ?? -1) >= endOffset) {
      this.#starts.pop();
      this.version++;
    }
  }

  /** Drops epochs that ended at or before `startOffset`; the one that covers it stays. */
  advanceStart(startOffset: number): void {
    while (this.#starts.length > 1 && this.#starts[1]!.startOffset <= startOffset) {
      this.#starts.shift();
      this.version++;
    }
  }

  /** Text of the `leader-epoch-checkpoint` file: version 0, count, then `epoch startOffset` lines. */
  encode(): Buffer {
    const lines = this.#starts.map((start) => `${start.leaderEpoch} ${start.startOffset}\n`);
    return Buffer.from(`0\n${lines.length}\n${lines.join('')}`);
  }

  /** @throws BrokerError corrupt if the text is not such a file. */
  static decode(text: string): LeaderEpochs {
    const [version, count, ...lines] = text.trimEnd().split('\n');
    const starts = lines.map((line) => {
      const match = /^(\d+) (\d+)$/.exec(line);
      return match === null ? undefined : { leaderEpoch: Number(match[1]), startOffset: Number(match[2]) };
    });
    if (version !== '0' || Number(count) !== starts.length || starts.includes(undefined)) {
      throw new BrokerError('corrupt', 'leader-epoch-checkpoint is damaged');
    }
    return new LeaderEpochs(starts as EpochStart[]);
  }
}
