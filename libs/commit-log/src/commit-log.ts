// The commit log of one data directory (rules L1, L2, L3, L5): what makes an append durable with one fdatasync for
// all shards or groups of the directory. Positions are frame sequences: plain numbers that grow by one per frame.

import { randomBytes } from 'node:crypto';
import { assert, BrokerError } from '@robustmq/errors';
import type { Disk } from './disk.ts';
import { eraseDead, needsWitness, rewriteUnwitnessed } from './unwitnessed.ts';
import { FrameBuffer, sectionBytes } from './frame-buffer.ts';
import { BLOCK_BYTES, HEADER_BYTES, IDENTITY_BYTES, paddedFrameBytes, type Section } from './frame.ts';
import { FilePool, type LogFile } from './log-file.ts';
import {
  planRecovery,
  RECOVERY_RULES,
  type CommitLogRecovery,
  type RecoveryPlan,
  type RecoveryRules,
} from './recovery.ts';
import { scanFiles, type LogScan } from './scan.ts';

/** Options of {@link CommitLog.open}; all have defaults. */
export interface CommitLogOptions {
  /** Position that the last checkpoint stored (L3): frames up to it are not recovered. Default 0. */
  readonly afterPosition?: number;
  /** Size of a pre-allocated file. Default 64 MiB. */
  readonly fileBytes?: number;
  /** Limit of one frame; a larger append becomes several frames. Default 16 MiB, at most `fileBytes`. */
  readonly maxFrameBytes?: number;
  /** Free files kept for reuse. Default 2. */
  readonly spareFiles?: number;
  /** Called after each sync with the last durable position, before the promises of {@link CommitLog.sync} resolve. */
  readonly onDurable?: (position: number) => void;
  /** Called once when the log fails for good; `durablePosition` no longer moves. */
  readonly onFailure?: (error: BrokerError) => void;
  /** Called when a spare file could not be pre-allocated (disk full); appends go on while there is room. */
  readonly onSpareFailure?: (error: BrokerError) => void;
  /** Identity of a new log: eight bytes that no payload can guess. Default random. */
  readonly newIdentity?: () => Uint8Array;
  /** Replaced by tests that plant mutants; never in production. */
  readonly rules?: RecoveryRules;
}

/** A log that is ready for appends, and what it held. */
export interface OpenedCommitLog {
  readonly log: CommitLog;
  readonly recovery: CommitLogRecovery;
}

const DEFAULT_FILE_BYTES = 64 * 1024 * 1024;
const DEFAULT_MAX_FRAME_BYTES = 16 * 1024 * 1024;
const EMPTY_SECTION: Section = { kind: 0, key: 0, subKey: 0, buffers: [] };
const DEFAULT_SPARE_FILES = 2;
/** A new spare is made when less than this share of the active file is left. */
const SPARE_BELOW = 0.5;

/** Appends frames and makes them durable. One owner; not for concurrent use by several writers. */
export class CommitLog {
  readonly #files: FilePool;
  readonly #options: CommitLogOptions;
  readonly #maxFrameBytes: number;
  readonly #frame = new FrameBuffer();
  #active: LogFile | undefined;
  #activeBlock = 0;
  #generation: number;
  #generationStart = 0;
  #endPosition: number;
  #durablePosition: number;
  #appendedBytes = 0;
  #spareAskedBy = 0;
  /** Last frame with sections, and the last that some frame says was durable. */
  #contentPosition = 0;
  #witnessed = 0;
  #onDurable: ((position: number) => void) | undefined;
  #unsynced: LogFile[] = [];
  #running: Promise<number> | undefined;
  #following: Promise<number> | undefined;
  #failure: BrokerError | undefined;
  #closed = false;

  private constructor(
    files: FilePool,
    options: CommitLogOptions,
    lastPosition: number,
    maxGeneration: number,
  ) {
    const fileBytes = options.fileBytes ?? DEFAULT_FILE_BYTES;
    this.#files = files;
    this.#options = options;
    this.#maxFrameBytes = Math.min(options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES, fileBytes);
    this.#generation = maxGeneration;
    this.#endPosition = lastPosition;
    this.#durablePosition = lastPosition;
  }

  /**
   * Opens or creates the log of `directory`, decides what it holds after `afterPosition`, and rewrites and syncs what
   * was written but not known durable (L5). Damage is reported in `recovery`, never cut away; the caller quarantines.
   * @throws BrokerError storage_failed, storage_full; corrupt if files of two logs are mixed or one is gone or cut short; unsupported if
   * a later version wrote it.
   */
  static async open(disk: Disk, directory: string, options: CommitLogOptions = {}): Promise<OpenedCommitLog> {
    const afterPosition = options.afterPosition ?? 0;
    const files = new FilePool(disk, directory, {
      fileBytes: options.fileBytes ?? DEFAULT_FILE_BYTES,
      spareFiles: options.spareFiles ?? DEFAULT_SPARE_FILES,
      newIdentity: options.newIdentity ?? (() => randomBytes(IDENTITY_BYTES)),
    });
    if (afterPosition > 0 && files.found.length === 0) {
      // A log in use keeps a file, whatever was recycled.
      throw new BrokerError(
        'corrupt',
        `${directory} holds no log, and a checkpoint says that it did: bring the whole data folder back from a copy`,
        {
          details: { afterPosition },
        },
      );
    }
    const scan = scanFiles(files.found, files.identity, afterPosition);
    const plan = planRecovery(scan, afterPosition, options.rules ?? RECOVERY_RULES);
    for (const { file, header } of plan.live)
      file.lastSequence = Math.max(file.lastSequence, header.sequence);
    files.settle();
    await rewriteUnwitnessed(files, scan, plan);
    // A full disk must not keep a directory from serving what it has.
    await files.prepareSpare().catch((error: unknown) => reportSpare(options, error));
    const log = new CommitLog(files, options, plan.recovery.lastSequence, scan.maxGeneration);
    await log.#settle(scan, plan);
    log.#onDurable = options.onDurable;
    return { log, recovery: plan.recovery };
  }

  /** Goes on behind the last frame in a new generation; leaves a witness of what is durable and erases what is dead. */
  async #settle(scan: LogScan, plan: RecoveryPlan): Promise<void> {
    const last = plan.live.at(-1);
    if (last !== undefined && last.header.sequence === plan.recovery.lastSequence) {
      this.#active = last.file;
      this.#activeBlock = last.header.block + paddedFrameBytes(last.header.lengthBytes) / BLOCK_BYTES;
      this.#generation++;
      this.#generationStart = this.#endPosition + 1;
    }
    const markBlock = this.#activeBlock;
    if (needsWitness(scan, plan)) {
      try {
        this.appendDurableMark();
        await this.sync();
      } catch (error) {
        if (!(error instanceof BrokerError) || error.code !== 'storage_full') throw error;
      }
    }
    await eraseDead(scan, plan, ({ file, header }) => {
      const from = markBlock < this.#activeBlock ? markBlock : 0;
      return file === this.#active && header.block >= from && header.block < this.#activeBlock;
    });
  }

  /** Position of the last frame appended. */
  get endPosition(): number {
    return this.#endPosition;
  }

  /** Position up to which all frames are durable. */
  get durablePosition(): number {
    return this.#durablePosition;
  }

  /** Whether a sync runs: gather sections meanwhile and append them when it completes (L7). */
  get syncing(): boolean {
    return this.#running !== undefined;
  }

  /** Why the log takes no more appends, if so. */
  get failure(): BrokerError | undefined {
    return this.#failure;
  }

  /** Bytes of frames appended since it was opened: what a checkpoint has to free. */
  get appendedBytes(): number {
    return this.#appendedBytes;
  }

  /** Bytes of all files of this log, for the disk watermark (L6). */
  get totalBytes(): number {
    return this.#files.totalBytes();
  }

  /** A section may hold no more: {@link append} refuses the whole tick for one that does. */
  get maxSectionBytes(): number {
    return this.#maxFrameBytes - HEADER_BYTES - sectionBytes(EMPTY_SECTION);
  }

  /**
   * Writes the sections as one frame (several if they exceed the frame limit; a section is never divided) and answers
   * the position of the last. Not durable until a later {@link sync}. The buffers may be reused at once.
   * @throws BrokerError too_large for a section beyond the frame limit and storage_full for a full disk, both with
   * nothing appended; storage_failed once the log has failed.
   */
  append(sections: readonly Section[]): number {
    this.#assertUsable();
    const limit = this.#maxFrameBytes;
    for (const section of sections) {
      if (HEADER_BYTES + sectionBytes(section) > limit) {
        throw new BrokerError('too_large', 'section exceeds the frame limit', { details: { limit } });
      }
    }
    let from = 0;
    do {
      let lengthBytes = HEADER_BYTES;
      let to = from;
      for (; to < sections.length; to++) {
        const more = sectionBytes(sections[to]!);
        if (lengthBytes + more > limit) break;
        lengthBytes += more;
      }
      this.#appendFrame(sections, from, to, lengthBytes);
      from = to;
    } while (from < sections.length);
    return this.#endPosition;
  }

  /**
   * Makes what is appended by now durable; resolves with the durable position. Starts at once when no sync runs, else
   * one following sync serves all callers. Rejects with storage_failed when the log has failed.
   */
  sync(): Promise<number> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    // A following sync is claimed even when the running one has just ended: two at once would let the second
    // report what only the first made durable.
    if (this.#following !== undefined) return this.#following;
    if (this.#running === undefined) return this.#startSync();
    const startFollowing = (): Promise<number> => {
      this.#following = undefined;
      return this.#failure === undefined ? this.#startSync() : Promise.reject(this.#failure);
    };
    this.#following = this.#running.then(startFollowing, startFollowing);
    return this.#following;
  }

  /**
   * After a checkpoint that covers all frames up to `position` was made durable: frees the files wholly at or below
   * it, at once, and gives the surplus back to the disk until it resolves. Calling it earlier loses acknowledged data (L3).
   */
  recycle(position: number): Promise<void> {
    assert(position <= this.#endPosition, 'a checkpoint does not cover frames that were never appended');
    return this.#files.recycle(Math.min(position, this.#durablePosition), this.#active);
  }

  /** Appends an empty frame: it tells recovery that all frames durable now were durable, so damage to the last ones is seen as damage. */
  appendDurableMark(): number {
    return this.append([]);
  }

  /**
   * For an idle log, once a second or so: if the last frames with content have no witness that they are durable, leaves
   * a mark and syncs it. Until then damage to them would pass for a torn tail (L2), which counts with one replica.
   * A full disk gets none. Rejects with storage_failed when the log fails.
   */
  async markIfIdle(): Promise<void> {
    const idle = this.#running === undefined && this.#endPosition === this.#durablePosition;
    if (!idle || this.#closed || this.#failure !== undefined || this.#witnessed >= this.#contentPosition)
      return;
    try {
      this.appendDurableMark();
    } catch (error) {
      if (error instanceof BrokerError && error.code === 'storage_full') return;
      throw error;
    }
    await this.sync();
  }

  /** Syncs, leaves a durable mark, and closes the files. Safe after a failure. */
  async close(): Promise<void> {
    if (this.#closed) return;
    try {
      if (this.#failure === undefined) {
        await this.sync();
        this.appendDurableMark();
        await this.sync();
      }
    } catch (error) {
      // A log that fails now has told onFailure; the files must still be closed.
      if (this.#failure === undefined && !(error instanceof BrokerError)) throw error;
    }
    this.#closed = true;
    await this.#running?.catch(() => undefined);
    await this.#files.close();
  }

  #assertUsable(): void {
    assert(!this.#closed, 'the commit log is closed');
    if (this.#failure !== undefined) throw this.#failure;
  }

  #appendFrame(sections: readonly Section[], from: number, to: number, lengthBytes: number): void {
    const blocks = paddedFrameBytes(lengthBytes) / BLOCK_BYTES;
    const sequence = this.#endPosition + 1;
    try {
      const active = this.#fileWithRoom(blocks, sequence);
      const place = {
        generation: this.#generation,
        block: this.#activeBlock,
        generationStart: this.#generationStart,
        sequence,
        durableSequence: this.#durablePosition,
      };
      const frame = this.#frame.build(this.#files.identity, place, sections, from, to, lengthBytes);
      active.file.write(frame, this.#activeBlock * BLOCK_BYTES);
      active.lastSequence = sequence;
      if (!active.unsynced) {
        active.unsynced = true;
        this.#unsynced.push(active);
      }
    } catch (error) {
      // A full disk before the first frame leaves the log as it was: nothing but zeros was written.
      if (from === 0 && error instanceof BrokerError && error.code === 'storage_full') throw error;
      throw this.#fail(error);
    }
    this.#activeBlock += blocks;
    this.#appendedBytes += blocks * BLOCK_BYTES;
    this.#endPosition = sequence;
    this.#witnessed = this.#durablePosition;
    if (to > from) this.#contentPosition = sequence;
  }

  #fileWithRoom(blocks: number, sequence: number): LogFile {
    const file = this.#fileFor(blocks, sequence);
    const end = (this.#activeBlock + blocks) * BLOCK_BYTES;
    if (end > file.allocatedBytes) this.#files.extend(file, end);
    return file;
  }

  #fileFor(blocks: number, sequence: number): LogFile {
    const active = this.#active;
    if (active !== undefined && this.#activeBlock + blocks <= active.capacityBlocks) {
      if (this.#activeBlock + blocks > active.capacityBlocks * SPARE_BELOW) this.#prepareSpareOnce();
      return active;
    }
    const next = this.#files.take();
    this.#active = next;
    this.#activeBlock = 0;
    this.#generation++;
    this.#generationStart = sequence;
    return next;
  }

  /** At most one attempt per file begun, so a full disk is not asked again with every frame. */
  #prepareSpareOnce(): void {
    if (this.#spareAskedBy === this.#generation || this.#files.hasSpare) return;
    this.#spareAskedBy = this.#generation;
    this.#files.prepareSpare().catch((error: unknown) => reportSpare(this.#options, error));
  }

  #startSync(): Promise<number> {
    if (this.#unsynced.length === 0) {
      assert(this.#durablePosition === this.#endPosition, 'frames without a file to sync');
      return Promise.resolve(this.#durablePosition);
    }
    this.#running = this.#syncOnce();
    return this.#running;
  }

  async #syncOnce(): Promise<number> {
    const target = this.#endPosition;
    const files = this.#unsynced;
    this.#unsynced = [];
    for (const file of files) file.unsynced = false;
    try {
      for (const file of files) {
        const { allocatedBytes } = file;
        await file.file.sync();
        if (file.listedBytes < allocatedBytes) await this.#files.list(file, allocatedBytes);
      }
    } catch (error) {
      throw this.#fail(error);
    } finally {
      this.#running = undefined;
    }
    if (target > this.#durablePosition) {
      this.#durablePosition = target;
      this.#onDurable?.(target);
    }
    return this.#durablePosition;
  }

  /** A failed write or sync is final: the kernel may have dropped the pages, so a later good sync proves nothing. */
  #fail(cause: unknown): BrokerError {
    if (this.#failure === undefined) {
      this.#failure = new BrokerError('storage_failed', 'the commit log failed and takes no more appends', {
        cause,
        details: { durablePosition: this.#durablePosition },
      });
      this.#options.onFailure?.(this.#failure);
    }
    return this.#failure;
  }
}

function reportSpare(options: CommitLogOptions, error: unknown): void {
  options.onSpareFailure?.(BrokerError.from(error, 'storage_failed'));
}
