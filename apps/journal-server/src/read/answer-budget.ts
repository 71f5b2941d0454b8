// Memory for answers: one budget of the process, claimed before anything is read and given back when the peer's stream has taken
// the frame (rules N8, I8). A gateway that does not read what it asked for keeps its own share, not everybody's.

/** A part of the budget that no single stream can exceed. */
const SHARES = 4;

/** The budget. */
export class AnswerBudget {
  /** Claims that had to wait, for metrics. */
  waited = 0;
  readonly #limitBytes: number;
  #claimedBytes = 0;
  /** Shares with somebody waiting, the one whose turn it is first. */
  readonly #waiting: AnswerShare[] = [];

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get claimedBytes(): number {
    return this.#claimedBytes;
  }

  /** The share of a new stream. */
  share(): AnswerShare {
    return new AnswerShare({
      shareBytes: this.#limitBytes / SHARES,
      tryClaim: (share, bytes) => this.#tryClaim(share, bytes),
      claim: (bytes) => (this.#claimedBytes += bytes),
      release: (bytes) => {
        this.#claimedBytes -= bytes;
        this.#resume();
      },
      queue: (share) => {
        this.waited++;
        if (!this.#waiting.includes(share)) this.#waiting.push(share);
      },
      leave: (share) => {
        const at = this.#waiting.indexOf(share);
        if (at >= 0) this.#waiting.splice(at, 1);
      },
    });
  }

  /** A stream that holds nothing gets its claim whatever the others hold: it is one read, and streams are few. */
  #tryClaim(share: AnswerShare, bytes: number): boolean {
    const fits =
      share.claimedBytes === 0 ||
      (this.#claimedBytes + bytes <= this.#limitBytes &&
        share.claimedBytes + bytes <= this.#limitBytes / SHARES);
    if (fits) this.#claimedBytes += bytes;
    return fits;
  }

  /** One of each stream's in turn, until nobody who waits gets anything. */
  #resume(): void {
    for (let refused = 0; refused < this.#waiting.length;) {
      const share = this.#waiting.shift()!;
      const isServed = share.resumeFirst();
      if (share.isWaiting) this.#waiting.push(share);
      refused = isServed ? 0 : refused + 1;
    }
  }
}

interface Budget {
  readonly shareBytes: number;
  tryClaim(share: AnswerShare, bytes: number): boolean;
  claim(bytes: number): void;
  release(bytes: number): void;
  queue(share: AnswerShare): void;
  leave(share: AnswerShare): void;
}

interface Waiter {
  readonly bytes: number;
  readonly granted: () => void;
}

/** What one stream has claimed, and who waits on it. */
export class AnswerShare {
  claimedBytes = 0;
  readonly #budget: Budget;
  readonly #waiters: Waiter[] = [];
  #closed = false;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** Whether the stream holds less than its part: the tail, which never waits, goes on from memory only then. */
  get hasRoom(): boolean {
    return this.claimedBytes < this.#budget.shareBytes;
  }

  get isWaiting(): boolean {
    return this.#waiters.length > 0;
  }

  /** Claims at once, or answers false. Whoever already waits on this stream comes first. */
  tryClaim(bytes: number): boolean {
    return !this.isWaiting && this.#claimNow(bytes);
  }

  /** Claims as soon as there is room. */
  whenClaimed(bytes: number, granted: () => void): void {
    if (this.#closed) return;
    if (this.tryClaim(bytes)) granted();
    else {
      this.#waiters.push({ bytes, granted });
      this.#budget.queue(this);
    }
  }

  /** Claims what can't be known before it is read: a batch may be larger than what was asked for. */
  claimMore(bytes: number): void {
    if (this.#closed || bytes <= 0) return;
    this.claimedBytes += bytes;
    this.#budget.claim(bytes);
  }

  release(bytes: number): void {
    if (this.#closed || bytes <= 0) return;
    this.claimedBytes -= bytes;
    this.#budget.release(bytes);
  }

  /** For the budget: serves the first who waits, if there is room. */
  resumeFirst(): boolean {
    const first = this.#waiters[0];
    if (first === undefined || !this.#claimNow(first.bytes)) return false;
    this.#waiters.shift();
    first.granted();
    return true;
  }

  /** The stream is gone, and everything that was on its way with it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiters.length = 0;
    this.#budget.leave(this);
    const bytes = this.claimedBytes;
    this.claimedBytes = 0;
    this.#budget.release(bytes);
  }

  #claimNow(bytes: number): boolean {
    if (this.#closed || !this.#budget.tryClaim(this, bytes)) return false;
    this.claimedBytes += bytes;
    return true;
  }
}
