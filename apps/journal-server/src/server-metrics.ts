// Metrics of a journal: plain numbers that the scrape reads.

import { BucketHistogram, LATENCY_BOUNDS_SECONDS, type Metrics } from '@robustmq/telemetry';
import type { Journal } from './journal.ts';

type Counted = 'ticks' | 'appendedBatches' | 'appendedBytes' | 'refused';

/** Counters over all incarnations of this process: a counter never goes back while its process lives. */
class CommitCounts {
  readonly #current: () => Journal | undefined;
  readonly #seen = new Map<Counted, { journal: Journal; base: number; last: number }>();

  constructor(current: () => Journal | undefined) {
    this.#current = current;
  }

  total(name: Counted): number {
    const journal = this.#current();
    const seen = this.#seen.get(name);
    if (journal === undefined) return seen === undefined ? 0 : seen.base + seen.last;
    const last = journal.commits[name];
    const base = seen === undefined ? 0 : seen.journal === journal ? seen.base : seen.base + seen.last;
    this.#seen.set(name, { journal, base, last });
    return base + last;
  }
}

/** What outlives an incarnation. */
export class ServerFigures {
  readonly syncSeconds = new BucketHistogram(LATENCY_BOUNDS_SECONDS);
  /** Of the disk of the data folder. */
  freeBytes: () => number = () => 0;
}

/** Registers the journal's instruments. */
export function registerMetrics(
  metrics: Metrics,
  current: () => Journal | undefined,
  figures: ServerFigures,
): void {
  const commits = new CommitCounts(current);
  metrics.registerCounters([
    {
      name: 'robustmq_journal_commits_total',
      help: 'Commit-log frames written.',
      read: () => commits.total('ticks'),
    },
    {
      name: 'robustmq_journal_appended_batches_total',
      help: 'Record batches appended.',
      read: () => commits.total('appendedBatches'),
    },
    {
      name: 'robustmq_journal_appended_bytes_total',
      help: 'Bytes of record batches appended.',
      unit: 'By',
      read: () => commits.total('appendedBytes'),
    },
    {
      name: 'robustmq_journal_refused_appends_total',
      help: 'Appends refused, whatever the reason.',
      read: () => commits.total('refused'),
    },
  ]);
  metrics.registerGauges([
    {
      name: 'robustmq_journal_shards',
      help: 'Shards in this directory.',
      read: () => current()?.shards.size ?? 0,
    },
    { name: 'robustmq_journal_leaders', help: 'Shards led here.', read: () => countLed(current()) },
    {
      name: 'robustmq_journal_failed_shards',
      help: 'Shards that serve nothing: quarantined or failed.',
      read: () => current()?.failedShards ?? 0,
    },
    {
      name: 'robustmq_journal_streams',
      help: 'Gateways connected.',
      read: () => current()?.exchanges.size ?? 0,
    },
    {
      name: 'robustmq_journal_log_bytes',
      help: 'Bytes of all segments.',
      unit: 'By',
      read: () => current()?.logBytes ?? 0,
    },
    {
      name: 'robustmq_journal_disk_free_bytes',
      help: 'Free bytes on the disk of the data folder.',
      unit: 'By',
      read: () => figures.freeBytes(),
    },
  ]);
  metrics.registerHistograms([
    {
      name: 'robustmq_journal_sync_seconds',
      help: 'Time that a sync of the commit log takes: the least that an acknowledged publish waits.',
      unit: 's',
      histogram: figures.syncSeconds,
    },
  ]);
}

function countLed(journal: Journal | undefined): number {
  let found = 0;
  for (const shard of journal?.shards.values() ?? []) if (shard.leader !== undefined) found++;
  return found;
}
