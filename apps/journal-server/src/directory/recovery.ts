// Opens a data directory (rules L2, L3, L5): checkpoint, commit log behind it, damage to quarantine. When it returns,
// everything that is served was made durable first.

import {
  CommitLog,
  type CommitLogOptions,
  type CommitLogRecovery,
  type DirectoryLock,
  type Disk,
  type RecoveredSection,
} from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';
import {
  ProducerQuota,
  producerSnapshot,
  ProducerState,
  type ProducerTableOptions,
} from '@robustmq/producer-state';
import { batchHeader, completeBatchBytes, gatewayProducerIds } from '@robustmq/record-batch';
import { CheckpointStore, SegmentLog, type ShardCheckpoint } from '@robustmq/segment-log';
import { rescue } from './rescue.ts';
import { parseShardName, QuarantineMarks, type ShardName } from './quarantine.ts';
import { offsetOf, SECTION_LOG_START, SECTION_RECORDS, sectionBody } from '../write/sections.ts';
import { noteProducers } from '../shard/note-producers.ts';
import { Shard, shardKey } from '../shard/shard.ts';

/** An opened data directory. */
export interface OpenedDirectory {
  /** Released by whoever closes the directory. */
  readonly lock: DirectoryLock;
  readonly commitLog: CommitLog;
  readonly store: CheckpointStore;
  readonly shards: Map<number, Shard>;
  readonly quarantine: QuarantineMarks;
  /** What all shards of the directory share of their producers. */
  readonly producers: ProducerTableOptions;
  /** What the log says of its end, for the operator's log line. */
  readonly recovery: CommitLogRecovery;
  readonly replayedSections: number;
  /** Directories of shards that neither checkpoint nor commit log know: deleted, or not written yet. */
  readonly unknown: readonly ShardName[];
}

/** Path of the directory with a directory per shard. */
export function shardsDirectory(dataDirectory: string): string {
  return `${dataDirectory}/shards`;
}

/** Path of a shard's directory. */
export function shardDirectory(dataDirectory: string, streamId: number, shard: number): string {
  return `${shardsDirectory(dataDirectory)}/${streamId}-${shard}`;
}

/** Options of {@link openDirectory}. */
export interface RecoveryOptions extends CommitLogOptions {
  /** The lock of the directory, if the caller has it already. */
  readonly lock?: DirectoryLock;
  /** Monotonic time at which everyone counts as heard from who is in the commit log. */
  readonly nowMs?: number;
}

/**
 * Locks the directory and recovers all its shards.
 * @throws BrokerError conflict if another process has it; storage_failed, storage_full; corrupt if no checkpoint is
 * readable.
 */
export async function openDirectory(
  disk: Disk,
  dataDirectory: string,
  options: RecoveryOptions = {},
): Promise<OpenedDirectory> {
  const lock = options.lock ?? disk.lock(dataDirectory);
  try {
    return { lock, ...(await recover(disk, dataDirectory, options)) };
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function recover(
  disk: Disk,
  dataDirectory: string,
  { nowMs = 0, lock: _, ...options }: RecoveryOptions,
): Promise<Omit<OpenedDirectory, 'lock'>> {
  const logDirectory = `${dataDirectory}/commit-log`;
  // Made after the first checkpoint.
  const isInUse = disk.list(logDirectory).length > 0;
  const store = await CheckpointStore.open(disk, dataDirectory, isInUse);
  const { log: commitLog, recovery } = await CommitLog.open(disk, logDirectory, {
    ...options,
    afterPosition: store.latest.position,
  });
  // Its name becomes durable together with that of the marks; those in it with each shard's first checkpoint.
  disk.makeDirectory(shardsDirectory(dataDirectory));
  const quarantine = await QuarantineMarks.open(disk, dataDirectory);
  const producers = {
    isGateway: (id: number) => gatewayProducerIds.include(id),
    quota: new ProducerQuota(MAX_PRODUCERS),
  };
  const directory = new Recovering({ disk, dataDirectory, quarantine, producers, nowMs });
  await directory.quarantineDamage(recovery, store.latest.shards);
  for (const checkpoint of store.latest.shards) directory.open(checkpoint);
  const replayedSections = directory.replay(recovery);
  await directory.finish();
  if (quarantine.shardCount > 0) {
    await rescue(recovery, {
      disk,
      directoryOf: (streamId, shard) => shardDirectory(dataDirectory, streamId, shard),
      isQuarantined: (streamId, shard) => quarantine.reasonOf(streamId, shard) !== undefined,
    });
    await disk.syncDirectory(shardsDirectory(dataDirectory));
  }
  const { shards } = directory;
  const unknown = disk
    .list(shardsDirectory(dataDirectory))
    .flatMap((name) => parseShardName(name) ?? [])
    .filter(
      ({ streamId, shard }) =>
        !shards.has(shardKey(streamId, shard)) && quarantine.reasonOf(streamId, shard) === undefined,
    );
  return { commitLog, store, shards, quarantine, producers, recovery, replayedSections, unknown };
}

const REBUILD_BYTES = 1024 * 1024;
/** Producers that all shards remember together: some 200 MB at most, and a snapshot of 35 MB (rule I8). */
const MAX_PRODUCERS = 250_000;

/** What a recovery works with. */
interface RecoveryAround {
  readonly disk: Disk;
  readonly dataDirectory: string;
  readonly quarantine: QuarantineMarks;
  readonly producers: ProducerTableOptions;
  readonly nowMs: number;
}

class Recovering {
  readonly shards = new Map<number, Shard>();
  readonly #around: RecoveryAround;
  readonly #quarantine: QuarantineMarks;
  /** Shards whose snapshot of producers can't be used: read from the segments. */
  readonly #withoutProducers = new Set<Shard>();

  constructor(around: RecoveryAround) {
    this.#around = around;
    this.#quarantine = around.quarantine;
  }

  /** Marks are durable before anything is cut or recycled: damage stays known over restarts. */
  async quarantineDamage(recovery: CommitLogRecovery, known: readonly ShardCheckpoint[]): Promise<void> {
    const topicIds = new Map(
      known.map(({ streamId, shard, topicId }) => [shardKey(streamId, shard), topicId]),
    );
    const mark = (streamId: number, shard: number, reason: string): Promise<void> =>
      this.#quarantine.add(
        { streamId, shard, topicId: topicIds.get(shardKey(streamId, shard)) ?? '' },
        reason,
      );
    for (const { key, subKey, sequence } of recovery.damagedSections)
      await mark(key, subKey, `section of commit-log frame ${sequence} is damaged`);
    if (recovery.unreadableFrames.length === 0) return;
    // Whose sections were lost can't be told: all of the directory (rule L2).
    const reason = 'a durable commit-log frame is unreadable';
    for (const { streamId, shard } of known) await mark(streamId, shard, reason);
    for (const frame of recovery.frames()) {
      for (const { key, subKey } of frame.sections) await mark(key, subKey, reason);
    }
    await this.#quarantine.addAll(reason);
  }

  open(checkpoint: ShardCheckpoint): void {
    const { streamId, shard } = checkpoint;
    if (this.#quarantine.reasonOf(streamId, shard) !== undefined) return;
    this.#make(streamId, shard, checkpoint);
  }

  #make(streamId: number, shard: number, checkpoint: ShardCheckpoint | undefined): Shard {
    const { disk, dataDirectory, producers } = this.#around;
    const log = SegmentLog.open(disk, shardDirectory(dataDirectory, streamId, shard), {}, checkpoint);
    const id = { streamId, shard, topicId: checkpoint?.topicId ?? '' };
    const made = new Shard(id, log, new ProducerState(producers));
    if (checkpoint !== undefined && !this.#readProducers(made, checkpoint)) this.#withoutProducers.add(made);
    this.shards.set(shardKey(streamId, shard), made);
    return made;
  }

  #readProducers(shard: Shard, checkpoint: ShardCheckpoint): boolean {
    if (checkpoint.extra.length === 0) return false;
    try {
      const { producers, nowMs } = this.#around;
      const { state, endOffset } = producerSnapshot.decode(checkpoint.extra, producers, nowMs);
      shard.adoptProducers(state);
      return endOffset === checkpoint.logEndOffset;
    } catch (error) {
      if (error instanceof BrokerError && error.code === 'corrupt') return false;
      throw error;
    }
  }

  /** All later sections in log order, truncations included (rule L3). */
  replay(recovery: CommitLogRecovery): number {
    let sections = 0;
    for (const frame of recovery.frames()) {
      for (const section of frame.sections) {
        const { key: streamId, subKey } = section;
        if (section.damaged || this.#quarantine.reasonOf(streamId, subKey) !== undefined) continue;
        const shard = this.shards.get(shardKey(streamId, subKey)) ?? this.#make(streamId, subKey, undefined);
        sections++;
        if (shard.failure === undefined) this.#apply(shard, section);
      }
    }
    return sections;
  }

  #apply(shard: Shard, section: RecoveredSection): void {
    const body = sectionBody(section);
    try {
      if (section.kind === SECTION_RECORDS) shard.replay(body, this.#around.nowMs);
      else if (section.kind === SECTION_LOG_START) {
        // Beyond the end: of a shard whose records went with its deletion, or follow under a truncation.
        shard.log.advanceLogStart(Math.min(offsetOf(body), shard.log.logEndOffset));
      } else {
        shard.replayTruncation(offsetOf(body));
        this.#withoutProducers.add(shard);
      }
    } catch (thrown) {
      shard.fail(damageOf(thrown));
    }
  }

  /** Damage to a shard stops that shard and nothing else. */
  async finish(): Promise<void> {
    for (const [key, shard] of this.shards) {
      try {
        if (shard.failure !== undefined) throw shard.failure;
        shard.log.finishRecovery();
        if (this.#withoutProducers.has(shard)) await this.#rebuildProducers(shard);
      } catch (thrown) {
        const error = damageOf(thrown);
        await this.#quarantine.add(shard, error.message);
        shard.log.close();
        shard.producers.drop();
        this.shards.delete(key);
      }
    }
  }

  /** Reads all batch headers of the log: the state is a pure function of them. */
  async #rebuildProducers(shard: Shard): Promise<void> {
    const producers = new ProducerState(this.#around.producers);
    shard.adoptProducers(producers);
    const { log } = shard;
    let fromOffset = log.physicalStartOffset;
    while (fromOffset < log.logEndOffset) {
      const batches = await log.read({ fromOffset, upToOffset: log.logEndOffset, maxBytes: REBUILD_BYTES });
      if (batches.length === 0) return;
      noteProducers(producers, batches, this.#around.nowMs);
      for (let at = 0; at < batches.length;) {
        fromOffset = batchHeader.lastOffset(batches, at) + 1;
        at += completeBatchBytes(batches, at, batches.length);
      }
    }
  }
}

/** @throws whatever is not damage. */
function damageOf(thrown: unknown): BrokerError {
  const error = BrokerError.from(thrown);
  if (error.code !== 'corrupt') throw error;
  return error;
}
