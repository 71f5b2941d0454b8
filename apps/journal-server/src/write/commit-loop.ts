// The write path (rules L1, L7): appends of all gateways are gathered while a sync runs; then one commit-log frame, the
// same bytes to the segments, one sync, and one pass that answers and delivers. Nothing here waits per message.

import { BrokerError } from '@robustmq/errors';
import type { CommitLog, Section } from '@robustmq/commit-log';
import { batchHeader } from '@robustmq/record-batch';
import { TurnBudget, type Clock, type Timers } from '@robustmq/runtime';
import type { BucketHistogram } from '@robustmq/telemetry';
import { checkAppend } from './append-check.ts';
import type {
  AppendOrigin,
  AppendRequest,
  AppendSpan,
  PendingBatch,
  PendingRepeat,
} from '../shard/pending.ts';
import { LogStarts } from './log-starts.ts';
import { recordsSection, RECORDS_OVERHEAD_BYTES } from './sections.ts';
import type { Shard } from '../shard/shard.ts';
import { MAX_TOLD_RECORDS, topicRuleOf } from '../shard/stream-topics.ts';

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
  /** These batches are in the log of the shard, in memory: whoever follows may have them, nobody else (rules R4, I2). */
  appended(shard: Shard, batches: readonly PendingBatch[]): void;
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

/** What one tick appends. */
type Tick = ReadonlyMap<Shard, readonly PendingBatch[]>;

/** A tick takes no more than this and one batch: to check, frame and write so much takes some ms. */
const MAX_TICK_BYTES = 2 * 1024 * 1024;
/**
 * And no more appends than are judged in this time: very many small ones. To write and answer them takes about as long again (N8).
 */
const JUDGING_MS = 2;
/** Appends between two looks at the clock. */
const STEPS = 64;

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
  readonly #logStarts = new LogStarts();
  readonly #judging: TurnBudget;
  #syncing = false;
  #scheduled = false;
  /** Records of this tick whose topics may be told still. */
  #tellable = 0;
  /** Why it takes nothing any more. */
  #stopped: BrokerError | undefined;

  constructor(host: CommitLoopHost) {
    this.#host = host;
    this.#judging = new TurnBudget(host.clock, host.timers, JUDGING_MS);
  }

  /** Appends that wait for the next tick. */
  get queuedAppends(): number {
    return this.#queue.length;
  }

  /** Takes an append; it is written by the next tick. */
  submit(shard: Shard, request: AppendRequest): void {
    if (this.#stopped === undefined) {
      this.#queue.push({ shard, request });
      this.#schedule();
      return;
    }
    this.#refuse(request, this.#stopped);
    this.#endPass();
  }

  /** Makes a new log start durable with the next tick (DeleteRecords, retention); resolves when it is in force. */
  advanceLogStart(shard: Shard, offset: number): Promise<void> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    const done = this.#logStarts.raise(shard, offset);
    this.#schedule();
    return done;
  }

  /** HW of a shard moved, whatever the cause: its batches are delivered at the end of the pass. */
  advanced(shard: Shard): void {
    this.#advanced.add(shard);
    if (!this.#syncing) this.#schedule();
  }

  /** Refuses everything queued and takes no more. */
  stop(error: BrokerError): void {
    this.#stopped = error;
    for (const { request } of this.#queue.splice(0)) this.#refuse(request, error);
    this.#logStarts.settle(error);
    this.#endPass();
  }

  #schedule(): void {
    if (this.#scheduled || this.#syncing || this.#stopped !== undefined) return;
    this.#scheduled = true;
    // The rest of this turn may bring more, from other streams too.
    this.#host.timers.soon(() => {
      this.#scheduled = false;
      if (!this.#syncing && this.#stopped === undefined) this.#tick();
    });
  }

  #tick(): void {
    this.#tellable = MAX_TOLD_RECORDS;
    const tick = new Map<Shard, PendingBatch[]>();
    const sections = this.#judge(tick);
    const logStarts = this.#logStarts.take();
    sections.push(...logStarts.sections());
    if (sections.length > 0 && this.#write(tick, logStarts, sections)) this.#sync(tick, logStarts);
    this.#endPass();
    // What this tick left has another one: behind its sync, or soon when there was nothing to sync (N7).
    if (this.#queue.length > 0) this.#schedule();
  }

  /** Takes as many appends from the queue as one tick may have; their sections, and the batches by shard. */
  #judge(tick: Map<Shard, PendingBatch[]>): Section[] {
    const sections: Section[] = [];
    const { length } = this.#queue;
    let bytes = 0;
    let count = 0;
    this.#judging.restart();
    while (count < length && bytes < MAX_TICK_BYTES) {
      const routed = this.#queue[count++]!;
      const pending = this.#assign(routed);
      if (pending !== undefined) {
        const { shard } = routed;
        const batches = tick.get(shard);
        if (batches === undefined) tick.set(shard, [pending]);
        else batches.push(pending);
        sections.push(recordsSection(shard, pending.bytes));
      }
      bytes += routed.request.bytes.length;
      if (count % STEPS === 0 && this.#judging.isSpent) break;
    }
    this.#queue.splice(0, count);
    return sections;
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
      const lastOffset = baseOffset + batchHeader.lastOffsetDelta(bytes, 0);
      const logAppendTimeMs = shard.config.logAppendTime ? this.#host.clock.nowMs() : -1;
      if (logAppendTimeMs >= 0) batchHeader.stampLogAppendTime(bytes, 0, logAppendTimeMs);
      batchHeader.stampBaseOffset(bytes, 0, baseOffset);
      batchHeader.stampLeaderEpoch(bytes, 0, shard.leaderEpoch);
      shard.assigned(baseOffset, lastOffset, producer, this.#host.clock.monotonicMs());
      return {
        request,
        bytes,
        baseOffset,
        lastOffset,
        logAppendTimeMs,
        span: request.traceparent === '' ? null : this.#host.startSpan(request),
        answered: false,
        expired: false,
        topics: this.#mayTellTopics(shard, bytes) ? undefined : 'opaque',
      };
    } catch (error) {
      this.#refuse(request, BrokerError.from(error));
      return undefined;
    }
  }

  /** Topics of all that a tick brings are told in one turn, when HW has passed it. */
  #mayTellTopics({ stream }: Shard, bytes: Buffer): boolean {
    if (stream === undefined || topicRuleOf(stream).kind !== 'key') return true;
    const records = batchHeader.recordCount(bytes, 0);
    if (records > this.#tellable) return false;
    this.#tellable -= records;
    return true;
  }

  /** One batch that no frame takes must not fail the tick of all others (rule N13). */
  #refuseOversized(sizeBytes: number): void {
    const limitBytes = this.#host.commitLog.maxSectionBytes - RECORDS_OVERHEAD_BYTES;
    if (sizeBytes <= limitBytes) return;
    throw new BrokerError(
      'too_large',
      `batch of ${sizeBytes} bytes does not fit into a file of the commit log`,
      {
        details: { sizeBytes, limitBytes },
      },
    );
  }

  /** Rule R6: a repeat is answered once that can be said which its first copy would be told: of HW, or of this disk alone. */
  #repeat(shard: Shard, request: AppendRequest, baseOffset: number, lastOffset: number): void {
    if (request.acks === 0) return;
    shard.uncommitted.addRepeat({ request, baseOffset, lastOffset });
    this.#advanced.add(shard);
  }

  /** Frame and segments; false if nothing was appended and everything is answered. */
  #write(tick: Tick, logStarts: LogStarts, sections: readonly Section[]): boolean {
    try {
      this.#host.commitLog.append(sections);
    } catch (thrown) {
      const error = BrokerError.from(thrown, 'storage_failed');
      for (const [shard, batches] of tick) this.#rollBack(shard, batches, error);
      logStarts.settle(error);
      if (error.code !== 'storage_full') this.#host.storageFailed(error);
      return false;
    }
    this.ticks++;
    try {
      const nowMs = this.#host.clock.monotonicMs();
      for (const [shard, batches] of tick) this.#apply(shard, batches, nowMs);
      logStarts.apply();
    } catch (thrown) {
      const error = BrokerError.from(thrown, 'storage_failed');
      logStarts.settle(error);
      this.#host.storageFailed(error);
      return false;
    }
    return true;
  }

  /** A repeat in the same tick as its first copy waits for what was never written: its offsets become others'. */
  #rollBack(shard: Shard, batches: readonly PendingBatch[], error: BrokerError): void {
    shard.rollBack();
    for (const { request } of batches) this.#refuse(request, error);
    for (const { request } of shard.uncommitted.takeRepeatsFrom(shard.nextOffset))
      this.#refuse(request, error);
  }

  #apply(shard: Shard, batches: readonly PendingBatch[], nowMs: number): void {
    shard.appended(batches, nowMs);
    for (const pending of batches) {
      this.appendedBatches++;
      this.appendedBytes += pending.bytes.length;
      if (pending.request.acks === 0) shard.uncommitted.answered(pending);
      else if (pending.request.acknowledgeInMemory) this.#answer(shard, pending, true);
    }
    this.#host.appended(shard, batches);
  }

  #sync(tick: Tick, logStarts: LogStarts): void {
    this.#syncing = true;
    const { clock, commitLog, syncSeconds } = this.#host;
    const startedMs = clock.monotonicMs();
    commitLog.sync().then(
      () => {
        syncSeconds.record((clock.monotonicMs() - startedMs) / 1000);
        this.#synced(tick, logStarts);
      },
      (thrown: unknown) => {
        this.#syncing = false;
        const error = BrokerError.from(thrown, 'storage_failed');
        logStarts.settle(error);
        this.#host.storageFailed(error);
      },
    );
  }

  #synced(tick: Tick, logStarts: LogStarts): void {
    this.#syncing = false;
    logStarts.settle();
    if (this.#stopped !== undefined) return;
    for (const [shard, batches] of tick) {
      shard.durable(batches[batches.length - 1]!.lastOffset + 1);
      this.#answerLeaderOnly(shard, batches);
    }
    this.#endPass();
    if (this.#queue.length > 0 || this.#logStarts.size > 0) this.#tick();
  }

  /** acks=1 answers at the leader's durable LEO (rule R8), although HW is behind it. */
  #answerLeaderOnly(shard: Shard, batches: readonly PendingBatch[]): void {
    const due = batches.filter(
      ({ request, answered, lastOffset }) =>
        request.acks === 1 && !answered && lastOffset >= shard.highWatermark,
    );
    const repeats = shard.uncommitted.takeLeaderOnlyRepeats(shard.highWatermark, shard.durableOffset);
    this.#answerInOrder(shard, due, repeats);
  }

  /** Answers and delivers what HW has passed, then lets all streams send: one frame per stream and commit. */
  #endPass(): void {
    for (const shard of this.#advanced) {
      const { uncommitted, highWatermark, durableOffset } = shard;
      const committed = uncommitted.takeBelow(highWatermark);
      this.#answerInOrder(shard, committed, uncommitted.takeRepeatsBelow(highWatermark));
      this.#answerInOrder(shard, [], uncommitted.takeLeaderOnlyRepeats(highWatermark, durableOffset));
      this.#host.committed(shard, committed);
    }
    this.#advanced.clear();
    this.#host.passEnded(this.#origins);
    this.#origins.clear();
  }

  /** In the order of the log: a producer that sends all again sends repeats and, behind them, what is new (I3). */
  #answerInOrder(shard: Shard, batches: readonly PendingBatch[], repeats: readonly PendingRepeat[]): void {
    let next = 0;
    for (const { request, baseOffset } of repeats) {
      for (; next < batches.length && batches[next]!.baseOffset <= baseOffset; next++)
        this.#answerOnce(shard, batches[next]!);
      request.origin.answer(request, this.#answerOf(shard, baseOffset, -1), false);
      this.#origins.add(request.origin);
    }
    for (; next < batches.length; next++) this.#answerOnce(shard, batches[next]!);
  }

  #answerOnce(shard: Shard, pending: PendingBatch): void {
    if (!pending.answered) this.#answer(shard, pending, false);
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

  /** The shard fails or is led elsewhere: whoever waits for HW of it hears why. */
  refuseAll(shard: Shard, error: BrokerError): void {
    const { batches, repeats } = shard.uncommitted.takeAll();
    for (const { request } of [...batches.filter(({ answered }) => !answered), ...repeats]) {
      request.origin.refuse(request, error);
      request.origin.flush();
    }
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
