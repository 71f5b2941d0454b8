// The write path (rules L1, L7): appends of all gateways are gathered while a sync runs; then one commit-log frame, the
// same bytes to the segments, one sync, and one pass that answers and delivers. Nothing here waits per message.

import { BrokerError } from '@robustmq/errors';
import type { CommitLog, Section } from '@robustmq/commit-log';
import {
  lastOffsetDeltaOf,
  stampBaseOffset,
  stampLeaderEpoch,
  stampLogAppendTime,
} from '@robustmq/record-batch';
import type { Clock, Timers } from '@robustmq/runtime';
import type { BucketHistogram } from '@robustmq/telemetry';
import { checkAppend } from './append-check.ts';
import type { AppendOrigin, AppendRequest, AppendSpan, PendingBatch } from '../shard/pending.ts';
import { offsetSection, recordsSection, SECTION_LOG_START } from './sections.ts';
import type { Shard } from '../shard/shard.ts';

/** What the loop needs of the server around it. */
export interface CommitLoopHost {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly commitLog: Pick<CommitLog, 'append' | 'sync' | 'maxSectionBytes'>;
  diskIsFull(): boolean;
  /** How long syncs of the commit log take. */
  readonly syncSeconds: BucketHistogram;
  /** Begins the span of a sampled append. */
  startSpan(request: AppendRequest): AppendSpan | null;
  /**
   * HW of the shard has passed these batches: deliver them. Called within the pass of a commit, after the batches'
   * senders were answered and before anything is flushed.
   */
  committed(shard: Shard, batches: readonly PendingBatch[]): void;
  /** The pass is over: flush every stream that has something to send. */
  passEnded(origins: ReadonlySet<AppendOrigin>): void;
  /** The disk failed: resign everything (rules L5, R3). */
  storageFailed(error: BrokerError): void;
}

/** A request whose shard is known. */
interface RoutedAppend {
  readonly shard: Shard;
  readonly request: AppendRequest;
}

interface LogStart {
  readonly offset: number;
  readonly done: ((error: BrokerError | undefined) => void)[];
}

interface Assigned {
  readonly shard: Shard;
  readonly pending: PendingBatch;
}

/** A tick takes no more than this: a frame of this size syncs in some ms. */
const MAX_TICK_BYTES = 8 * 1024 * 1024;

/** The write path of one data directory. */
export class CommitLoop {
  /** Frames written and records appended, for metrics. */
  ticks = 0;
  appendedBatches = 0;
  appendedBytes = 0;
  refused = 0;
  readonly #host: CommitLoopHost;
  readonly #queue: RoutedAppend[] = [];
  readonly #origins = new Set<AppendOrigin>();
  readonly #advanced = new Set<Shard>();
  #logStarts = new Map<Shard, LogStart>();
  #syncing = false;
  #scheduled = false;
  #stopped = false;

  constructor(host: CommitLoopHost) {
    this.#host = host;
  }

  /** Appends that wait for the next tick. */
  get queuedAppends(): number {
    return this.#queue.length;
  }

  /** Takes an append; it is written by the next tick. */
  submit(shard: Shard, request: AppendRequest): void {
    this.#queue.push({ shard, request });
    this.#schedule();
  }

  /** Makes a new log start durable with the next tick (DeleteRecords, retention); resolves when it is in force. */
  advanceLogStart(shard: Shard, offset: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const known = this.#logStarts.get(shard);
      const done = known?.done ?? [];
      done.push((error) => (error === undefined ? resolve() : reject(error)));
      this.#logStarts.set(shard, { offset: Math.max(offset, known?.offset ?? 0), done });
      this.#schedule();
    });
  }

  /** HW of a shard moved, whatever the cause: its batches are delivered at the end of the pass. */
  advanced(shard: Shard): void {
    this.#advanced.add(shard);
    if (!this.#syncing) this.#schedule();
  }

  /** Refuses everything queued and takes no more. */
  stop(error: BrokerError): void {
    this.#stopped = true;
    for (const { request } of this.#queue.splice(0)) this.#refuse(request, error);
    for (const { done } of this.#logStarts.values()) for (const each of done) each(error);
    this.#logStarts.clear();
    this.#endPass();
  }

  #schedule(): void {
    if (this.#scheduled || this.#syncing || this.#stopped) return;
    this.#scheduled = true;
    // The rest of this turn may bring more, from other streams too.
    this.#host.timers.soon(() => {
      this.#scheduled = false;
      if (!this.#syncing && !this.#stopped) this.#tick();
    });
  }

  #tick(): void {
    const taken = this.#take();
    const assigned: Assigned[] = [];
    const sections: Section[] = [];
    for (const routed of taken) {
      const pending = this.#assign(routed);
      if (pending === undefined) continue;
      assigned.push({ shard: routed.shard, pending });
      sections.push(recordsSection(routed.shard, pending.bytes));
    }
    const logStarts = this.#logStarts;
    this.#logStarts = new Map();
    for (const [shard, { offset, done }] of logStarts) {
      const { failure } = shard;
      if (failure === undefined) sections.push(offsetSection(SECTION_LOG_START, shard, offset));
      else {
        // Deleted or damaged meanwhile: a replay of the section would bring the shard back (rule L3).
        logStarts.delete(shard);
        for (const each of done) each(failure);
      }
    }
    if (sections.length > 0 && this.#write(assigned, logStarts, sections)) this.#sync(assigned, logStarts);
    this.#endPass();
  }

  #take(): RoutedAppend[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#queue.length && bytes < MAX_TICK_BYTES)
      bytes += this.#queue[count++]!.request.bytes.length;
    return this.#queue.splice(0, count);
  }

  /** Judges an append and gives it its offset; undefined if it was answered instead. */
  #assign({ shard, request }: RoutedAppend): PendingBatch | undefined {
    try {
      const { producer, repeatOf } = checkAppend(shard, request, this.#host.diskIsFull());
      if (repeatOf !== undefined) {
        this.#repeat(shard, request, repeatOf.baseOffset, repeatOf.lastOffset);
        return undefined;
      }
      shard.log.ensureWritable();
      const { bytes } = request;
      this.#refuseOversized(bytes.length);
      const baseOffset = shard.nextOffset;
      const lastOffset = baseOffset + lastOffsetDeltaOf(bytes, 0);
      const logAppendTimeMs = shard.config.logAppendTime ? this.#host.clock.nowMs() : -1;
      if (logAppendTimeMs >= 0) stampLogAppendTime(bytes, 0, logAppendTimeMs);
      stampBaseOffset(bytes, 0, baseOffset);
      stampLeaderEpoch(bytes, 0, shard.leaderEpoch);
      shard.nextOffset = lastOffset + 1;
      if (producer !== undefined)
        shard.producers.assigned(producer, baseOffset, lastOffset, this.#host.clock.monotonicMs());
      return {
        request,
        bytes,
        baseOffset,
        lastOffset,
        logAppendTimeMs,
        span: request.traceparent === '' ? null : this.#host.startSpan(request),
        answered: false,
        expired: false,
        topics: undefined,
      };
    } catch (error) {
      this.#refuse(request, BrokerError.from(error));
      return undefined;
    }
  }

  /** One batch that no frame takes must not fail the tick of all others (rule N13). */
  #refuseOversized(sizeBytes: number): void {
    const { maxSectionBytes } = this.#host.commitLog;
    if (sizeBytes <= maxSectionBytes) return;
    throw new BrokerError(
      'too_large',
      `batch of ${sizeBytes} bytes does not fit into a file of the commit log`,
      {
        details: { sizeBytes, limitBytes: maxSectionBytes },
      },
    );
  }

  /** Rule R6: a repeat is answered only once HW has passed the first copy. */
  #repeat(shard: Shard, request: AppendRequest, baseOffset: number, lastOffset: number): void {
    shard.uncommitted.addRepeat({ request, baseOffset, lastOffset });
    this.#advanced.add(shard);
  }

  /** Frame and segments; false if nothing was appended and everything is answered. */
  #write(
    assigned: readonly Assigned[],
    logStarts: ReadonlyMap<Shard, LogStart>,
    sections: readonly Section[],
  ): boolean {
    try {
      this.#host.commitLog.append(sections);
    } catch (thrown) {
      const error = BrokerError.from(thrown, 'storage_failed');
      for (const shard of new Set(assigned.map((each) => each.shard))) this.#rollBack(shard, error);
      for (const { pending } of assigned) this.#refuse(pending.request, error);
      for (const { done } of logStarts.values()) for (const each of done) each(error);
      if (error.code !== 'storage_full') this.#host.storageFailed(error);
      return false;
    }
    this.ticks++;
    try {
      const nowMs = this.#host.clock.monotonicMs();
      for (const { shard, pending } of assigned) {
        this.#apply(shard, pending);
        shard.appendedAtMs = nowMs;
      }
      // In force at once, so that a checkpoint never covers a section that it does not show.
      for (const [shard, { offset }] of logStarts) shard.log.advanceLogStart(offset);
    } catch (thrown) {
      this.#host.storageFailed(BrokerError.from(thrown, 'storage_failed'));
      return false;
    }
    return true;
  }

  /** A repeat in the same tick as its first copy waits for what was never written: its offsets become others'. */
  #rollBack(shard: Shard, error: BrokerError): void {
    shard.rollBack();
    for (const { request } of shard.uncommitted.takeRepeatsFrom(shard.nextOffset))
      this.#refuse(request, error);
  }

  #apply(shard: Shard, pending: PendingBatch): void {
    shard.producers.keep();
    shard.log.append(pending.bytes);
    shard.uncommitted.add(pending);
    shard.leader?.appended(pending.lastOffset + 1);
    this.appendedBatches++;
    this.appendedBytes += pending.bytes.length;
    if (pending.request.acks === 0) shard.uncommitted.answered(pending);
    else if (pending.request.acknowledgeInMemory) this.#answer(shard, pending, true);
  }

  #sync(assigned: readonly Assigned[], logStarts: ReadonlyMap<Shard, LogStart>): void {
    const durable = new Map<Shard, number>();
    for (const { shard, pending } of assigned) durable.set(shard, pending.lastOffset + 1);
    this.#syncing = true;
    const { clock, commitLog, syncSeconds } = this.#host;
    const startedMs = clock.monotonicMs();
    commitLog.sync().then(
      () => {
        syncSeconds.record((clock.monotonicMs() - startedMs) / 1000);
        this.#synced(assigned, durable, logStarts);
      },
      (thrown: unknown) => {
        this.#syncing = false;
        this.#host.storageFailed(BrokerError.from(thrown, 'storage_failed'));
      },
    );
  }

  #synced(
    assigned: readonly Assigned[],
    durable: ReadonlyMap<Shard, number>,
    logStarts: ReadonlyMap<Shard, LogStart>,
  ): void {
    this.#syncing = false;
    if (this.#stopped) return;
    for (const { done } of logStarts.values()) for (const each of done) each(undefined);
    for (const [shard, offset] of durable) shard.durable(offset);
    this.#answerLeaderOnly(assigned);
    this.#endPass();
    if (this.#queue.length > 0 || this.#logStarts.size > 0) this.#tick();
  }

  /** acks=1 answers at the leader's durable LEO (rule R8), although HW is behind it. */
  #answerLeaderOnly(assigned: readonly Assigned[]): void {
    for (const { shard, pending } of assigned) {
      if (pending.request.acks !== 1 || pending.answered || pending.lastOffset < shard.highWatermark)
        continue;
      this.#answer(shard, pending, false);
    }
  }

  /** Answers and delivers what HW has passed, then lets all streams send: one frame per stream and commit. */
  #endPass(): void {
    for (const shard of this.#advanced) {
      const committed = shard.uncommitted.takeBelow(shard.highWatermark);
      for (const pending of committed) if (!pending.answered) this.#answer(shard, pending, false);
      for (const repeat of shard.uncommitted.takeRepeatsBelow(shard.highWatermark)) {
        repeat.request.origin.answer(repeat.request, this.#answerOf(shard, repeat.baseOffset, -1), false);
        this.#origins.add(repeat.request.origin);
      }
      this.#host.committed(shard, committed);
    }
    this.#advanced.clear();
    this.#host.passEnded(this.#origins);
    this.#origins.clear();
  }

  /** Tells senders whose deadline is over; their batches stay in the log and may still be committed. */
  expire(shards: Iterable<Shard>, nowMs: number): void {
    const expired: PendingBatch[] = [];
    for (const shard of shards) {
      for (const pending of shard.uncommitted) {
        if (pending.answered || pending.request.deadlineMs > nowMs) continue;
        pending.expired = true;
        pending.span?.end();
        expired.push(pending);
      }
      for (const pending of expired.splice(0)) {
        shard.uncommitted.answered(pending);
        this.#refuse(pending.request, tooSlow());
      }
      for (const { request } of shard.uncommitted.takeExpiredRepeats(nowMs)) this.#refuse(request, tooSlow());
    }
    if (this.#origins.size > 0) this.#endPass();
  }

  #answer(shard: Shard, pending: PendingBatch, inMemory: boolean): void {
    if (!inMemory) {
      // Of one that HW has passed nothing is kept any more.
      if (pending.lastOffset < shard.highWatermark) pending.answered = true;
      else shard.uncommitted.answered(pending);
      pending.span?.end();
    }
    const answer = this.#answerOf(shard, pending.baseOffset, pending.logAppendTimeMs);
    pending.request.origin.answer(pending.request, answer, inMemory);
    this.#origins.add(pending.request.origin);
  }

  #answerOf(shard: Shard, baseOffset: number, logAppendTimeMs: number) {
    return {
      baseOffset,
      logAppendTimeMs,
      logStartOffset: shard.log.logStartOffset,
      leaderEpoch: shard.leaderEpoch,
    };
  }

  #refuse(request: AppendRequest, error: BrokerError): void {
    this.refused++;
    if (request.acks === 0) return;
    request.origin.refuse(request, error);
    this.#origins.add(request.origin);
  }
}

function tooSlow(): BrokerError {
  return new BrokerError('deadline_exceeded', 'not committed in time');
}
