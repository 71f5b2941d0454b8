// The clock of one process in a world: the same time as everybody's, but what it has planned dies with it.

import type { Cancel, Clock, Timers } from '@robustmq/runtime';
import { repeat } from './repeat.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** Clock and timers of one life of a process. */
export class ProcessClock implements Clock, Timers {
  readonly #clock: VirtualClock;
  readonly #planned = new Set<Cancel>();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  /** Runs `action` after that time unless the process has died; the returned function cancels it. */
  schedule(delayMs: number, action: () => void): Cancel {
    const cancel = this.#clock.schedule(delayMs, () => {
      this.#planned.delete(forget);
      action();
    });
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

  /** Forgets all that is planned, as a crash does. */
  clear(): void {
    for (const forget of [...this.#planned]) forget();
  }
}
