// One answer of the index on its way to one session: batch by batch, a bounded number of records at a time, until the
// client's window is full or the answer is used up.

import type { BacklogResult } from '@robustmq/journal-client';
import { BrokerError } from '@robustmq/errors';
import { batchHeader, completeBatchBytes } from '@robustmq/record-batch';
import type { BatchWalk } from './batch-walk.ts';
import type { Inflation } from './inflation.ts';
import type { ShardLag } from '@robustmq/mqtt-session';
import type { ShardPlace } from './shard-place.ts';
import type { VisibleStream } from './topic-route.ts';

/** What a reading needs around it. */
export interface ReadingHost {
  readonly inflation: Inflation;
  streamOf(streamId: number): VisibleStream | undefined;
  /** Delivers the current record of the walk; false when the session can't take it now. */
  take(walk: BatchWalk, offset: number): boolean;
  /** The answer is used up. */
  done(): void;
  /** A compressed batch was opened, or could not be: reading goes on. */
  ready(): void;
  onBadBatch(error: BrokerError): void;
}

/** What {@link BacklogReading.run} came to. */
export type ReadingState = 'paused' | 'inflating' | 'full' | 'done';

/** A result being delivered. */
export class BacklogReading {
  /** Waits for the journal, or for an inflation. */
  isWaiting = true;
  /** Whether the journal has dealt with the read. */
  isAnswered = false;
  readonly place: ShardPlace;
  readonly #host: ReadingHost;
  readonly #position: ShardLag;
  readonly #walk: BatchWalk;
  #result: BacklogResult | null = null;
  #at = 0;
  #isInBatch = false;
  #isInflated = false;
  #isClosed = false;

  constructor(host: ReadingHost, place: ShardPlace, position: ShardLag, walk: BatchWalk) {
    this.#host = host;
    this.place = place;
    this.#position = position;
    this.#walk = walk;
  }

  /** The journal answered. */
  answered(result: BacklogResult): void {
    this.#result = result;
    this.isWaiting = false;
  }

  /** Looks at up to `maxRecords` records; `looked` counts them. */
  run(maxRecords: number, looked: { count: number }): ReadingState {
    for (;;) {
      if (!this.#isInBatch) {
        const state = this.#nextBatch();
        if (state !== undefined) return state;
        continue;
      }
      if (looked.count >= maxRecords) return 'paused';
      looked.count++;
      if (!this.#nextRecord()) this.#endBatch();
      else if (!this.#takeRecord()) return 'full';
    }
  }

  /** Undefined: a batch is open, or was left out. */
  #nextBatch(): ReadingState | undefined {
    const { batches, nextOffset } = this.#result!;
    const start = this.#at;
    if (start >= batches.length) {
      this.#advanceTo(nextOffset);
      this.#host.done();
      return 'done';
    }
    const sizeBytes = completeBatchBytes(batches, start, batches.length);
    if (sizeBytes === 0) {
      this.#at = batches.length;
      this.#host.onBadBatch(new BrokerError('corrupt', 'batch does not fit its answer'));
      return undefined;
    }
    this.#at = start + sizeBytes;
    const visible = this.#host.streamOf(this.place.streamId);
    if (visible === undefined || batchHeader.isControl(batches, start)) return undefined;
    if (batchHeader.codec(batches, start) !== 0) {
      this.#inflate(batches, start);
      return 'inflating';
    }
    this.#begin(visible, batches, start);
    return undefined;
  }

  #begin(visible: VisibleStream, buffer: Buffer, start: number): void {
    try {
      this.#walk.begin(buffer, start, visible, this.#position.nextOffset);
      this.#isInBatch = true;
    } catch (error) {
      this.#host.onBadBatch(BrokerError.from(error));
    }
  }

  #inflate(batches: Buffer, start: number): void {
    const { inflation } = this.#host;
    this.isWaiting = true;
    inflation.open(batches, start).then(
      (inflated) => {
        const visible = this.#host.streamOf(this.place.streamId);
        if (this.#isClosed || visible === undefined) {
          inflation.done();
        } else {
          this.#isInflated = true;
          this.#begin(visible, inflated, 0);
          if (!this.#isInBatch) this.#endBatch();
        }
        this.#ready();
      },
      (error: unknown) => {
        this.#host.onBadBatch(BrokerError.from(error));
        this.#ready();
      },
    );
  }

  #ready(): void {
    this.isWaiting = false;
    if (!this.#isClosed) this.#host.ready();
  }

  #nextRecord(): boolean {
    try {
      return this.#walk.next();
    } catch (error) {
      this.#host.onBadBatch(BrokerError.from(error));
      return false;
    }
  }

  #takeRecord(): boolean {
    const { offset } = this.#walk.record;
    if (!this.#host.take(this.#walk, offset)) {
      this.#advanceTo(offset);
      return false;
    }
    this.#advanceTo(offset + 1);
    return true;
  }

  #advanceTo(offset: number): void {
    if (offset > this.#position.nextOffset) this.#position.nextOffset = offset;
  }

  #endBatch(): void {
    this.#isInBatch = false;
    if (this.#isInflated) this.#host.inflation.done();
    this.#isInflated = false;
  }

  /** Nothing more is taken of it. */
  close(): void {
    this.#isClosed = true;
    this.#endBatch();
  }
}
