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
    let cancel: Cancel;
    const due = (): void => {
      const leftMs = this.standstillMs;
      if (leftMs > 0) {
        cancel = this.#clock.schedule(leftMs, due);
        return;
      }
      this.#planned.delete(forget);
      action();
    };
    cancel = this.#clock.schedule(delayMs, due);
    const forget = (): void => {
      this.#planned.delete(forget);
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

  /** Forgets all that is planned and plans nothing any more: the process has crashed. */
  clear(): void {
    this.#isDead = true;
    for (const forget of [...this.#planned]) forget();
  }
}
