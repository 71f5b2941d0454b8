// Learns of committed deletions and has them carried out (rule N2): the only way on which files of a stream go. A journal
// that was away when a stream was deleted asks when it is back.

import { BrokerError } from '@robustmq/errors';
import { backoffDelayMs, type Cancel, type Log, type Timers } from '@robustmq/runtime';
import type { ClusterPort, DeletedStream } from '../shard/cluster-port.ts';

/** Surroundings of {@link Deletions}. */
export interface DeletionsOptions {
  readonly cluster: Pick<ClusterPort, 'listDeletions' | 'acknowledgeDeletions' | 'reached'>;
  readonly timers: Timers;
  readonly log: Pick<Log, 'warn'>;
  /** Removes what the directory holds of the streams; answers the ids of which nothing is left. */
  readonly remove: (deleted: readonly DeletedStream[]) => Promise<readonly number[]>;
  /** All deletions that were committed by the last {@link Deletions.look} have been removed, acknowledged, or kept for a reason. */
  readonly looked: () => void;
}

const RETRY_MAX_DELAY_MS = 5_000;

/** One conversation at a time with meta-service about what was deleted. */
export class Deletions {
  readonly #options: DeletionsOptions;
  #isLooking = false;
  #looksAgain = false;
  #isClosed = false;
  #failures = 0;
  #retry: Cancel | undefined;

  constructor(options: DeletionsOptions) {
    this.#options = options;
  }

  /** Asks what was deleted: at the start, and whenever something is held that the view does not place here. */
  look(): void {
    if (this.#isClosed) return;
    this.#looksAgain = this.#isLooking;
    if (!this.#isLooking) void this.#look();
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.();
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    this.#retry?.();
    try {
      await this.#carryOut();
      this.#failures = 0;
      if (!this.#isClosed && !this.#looksAgain) this.#options.looked();
    } catch (thrown) {
      this.#failed(BrokerError.from(thrown));
    }
    this.#isLooking = false;
    if (this.#looksAgain) this.look();
  }

  /**
   * Page by page, past those that are kept for a reason. Nothing is acknowledged before the view is past it: a creation that
   * it shows later would make files that no deletion names any more.
   */
  async #carryOut(): Promise<void> {
    const { cluster, remove } = this.#options;
    let afterStreamId = 0;
    do {
      const { deleted, nextAfterStreamId, revision } = await cluster.listDeletions(afterStreamId);
      afterStreamId = nextAfterStreamId;
      if (deleted.length === 0) continue;
      await cluster.reached(revision);
      if (this.#isClosed) return;
      const gone = await remove(deleted);
      if (this.#isClosed) return;
      if (gone.length > 0) await cluster.acknowledgeDeletions(gone);
    } while (afterStreamId > 0 && !this.#isClosed);
  }

  #failed(error: BrokerError): void {
    if (this.#isClosed) return;
    this.#options.log.warn(
      { err: error },
      'could not carry out deletions: files of deleted streams stay for now',
    );
    this.#failures++;
    const delayMs = backoffDelayMs(this.#failures, { maxDelayMs: RETRY_MAX_DELAY_MS });
    this.#retry = this.#options.timers.after(delayMs, () => this.look());
  }
}
