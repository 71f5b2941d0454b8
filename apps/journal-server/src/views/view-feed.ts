// Feeds a kind of views with what HW has passed: from memory while a view keeps up, else from the segments. A view is a
// function of one shard's log, in order and without gaps; losing it costs speed, never records (rule X1).

import { BrokerError } from '@robustmq/errors';
import { batchHeader, completeBatchBytes } from '@robustmq/record-batch';
import type { Log } from '@robustmq/runtime';
import type { ReadTurns } from '../shard/read-turns.ts';
import type { Shard } from '../shard/shard.ts';
import type { StreamFacts } from '../shard/stream-facts.ts';
import { topicsOfBatch, type BatchTopics } from '../shard/stream-topics.ts';

/** What is derived from the log of one shard. */
export interface LogView {
  /** Offset of the next batch to be added; a later one means that the log must be read to catch up. */
  readonly nextOffset: number;
  /** It takes nothing any more. */
  readonly failed: boolean;
  /** Adds the next batch below HW; what lies between it and {@link nextOffset} is not in the log. */
  add(batch: Buffer, topics: BatchTopics): void;
  /** Begins again at a later offset: what lies before it is gone from the log. */
  skipTo(offset: number): void;
  /** Lets go of what lies wholly below the log start. */
  deleteBelow(logStartOffset: number): Promise<void>;
  /** The shard was deleted. */
  drop(): Promise<void>;
  /** Resolves when what was added is stored, or given up. */
  settled(): Promise<void>;
}

/** One kind of views over all shards. */
export interface ViewKind<View extends LogView> {
  /** For the operator's log. */
  readonly name: string;
  /** Whether a shard of the stream has such a view. */
  wants(stream: StreamFacts): boolean;
  /** Loads what is stored of the shard. */
  open(shard: Shard): Promise<View>;
  /** Removes what is stored of a stream whose shards nobody may have opened: they were quarantined, or lost. */
  forget(streamId: number): Promise<void>;
  /** Views have grown: keeps their memory within its budget. */
  grown(views: Iterable<View>): void;
  /** After the last view has settled. */
  close(): Promise<void>;
}

/** A committed batch as the commit loop hands it over. */
export interface CommittedBatch {
  readonly bytes: Buffer;
  /** Decoded at most once for all who want them. */
  topics: BatchTopics | undefined;
}

interface Entry<View extends LogView> {
  view: View | undefined;
  /** Reading the log to catch up. */
  catchingUp: boolean;
  /** The log is damaged where the view would go on: it stays behind for good. */
  blocked: boolean;
  dropped: boolean;
  retainedFrom: number;
}

const CATCH_UP_BYTES = 128 * 1024;

/** The views of one kind. */
export class ViewFeed<View extends LogView = LogView> {
  readonly #kind: ViewKind<View>;
  readonly #log: Pick<Log, 'warn'>;
  readonly #turns: ReadTurns;
  readonly #entries = new Map<Shard, Entry<View>>();
  #closed = false;

  constructor(kind: ViewKind<View>, log: Pick<Log, 'warn'>, turns: ReadTurns) {
    this.#kind = kind;
    this.#log = log;
    this.#turns = turns;
  }

  /** Begins to view a shard that is led here. */
  attach(shard: Shard): void {
    if (this.#wants(shard) && !this.#entries.has(shard)) this.#attach(shard);
  }

  /** HW has passed these batches. */
  committed(shard: Shard, batches: readonly CommittedBatch[]): void {
    if (this.#closed || !this.#wants(shard)) return;
    const entry = this.#entries.get(shard);
    if (entry === undefined) {
      this.#attach(shard);
      return;
    }
    const { view } = entry;
    if (view === undefined || view.failed || entry.catchingUp) return;
    for (const batch of batches) {
      if (batchHeader.baseOffset(batch.bytes, 0) !== view.nextOffset) {
        void this.#catchUp(shard, entry, view);
        return;
      }
      view.add(batch.bytes, (batch.topics ??= topicsOfBatch(batch.bytes, 0)));
    }
    this.#kind.grown(this.#views());
  }

  /** The view of a shard; undefined while it is not there. */
  viewOf(shard: Shard): View | undefined {
    return this.#entries.get(shard)?.view;
  }

  /** Forgets what is stored of a deleted shard. */
  async drop(shard: Shard): Promise<void> {
    const entry = this.#entries.get(shard);
    if (entry === undefined) return;
    entry.dropped = true;
    this.#entries.delete(shard);
    await entry.view?.drop();
  }

  /** Removes all that is stored of deleted streams; their shards are dropped. */
  async forget(streamIds: readonly number[]): Promise<void> {
    for (const streamId of streamIds) await this.#kind.forget(streamId);
  }

  /** Lets go of what retention has overtaken. */
  async retain(): Promise<void> {
    for (const [shard, entry] of this.#entries) {
      const { logStartOffset } = shard.log;
      if (entry.retainedFrom >= logStartOffset) continue;
      entry.retainedFrom = logStartOffset;
      await entry.view?.deleteBelow(logStartOffset);
    }
  }

  /** Waits for what is being stored; what is in memory only is read from the log after the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const view of this.#views()) await view.settled();
    await this.#kind.close();
  }

  /** Resolves when the shard's view has caught up; for tests. */
  async settled(shard: Shard): Promise<void> {
    for (;;) {
      const entry = this.#entries.get(shard);
      if (entry?.view !== undefined && !entry.catchingUp) return entry.view.settled();
      await this.#turns.next();
    }
  }

  #wants({ stream }: Shard): boolean {
    return stream !== undefined && this.#kind.wants(stream);
  }

  *#views(): Generator<View, void, undefined> {
    for (const { view } of this.#entries.values()) if (view !== undefined) yield view;
  }

  #attach(shard: Shard): void {
    const entry: Entry<View> = {
      view: undefined,
      catchingUp: true,
      blocked: false,
      dropped: false,
      retainedFrom: 0,
    };
    this.#entries.set(shard, entry);
    this.#open(shard, entry).catch((error: unknown) => this.#warn(shard, error, 'not usable'));
  }

  async #open(shard: Shard, entry: Entry<View>): Promise<void> {
    const view = await this.#kind.open(shard);
    entry.view = view;
    entry.catchingUp = false;
    await (entry.dropped ? view.drop() : this.#catchUp(shard, entry, view));
  }

  /** Reads the log up to HW, slice by slice; appends have their turn in between (rule N8). */
  async #catchUp(shard: Shard, entry: Entry<View>, view: View): Promise<void> {
    if (entry.catchingUp || entry.blocked) return;
    entry.catchingUp = true;
    try {
      while (!this.#closed && !entry.dropped && !view.failed && shard.failure === undefined) {
        view.skipTo(shard.log.logStartOffset);
        const upToOffset = shard.highWatermark;
        const fromOffset = view.nextOffset;
        if (fromOffset >= upToOffset) break;
        const batches = await shard.log.read({ fromOffset, upToOffset, maxBytes: CATCH_UP_BYTES });
        if (batches.length === 0) view.skipTo(upToOffset);
        else await this.#addAll(view, batches);
      }
    } catch (thrown) {
      // Tried again with each commit, it would read the whole segment for its indexes each time; who reads it stops the shard.
      entry.blocked = BrokerError.from(thrown).code === 'corrupt';
      this.#warn(shard, thrown, 'stays behind');
    } finally {
      entry.catchingUp = false;
    }
  }

  async #addAll(view: View, batches: Buffer): Promise<void> {
    for (let at = 0; at < batches.length;) {
      const bytes = batches.subarray(at, at + completeBatchBytes(batches, at, batches.length));
      if (batchHeader.lastOffset(bytes, 0) >= view.nextOffset) view.add(bytes, topicsOfBatch(bytes, 0));
      at += bytes.length;
      if (this.#turns.isSpent) await this.#turns.next();
    }
    this.#kind.grown(this.#views());
  }

  #warn({ streamId, shard }: Shard, thrown: unknown, what: string): void {
    const err = BrokerError.from(thrown);
    this.#log.warn({ err, stream_id: streamId, shard }, `${this.#kind.name} ${what}`);
  }
}
