// Transactions of one shard (KIP-98): which are open, which are decided and not yet below the high watermark, and which were
// aborted. From it follow the last stable offset (rule I2) and what read_committed readers skip.

/** How a transaction ended. */
export type Outcome = 'commit' | 'abort';

/** An aborted transaction, as a fetch names it. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** A transaction that has ended. */
export interface DecidedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Offset of the marker. */
  readonly lastOffset: number;
  readonly outcome: Outcome;
}

/** All transactions that readers may still ask for. */
export class Transactions {
  /** First offset per producer, in the order in which they began: the first is the first unstable one. */
  readonly #open = new Map<number, number>();
  /** By marker: decided, and HW has not passed the marker. */
  #unreplicated: DecidedTransaction[] = [];
  /** By marker. */
  #aborted: DecidedTransaction[] = [];

  /** A batch of a transaction. */
  appended(producerId: number, baseOffset: number): void {
    if (!this.#open.has(producerId)) this.#open.set(producerId, baseOffset);
  }

  /** A marker; one for a producer without an open transaction decides nothing. */
  decided(producerId: number, outcome: Outcome, markerOffset: number): void {
    const firstOffset = this.#open.get(producerId);
    if (firstOffset === undefined) return;
    this.#open.delete(producerId);
    const decided = { producerId, firstOffset, lastOffset: markerOffset, outcome };
    this.#unreplicated.push(decided);
    if (outcome === 'abort') this.#aborted.push(decided);
  }

  /** HW moved: answers the last stable offset, which never moves back while the log is not cut. */
  highWatermark(highWatermark: number): number {
    if (this.#unreplicated.length > 0) {
      this.#unreplicated = this.#unreplicated.filter(({ lastOffset }) => lastOffset >= highWatermark);
    }
    let stable = highWatermark;
    for (const firstOffset of this.#open.values()) stable = Math.min(stable, firstOffset);
    for (const { firstOffset } of this.#unreplicated) stable = Math.min(stable, firstOffset);
    return stable;
  }

  /** Aborted transactions with records in [fromOffset, upToOffset). */
  abortedIn(fromOffset: number, upToOffset: number): AbortedTransaction[] {
    return this.#aborted
      .filter(({ firstOffset, lastOffset }) => firstOffset < upToOffset && lastOffset >= fromOffset)
      .map(({ producerId, firstOffset }) => ({ producerId, firstOffset }));
  }

  /** The log was cut (rule R4): what began behind the cut is gone, what was decided behind it is open again. */
  truncateTo(endOffset: number): void {
    for (const [producerId, firstOffset] of this.#open) {
      if (firstOffset >= endOffset) this.#open.delete(producerId);
    }
    for (const { producerId, firstOffset, lastOffset } of this.#unreplicated) {
      if (lastOffset >= endOffset && firstOffset < endOffset) this.#open.set(producerId, firstOffset);
    }
    this.#unreplicated = this.#unreplicated.filter(({ lastOffset }) => lastOffset < endOffset);
    this.#aborted = this.#aborted.filter(({ lastOffset }) => lastOffset < endOffset);
  }

  /** Nobody reads below the log start any more. */
  deleteBelow(logStartOffset: number): void {
    if ((this.#aborted[0]?.lastOffset ?? Infinity) >= logStartOffset) return;
    this.#aborted = this.#aborted.filter(({ lastOffset }) => lastOffset >= logStartOffset);
  }

  /** Open ones by producer: their first offsets. */
  get open(): ReadonlyMap<number, number> {
    return this.#open;
  }

  /** Decided ones that matter: HW has not passed their marker, or read_committed readers skip them. */
  get decidedOnes(): readonly DecidedTransaction[] {
    const replicated = this.#aborted.filter((each) => !this.#unreplicated.includes(each));
    return [...replicated, ...this.#unreplicated];
  }

  /** Takes an ended transaction of a snapshot, in their order; HW is not known yet, so each counts as above it. */
  restore(decided: DecidedTransaction): void {
    this.#unreplicated.push(decided);
    if (decided.outcome === 'abort') this.#aborted.push(decided);
  }
}
