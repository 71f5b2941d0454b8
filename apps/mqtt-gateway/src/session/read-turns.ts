// Who reads when. Reading has one slice of each turn of the loop, over all connections (N8): twenty clients that send as fast as
// they can cost the others as much as one. What comes when the slice is used up waits for the next turn, before what earlier
// turns have left; and packets that move nothing on, which no window bounds because their answer is made at once, have a
// smaller slice of their own.

import { type Clock, type Timers, TurnBudget } from '@robustmq/runtime';

/** The input of one connection. */
export interface Reader {
  /** Packets read so far that moved nothing on. */
  readonly idlePackets: number;
  /** Its turn has come: reads on. */
  readOn(): void;
}

/** Longest that one connection reads at a stretch while others are in line. */
const SHARE_MS = 1;
/** Such packets of one connection that are read at a stretch. */
const IDLE_PACKETS_PER_TURN = 64;
/** What is left of them takes so much of a turn, over all connections. */
const IDLE_TURN_MS = 1;

/** One per incarnation. */
export class ReadTurns {
  readonly #timers: Timers;
  readonly #slice: TurnBudget;
  readonly #idleSlice: TurnBudget;
  readonly #share: TurnBudget;
  /** The slice that is being used. */
  #budget: TurnBudget;
  #isInTurn = false;
  /** Whether those in line are being served. */
  #isServing = false;
  #reader: Reader | null = null;
  #idleBefore = 0;
  /** Came when the slice was used up. */
  readonly #late = new Set<Reader>();
  /** Used it up themselves. */
  readonly #left = new Set<Reader>();
  /** Move nothing on. */
  readonly #idle = new Set<Reader>();

  constructor(clock: Pick<Clock, 'monotonicMs'>, timers: Timers) {
    this.#timers = timers;
    this.#slice = this.#budget = new TurnBudget(clock, timers, TurnBudget.sliceMs);
    this.#idleSlice = new TurnBudget(clock, timers, IDLE_TURN_MS);
    this.#share = new TurnBudget(clock, timers, SHARE_MS);
  }

  /** Asked between packets: whether the one that reads has to leave the rest for another turn. */
  readonly isSpent = (): boolean =>
    this.#hasIdled() || this.#budget.isSpent || (this.#isShared && this.#share.isSpent);

  #hasIdled(): boolean {
    return this.#reader !== null && this.#reader.idlePackets - this.#idleBefore >= IDLE_PACKETS_PER_TURN;
  }

  get #isShared(): boolean {
    return this.#late.size + this.#left.size > 0;
  }

  /** Has input now; false: it is in line, and is told when it may read. */
  begin(reader: Reader): boolean {
    if (!this.#isInTurn) this.#beginTurn();
    else if (!this.#isServing && this.#budget.isSpent) {
      this.#late.add(reader);
      return false;
    }
    this.#reader = reader;
    this.#idleBefore = reader.idlePackets;
    if (this.#isShared) this.#share.restart();
    return true;
  }

  /** It has left some of its input for another turn. */
  leave(reader: Reader): void {
    const isIdle = this.#hasIdled() || this.#budget === this.#idleSlice;
    (isIdle ? this.#idle : this.#left).add(reader);
  }

  /** Its connection is over. */
  forget(reader: Reader): void {
    this.#late.delete(reader);
    this.#left.delete(reader);
    this.#idle.delete(reader);
    if (this.#reader === reader) this.#reader = null;
  }

  #beginTurn(): void {
    this.#isInTurn = true;
    this.#budget.restart();
    this.#timers.soon(this.#endTurn);
  }

  readonly #endTurn = (): void => {
    this.#isInTurn = false;
    this.#reader = null;
    if (this.#late.size + this.#left.size + this.#idle.size === 0) return;
    this.#beginTurn();
    this.#isServing = true;
    this.#budget = this.#idleSlice;
    this.#budget.restart();
    this.#serve(this.#idle);
    this.#budget = this.#slice;
    this.#budget.restart();
    this.#serve(this.#late);
    this.#serve(this.#left);
    this.#isServing = false;
  };

  /** Those who leave something stand in line again. At least the first is read: nobody waits for ever behind others (N7). */
  #serve(line: Set<Reader>): void {
    for (const reader of line) {
      line.delete(reader);
      reader.readOn();
      if (this.#budget.isSpent) return;
    }
  }
}
