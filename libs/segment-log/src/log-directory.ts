// The directory of one shard's log: which names in it, and whether its own, may be lost with the power; and the file of leader
// epochs, which is for tools.

import { parentOf, type Disk } from '@robustmq/commit-log';
import type { FailureLatch } from './failure-latch.ts';
import type { LeaderEpochs } from './leader-epochs.ts';
import { baseOffsetsOf, isSegmentFile, LEADER_EPOCH_FILE } from './names.ts';
import { writeWhole } from './whole-file.ts';

/** Made with the log. */
export class LogDirectory {
  readonly path: string;
  readonly disk: Disk;
  #namesDirty = false;
  /** Whether the directory's own name may be lost with the power. */
  #isNew = false;
  #storedEpochs = -1;

  constructor(disk: Disk, path: string) {
    this.disk = disk;
    this.path = path;
  }

  /** Makes the directory if it is missing; removes files of segments that the checkpoint does not list, for the commit log has them. */
  open(keptBaseOffsets: ReadonlySet<number>): void {
    this.disk.makeDirectory(this.path);
    for (const name of this.disk.list(this.path)) {
      const base = baseOffsetsOf([name.replace(/\..*$/, '.log')])[0];
      const leftover =
        isSegmentFile(name) &&
        (base === undefined || !keptBaseOffsets.has(base) || /\.(deleted|cleaned|tmp)$/.test(name));
      if (leftover) this.disk.unlink(`${this.path}/${name}`);
    }
  }

  /** A new log: nobody has synced the name of its directory. */
  begun(): void {
    this.#isNew = true;
    this.#namesDirty = true;
  }

  /** Files came or went. */
  namesChanged(): void {
    this.#namesDirty = true;
  }

  /** Writes the leader epochs; false: they had not changed. */
  storeEpochs(epochs: LeaderEpochs, failures: FailureLatch): boolean {
    if (this.#storedEpochs === epochs.version) return false;
    failures.guard(() => writeWhole(this.disk, `${this.path}/${LEADER_EPOCH_FILE}`, epochs.encode()));
    this.#storedEpochs = epochs.version;
    return true;
  }

  /** Makes the names durable; false: they were. */
  async sync(): Promise<boolean> {
    const isDue = this.#namesDirty || this.#isNew;
    if (this.#namesDirty) {
      this.#namesDirty = false;
      await this.disk.syncDirectory(this.path);
    }
    if (this.#isNew) {
      const parent = parentOf(this.path);
      if (parent !== undefined) await this.disk.syncDirectory(parent);
      this.#isNew = false;
    }
    return isDue;
  }
}
