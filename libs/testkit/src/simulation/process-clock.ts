// The clock of one process in a world: the same time as everybody's, but what it has planned dies with it, waits while it
// stands still, and its wall clock may be off.

import type { Cancel, Clock, Timers } from '@robustmq/runtime';
import { repeat } from './repeat.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** How far the wall clock of a machine is off; it outlives the processes. */
export interface WallSkew {
  skewMs: number;
}

const RESOLUTION_MS = 0.01;

/** Clock and timers of one life of a process. */
export class ProcessClock implements Clock, Timers {
  readonly #clock: VirtualClock;
  readonly #planned = new Set<Cancel>();
  readonly #wall: WallSkew;
  /** Until then nothing of the process runs. */
  #resumesAtMs = 0;
  /** Fell due while the process stood still, oldest first. */
  #waiting: (() => void)[] = [];
  #isDead = false;

  constructor(clock: VirtualClock, wall: WallSkew = { skewMs: 0 }) {
    this.#clock = clock;
    this.#wall = wall;
  }

  /** Whole milliseconds, as a wall clock shows them. */
  nowMs(): number {
    return Math.floor(this.#clock.nowMs() + this.#wall.skewMs);
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  /** Runs `action` after that time unless the process has died; the returned function cancels it. */
  schedule(delayMs: number, action: () => void): Cancel {
    if (this.#isDead) return () => undefined;
    const run = (): void => {
      this.#planned.delete(forget);
      action();
    };
    const due = (): void => {
      if (this.standstillMs > 0 || this.#waiting.length > 0) this.#wait(run);
      else run();
    };
    const cancel = this.#clock.schedule(delayMs, due);
    const forget = (): void => {
      this.#planned.delete(forget);
      this.#waiting = this.#waiting.filter((each) => each !== run);
      cancel();
    };
    this.#planned.add(forget);
    return forget;
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

  /** The process stands still for that time, as under SIGSTOP: what falls due meanwhile runs behind it. */
  pause(durationMs: number): void {
    this.#resumesAtMs = Math.max(this.#resumesAtMs, this.monotonicMs() + durationMs);
  }

  /** How long the process stands still from now on; 0: it runs. */
  get standstillMs(): number {
    const leftMs = this.#resumesAtMs - this.monotonicMs();
    // Less than the clock can tell apart is nothing.
    return leftMs > RESOLUTION_MS ? leftMs : 0;
  }

  /** What falls due in a pause runs behind it in the order in which it fell due, also when the pause is made longer. */
  #wait(run: () => void): void {
    this.#waiting.push(run);
    if (this.#waiting.length === 1) this.#clock.schedule(this.standstillMs, () => this.#runNext());
  }

  #runNext(): void {
    const leftMs = this.standstillMs;
    const run = leftMs > 0 ? undefined : this.#waiting.shift();
    if (this.#waiting.length > 0) this.#clock.schedule(leftMs, () => this.#runNext());
    run?.();
  }

  /** Forgets all that is planned and plans nothing any more: the process has crashed. */
  clear(): void {
    this.#isDead = true;
    for (const forget of [...this.#planned]) forget();
  }
}
