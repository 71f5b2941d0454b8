// The measured window of a run: what was delivered and what it cost, without warm-up and drain.
import { setTimeout as delay } from 'node:timers/promises';

import { cpuSeconds, residentBytes } from '../processes.ts';
import type { RunningSystem } from '../systems/system.ts';
import type { Measurement } from './scenario.ts';

const WARM_UP_MS = 2_000;

/** Warms up, then measures for `seconds`: `count()` says what has been delivered so far, `begin` runs in between. */
export async function measureWindow(
  system: RunningSystem,
  seconds: number,
  count: () => number,
  begin: () => void,
): Promise<Measurement> {
  await delay(WARM_UP_MS);
  begin();
  const ownBefore = process.cpuUsage();
  const cpuBefore = cpuSeconds(system.pids);
  const countBefore = count();
  const startedMs = performance.now();
  await delay(seconds * 1_000);
  const elapsedSeconds = (performance.now() - startedMs) / 1_000;
  const delivered = count() - countBefore;
  const cpu = cpuSeconds(system.pids) - cpuBefore;
  const own = process.cpuUsage(ownBefore);
  return {
    perSecond: delivered / elapsedSeconds,
    ...(delivered === 0 ? {} : { cpuSecondsPerMillion: (cpu / delivered) * 1_000_000 }),
    loadCpuShare: (own.user + own.system) / 1e6 / elapsedSeconds,
    residentMegabytes: residentBytes(system.pids) / 1024 / 1024,
  };
}

/** Waits until `count()` reaches `expected` or has not moved for `quietMs`. Returns what is missing. */
export async function drain(expected: number, quietMs: number, count: () => number): Promise<number> {
  let last = -1;
  let quietSinceMs = performance.now();
  while (count() < expected && performance.now() - quietSinceMs < quietMs) {
    if (count() !== last) {
      last = count();
      quietSinceMs = performance.now();
    }
    await delay(20);
  }
  return expected - count();
}
