// All kinds of views of a journal together. What is committed waits here until the answers of its pass have left: whoever
// published comes first.

import type { Log } from '@robustmq/runtime';
import type { Shard } from '../shard/shard.ts';
import type { CommittedBatch, ViewFeed } from './view-feed.ts';

/** What retention has overtaken goes from the views this often. */
const RETAIN_MS = 10_000;

/** Closed with the journal. */
export class Views {
  readonly #feeds: readonly ViewFeed[];
  readonly #log: Pick<Log, 'warn'>;
  /** Committed in this pass. */
  #committed: { readonly shard: Shard; readonly batches: readonly CommittedBatch[] }[] = [];
  #lastRetainMs = 0;

  constructor(feeds: readonly ViewFeed[], log: Pick<Log, 'warn'>) {
    this.#feeds = feeds;
    this.#log = log;
  }

  /** Begins to view a shard that is led here. */
  attach(shard: Shard): void {
    for (const feed of this.#feeds) feed.attach(shard);
  }

  /** HW has passed these batches. */
  committed(shard: Shard, batches: readonly CommittedBatch[]): void {
    if (shard.mqttVisible && this.#feeds.length > 0) this.#committed.push({ shard, batches });
  }

  /** The answers have left. */
  passEnded(): void {
    if (this.#committed.length === 0) return;
    const committed = this.#committed;
    this.#committed = [];
    for (const { shard, batches } of committed)
      for (const feed of this.#feeds) feed.committed(shard, batches);
  }

  /** Lets go of what retention has overtaken, now and then. */
  sweep(nowMs: number): void {
    if (nowMs - this.#lastRetainMs < RETAIN_MS) return;
    this.#lastRetainMs = nowMs;
    for (const feed of this.#feeds) {
      feed.retain().catch((err: unknown) => {
        this.#log.warn({ err }, 'could not let go of what retention has overtaken');
      });
    }
  }

  /** Forgets what is stored of a deleted shard. */
  async drop(shard: Shard): Promise<void> {
    for (const feed of this.#feeds) await feed.drop(shard);
  }

  /** The streams that had these ids are gone. */
  async forget(streamIds: readonly number[]): Promise<void> {
    for (const feed of this.#feeds) await feed.forget(streamIds);
  }

  async close(): Promise<void> {
    for (const feed of this.#feeds) await feed.close();
  }
}
