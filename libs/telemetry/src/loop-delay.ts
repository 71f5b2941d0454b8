// How late the event loop comes to what is due: what every client of this process waits for, whatever it asks (N8). Node
// samples it by a timer of its own that keeps no process alive; JavaScript runs only when somebody reads.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Reading } from './metrics.ts';

/**
 * Samples are so far apart: a shorter delay is seen by chance only. Each is a wake-up of some 60 µs, in every idle process too:
 * with 10 ms an idle cluster took half as much CPU again.
 */
const RESOLUTION_MS = 50;
const NS_PER_SECOND = 1e9;
const RESOLUTION_NS = RESOLUTION_MS * 1e6;

/** The part of node's histogram that is read. Its times are in nanoseconds, from one sample to the next. */
export interface SampleIntervals {
  readonly max: number;
  percentile(percent: number): number;
  reset(): void;
  disable(): boolean;
}

/** The delays since the last reading. */
export class LoopDelay {
  readonly #intervals: SampleIntervals;

  constructor(intervals: SampleIntervals) {
    this.#intervals = intervals;
  }

  /** Begins to sample this process. */
  static start(): LoopDelay {
    const intervals = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    intervals.enable();
    return new LoopDelay(intervals);
  }

  /** The 99th percentile and the longest, in seconds; what comes later is the next reading's. */
  read(): Reading[] {
    const { max } = this.#intervals;
    const readings = [
      { value: delaySeconds(this.#intervals.percentile(99)), attributes: { quantile: '0.99' } },
      { value: delaySeconds(max), attributes: { quantile: '1' } },
    ];
    this.#intervals.reset();
    return readings;
  }

  /** Samples no more. */
  stop(): void {
    this.#intervals.disable();
  }
}

/** A sample comes a resolution after the last one when nothing holds the loop; none at all counts as no delay. */
function delaySeconds(intervalNs: number): number {
  return Math.max(0, intervalNs - RESOLUTION_NS) / NS_PER_SECOND;
}
