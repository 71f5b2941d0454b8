// A clock that moves with the work as well: in a simulated world a turn of the loop takes no time, so that nothing would ever
// end its slice (N8), and what happens between two slices would never be seen.

import type { Random } from '@robustmq/testkit';
import type { Clock } from '@robustmq/runtime';

/** How far work may bring the clock ahead of the world's: some slices, and far less than anybody's margin. */
const MAX_AHEAD_MS = 25;
/** What one look in {@link ONE_IN} finds to have gone by. */
const WORK_MS = 3;
const ONE_IN = 4;

/** See the file head. */
export class WorkingClock implements Clock {
  readonly #clock: Clock;
  readonly #random: Random;
  #shownMs = 0;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  monotonicMs(): number {
    const nowMs = this.#clock.monotonicMs();
    this.#shownMs = Math.max(this.#shownMs, nowMs);
    if (this.#random.chance(1 / ONE_IN))
      this.#shownMs = Math.max(this.#shownMs, Math.min(nowMs + MAX_AHEAD_MS, this.#shownMs + WORK_MS));
    return this.#shownMs;
  }
}
