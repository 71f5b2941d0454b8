// Many small requests of many connections in few calls: while a call is under way the next entries gather, and leave
// together when it ends. An idle caller waits for nothing, a busy one sends large batches: what a call costs beside its
// entries is as much as dozens of them.

import { BrokerError } from '@robustmq/errors';
import type { Timers } from '@robustmq/runtime';

/** Told the outcome of one entry. */
export type OutcomeCallback<O> = (error: BrokerError | undefined, outcome: O | undefined) => void;

/** Sends a batch; the outcomes are in the order of the entries. */
export type SendBatch<E, O> = (entries: readonly E[]) => Promise<readonly O[]>;

/** What calls need around them. */
export interface CallPorts {
  readonly timers: Pick<Timers, 'soon' | 'after'>;
  /** Who was told an outcome threw: the others of its call are told theirs all the same (N9). */
  failed(thrown: unknown, where: string): void;
}

/** Bounds of a {@link BatchedCall}. */
export interface BatchedCallOptions<E> extends CallPorts {
  readonly maxBatch: number;
  /** Cost of all entries of a call; one that costs more goes alone (N13). */
  readonly maxCost?: number;
  readonly costOf?: (entry: E) => number;
  /** Calls under way at once. */
  readonly maxCalls: number;
  /** Entries that may wait; more are refused as quota_exceeded. */
  readonly maxWaiting: number;
  /** Fewer entries leave in no call beside another, and behind one they wait for more for {@link gatherMs}. Default 1. */
  readonly fewEntries?: number;
  readonly gatherMs?: number;
}

/** One kind of batched call. */
export class BatchedCall<E, O> {
  calls = 0;
  readonly #send: SendBatch<E, O>;
  readonly #options: BatchedCallOptions<E>;
  #entries: E[] = [];
  #callbacks: OutcomeCallback<O>[] = [];
  #underWay = 0;
  #scheduled = false;

  constructor(send: SendBatch<E, O>, options: BatchedCallOptions<E>) {
    this.#send = send;
    this.#options = options;
  }

  /** Entries that wait or are under way. */
  get pending(): number {
    return this.#entries.length + this.#underWay;
  }

  /** Adds an entry to the next call. */
  add(entry: E, callback: OutcomeCallback<O>): void {
    if (this.#entries.length >= this.#options.maxWaiting) {
      callback(new BrokerError('quota_exceeded', 'too many requests wait for meta-service'), undefined);
      return;
    }
    this.#entries.push(entry);
    this.#callbacks.push(callback);
    if (this.#scheduled || !this.#mayLeave()) return;
    this.#scheduled = true;
    this.#options.timers.soon(this.#onTime);
  }

  readonly #onTime = (): void => {
    this.#scheduled = false;
    this.#next();
  };

  /** Whether what waits may leave now. */
  #mayLeave(): boolean {
    const { maxCalls } = this.#options;
    return this.#underWay < maxCalls && (this.#underWay === 0 || !this.#areFew());
  }

  #areFew(): boolean {
    return this.#entries.length < (this.#options.fewEntries ?? 1);
  }

  #next(): void {
    while (this.#entries.length > 0 && this.#mayLeave()) {
      const count = this.#batchLength();
      const entries = this.#entries.splice(0, count);
      const callbacks = this.#callbacks.splice(0, count);
      this.#underWay++;
      this.calls++;
      this.#send(entries).then(
        (outcomes) => this.#ended(callbacks, undefined, outcomes),
        (thrown: unknown) => this.#ended(callbacks, BrokerError.from(thrown), []),
      );
    }
  }

  /** Entries of the next call. */
  #batchLength(): number {
    const { maxBatch, maxCost = Number.POSITIVE_INFINITY, costOf } = this.#options;
    if (costOf === undefined) return maxBatch;
    let cost = 0;
    let count = 0;
    for (const entry of this.#entries) {
      if (count === maxBatch) break;
      cost += costOf(entry);
      if (count > 0 && cost > maxCost) break;
      count++;
    }
    return count;
  }

  #ended(
    callbacks: readonly OutcomeCallback<O>[],
    error: BrokerError | undefined,
    outcomes: readonly O[],
  ): void {
    this.#underWay--;
    for (let index = 0; index < callbacks.length; index++) {
      const outcome = outcomes[index];
      const missing = error ?? (outcome === undefined ? noOutcome() : undefined);
      try {
        callbacks[index]!(missing, outcome);
      } catch (thrown) {
        this.#options.failed(thrown, 'outcome of a call');
      }
    }
    this.#goOn();
  }

  /** Behind a call: few entries wait a moment for those of others who were answered with it. */
  #goOn(): void {
    if (this.#scheduled || this.#entries.length === 0) return;
    const { timers, gatherMs = 0 } = this.#options;
    if (gatherMs === 0 || !this.#areFew()) {
      this.#next();
      return;
    }
    this.#scheduled = true;
    timers.after(gatherMs, this.#onTime);
  }
}

function noOutcome(): BrokerError {
  return new BrokerError('internal', 'meta-service answered fewer outcomes than entries');
}
