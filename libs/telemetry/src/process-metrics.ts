// What every process says of itself. Everything is read when scraped; no JavaScript runs in between.

import { LoopDelay } from './loop-delay.ts';
import type { Metrics } from './metrics.ts';

/** Registers CPU, memory, event loop and build of this process. */
export function registerProcessMetrics(
  metrics: Metrics,
  version: string,
  loopDelay: LoopDelay = LoopDelay.start(),
): void {
  const idle = performance.eventLoopUtilization();
  metrics.registerCounters([
    {
      name: 'robustmq_process_cpu_seconds_total',
      help: 'User and system CPU time of the process.',
      unit: 's',
      read: () => {
        const { user, system } = process.cpuUsage();
        return (user + system) / 1e6;
      },
    },
    {
      name: 'robustmq_process_event_loop_active_seconds_total',
      help: 'Time during which the event loop was busy.',
      unit: 's',
      read: () => Math.max(0, performance.eventLoopUtilization(idle).active) / 1000,
    },
  ]);
  metrics.registerGauges([
    {
      name: 'robustmq_process_event_loop_delay_seconds',
      help: 'How late the event loop came to what was due, since the last scrape: 99th percentile (quantile 0.99) and longest (1).',
      unit: 's',
      read: () => loopDelay.read(),
    },
    {
      name: 'robustmq_process_resident_memory_bytes',
      help: 'Resident memory of the process.',
      unit: 'By',
      read: () => process.memoryUsage.rss(),
    },
    {
      name: 'robustmq_process_heap_used_bytes',
      help: 'Memory that JavaScript objects take.',
      unit: 'By',
      read: () => process.memoryUsage().heapUsed,
    },
    {
      name: 'robustmq_process_uptime_seconds',
      help: 'Time since the process was started.',
      unit: 's',
      read: () => process.uptime(),
    },
    {
      name: 'robustmq_build_info',
      help: 'Always 1; the version is a label.',
      read: () => [{ value: 1, attributes: { version, node: process.version } }],
    },
  ]);
}
