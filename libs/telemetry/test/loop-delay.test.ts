import { setTimeout as delay } from 'node:timers/promises';
import { LoopDelay, type SampleIntervals } from '../src/loop-delay.ts';

const MS = 1e6;
/** From one sample to the next when nothing is late. */
const INTERVAL = 50 * MS;

class ScriptedIntervals implements SampleIntervals {
  samples: number[] = [];
  isEnabled = true;
  get max(): number {
    return Math.max(0, ...this.samples);
  }
  percentile(percent: number): number {
    const sorted = this.samples.toSorted((a, b) => a - b);
    return sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? 0;
  }
  reset(): void {
    this.samples = [];
  }
  disable(): boolean {
    this.isEnabled = false;
    return true;
  }
}

const quantiles = (subject: LoopDelay): Record<string, number> =>
  Object.fromEntries(subject.read().map(({ value, attributes }) => [String(attributes['quantile']), value]));

it('N8: tells how much later than due a sample came, in seconds', () => {
  const intervals = new ScriptedIntervals();
  intervals.samples = [...new Array<number>(99).fill(INTERVAL + 2 * MS), INTERVAL + 150 * MS];
  expect(quantiles(new LoopDelay(intervals))).toEqual({ '0.99': 0.002, '1': 0.15 });
});

it('begins anew with each reading, and without a sample nothing was late', () => {
  const intervals = new ScriptedIntervals();
  const subject = new LoopDelay(intervals);
  intervals.samples = [INTERVAL + 500 * MS];
  expect(quantiles(subject)).toEqual({ '0.99': 0.5, '1': 0.5 });
  expect(quantiles(subject)).toEqual({ '0.99': 0, '1': 0 });
  // A timer may be early by its rounding; nobody waited less than nothing.
  intervals.samples = [INTERVAL - 0.5 * MS];
  expect(quantiles(subject)).toEqual({ '0.99': 0, '1': 0 });
});

it('stops sampling', () => {
  const intervals = new ScriptedIntervals();
  new LoopDelay(intervals).stop();
  expect(intervals.isEnabled).toBe(false);
});

it('sees what holds the loop of this process', async () => {
  const subject = LoopDelay.start();
  // Timers run in the order in which they are due, so samples lie before and behind what holds the loop.
  await delay(120);
  const untilMs = performance.now() + 200;
  while (performance.now() < untilMs);
  await delay(120);
  const { '1': longest } = quantiles(subject);
  subject.stop();
  expect(longest).toBeGreaterThanOrEqual(0.14);
});
