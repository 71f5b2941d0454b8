// One journal-server on one data directory: connects what is placed here with those who write and those who read, and
// carries out what the commit loop decides.

import { BrokerError } from '@robustmq/errors';
import type { ShardView } from '@robustmq/meta-client';
import type { ProducerQuota } from '@robustmq/producer-state';
import type { ExchangeRequest, ExchangeResponse, Link } from '@robustmq/rpc';
import type { Cancel } from '@robustmq/runtime';
import { BucketHistogram } from '@robustmq/telemetry';
import { Checkpointer } from './directory/checkpointer.ts';
import { quarantined } from './directory/quarantine.ts';
import type { OpenedDirectory } from './directory/recovery.ts';
import { Exchange, type ExchangeHost } from './exchange/exchange.ts';
import type { JournalOptions } from './journal-options.ts';
import { Placement, type PlacementEvents } from './placement.ts';
import { AnswerBudget } from './read/answer-budget.ts';
import { FetchWaiters } from './read/fetch-waiters.ts';
import { Leaderships } from './shard/leaderships.ts';
import type { AppendOrigin, AppendRequest, PendingBatch } from './shard/pending.ts';
import type { ReadTurns } from './shard/read-turns.ts';
import { RevisionWaits } from './shard/revision-waits.ts';
import { shardKey, type Shard } from './shard/shard.ts';
import { Views } from './views/views.ts';
import { AppendRouter } from './write/append-router.ts';
import { CommitLoop } from './write/commit-loop.ts';

const SWEEP_MS = 200;
const DEFAULT_ANSWER_BYTES = 256 * 1024 * 1024;

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
  readonly #waiters = new FetchWaiters();
  readonly #router: AppendRouter;
  readonly #views: Views;
  readonly #stopWatching: () => void;
  readonly #stopSweeping: Cancel;
  #cancelFollow: Cancel | undefined;
  /** Revision of the view that the shards are in line with. */
  #followedRevision = 0;
  #fatal: BrokerError | undefined;

  constructor(options: JournalOptions, directory: OpenedDirectory) {
    this.#options = options;
    this.#directory = directory;
    this.#views = new Views(options.views ?? [], options.log);
    this.shards = directory.shards;
    this.waits = new RevisionWaits(() => this.#followedRevision, options.timers);
    this.answers = new AnswerBudget(options.answerBytes ?? DEFAULT_ANSWER_BYTES);
    this.turns = options.turns;
    this.commits = this.#commitLoop(options, directory);
    this.checkpointer = this.#checkpointing(options, directory);
    this.#router = new AppendRouter({
      waits: this.waits,
      heldShard: (key) => this.shards.get(key),
      shardOf: (streamId, shard) => this.shardOf(streamId, shard),
      isOver: () => this.#fatal !== undefined,
      append: (shard, request) => this.commits.submit(shard, request),
    });
    const advanced = (shard: Shard): void => this.commits.advanced(shard);
    this.#leaderships = new Leaderships({ ...options, advanced });
    this.placement = new Placement({
      ...options,
      directory,
      checkpointer: this.checkpointer,
      events: this.#placementEvents(),
    });
    this.#stopWatching = options.cluster.onChange((streamIds) => this.#changed(streamIds));
    this.#stopSweeping = options.timers.every(SWEEP_MS, () => this.#sweepOnce());
    this.follow();
  }

  #commitLoop(options: JournalOptions, directory: OpenedDirectory): CommitLoop {
    return new CommitLoop({
      clock: options.clock,
      timers: options.timers,
      commitLog: directory.commitLog,
      diskIsFull: () => this.diskIsFull,
      syncSeconds: options.syncSeconds ?? new BucketHistogram(),
      startSpan: options.startSpan ?? (() => null),
      appended: (shard) => {
        for (const exchange of this.exchanges) exchange.appended(shard);
      },
      committed: (shard, batches) => this.#committed(shard, batches),
      passEnded: (origins) => this.#passEnded(origins),
      storageFailed: (error) => this.#storageFailed(error),
    });
  }

  #checkpointing(options: JournalOptions, directory: OpenedDirectory): Checkpointer {
    return new Checkpointer({
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
  }

  #placementEvents(): PlacementEvents {
    return {
      seen: (streamId, rows) => this.#leaderships.seen(streamId, rows),
      placed: (shard, row) => this.#placed(shard, row),
      unplaced: (shard, error) => this.#unplaced(shard, error),
      dropped: (shard) => this.#views.drop(shard),
      forgotten: (streamIds) => this.#views.forget(streamIds),
      storageFailed: (error) => this.#storageFailed(error),
    };
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

  /** Whether appends are refused until there is room on the disk (rule L6). */
  get diskIsFull(): boolean {
    return this.#options.diskIsFull?.() ?? false;
  }

  get logBytes(): number {
    let bytes = 0;
    for (const shard of this.shards.values()) bytes += shard.log.sizeBytes;
    return bytes;
  }

  /** Shards that serve nothing: marked, failed, or both. */
  get failed(): { readonly streamId: number; readonly shard: number }[] {
    const { quarantine } = this.#directory;
    const failed: { readonly streamId: number; readonly shard: number }[] = [...quarantine.shards];
    for (const { streamId, shard, failure } of this.shards.values())
      if (failure !== undefined && quarantine.reasonOf(streamId, shard) === undefined)
        failed.push({ streamId, shard });
    return failed;
  }

  /** How many shards serve nothing. */
  get failedShards(): number {
    return this.failed.length;
  }

  #changed(streamIds: readonly number[]): void {
    for (const exchange of [...this.exchanges]) exchange.fence();
    this.placement.changed(streamIds);
    if (this.#cancelFollow === undefined) this.follow();
  }

  /** Brings shards in line with what has changed of the view: a slice now, the rest in the next turns (rule N8). */
  follow(): void {
    const { cluster, timers } = this.#options;
    this.#cancelFollow?.();
    this.#cancelFollow = undefined;
    if (this.#fatal !== undefined || cluster.revision() === 0) return;
    const isBehind = this.placement.follow();
    this.#leaderships.claimMissing();
    if (isBehind) this.#cancelFollow = timers.soon(() => this.follow());
    else this.#followedRevision = cluster.revision();
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

  /** Takes an append. */
  submit(request: AppendRequest): void {
    this.#router.submit(request);
  }

  /** Makes a new log start durable. */
  advanceLogStart(shard: Shard, offset: number): Promise<void> {
    return this.commits.advanceLogStart(shard, offset);
  }

  /** For whoever reads: damaged data is never served (rule I9). The shard stops, its mark outlives this process. */
  readFailed(shard: Shard, error: BrokerError): void {
    if (error.code !== 'corrupt' || shard.failure !== undefined) return;
    const failure = quarantined(error.message, error);
    shard.fail(failure);
    this.commits.refuseAll(shard, failure);
    this.#waiters.end(shard);
    const fields = { stream_id: shard.streamId, shard: shard.shard, err: error };
    this.#options.log.error(fields, 'shard quarantined: its data is damaged');
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
      holdsCopy: (streamId, shard, { nodeId, directoryId }) =>
        this.#options.cluster
          .stream(streamId)
          ?.shards[shard]?.replicas.some(
            (replica) => replica.nodeId === nodeId && replica.directoryId === directoryId,
          ) === true,
      visibleShards: () => this.visibleShards(),
      whenRevision: (revision, callback) => this.waits.wait(() => this.waits.reached(revision), callback),
      waiters: (shard) => this.#waiters.of(shard),
      readFailed: (shard, error) => this.readFailed(shard, error),
      index: this.#options.index,
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
    for (const shard of this.shards.values()) shard.resign();
    await this.checkpointer.close();
    await this.#views.close();
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

  #unknown(streamId: number): BrokerError {
    return this.#options.cluster.stream(streamId) === undefined
      ? new BrokerError('not_found', 'no such stream')
      : new BrokerError('not_leader', 'the shard is not on this server');
  }

  #placed(shard: Shard, row: ShardView): void {
    if (this.#leaderships.follow(shard, row)) {
      this.#views.attach(shard);
      this.#router.unpark(shardKey(shard.streamId, shard.shard));
    } else this.commits.refuseAll(shard, new BrokerError('not_leader', 'the shard is led elsewhere'));
  }

  #unplaced(shard: Shard, error: BrokerError): void {
    shard.stepDown();
    this.#waiters.end(shard);
    this.commits.refuseAll(shard, error);
    for (const exchange of this.exchanges) exchange.dropShard(shard);
  }

  #isLiveProducer(producerId: number): boolean {
    for (const exchange of this.exchanges) if (exchange.ownsProducer(producerId)) return true;
    return false;
  }

  #committed(shard: Shard, batches: readonly PendingBatch[]): void {
    for (const exchange of this.exchanges) exchange.committed(shard, batches);
    this.#views.committed(shard, batches);
    let bytes = shard.uncommitted.takeLetGoBytes();
    if (!this.#waiters.isAwaited(shard)) return;
    for (const batch of batches) bytes += batch.bytes.length;
    this.#waiters.advanced(shard, bytes);
  }

  #passEnded(origins: ReadonlySet<AppendOrigin>): void {
    for (const exchange of this.exchanges) exchange.flush();
    for (const origin of origins) origin.flush();
    this.#views.passEnded();
  }

  #sweepOnce(): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.commits.expire(this.shards.values(), nowMs);
    for (const exchange of this.exchanges) exchange.reportSkipped();
    this.#leaderships.tick(this.shards.values());
    if (this.placement.retry(nowMs)) this.follow();
    this.#views.sweep(nowMs);
  }

  #storageFailed(error: BrokerError): void {
    if (this.#fatal !== undefined) return;
    this.#fatal = error;
    for (const shard of this.shards.values()) {
      shard.resign();
      if (shard.failure === undefined) shard.fail(error);
    }
    this.commits.stop(error);
    this.#options.onFatal(error);
  }
}
