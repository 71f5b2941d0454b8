// AnswerMemory: the one bound for answers that clients have not taken (I8, N8). Records take memory when they are read, so
// a Fetch claims its share before the read; who finds no room waits in line, one claim of a connection at a time.
import type { Cancel, Timers } from '@robustmq/runtime';

/** Times the bound, beyond which nobody gets records: what was read for want of a claim is dropped again. */
const MAX_LOAD = 2;

interface WaitingClaim {
  readonly sizeBytes: number;
  readonly settle: (granted: boolean) => void;
}

/** See the file head. */
export class AnswerMemory {
  readonly #limitBytes: number;
  readonly #timers: Timers;
  readonly #waiting = new Set<WaitingClaim>();
  #heldBytes = 0;
  #claimedBytes = 0;

  constructor(limitBytes: number, timers: Timers) {
    this.#limitBytes = limitBytes;
    this.#timers = timers;
  }

  /** Bytes of answers that wait to be taken. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Bytes that reads under way may bring. */
  get claimedBytes(): number {
    return this.#claimedBytes;
  }

  /** Claims in line. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** Whether somebody goes short because of others. */
  get isShort(): boolean {
    return this.#waiting.size > 0 || this.#heldBytes >= this.#limitBytes;
  }

  /** Whether no answer may hold records. */
  get isOverrun(): boolean {
    return this.#heldBytes >= MAX_LOAD * this.#limitBytes;
  }

  /** Counts bytes that wait to be taken; a negative number gives them back. */
  hold(sizeBytes: number): void {
    this.#heldBytes += sizeBytes;
    if (sizeBytes < 0) this.#serve();
  }

  /** Claims at once what a read may bring; false when there is no room, or others were first. */
  tryClaim(sizeBytes: number): boolean {
    if (this.#waiting.size > 0 || !this.#fits(sizeBytes)) return false;
    this.#claimedBytes += sizeBytes;
    return true;
  }

  /** As {@link tryClaim}, in line; false after `waitMs`, or when the signal aborts. */
  claim(sizeBytes: number, waitMs: number, signal: AbortSignal): Promise<boolean> {
    if (this.tryClaim(sizeBytes)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const claim: WaitingClaim = {
        sizeBytes,
        settle: (granted) => {
          this.#waiting.delete(claim);
          stopWaiting();
          signal.removeEventListener('abort', giveUp);
          resolve(granted);
        },
      };
      const giveUp = (): void => {
        claim.settle(false);
        // It may have held up smaller ones (N7).
        this.#serve();
      };
      const stopWaiting: Cancel = this.#timers.after(waitMs, giveUp);
      this.#waiting.add(claim);
      signal.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted) giveUp();
    });
  }

  /** Gives a claim back: the read is over, and what it brought is held or gone. */
  release(sizeBytes: number): void {
    this.#claimedBytes -= sizeBytes;
    this.#serve();
  }

  /** What is larger than the whole bound is granted when nothing else is under way. */
  #fits(sizeBytes: number): boolean {
    const usedBytes = this.#heldBytes + this.#claimedBytes;
    return usedBytes === 0 || usedBytes + sizeBytes <= this.#limitBytes;
  }

  #serve(): void {
    for (const claim of this.#waiting) {
      if (!this.#fits(claim.sizeBytes)) return;
      this.#claimedBytes += claim.sizeBytes;
      claim.settle(true);
    }
  }
}
