// What a scenario is and what it measures.
import type { RunningSystem } from '../systems/system.ts';

/** Options that every scenario understands. */
export interface RunOptions {
  /** Length of the measured window, after the warm-up. */
  readonly seconds: number;
}

/** The figures of one run of one scenario on one system. Absent figures were not measured there. */
export interface Measurement {
  /** Deliveries (or records, or connects) per second of the measured window. */
  readonly perSecond?: number;
  /** CPU seconds of all its processes per million deliveries. */
  readonly cpuSecondsPerMillion?: number;
  /** Share of one core that the load generator itself used. */
  readonly loadCpuShare?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly p999Ms?: number;
  readonly residentMegabytes?: number;
  readonly bytesPerConnection?: number;
  readonly lost?: number;
  readonly duplicated?: number;
  readonly reordered?: number;
}

/** One row of the benchmark. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly protocol: 'mqtt' | 'kafka';
  /** The target in words; empty when it is only reported. */
  readonly target: string;
  run(system: RunningSystem, options: RunOptions): Promise<Measurement>;
}
