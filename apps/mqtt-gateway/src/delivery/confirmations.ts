// How far the leaders of the shards are, asked behind the opening of a session in doubt: while a link was down this gateway's
// tail may have fallen behind what another one delivered, and all of that may come again (rule S3).

import type { FilterAnswer } from '@robustmq/journal-client';
import { backoffDelayMs, eachInTurns, type Cancel, type Turns } from '@robustmq/runtime';
import { shardKeyOf } from './shard-place.ts';

/** The part of JournalClient that is used. */
export interface MarksPort {
  marksFor(
    filters: readonly { readonly tenant: string; readonly filter: string }[],
    callback: (error: Error | undefined, answer: FilterAnswer) => void,
  ): void;
}

/** A session whose last owner ended without a word. */
export interface DoubtfulSession {
  readonly tenant: string;
  /** False as well once its connection is over. */
  readonly isUnconfirmed: boolean;
  confirmed(key: number, highWatermark: number): void;
  /** Some leader has not spoken in time: nothing waits for that any more. It is told nevertheless when one does. */
  unanswered(): void;
}

/**
 * One question at a time, for all sessions that wait by then; the next one at once when others come, else later and later,
 * until the leader of each shard has answered. What waits for that has a deadline (N7).
 */
export class Confirmations {
  readonly #port: MarksPort;
  readonly #turns: Turns;
  readonly #waiting = new Set<DoubtfulSession>();
  /** Until when those that still wait with a deadline do so, the next one first. */
  readonly #deadlines = new Map<DoubtfulSession, number>();
  /** Ends the wait for the first of them; null when there is none. */
  #endWatch: Cancel | null = null;
  readonly #random: () => number;
  #isAsking = false;
  /** Questions in a row that left somebody waiting, without others who came. */
  #attempts = 0;
  /** Ends the wait for the next question; null when there is none. */
  #endWait: Cancel | null = null;

  constructor(port: MarksPort, turns: Turns, random: () => number = Math.random) {
    this.#port = port;
    this.#turns = turns;
    this.#random = random;
  }

  /** Has the session hear how far each shard is from now on. */
  want(session: DoubtfulSession): void {
    const isNew = !this.#waiting.has(session);
    this.#waiting.add(session);
    this.#limit(session);
    if (this.#isAsking && (this.#endWait === null || !isNew)) return;
    this.#endWait?.();
    this.#endWait = null;
    this.#isAsking = true;
    this.#attempts = 0;
    this.#turns.timers.soon(() => this.#ask());
  }

  /** One that has waited in vain before comes with another question. */
  #limit(session: DoubtfulSession): void {
    if (this.#deadlines.has(session)) return;
    this.#deadlines.set(session, this.#turns.clock.monotonicMs() + DEADLINE_MS);
    if (this.#deadlines.size === 1) this.#watch();
  }

  #watch(): void {
    this.#endWatch?.();
    this.#endWatch = null;
    const [deadlineMs] = this.#deadlines.values();
    if (deadlineMs === undefined) return;
    const { clock, timers } = this.#turns;
    this.#endWatch = timers.after(Math.max(0, deadlineMs - clock.monotonicMs()), () => this.#expire());
  }

  /** As many as have come back after a crash may be late at once (N8). */
  #expire(): void {
    this.#endWatch = null;
    eachInTurns(
      this.#late(this.#turns.clock.monotonicMs()),
      this.#turns,
      (session) => session.unanswered(),
      () => this.#watch(),
    );
  }

  *#late(nowMs: number): Generator<DoubtfulSession> {
    for (const [session, deadlineMs] of this.#deadlines) {
      if (deadlineMs > nowMs) return;
      this.#deadlines.delete(session);
      if (this.#isWaiting(session)) yield session;
    }
  }

  #ask(): void {
    this.#endWait = null;
    const asked = new Set([...this.#waiting].filter((session) => this.#isWaiting(session)));
    if (asked.size === 0) {
      this.#isAsking = false;
      return;
    }
    const tenants = new Set(Array.from(asked, ({ tenant }) => tenant));
    const filters = [...tenants].map((tenant) => ({ tenant, filter: '#' }));
    // What some journal did not answer is asked again.
    this.#port.marksFor(filters, (_error, { marks }) =>
      eachInTurns(
        asked,
        this.#turns,
        (session) => this.#tell(session, marks),
        () => this.#askAgain(asked),
      ),
    );
  }

  #askAgain(asked: ReadonlySet<DoubtfulSession>): void {
    const { timers } = this.#turns;
    for (const session of this.#waiting) {
      if (asked.has(session)) continue;
      this.#attempts = 0;
      timers.soon(() => this.#ask());
      return;
    }
    if (this.#waiting.size === 0) {
      this.#isAsking = false;
      return;
    }
    const delayMs = backoffDelayMs(++this.#attempts, { ...BACKOFF, random: this.#random });
    this.#endWait = timers.after(delayMs, () => this.#ask());
  }

  #isWaiting(session: DoubtfulSession): boolean {
    if (session.isUnconfirmed) return true;
    this.#waiting.delete(session);
    if (this.#deadlines.delete(session) && this.#deadlines.size === 0) this.#watch();
    return false;
  }

  #tell(session: DoubtfulSession, marks: FilterAnswer['marks']): void {
    for (const { streamId, shard, highWatermark } of marks)
      session.confirmed(shardKeyOf(streamId, shard), highWatermark);
    this.#isWaiting(session);
  }
}

/** A shard may be without a leader for long (N7). */
const BACKOFF = { baseDelayMs: 100, maxDelayMs: 1_000 };
/** A journal that fails over has a leader again well within it. */
const DEADLINE_MS = 10_000;
