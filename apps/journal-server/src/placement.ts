// Brings the shards of a directory in line with the cluster view: makes what is placed here, lets go of what is not, and
// removes what a committed deletion names, and nothing else (rule N2).

import { BrokerError } from '@robustmq/errors';
import type { Disk } from '@robustmq/commit-log';
import type { ShardView, StreamView } from '@robustmq/meta-client';
import { type Clock, type Log, type Timers, TurnBudget } from '@robustmq/runtime';
import { ProducerState } from '@robustmq/producer-state';
import { SegmentLog } from '@robustmq/segment-log';
import type { Checkpointer } from './directory/checkpointer.ts';
import type { ClusterPort, DeletedStream } from './shard/cluster-port.ts';
import { Deletions } from './directory/deletions.ts';
import type { MarkedShard } from './directory/quarantine.ts';
import { ShardFiles } from './directory/shard-files.ts';
import { shardDirectory, type OpenedDirectory } from './directory/recovery.ts';
import { Shard, shardKey } from './shard/shard.ts';
import type { StreamFacts } from './shard/stream-facts.ts';

/** What happens to shards, for those who serve them. */
export interface PlacementEvents {
  /** What the view places here of a stream; nothing once the stream is gone. */
  seen(streamId: number, rows: readonly ShardView[]): void;
  /** The view places the shard here: it is led as the row says, or not. */
  placed(shard: Shard, row: ShardView): void;
  /** It is not placed here (any more): nobody gets anything of it from this server. */
  unplaced(shard: Shard, error: BrokerError): void;
  /** Its stream was deleted; its files are about to go. */
  dropped(shard: Shard): Promise<void>;
  /** The streams that had these ids are gone: so is what is kept of them beside their files. */
  forgotten(streamIds: readonly number[]): Promise<void>;
  storageFailed(error: BrokerError): void;
}

/** Surroundings of a {@link Placement}. */
export interface PlacementOptions {
  readonly disk: Disk;
  readonly dataDirectory: string;
  readonly directory: OpenedDirectory;
  readonly cluster: ClusterPort;
  readonly checkpointer: Checkpointer;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
  readonly events: PlacementEvents;
}

/** The name of every tenant's built-in stream. */
const BUILT_IN_STREAM = 'mqtt';
const CREATE_AGAIN_MS = 2_000;

/** Follows the view. */
export class Placement {
  readonly #options: PlacementOptions;
  readonly #shards: Map<number, Shard>;
  readonly #files: ShardFiles;
  readonly #deletions: Deletions;
  /** Shards that are held and not placed here, by key; true once the operator was told. */
  readonly #unplaced = new Map<number, boolean>();
  /** What the view places here, by stream. */
  readonly #placed = new Map<number, ReadonlySet<number>>();
  /** What is held of each stream. */
  readonly #held = new Map<number, Set<Shard>>();
  /** Streams whose rows have changed since they were followed, and how many of those rows have been followed. */
  readonly #due = new Map<number, number>();
  /** Shards whose id is still another's, by key. */
  readonly #makingWay = new Set<number>();
  #hasLooked = false;
  /** A full disk, or the files of another stream, kept a shard from being created: there may be room now. */
  #createAgainMs = Infinity;
  #turnStartMs = 0;

  constructor(options: PlacementOptions) {
    this.#options = options;
    this.#shards = options.directory.shards;
    this.#files = new ShardFiles(options.disk, options.dataDirectory);
    const { cluster, timers, log } = options;
    this.#deletions = new Deletions({
      cluster,
      timers,
      log,
      remove: (deleted) => this.#removeStreams(deleted),
      looked: () => this.#sayWhatIsKept(),
    });
    for (const shard of this.#shards.values()) this.#hold(shard);
    this.#everythingChanged();
    this.#files.removeDeleted().catch((error: unknown) => {
      log.warn({ err: error }, 'could not go on with the removal of deleted shards');
    });
  }

  /** Shards that are held without a place in the view: kept, and led by nobody. */
  get unplacedShards(): number {
    return this.#unplaced.size;
  }

  /** Whether the shard is held and not placed here. */
  isUnplaced(streamId: number, shard: number): boolean {
    return this.#unplaced.has(shardKey(streamId, shard));
  }

  /** Rows of these streams have changed: {@link follow} looks at them. */
  changed(streamIds: Iterable<number>): void {
    for (const streamId of streamIds) this.#due.set(streamId, 0);
  }

  /**
   * Brings shards in line with what has changed of the view, for one slice of the loop; answers whether there is more to do
   * (rule N8): thousands of shards must not cost the lease of those that are served.
   */
  follow(): boolean {
    const { clock } = this.#options;
    this.#turnStartMs = clock.monotonicMs();
    if (this.retry(this.#turnStartMs)) this.#everythingChanged();
    let hasLost = false;
    for (const [streamId, from] of this.#due) {
      this.#due.delete(streamId);
      const { next, isLess } = this.#followStream(streamId, from);
      hasLost ||= isLess;
      if (next !== undefined) this.#due.set(streamId, next);
      if (this.#isSpent) break;
    }
    if (hasLost || (!this.#hasLooked && this.#due.size === 0) || this.#holdsOthers()) {
      this.#hasLooked = true;
      this.#deletions.look();
    }
    return this.#due.size > 0;
  }

  /** For whoever looks at the clock: a shard that a full disk kept from being created is tried again. */
  retry(nowMs: number): boolean {
    return nowMs >= this.#createAgainMs;
  }

  close(): void {
    this.#deletions.close();
  }

  get #isSpent(): boolean {
    return this.#options.clock.monotonicMs() - this.#turnStartMs >= TurnBudget.sliceMs;
  }

  #everythingChanged(): void {
    this.#createAgainMs = Infinity;
    this.changed(this.#held.keys());
    for (const { streamId } of this.#options.cluster.streams()) this.#due.set(streamId, 0);
  }

  /**
   * Follows the rows of a stream from one of them on, one at least: a slice that is used up before anything new is done would
   * be begun for ever. Answers where to go on, and whether something is held that was placed here before.
   */
  #followStream(
    streamId: number,
    from: number,
  ): { readonly next: number | undefined; readonly isLess: boolean } {
    const { cluster, events } = this.#options;
    const stream = cluster.stream(streamId);
    const rows = stream?.shards.filter((row) => this.#isHere(row)) ?? [];
    let next = from;
    while (stream !== undefined && next < rows.length) {
      this.#place(stream, rows[next++]!);
      if (this.#isSpent) break;
    }
    const placed = new Set<number>();
    for (const row of rows) {
      const key = shardKey(streamId, row.shard);
      const shard = this.#shards.get(key);
      if (shard === undefined || !isAnothers(shard, stream!)) placed.add(key);
    }
    events.seen(streamId, rows);
    if (placed.size > 0) this.#placed.set(streamId, placed);
    else this.#placed.delete(streamId);
    const isLess = this.#leaveOthers(streamId, placed);
    return { next: next < rows.length ? next : undefined, isLess };
  }

  #place(stream: StreamView, row: ShardView): void {
    const key = shardKey(stream.streamId, row.shard);
    const shard = this.#shards.get(key) ?? this.#create(key, stream, row.shard);
    if (shard === undefined || isAnothers(shard, stream)) return;
    this.#unplaced.delete(key);
    shard.describe(factsOf(stream));
    this.#options.events.placed(shard, row);
  }

  #isHere({ replicas }: ShardView): boolean {
    const { nodeId, directoryId } = this.#options.cluster.identity;
    return replicas.some((replica) => replica.nodeId === nodeId && replica.directoryId === directoryId);
  }

  /** Nobody gets anything more of what is held of the stream and not placed here; answers whether there is such a shard. */
  #leaveOthers(streamId: number, placed: ReadonlySet<number>): boolean {
    let isLess = false;
    for (const shard of this.#held.get(streamId) ?? []) {
      const key = shardKey(streamId, shard.shard);
      if (placed.has(key) || this.#unplaced.has(key)) continue;
      this.#unplaced.set(key, false);
      isLess = true;
      const error = new BrokerError('not_leader', 'the shard is not placed on this server');
      this.#options.events.unplaced(shard, error);
    }
    return isLess;
  }

  #hold(shard: Shard): void {
    const held = this.#held.get(shard.streamId);
    if (held === undefined) this.#held.set(shard.streamId, new Set([shard]));
    else held.add(shard);
  }

  /** Whether there are marks or directories of streams that the view does not show. */
  #holdsOthers(): boolean {
    const { quarantine, unknown } = this.#options.directory;
    return [...quarantine.shards, ...unknown].some(
      ({ streamId, shard }) => this.#placed.get(streamId)?.has(shardKey(streamId, shard)) !== true,
    );
  }

  #create(key: number, stream: StreamView, shard: number): Shard | undefined {
    const { directory, disk, dataDirectory, events, clock, log } = this.#options;
    const { quarantine } = directory;
    const { streamId, topicId } = stream;
    if (quarantine.isAnothers({ streamId, shard, topicId })) this.#makeWay(streamId, shard);
    if (quarantine.reasonOf(streamId, shard) !== undefined || quarantine.directoryReason !== undefined)
      return undefined;
    try {
      this.#setAside(streamId, shard);
      const segments = SegmentLog.open(disk, shardDirectory(dataDirectory, streamId, shard), {}, undefined);
      const made = new Shard({ streamId, shard, topicId }, segments, new ProducerState(directory.producers));
      this.#shards.set(key, made);
      this.#hold(made);
      return made;
    } catch (thrown) {
      const error = BrokerError.from(thrown, 'storage_failed');
      if (error.code === 'storage_full') this.#createAgainMs = clock.monotonicMs() + CREATE_AGAIN_MS;
      else events.storageFailed(error);
      log.error({ err: error, stream_id: streamId, shard }, 'could not create a shard');
      return undefined;
    }
  }

  /** Records that nobody accounts for are no new shard's: those of a quarantined one whose mark was removed by hand. */
  #setAside(streamId: number, shard: number): void {
    const { directory, cluster, log } = this.#options;
    const isUnknown = directory.unknown.some((name) => name.streamId === streamId && name.shard === shard);
    if (!isUnknown || !this.#files.holdsRecords(streamId, shard)) return;
    const aside = this.#files.setAside({ streamId, shard, topicId: '' }, cluster.identity.incarnation);
    log.warn({ aside }, 'set aside the files of a shard that no checkpoint knows');
  }

  /**
   * A mark, and files, of a stream that had the id before an older copy of meta gave it again: they are kept under another name
   * (rule N2), and the new stream begins empty once no checkpoint lists the old one.
   */
  #makeWay(streamId: number, shard: number): void {
    const key = shardKey(streamId, shard);
    if (this.#makingWay.has(key)) return;
    this.#makingWay.add(key);
    const { directory, cluster, log, events } = this.#options;
    const { quarantine } = directory;
    const found = quarantine.shards.find((name) => name.streamId === streamId && name.shard === shard);
    const old = found ?? { streamId, shard, topicId: '' };
    this.#afterCheckpoint(async () => {
      const aside = this.#files.setAside(old, cluster.identity.incarnation);
      await this.#files.syncNames();
      await events.forgotten([streamId]);
      await quarantine.remove(streamId, shard);
      log.warn(
        { aside, topic_id: old.topicId },
        'set aside the files of a quarantined shard whose stream id was given again',
      );
    })
      .then(() => {
        this.#createAgainMs = this.#options.clock.monotonicMs();
      })
      .catch((error: unknown) => {
        log.error(
          { err: error, stream_id: streamId, shard },
          'could not set aside the files of another stream',
        );
      })
      .finally(() => this.#makingWay.delete(key));
  }

  /** Answers the ids of which nothing is left here. */
  async #removeStreams(deleted: readonly DeletedStream[]): Promise<number[]> {
    const { quarantine } = this.#options.directory;
    const marks = quarantine.shards;
    const files = this.#files.of(deleted);
    const removed: number[] = [];
    const held: DeletedStream[] = [];
    const shards: Shard[] = [];
    for (const stream of deleted) {
      const own = [...(this.#held.get(stream.streamId) ?? [])];
      const marked = marks.filter(({ streamId }) => streamId === stream.streamId);
      if ([...own, ...marked].some((shard) => this.#isAnothers(shard, stream))) continue;
      removed.push(stream.streamId);
      if (own.length > 0 || marked.length > 0 || files.has(stream.streamId)) held.push(stream);
      shards.push(...own);
    }
    if (held.length === 0) return removed;
    for (const shard of shards) this.#drop(shard);
    await this.#afterCheckpoint(async () => {
      for (const shard of shards) {
        await this.#options.events.dropped(shard);
        shard.producers.drop();
        shard.log.close();
      }
      await this.#options.events.forgotten(held.map(({ streamId }) => streamId));
      await this.#files.remove(held, quarantine);
    });
    return removed;
  }

  /** An older copy of meta may have given the id of a stream that it did not know. */
  #isAnothers(shard: MarkedShard, deleted: DeletedStream): boolean {
    if (shard.topicId === '' || shard.topicId === deleted.topicId) return false;
    const fields = { stream_id: shard.streamId, shard: shard.shard, topic_id: shard.topicId };
    this.#options.log.error(fields, 'the deletion of another stream with the same id: its files are kept');
    return true;
  }

  #drop(shard: Shard): void {
    const key = shardKey(shard.streamId, shard.shard);
    this.#shards.delete(key);
    this.#unplaced.delete(key);
    const held = this.#held.get(shard.streamId);
    held?.delete(shard);
    if (held?.size === 0) this.#held.delete(shard.streamId);
    const gone = new BrokerError('not_found', 'the stream was deleted');
    shard.fail(gone);
    this.#options.events.unplaced(shard, gone);
  }

  /** No file goes before a checkpoint does without its shard: a crash would take it for damaged. */
  #afterCheckpoint(work: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#options.checkpointer.afterNext(() => work().then(resolve, reject));
    });
  }

  #sayWhatIsKept(): void {
    for (const [key, isSaid] of this.#unplaced) {
      const shard = this.#shards.get(key);
      if (isSaid || shard === undefined) continue;
      this.#unplaced.set(key, true);
      this.#options.log.error(
        { stream_id: shard.streamId, shard: shard.shard, topic_id: shard.topicId },
        'the cluster does not place this shard here and no deletion of its stream was committed: its files are kept, and nobody serves them',
      );
    }
  }
}

/** An older copy of meta may have given the id to another stream. */
function isAnothers({ topicId }: Shard, stream: StreamView): boolean {
  return topicId !== '' && topicId !== stream.topicId;
}

function factsOf(stream: StreamView): StreamFacts {
  const { streamId, topicId, tenant, name, mqttFilter, config } = stream;
  return { streamId, topicId, tenant, name, mqttFilter, ownsRest: name === BUILT_IN_STREAM, config };
}
