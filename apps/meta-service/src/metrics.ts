// Metrics of meta-service: figures that are kept anyway, read by the scrape.
import type { Metrics } from '@robustmq/telemetry';
import type { Meta } from './meta.ts';

/** Registers the instruments of meta-service. */
export function registerMetrics(metrics: Metrics, meta: Meta, disk: { readonly freeBytes: number }): void {
  metrics.registerGauges([
    {
      name: 'robustmq_meta_watchers',
      help: 'Processes that follow the cluster.',
      read: () => meta.watch.watchers,
    },
    {
      name: 'robustmq_meta_revision',
      help: 'Revision of the cluster group.',
      read: () => Number(meta.state.meta.revision),
    },
    {
      name: 'robustmq_meta_commands_waiting',
      help: 'Commands that wait for the next tick of the log.',
      read: () => meta.logFigures.waiting,
    },
    {
      name: 'robustmq_meta_log_bytes',
      help: 'Bytes of the files of the commit log.',
      unit: 'By',
      read: () => meta.logFigures.logBytes,
    },
    {
      name: 'robustmq_meta_deletions_waiting',
      help: 'Deleted streams whose files a journal-server has still to remove.',
      read: () => meta.state.deletions.size,
    },
    {
      name: 'robustmq_meta_disk_free_bytes',
      help: 'Free bytes on the disk of the data folder.',
      unit: 'By',
      read: () => disk.freeBytes,
    },
    { name: 'robustmq_meta_streams', help: 'Streams of all tenants.', read: () => meta.state.streams.size },
  ]);
  metrics.registerCounters([
    {
      name: 'robustmq_meta_commands_total',
      help: 'Commands applied since the start.',
      read: () => meta.logFigures.commands,
    },
    {
      name: 'robustmq_meta_refused_commands_total',
      help: 'Commands refused because the disk is nearly full.',
      read: () => meta.refusedCommands,
    },
    {
      name: 'robustmq_meta_ticks_total',
      help: 'Ticks of the log since the start: one sync each.',
      read: () => meta.logFigures.rounds,
    },
  ]);
}
