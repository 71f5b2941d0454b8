// What is in the log of a leader and HW has not passed: batches, and repeats of batches, whose senders wait, and batches that
// only delivery waits for. Of the latter it holds no more than a bound: readers find them in the segments (rule I8).

import type { PendingBatch, PendingRepeat } from './pending.ts';

/** Bytes of answered batches that a shard keeps in memory for delivery; beyond it they are let go. */
const MAX_ANSWERED_BYTES = 4 * 1024 * 1024;

/** Of one shard, in offset order. */
export class Uncommitted {
  #batches: PendingBatch[] = [];
  #repeats: PendingRepeat[] = [];
  #answeredBytes = 0;
  /** Batches that were let go and HW has not passed. */
  #letGoBytes = 0;

  /** Batches in memory. */
  get size(): number {
    return this.#batches.length;
  }

  get sizeBytes(): number {
    return this.#batches.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  [Symbol.iterator](): Iterator<PendingBatch> {
    return this.#batches[Symbol.iterator]();
  }

  add(batch: PendingBatch): void {
    this.#batches.push(batch);
  }

  /** Its sender has heard the last answer, or wants none: from now on only delivery needs it. */
  answered(batch: PendingBatch): void {
    batch.answered = true;
    this.#answeredBytes += batch.bytes.length;
    if (this.#answeredBytes <= MAX_ANSWERED_BYTES) return;
    this.#batches = this.#batches.filter((each) => !each.answered);
    this.#letGoBytes += this.#answeredBytes;
    this.#answeredBytes = 0;
  }

  /** A repeat of a batch whose sender waits for HW, or for the disk of the leader (rules R6, R8). */
  addRepeat(repeat: PendingRepeat): void {
    this.#repeats.push(repeat);
  }

  /** Takes the batches that HW has passed, in order; gaps are batches that were let go. */
  takeBelow(highWatermark: number): PendingBatch[] {
    let count = 0;
    while (count < this.#batches.length && this.#batches[count]!.lastOffset < highWatermark) count++;
    const taken = this.#batches.splice(0, count);
    for (const { answered, bytes } of taken) if (answered) this.#answeredBytes -= bytes.length;
    return taken;
  }

  /** Bytes of batches that were let go since the last call: HW moves again, and may have passed them. */
  takeLetGoBytes(): number {
    const bytes = this.#letGoBytes;
    this.#letGoBytes = 0;
    return bytes;
  }

  /** Takes the repeats whose first copy HW has passed. */
  takeRepeatsBelow(highWatermark: number): PendingRepeat[] {
    return this.#takeRepeats(({ lastOffset }) => lastOffset < highWatermark);
  }

  /** Takes the repeats with acks=1 whose first copy HW has not passed and the disk of the leader has (rule R8). */
  takeLeaderOnlyRepeats(highWatermark: number, durableOffset: number): PendingRepeat[] {
    return this.#takeRepeats(
      ({ request, lastOffset }) =>
        request.acks === 1 && lastOffset >= highWatermark && lastOffset < durableOffset,
    );
  }

  /** Takes the repeats of batches from an offset on: those were never written. */
  takeRepeatsFrom(offset: number): PendingRepeat[] {
    return this.#takeRepeats(({ lastOffset }) => lastOffset >= offset);
  }

  /** Takes the repeats whose senders wait no longer. */
  takeExpiredRepeats(nowMs: number): PendingRepeat[] {
    return this.#takeRepeats(({ request }) => request.deadlineMs <= nowMs);
  }

  /** Takes everything: the shard is led elsewhere, or fails. */
  takeAll(): { readonly batches: PendingBatch[]; readonly repeats: PendingRepeat[] } {
    const all = { batches: this.#batches, repeats: this.#repeats };
    this.#batches = [];
    this.#repeats = [];
    this.#answeredBytes = 0;
    this.#letGoBytes = 0;
    return all;
  }

  #takeRepeats(isDone: (repeat: PendingRepeat) => boolean): PendingRepeat[] {
    if (this.#repeats.length === 0) return [];
    const done = this.#repeats.filter(isDone);
    if (done.length > 0) this.#repeats = this.#repeats.filter((repeat) => !isDone(repeat));
    return done;
  }
}
