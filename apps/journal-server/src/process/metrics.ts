// Metrics of a journal: plain numbers that the scrape reads.

import { BucketHistogram, type Metrics } from '@robustmq/telemetry';
import type { Journal } from '../journal.ts';

type Counted = keyof typeof COUNTED;

/** What a journal counts from its beginning. */
const COUNTED = {
  ticks: (journal: Journal) => journal.commits.ticks,
  appendedBatches: (journal: Journal) => journal.commits.appendedBatches,
  appendedBytes: (journal: Journal) => journal.commits.appendedBytes,
  refused: (journal: Journal) => journal.commits.refused,
  producersEvicted: (journal: Journal) => journal.producers.evicted,
  answersWaited: (journal: Journal) => journal.answers.waited,
};

/** Counters over all incarnations of this process: a counter never goes back while its process lives. */
class JournalCounts {
  readonly #current: () => Journal | undefined;
  readonly #seen = new Map<Counted, { journal: Journal; base: number; last: number }>();

  constructor(current: () => Journal | undefined) {
    this.#current = current;
  }

  total(name: Counted): number {
    const journal = this.#current();
    const seen = this.#seen.get(name);
    if (journal === undefined) return seen === undefined ? 0 : seen.base + seen.last;
    const last = COUNTED[name](journal);
    const base = seen === undefined ? 0 : seen.journal === journal ? seen.base : seen.base + seen.last;
    this.#seen.set(name, { journal, base, last });
    return base + last;
  }
}

/** What outlives an incarnation. */
export class ServerFigures {
  readonly syncSeconds = new BucketHistogram();
  /** Of the disk of the data folder. */
  freeBytes: () => number = () => 0;
}

/** Registers the journal's instruments. */
export function registerMetrics(
  metrics: Metrics,
  current: () => Journal | undefined,
  figures: ServerFigures,
): void {
  const counts = new JournalCounts(current);
  metrics.registerCounters([
    {
      name: 'robustmq_journal_commits_total',
      help: 'Commit-log frames written.',
      read: () => counts.total('ticks'),
    },
    {
      name: 'robustmq_journal_appended_batches_total',
      help: 'Record batches appended.',
      read: () => counts.total('appendedBatches'),
    },
    {
      name: 'robustmq_journal_appended_bytes_total',
      help: 'Bytes of record batches appended.',
      unit: 'By',
      read: () => counts.total('appendedBytes'),
    },
    {
      name: 'robustmq_journal_refused_appends_total',
      help: 'Appends refused, whatever the reason.',
      read: () => counts.total('refused'),
    },
    {
      name: 'robustmq_journal_producers_evicted_total',
      help: 'Idempotent producers forgotten to make room for others: a repeat of theirs is no longer recognised.',
      read: () => counts.total('producersEvicted'),
    },
    {
      name: 'robustmq_journal_answers_waited_total',
      help: 'Reads that had to wait for memory because answers before them had not left.',
      read: () => counts.total('answersWaited'),
    },
  ]);
  registerGauges(metrics, current, figures);
  metrics.registerHistograms([
    {
      name: 'robustmq_journal_sync_seconds',
      help: 'Time that a sync of the commit log takes: the least that an acknowledged publish waits.',
      unit: 's',
      histogram: figures.syncSeconds,
    },
  ]);
}

function registerGauges(metrics: Metrics, current: () => Journal | undefined, figures: ServerFigures): void {
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
      name: 'robustmq_journal_exchanges',
      help: 'Open Exchange streams: one per connected gateway.',
      read: () => current()?.exchanges.size ?? 0,
    },
    {
      name: 'robustmq_journal_producers',
      help: 'Idempotent producers that are remembered, over all shards.',
      read: () => current()?.producers.used ?? 0,
    },
    {
      name: 'robustmq_journal_answer_bytes',
      help: 'Memory of answers and tail data that has not left.',
      unit: 'By',
      read: () => current()?.answers.claimedBytes ?? 0,
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
}

function countLed(journal: Journal | undefined): number {
  let found = 0;
  for (const shard of journal?.shards.values() ?? []) if (shard.leader !== undefined) found++;
  return found;
}
