// Figures of many runs: medians, and one line for a terminal.
import type { Measurement } from './scenarios/scenario.ts';

/** All runs of one scenario, by system. */
export interface ScenarioResult {
  readonly name: string;
  readonly title: string;
  readonly target: string;
  readonly runs: Readonly<Record<string, readonly Measurement[]>>;
}

/** The median of one figure over runs; undefined when no run has it. */
export function median(runs: readonly Measurement[], figure: keyof Measurement): number | undefined {
  const values = runs.map((run) => run[figure]).filter((value) => value !== undefined);
  values.sort((a, b) => a - b);
  const middle = values.length >> 1;
  if (values.length % 2 === 1) return values[middle];
  const low = values[middle - 1];
  const high = values[middle];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}

/** 1,234,567 as `1.23 M`, 45,678 as `45.7 k`. */
export function short(value: number): string {
  if (Math.abs(value) >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (Math.abs(value) >= 1e4) return `${(value / 1e3).toFixed(1)} k`;
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : 2);
}

/** The figures of one run, for a terminal. */
export function oneLine(run: Measurement): string {
  const parts: string[] = [];
  const add = (value: number | undefined, label: (text: string) => string): void => {
    if (value !== undefined) parts.push(label(short(value)));
  };
  add(run.perSecond, (text) => `${text}/s`);
  add(run.cpuSecondsPerMillion, (text) => `CPU ${text} s per 1 M`);
  add(run.p50Ms, (text) => `p50 ${text} ms`);
  add(run.p99Ms, (text) => `p99 ${text} ms`);
  add(run.p999Ms, (text) => `p99.9 ${text} ms`);
  add(run.bytesPerConnection, (text) => `${text} B per connection`);
  add(run.residentMegabytes, (text) => `RSS ${text} MB`);
  add(run.loadCpuShare, (text) => `load ${text} cores`);
  if (run.lost !== undefined)
    parts.push(`lost ${run.lost} dup ${run.duplicated ?? 0} reordered ${run.reordered ?? 0}`);
  return parts.join(' · ');
}
