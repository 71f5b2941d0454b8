// One journal-server on one data directory: brings shards in line with the cluster view, routes what arrives to them,
// and carries out what the commit loop decides.

import { assert, BrokerError } from '@robustmq/errors';
import type { Disk } from '@robustmq/commit-log';
import type { ShardView } from '@robustmq/meta-client';
import type { ProducerQuota } from '@robustmq/producer-state';
import type { ExchangeRequest, ExchangeResponse, Link } from '@robustmq/rpc';
import { TURN_BUDGET_MS, type Cancel, type Clock, type Log, type Timers } from '@robustmq/runtime';
import { BucketHistogram, LATENCY_BOUNDS_SECONDS } from '@robustmq/telemetry';
import { Checkpointer } from './directory/checkpointer.ts';
import type { ClusterPort } from './shard/cluster-port.ts';
import { CommitLoop } from './write/commit-loop.ts';
import { Exchange, type ExchangeHost } from './exchange/exchange.ts';
import { Leaderships } from './shard/leaderships.ts';
import type { AppendOrigin, AppendRequest, AppendSpan, PendingBatch } from './shard/pending.ts';
import { Placement } from './placement.ts';
import { quarantined } from './directory/quarantine.ts';
import type { OpenedDirectory } from './directory/recovery.ts';
import { AnswerBudget } from './read/answer-budget.ts';
import type { FetchWaiter } from './read/fetch.ts';
import type { ReadTurns } from './shard/read-turns.ts';
import { RevisionWaits } from './shard/revision-waits.ts';
import { shardKey, type Shard, type ShardEvents } from './shard/shard.ts';
import type { TopicIndex } from './views/topic-index/topic-index.ts';

/** Where messages for the operator go. */
export type JournalLog = Pick<Log, 'info' | 'warn' | 'error'>;

/** Surroundings of a {@link Journal}. */
export interface JournalOptions {
  readonly disk: Disk;
  readonly dataDirectory: string;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Shared by everything that reads for others. */
  readonly turns: ReadTurns;
  /** Memory for answers that have not left; default 256 MiB. */
  readonly answerBytes?: number;
  readonly cluster: ClusterPort;
  readonly log: JournalLog;
  /** Whether the disk is above its refuse mark (rule L6). */
  readonly diskIsFull?: () => boolean;
  /** The disk failed: this incarnation serves nothing any more (rules L5, R3). */
  readonly onFatal: (error: BrokerError) => void;
  readonly checkpointBytes?: number;
  readonly checkpointPaceMs?: number;
  /** Takes the durations of syncs. */
  readonly syncSeconds?: BucketHistogram;
  /** Begins the span of a sampled append; absent: nothing is traced. */
  readonly startSpan?: ((request: AppendRequest) => AppendSpan | null) | undefined;
  /** Absent: backlog reads scan the log. */
  readonly index?: TopicIndex | undefined;
}

const SWEEP_MS = 200;
/** Between two looks at a large view the loop is left to others for so many times as long (rule N8), within a bound. */
const FOLLOW_PAUSES = 4;
const MAX_FOLLOW_DELAY_MS = 100;
const DEFAULT_ANSWER_BYTES = 256 * 1024 * 1024;
/** Blocks of the topic index that retention has overtaken go this often. */
const RETAIN_INDEX_MS = 10_000;

/** A running journal. */
export class Journal {
  readonly shards: Map<number, Shard>;
  readonly commits: CommitLoop;
  readonly checkpointer: Checkpointer;
  readonly exchanges = new Set<Exchange>();
  readonly waits: RevisionWaits;
  readonly placement: Placement;
  readonly answers: AnswerBudget;
  readonly turns: ReadTurns;
  readonly #options: JournalOptions;
  readonly #directory: OpenedDirectory;
  readonly #leaderships: Leaderships;
  readonly #waiters = new Map<Shard, Set<FetchWaiter>>();
  readonly #parked = new Map<number, AppendRequest[]>();
  readonly #stopWatching: () => void;
  readonly #stopSweeping: Cancel;
  readonly index: TopicIndex | undefined;
  /** Committed in this pass and not yet indexed: the index waits until the answers have left. */
  #toIndex: { readonly shard: Shard; readonly batches: readonly PendingBatch[] }[] = [];
  #lastRetainMs = 0;
  /** What following the view took the last time. */
  #followMs = 0;
  #cancelFollow: Cancel | undefined;
  #fatal: BrokerError | undefined;

  /** @param events the relay that recovery gave to the shards; from here on it reaches this journal. */
  constructor(options: JournalOptions, directory: OpenedDirectory, events: JournalEvents) {
    this.#options = options;
    this.#directory = directory;
    this.index = options.index;
    this.shards = directory.shards;
    this.waits = new RevisionWaits(() => options.cluster.revision(), options.timers);
    this.answers = new AnswerBudget(options.answerBytes ?? DEFAULT_ANSWER_BYTES);
    this.turns = options.turns;
    this.commits = new CommitLoop({
      clock: options.clock,
      timers: options.timers,
      commitLog: directory.commitLog,
      diskIsFull: options.diskIsFull ?? (() => false),
      syncSeconds: options.syncSeconds ?? new BucketHistogram(LATENCY_BOUNDS_SECONDS),
      startSpan: options.startSpan ?? (() => null),
      committed: (shard, batches) => this.#committed(shard, batches),
      passEnded: (origins) => this.#passEnded(origins),
      storageFailed: (error) => this.#storageFailed(error),
    });
    this.checkpointer = new Checkpointer({
      commitLog: directory.commitLog,
      store: directory.store,
      shards: () => this.shards.values(),
      marks: directory.quarantine,
      isLiveProducer: (producerId) => this.#isLiveProducer(producerId),
      clock: options.clock,
      timers: options.timers,
      log: options.log,
      failed: (error) => this.#storageFailed(error),
      ...(options.checkpointBytes === undefined ? {} : { checkpointBytes: options.checkpointBytes }),
      ...(options.checkpointPaceMs === undefined ? {} : { paceMs: options.checkpointPaceMs }),
      advanceLogStart: (shard, offset) => {
        this.commits.advanceLogStart(shard, offset).catch((error: unknown) => {
          options.log.warn({ err: error }, 'could not raise a log start');
        });
      },
    });
    this.#leaderships = new Leaderships(options.cluster, options.timers, options.log);
    this.placement = new Placement({
      disk: options.disk,
      dataDirectory: options.dataDirectory,
      directory,
      cluster: options.cluster,
      checkpointer: this.checkpointer,
      clock: options.clock,
      timers: options.timers,
      log: options.log,
      events: {
        highWatermarkAdvanced: (shard) => this.highWatermarkAdvanced(shard),
        // One replica: there is nobody to add and nobody to remove.
        proposeIsr: () => assert(false, 'an ISR of one is never changed'),
        placed: (shard, row) => this.#placed(shard, row),
        unplaced: (shard, error) => this.#unplaced(shard, error),
        dropped: async (shard) => this.index?.drop(shard),
        storageFailed: (error) => this.#storageFailed(error),
      },
    });
    events.attach(this);
    this.#stopWatching = options.cluster.onChange(() => this.#changed());
    this.#stopSweeping = options.timers.every(SWEEP_MS, () => this.#sweepOnce());
    this.follow();
  }

  get identity() {
    return this.#options.cluster.identity;
  }

  /** How many producers are remembered. */
  get producers(): ProducerQuota {
    return this.#directory.producers.quota;
  }

  /** Why nothing is served any more. */
  get fatal(): BrokerError | undefined {
    return this.#fatal;
  }

  /** What keeps the journal from serving; null when nothing does. */
  get problem(): string | null {
    if (this.#fatal !== undefined) return this.#fatal.message;
    if (this.#options.cluster.revision() === 0) return 'the cluster view is not there yet';
    return this.#leaderships.claiming ? 'leaderships are being claimed' : null;
  }

  get logBytes(): number {
    let bytes = 0;
    for (const shard of this.shards.values()) bytes += shard.log.sizeBytes;
    return bytes;
  }

  /** Shards that serve nothing: marked, failed, or both. */
  get failedShards(): number {
    const { quarantine } = this.#directory;
    let failed = quarantine.shardCount;
    for (const { streamId, shard, failure } of this.shards.values())
      if (failure !== undefined && quarantine.reasonOf(streamId, shard) === undefined) failed++;
    return failed;
  }

  /** HW of a shard moved. */
  highWatermarkAdvanced(shard: Shard): void {
    this.commits.advanced(shard);
  }

  /** The view changed. Where to follow it takes long, because there are thousands of shards, many changes are followed at once. */
  #changed(): void {
    for (const exchange of [...this.exchanges]) exchange.fence();
    if (this.#followMs < TURN_BUDGET_MS) this.follow();
    else this.#followAfter(FOLLOW_PAUSES * this.#followMs);
  }

  #followAfter(delayMs: number): void {
    this.#cancelFollow ??= this.#options.timers.after(Math.min(delayMs, MAX_FOLLOW_DELAY_MS), () => {
      this.#cancelFollow = undefined;
      this.follow();
    });
  }

  /** Brings shards in line with the view. */
  follow(): void {
    if (this.#fatal !== undefined || this.#options.cluster.revision() === 0) return;
    for (const exchange of [...this.exchanges]) exchange.fence();
    const startMs = this.#options.clock.monotonicMs();
    const isBehind = this.placement.follow();
    this.#followMs = this.#options.clock.monotonicMs() - startMs;
    if (isBehind) this.#followAfter(0);
    this.#leaderships.claimMissing(this.#options.cluster.streams());
    this.waits.advanced();
  }

  /** The shard for readers, or their error. */
  shardOf(streamId: number, shard: number): Shard | BrokerError {
    if (this.#fatal !== undefined) return this.#fatal;
    const reason = this.#directory.quarantine.reasonOf(streamId, shard);
    if (reason !== undefined) return quarantined(reason);
    const found = this.shards.get(shardKey(streamId, shard));
    if (found === undefined || this.placement.isUnplaced(streamId, shard)) return this.#unknown(streamId);
    return found.failure ?? found;
  }

  *visibleShards(): Iterable<Shard> {
    for (const shard of this.shards.values()) {
      if (shard.leader !== undefined && shard.failure === undefined && shard.mqttVisible) yield shard;
    }
  }

  /** Takes an append; one for a shard that is about to be led here waits a second at most. */
  submit(request: AppendRequest): void {
    const key = shardKey(request.streamId, request.shard);
    const parked = this.#parked.get(key);
    if (parked !== undefined) {
      parked.push(request);
      return;
    }
    const shard = this.shards.get(key);
    if (shard?.leader !== undefined || this.#fatal !== undefined) this.#route(request);
    else {
      this.#parked.set(key, [request]);
      this.waits.wait(
        () => this.#settled(key, request.minRevision),
        () => this.#unpark(key),
      );
    }
  }

  /** Makes a new log start durable. */
  advanceLogStart(shard: Shard, offset: number): Promise<void> {
    return this.commits.advanceLogStart(shard, offset);
  }

  /** For whoever reads: damaged data is never served (rule I9). The shard stops, its mark outlives this process. */
  readFailed(shard: Shard, error: BrokerError): void {
    if (error.code !== 'corrupt' || shard.failure !== undefined) return;
    shard.failure = quarantined(error.message);
    shard.leader?.resign();
    this.#refuseUncommitted(shard, shard.failure);
    this.#endReads(shard);
    this.#options.log.error(
      { stream_id: shard.streamId, shard: shard.shard, err: error },
      'shard quarantined: its data is damaged',
    );
    this.checkpointer.quarantine(shard);
  }

  /** A stream of a gateway. */
  accept(link: Link<ExchangeResponse, ExchangeRequest>): void {
    const host: ExchangeHost = {
      identity: this.identity,
      monotonicMs: () => this.#options.clock.monotonicMs(),
      submit: (request) => this.submit(request),
      shardOf: (streamId, shard) => this.shardOf(streamId, shard),
      hasEnded: (nodeId, incarnation) => this.#options.cluster.hasEnded(nodeId, incarnation),
      visibleShards: () => this.visibleShards(),
      whenRevision: (revision, callback) => this.waits.wait(() => this.waits.reached(revision), callback),
      waiters: (shard) => this.#waitersOf(shard),
      readFailed: (shard, error) => this.readFailed(shard, error),
      index: this.index,
      answers: this.answers,
      turns: this.turns,
      timers: this.#options.timers,
    };
    const exchange: Exchange = new Exchange(link, host, () => this.exchanges.delete(exchange));
    this.exchanges.add(exchange);
  }

  /** Drains: tells the gateways, checkpoints, closes the files. */
  async close(): Promise<void> {
    this.#stopWatching();
    this.#cancelFollow?.();
    this.placement.close();
    this.#stopSweeping();
    for (const exchange of [...this.exchanges]) exchange.goAway('the journal stops');
    this.commits.stop(new BrokerError('unavailable', 'the journal stops'));
    for (const shard of this.shards.values()) shard.leader?.resign();
    await this.checkpointer.close();
    await this.index?.close();
    await this.#directory.commitLog.close();
    for (const shard of this.shards.values()) shard.log.close();
    this.#directory.lock.release();
  }

  /** Lets go of everything without a drain, as a killed process would; for tests. */
  async abandon(): Promise<void> {
    this.#stopWatching();
    this.#cancelFollow?.();
    this.placement.close();
    this.#stopSweeping();
    this.#fatal = new BrokerError('unavailable', 'abandoned');
    for (const exchange of [...this.exchanges]) exchange.close();
    this.commits.stop(this.#fatal);
    await this.checkpointer.abandon();
    this.#directory.lock.release();
  }

  /** Whether waiting longer for the shard of a parked append would change nothing. */
  #settled(key: number, minRevision: number): boolean {
    const shard = this.shards.get(key);
    if (shard !== undefined) return shard.leader !== undefined || shard.failure !== undefined;
    return minRevision > 0 && this.waits.reached(minRevision);
  }

  #unpark(key: number): void {
    const parked = this.#parked.get(key);
    if (parked === undefined) return;
    this.#parked.delete(key);
    for (const request of parked) this.#route(request);
  }

  #route(request: AppendRequest): void {
    const found = this.shardOf(request.streamId, request.shard);
    if (found instanceof BrokerError) {
      if (request.acks !== 0) request.origin.refuse(request, found);
      request.origin.flush();
    } else this.commits.submit(found, request);
  }

  #unknown(streamId: number): BrokerError {
    for (const stream of this.#options.cluster.streams()) {
      if (stream.streamId === streamId)
        return new BrokerError('not_leader', 'the shard is not on this server');
    }
    return new BrokerError('not_found', 'no such stream');
  }

  #placed(shard: Shard, row: ShardView): void {
    if (this.#leaderships.follow(shard, row, this.#options.clock.monotonicMs())) {
      this.index?.attach(shard);
      this.#unpark(shardKey(shard.streamId, shard.shard));
    } else this.#refuseUncommitted(shard, new BrokerError('not_leader', 'the shard is led elsewhere'));
  }

  #unplaced(shard: Shard, error: BrokerError): void {
    shard.stepDown();
    this.#endReads(shard);
    this.#refuseUncommitted(shard, error);
    for (const exchange of this.exchanges) exchange.dropShard(shard);
  }

  /** Whoever waits for more of the shard looks again, and finds what became of it. */
  #endReads(shard: Shard): void {
    const waiters = this.#waiters.get(shard);
    this.#waiters.delete(shard);
    for (const waiter of waiters ?? []) waiter.advanced(Infinity);
  }

  #refuseUncommitted(shard: Shard, error: BrokerError): void {
    const { batches, repeats } = shard.uncommitted.takeAll();
    for (const { request } of [...batches.filter((pending) => !pending.answered), ...repeats]) {
      request.origin.refuse(request, error);
      request.origin.flush();
    }
  }

  #isLiveProducer(producerId: number): boolean {
    for (const exchange of this.exchanges) if (exchange.ownsProducer(producerId)) return true;
    return false;
  }

  #waitersOf(shard: Shard): Set<FetchWaiter> {
    let waiters = this.#waiters.get(shard);
    if (waiters === undefined) this.#waiters.set(shard, (waiters = new Set()));
    return waiters;
  }

  #committed(shard: Shard, batches: readonly PendingBatch[]): void {
    if (shard.mqttVisible) {
      for (const exchange of this.exchanges) exchange.committed(shard, batches);
      if (this.index !== undefined) this.#toIndex.push({ shard, batches });
    }
    const waiters = this.#waiters.get(shard);
    let bytes = shard.uncommitted.takeLetGoBytes();
    if (waiters === undefined || waiters.size === 0) return;
    for (const batch of batches) bytes += batch.bytes.length;
    for (const waiter of waiters) waiter.advanced(bytes);
  }

  #passEnded(origins: ReadonlySet<AppendOrigin>): void {
    for (const exchange of this.exchanges) exchange.flush();
    for (const origin of origins) origin.flush();
    if (this.#toIndex.length === 0) return;
    const committed = this.#toIndex;
    this.#toIndex = [];
    for (const { shard, batches } of committed) this.index?.committed(shard, batches);
  }

  #sweepOnce(): void {
    this.commits.expire(this.shards.values(), this.#options.clock.monotonicMs());
    for (const exchange of this.exchanges) exchange.reportSkipped();
    const nowMs = this.#options.clock.monotonicMs();
    if (this.placement.retry(nowMs)) this.follow();
    if (this.index === undefined || nowMs - this.#lastRetainMs < RETAIN_INDEX_MS) return;
    this.#lastRetainMs = nowMs;
    this.index.retain().catch((error: unknown) => {
      this.#options.log.warn({ err: error }, 'could not drop old blocks of the topic index');
    });
  }

  #storageFailed(error: BrokerError): void {
    if (this.#fatal !== undefined) return;
    this.#fatal = error;
    for (const shard of this.shards.values()) {
      shard.leader?.resign();
      shard.failure ??= error;
    }
    this.commits.stop(error);
    this.#options.onFatal(error);
  }
}

/** Connects shards that are made before their journal with it. */
export class JournalEvents implements ShardEvents {
  #journal: Journal | undefined;

  attach(journal: Journal): void {
    this.#journal = journal;
  }

  highWatermarkAdvanced(shard: Shard): void {
    this.#journal?.highWatermarkAdvanced(shard);
  }

  proposeIsr(): void {
    assert(false, 'an ISR of one is never changed');
  }
}
