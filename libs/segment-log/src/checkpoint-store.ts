// The checkpoint of a data directory (rule L3) in two equal files written one after the other: a torn write leaves the
// other, and damage to one later does not bring back an older checkpoint, whose commit log is recycled already.

import { BrokerError } from '@robustmq/errors';
import type { Disk } from '@robustmq/commit-log';
import {
  decodeCheckpoint,
  encodeCheckpoint,
  MAX_CHECKPOINT_BYTES,
  type Checkpoint,
  type SliceOfTurn,
} from './checkpoint-format.ts';

const SLOTS = ['checkpoint-0', 'checkpoint-1'] as const;
type Slot = (typeof SLOTS)[number];
const EMPTY: Checkpoint = { position: 0, shards: [], extra: Buffer.alloc(0) };

/** Loads and saves the checkpoint; one save at a time. */
export class CheckpointStore {
  readonly #disk: Disk;
  readonly #directory: string;
  #generation = 0;
  #latest: Checkpoint = EMPTY;
  #newestSlot = 1;

  private constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  /**
   * Loads the newest readable checkpoint. In a directory without any, an empty one is made durable first: so a
   * checkpoint that is missing later is damage, not a new directory. `isInUse` says that the directory has what is made after
   * that, so that even two empty files are damage.
   * @throws BrokerError corrupt if there are checkpoint files, or were, and none is readable; unsupported if another version
   * wrote them.
   */
  static async open(disk: Disk, directory: string, isInUse = false): Promise<CheckpointStore> {
    const store = new CheckpointStore(disk, directory);
    disk.makeDirectory(directory);
    const present = SLOTS.filter((slot) => disk.exists(`${directory}/${slot}`));
    for (const slot of present) store.#adopt(slot);
    if (store.#generation > 0) {
      await store.#makeFiles();
      await store.#makeSure();
      return store;
    }
    // The very first save may have been torn: both files are made before it, so a second empty one tells.
    const damagedSlots = present.filter((slot) => store.#sizeOf(slot) > 0);
    if (isInUse || (damagedSlots.length > 0 && (damagedSlots.length > 1 || present.length === 1)))
      throw new BrokerError(
        'corrupt',
        `no readable checkpoint in ${directory}: put ${SLOTS[0]} or ${SLOTS[1]} back, or bring the whole data folder back from a copy`,
      );
    await store.#makeFiles();
    await store.save(EMPTY);
    return store;
  }

  /**
   * What a failed sync left in memory reads well and is not on the disk (L5): it is written again before it is relied on. On a
   * full disk, which must not keep a directory from serving (L6), the one before is relied on, if both are not the same: as long
   * as a checkpoint was not saved twice, nothing is recycled.
   */
  async #makeSure(): Promise<void> {
    const pieces = await encodeCheckpoint(this.#latest, this.#generation);
    const other = 1 - this.#newestSlot;
    try {
      await this.#write(this.#newestSlot, pieces);
      await this.#write(other, pieces);
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== 'storage_full') throw error;
      const before = decodeCheckpoint(this.#read(SLOTS[other]!), 0);
      if (before === undefined || before.generation === this.#generation) return;
      this.#latest = before.checkpoint;
      this.#newestSlot = other;
    }
  }

  /** Those that are missing, their names durable: of a new directory both, else one that was lost beside its sound twin. */
  async #makeFiles(): Promise<void> {
    const missing = SLOTS.map((slot) => `${this.#directory}/${slot}`).filter(
      (path) => !this.#disk.exists(path),
    );
    for (const path of missing) this.#disk.create(path).close();
    if (missing.length > 0) await this.#disk.syncDirectory(this.#directory);
  }

  /** The last checkpoint loaded or saved. */
  get latest(): Checkpoint {
    return this.#latest;
  }

  /**
   * Durable, twice, when it resolves; after a rejection the previous or this one holds, and nothing may be recycled. With a slice
   * of a turn it is encoded in as many as it takes; the checkpoint must not change meanwhile.
   */
  async save(checkpoint: Checkpoint, turn?: SliceOfTurn): Promise<void> {
    this.#generation++;
    const pieces = await encodeCheckpoint(checkpoint, this.#generation, turn);
    const first = 1 - this.#newestSlot;
    await this.#write(first, pieces);
    this.#newestSlot = first;
    await this.#write(1 - first, pieces);
    this.#latest = checkpoint;
  }

  async #write(slot: number, pieces: readonly Buffer[]): Promise<void> {
    const file = this.#disk.open(`${this.#directory}/${SLOTS[slot]!}`);
    try {
      let position = 0;
      for (const piece of pieces) {
        await file.writeAsync(piece, position);
        position += piece.length;
      }
      await file.sync();
    } finally {
      file.close();
    }
  }

  #read(slot: Slot): Buffer {
    const file = this.#disk.open(`${this.#directory}/${slot}`);
    try {
      const bytes = Buffer.alloc(Math.min(file.sizeBytes(), MAX_CHECKPOINT_BYTES));
      return bytes.subarray(0, file.read(bytes, 0));
    } finally {
      file.close();
    }
  }

  #adopt(slot: Slot): void {
    const decoded = decodeCheckpoint(this.#read(slot), this.#generation);
    if (decoded === undefined) return;
    this.#latest = decoded.checkpoint;
    this.#generation = decoded.generation;
    this.#newestSlot = SLOTS.indexOf(slot);
  }

  #sizeOf(slot: Slot): number {
    const file = this.#disk.open(`${this.#directory}/${slot}`);
    try {
      return file.sizeBytes();
    } finally {
      file.close();
    }
  }
}
