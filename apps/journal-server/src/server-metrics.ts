// Metrics of a journal: plain numbers that the scrape reads.

import type { Metrics } from '@robustmq/telemetry';
import type { Journal } from './journal.ts';

/** Registers the journal's instruments. */
export function registerMetrics(metrics: Metrics, journal: Journal): void {
  const { commits } = journal;
  metrics.registerCounters([
    { name: 'robustmq_journal_commits_total', help: 'Commit-log frames written.', read: () => commits.ticks },
    {
      name: 'robustmq_journal_appended_batches_total',
      help: 'Record batches appended.',
      read: () => commits.appendedBatches,
    },
    {
      name: 'robustmq_journal_appended_bytes_total',
      help: 'Bytes of record batches appended.',
      unit: '1',
      read: () => commits.appendedBytes,
    },
    {
      name: 'robustmq_journal_refused_appends_total',
      help: 'Appends refused, whatever the reason.',
      read: () => commits.refused,
    },
  ]);
  metrics.registerGauges([
    { name: 'robustmq_journal_shards', help: 'Shards in this directory.', read: () => journal.shards.size },
    { name: 'robustmq_journal_leaders', help: 'Shards led here.', read: () => count(journal, 'led') },
    {
      name: 'robustmq_journal_failed_shards',
      help: 'Shards that serve nothing: quarantined or failed.',
      read: () => count(journal, 'failed'),
    },
    { name: 'robustmq_journal_streams', help: 'Gateways connected.', read: () => journal.exchanges.size },
    {
      name: 'robustmq_journal_log_bytes',
      help: 'Bytes of all segments.',
      unit: 'By',
      read: () => journal.logBytes,
    },
  ]);
}

function count(journal: Journal, what: 'led' | 'failed'): number {
  let found = what === 'failed' ? journal.quarantinedShards : 0;
  for (const shard of journal.shards.values()) {
    if (what === 'led' ? shard.leader !== undefined : shard.failure !== undefined) found++;
  }
  return found;
}
