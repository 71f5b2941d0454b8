// What the log of one shard says of those who write to it: idempotent producers, transactions, and sessions' publishes. One
// state, so that whatever rolls the log back rolls all of it back, and one snapshot, so that a start reads only what came after.

import { Dedupe, type DedupeKey } from './dedupe.ts';
import {
  ProducerTable,
  type ProducerBatch,
  type ProducerTableOptions,
  type RememberedBatch,
} from './producer-table.ts';
import { Transactions, type AbortedTransaction, type Outcome } from './transactions.ts';

/** Sessions of one shard whose publishes are told apart. */
const MAX_SESSIONS = 100_000;

/** State of one shard. */
export class ProducerState {
  readonly producers: ProducerTable;
  readonly transactions = new Transactions();
  readonly sessions = new Dedupe(MAX_SESSIONS);

  constructor(options: ProducerTableOptions) {
    this.producers = new ProducerTable(options);
  }

  /** As {@link ProducerTable.check}. */
  check(batch: ProducerBatch, strictStart: boolean): RememberedBatch | undefined {
    return this.producers.check(batch, strictStart);
  }

  /** As {@link ProducerTable.assigned}. */
  assigned(batch: ProducerBatch, baseOffset: number, lastOffset: number, nowMs: number): void {
    this.producers.assigned(batch, baseOffset, lastOffset, nowMs);
  }

  keep(): void {
    this.producers.keep();
  }

  takeBack(): void {
    this.producers.takeBack();
  }

  /** Notes an appended or replayed batch; a transactional one opens its producer's transaction. */
  appended(
    batch: ProducerBatch & { readonly isTransactional?: boolean },
    baseOffset: number,
    lastOffset: number,
    nowMs: number,
  ): void {
    this.producers.appended(batch, baseOffset, lastOffset, nowMs);
    if (batch.isTransactional === true) this.transactions.appended(batch.producerId, baseOffset);
  }

  /** Notes the marker that ends a producer's transaction. */
  decided(producerId: number, outcome: Outcome, markerOffset: number): void {
    this.transactions.decided(producerId, outcome, markerOffset);
  }

  /** Notes a session's publish. */
  published(key: DedupeKey, lowestUnreleased: number, offset: number, nowMs: number): void {
    this.sessions.appended(key, lowestUnreleased, offset, nowMs);
  }

  /** HW moved; answers the last stable offset. */
  highWatermark(highWatermark: number): number {
    return this.transactions.highWatermark(highWatermark);
  }

  abortedIn(fromOffset: number, upToOffset: number): AbortedTransaction[] {
    return this.transactions.abortedIn(fromOffset, upToOffset);
  }

  /** Rule R4. @returns false if it must be read from the log again; see {@link ProducerTable.truncateTo}. */
  truncateTo(endOffset: number): boolean {
    this.transactions.truncateTo(endOffset);
    this.sessions.truncateTo(endOffset);
    return this.producers.truncateTo(endOffset);
  }

  deleteBelow(logStartOffset: number): void {
    this.transactions.deleteBelow(logStartOffset);
  }

  /** Forgets who has been silent for too long. */
  expire(nowMs: number, silentMs: number, isLive: (producerId: number) => boolean): void {
    this.producers.expire(nowMs, silentMs, isLive);
    this.sessions.expire(nowMs, silentMs);
  }

  /** The shard is gone. */
  drop(): void {
    this.producers.drop();
  }
}
