// Time of a simulation: it moves only from event to event. Events at the same instant run in the order in which they
// were scheduled, so a run depends on nothing but its seed.

import { assert } from '@robustmq/errors';
import type { Cancel, Clock, Timers } from '@robustmq/runtime';
import { repeat } from './repeat.ts';

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly action: () => void;
}

/** A clock and the scheduler that drives it; to what runs under it also its timers. */
export class VirtualClock implements Clock, Timers {
  #nowMs: number;
  readonly #startMs: number;
  #order = 0;
  #events: Event[] = [];

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
    this.#startMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs - this.#startMs;
  }

  /** Events that wait. */
  get pending(): number {
    return this.#events.length;
  }

  /** Runs `action` after that time; the returned function cancels it. */
  schedule(delayMs: number, action: () => void): () => void {
    const event: Event = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, action };
    this.#events.push(event);
    return () => {
      this.#events = this.#events.filter((other) => other !== event);
    };
  }

  after(delayMs: number, action: () => void): Cancel {
    return this.schedule(delayMs, action);
  }

  every(periodMs: number, action: () => void): Cancel {
    return repeat((delayMs, run) => this.schedule(delayMs, run), periodMs, action);
  }

  soon(action: () => void): Cancel {
    return this.schedule(0, action);
  }

  /** Runs the next event and everything that it makes runnable at once; false if there is none. */
  async step(): Promise<boolean> {
    const event = this.#takeNext(Infinity);
    if (event === undefined) return false;
    event.action();
    await drained();
    return true;
  }

  /** Lets time pass and runs what is due. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    for (;;) {
      const event = this.#takeNext(endMs);
      if (event === undefined) break;
      event.action();
      await drained();
    }
    this.#nowMs = endMs;
  }

  /** Runs events until the promise has settled; answers or throws what it did. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    promise.then(mark, mark);
    await drained();
    while (!settled) assert(await this.step(), 'a promise waits for an event that nobody scheduled');
    return promise;
  }

  /** Forgets all events, as a crash does. */
  clear(): void {
    this.#events = [];
  }

  #takeNext(endMs: number): Event | undefined {
    let next = -1;
    for (let i = 0; i < this.#events.length; i++) {
      const event = this.#events[i]!;
      const best = this.#events[next];
      const earlier =
        best === undefined ||
        event.atMs < best.atMs ||
        (event.atMs === best.atMs && event.order < best.order);
      if (event.atMs <= endMs && earlier) next = i;
    }
    if (next < 0) return undefined;
    const event = this.#events.splice(next, 1)[0]!;
    this.#nowMs = Math.max(this.#nowMs, event.atMs);
    return event;
  }
}

/** Resolves when all promise reactions that are runnable now have run. */
export function drained(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
