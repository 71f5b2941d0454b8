// Brings the shards of a directory in line with the cluster view: makes what is placed here, lets go of what is not, and
// removes what a committed deletion names, and nothing else (rule N2).

import { BrokerError } from '@robustmq/errors';
import type { Disk } from '@robustmq/commit-log';
import type { ShardView, StreamView } from '@robustmq/meta-client';
import { TURN_BUDGET_MS, type Clock, type Log, type Timers } from '@robustmq/runtime';
import { ProducerState } from '@robustmq/producer-state';
import { SegmentLog } from '@robustmq/segment-log';
import type { Checkpointer } from './directory/checkpointer.ts';
import type { ClusterPort, DeletedStream } from './shard/cluster-port.ts';
import { Deletions } from './directory/deletions.ts';
import { ShardFiles } from './directory/shard-files.ts';
import { shardDirectory, type OpenedDirectory } from './directory/recovery.ts';
import { Shard, shardKey, type ShardEvents } from './shard/shard.ts';
import type { StreamFacts } from './shard/stream-facts.ts';

/** What happens to shards, for those who serve them. */
export interface PlacementEvents extends ShardEvents {
  /** The view places the shard here: it is led as the row says, or not. */
  placed(shard: Shard, row: ShardView): void;
  /** It is not placed here (any more): nobody gets anything of it from this server. */
  unplaced(shard: Shard, error: BrokerError): void;
  /** Its stream was deleted; its files are about to go. */
  dropped(shard: Shard): Promise<void>;
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
  #hasLooked = false;
  /** A full disk kept a shard from being created: there may be room now. */
  #createAgainMs = Infinity;
  /** Time that creating shards has taken of this turn. */
  #creatingMs = 0;
  /** There are shards to create, and the turn is spent. */
  #isBehind = false;

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

  /** Brings the shards in line with the view as of now; answers whether some are still to be created (rule N8). */
  follow(): boolean {
    this.#createAgainMs = Infinity;
    this.#creatingMs = 0;
    this.#isBehind = false;
    const placed = new Set<number>();
    for (const stream of this.#options.cluster.streams()) this.#followStream(stream, placed);
    let hasNew = false;
    for (const [key, shard] of this.#shards) {
      if (placed.has(key) || this.#unplaced.has(key)) continue;
      this.#unplaced.set(key, false);
      hasNew = true;
      this.#options.events.unplaced(
        shard,
        new BrokerError('not_leader', 'the shard is not placed on this server'),
      );
    }
    if (hasNew || !this.#hasLooked || this.#holdsOthers(placed)) {
      this.#hasLooked = true;
      this.#deletions.look();
    }
    return this.#isBehind;
  }

  /** For whoever looks at the clock: a shard that a full disk kept from being created is tried again. */
  retry(nowMs: number): boolean {
    return nowMs >= this.#createAgainMs;
  }

  close(): void {
    this.#deletions.close();
  }

  #followStream(stream: StreamView, placed: Set<number>): void {
    const { identity } = this.#options.cluster;
    const facts = factsOf(stream);
    for (const row of stream.shards) {
      const isHere = row.replicas.some(
        (replica) => replica.nodeId === identity.nodeId && replica.directoryId === identity.directoryId,
      );
      if (!isHere) continue;
      const key = shardKey(stream.streamId, row.shard);
      const shard = this.#shards.get(key) ?? this.#createInTurn(key, stream, row.shard);
      if (shard === undefined) {
        placed.add(key);
        continue;
      }
      if (shard.topicId !== '' && shard.topicId !== stream.topicId) continue;
      shard.topicId = stream.topicId;
      placed.add(key);
      this.#unplaced.delete(key);
      shard.describe(facts);
      this.#options.events.placed(shard, row);
    }
  }

  /** Whether there are marks or directories of streams that the view does not show. */
  #holdsOthers(placed: ReadonlySet<number>): boolean {
    const { quarantine, unknown } = this.#options.directory;
    return [...quarantine.shards, ...unknown].some(
      (name) => !placed.has(shardKey(name.streamId, name.shard)),
    );
  }

  /** A flood of new shards must not cost the lease of those that are served: the rest comes with the next turns. */
  #createInTurn(key: number, stream: StreamView, shard: number): Shard | undefined {
    if (this.#creatingMs >= TURN_BUDGET_MS) {
      this.#isBehind = true;
      return undefined;
    }
    const { clock } = this.#options;
    const startMs = clock.monotonicMs();
    const created = this.#create(key, stream, shard);
    this.#creatingMs += clock.monotonicMs() - startMs;
    return created;
  }

  #create(key: number, stream: StreamView, shard: number): Shard | undefined {
    const { directory, disk, dataDirectory, events, clock, log } = this.#options;
    const { quarantine } = directory;
    const { streamId, topicId } = stream;
    if (quarantine.reasonOf(streamId, shard) !== undefined || quarantine.directoryReason !== undefined)
      return undefined;
    try {
      this.#setAside(streamId, shard);
      const segments = SegmentLog.open(disk, shardDirectory(dataDirectory, streamId, shard), {}, undefined);
      const made = new Shard({ streamId, shard }, segments, new ProducerState(directory.producers), events);
      made.topicId = topicId;
      this.#shards.set(key, made);
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
    const aside = this.#files.setAside(streamId, shard, `set-aside-${cluster.identity.incarnation}`);
    log.warn({ aside }, 'set aside the files of a shard that no checkpoint knows');
  }

  /** Answers the ids of which nothing is left here. */
  async #removeStreams(deleted: readonly DeletedStream[]): Promise<number[]> {
    const { quarantine } = this.#options.directory;
    const removed: number[] = [];
    const held: number[] = [];
    const shards: Shard[] = [];
    for (const stream of deleted) {
      const own = [...this.#shards.values()].filter((shard) => shard.streamId === stream.streamId);
      if (own.some((shard) => this.#isAnothers(shard, stream))) continue;
      removed.push(stream.streamId);
      const hasMark = quarantine.shards.some(({ streamId }) => streamId === stream.streamId);
      if (own.length > 0 || hasMark || this.#files.of(stream.streamId).length > 0) held.push(stream.streamId);
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
      await this.#files.remove(held, quarantine);
    });
    return removed;
  }

  /** An older copy of meta may have given the id of a stream that it did not know. */
  #isAnothers(shard: Shard, deleted: DeletedStream): boolean {
    if (shard.topicId === '' || shard.topicId === deleted.topicId) return false;
    const fields = { stream_id: shard.streamId, shard: shard.shard, topic_id: shard.topicId };
    this.#options.log.error(fields, 'the deletion of another stream with the same id: its files are kept');
    return true;
  }

  #drop(shard: Shard): void {
    const key = shardKey(shard.streamId, shard.shard);
    this.#shards.delete(key);
    this.#unplaced.delete(key);
    shard.failure = new BrokerError('not_found', 'the stream was deleted');
    this.#options.events.unplaced(shard, shard.failure);
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

function factsOf(stream: StreamView): StreamFacts {
  const { streamId, tenant, name, mqttFilter, config } = stream;
  return { streamId, tenant, name, mqttFilter, ownsRest: name === BUILT_IN_STREAM, config };
}
