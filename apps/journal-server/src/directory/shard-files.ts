// Directories of shards: made, set aside, and removed after a committed deletion (rules L3, N2).

import type { Disk } from '@robustmq/commit-log';
import { parseShardName, type QuarantineMarks } from './quarantine.ts';
import { shardDirectory, shardsDirectory } from './recovery.ts';

/** Suffix of what is about to be removed: whoever finds it removes it. */
const DELETED = '.deleted';

/** The directories below `shards/`. */
export class ShardFiles {
  readonly #disk: Disk;
  readonly #dataDirectory: string;

  constructor(disk: Disk, dataDirectory: string) {
    this.#disk = disk;
    this.#dataDirectory = dataDirectory;
  }

  /** Names of a stream's shard directories. */
  of(streamId: number): string[] {
    const names = this.#disk.list(shardsDirectory(this.#dataDirectory));
    return names.filter((name) => parseShardName(name)?.streamId === streamId);
  }

  /** Whether a shard's directory has records. */
  holdsRecords(streamId: number, shard: number): boolean {
    const path = shardDirectory(this.#dataDirectory, streamId, shard);
    return this.#disk.list(path).some((name) => {
      if (!name.endsWith('.log')) return false;
      const file = this.#disk.open(`${path}/${name}`);
      const sizeBytes = file.sizeBytes();
      file.close();
      return sizeBytes > 0;
    });
  }

  /** Gives a directory another name; answers the new path. */
  setAside(streamId: number, shard: number, suffix: string): string {
    const path = shardDirectory(this.#dataDirectory, streamId, shard);
    const aside = `${path}.${suffix}`;
    this.#disk.rename(path, aside);
    return aside;
  }

  /**
   * Removes all that is held of deleted streams, which no checkpoint lists any more: the names first, durably, so that
   * no crash leaves half a shard under its name.
   */
  async remove(streamIds: readonly number[], marks: QuarantineMarks): Promise<void> {
    const directory = shardsDirectory(this.#dataDirectory);
    const doomed: string[] = [];
    for (const name of streamIds.flatMap((streamId) => this.of(streamId))) {
      const path = `${directory}/${name}`;
      await this.#disk.removeDirectory(`${path}${DELETED}`);
      this.#disk.rename(path, `${path}${DELETED}`);
      doomed.push(`${path}${DELETED}`);
    }
    if (doomed.length > 0) await this.#disk.syncDirectory(directory);
    const ids = new Set(streamIds);
    for (const { streamId, shard } of marks.shards)
      if (ids.has(streamId)) await marks.remove(streamId, shard);
    for (const path of doomed) await this.#disk.removeDirectory(path);
  }

  /** Goes on with removals that a crash cut short. */
  async removeDeleted(): Promise<void> {
    const directory = shardsDirectory(this.#dataDirectory);
    for (const name of this.#disk.list(directory))
      if (name.endsWith(DELETED)) await this.#disk.removeDirectory(`${directory}/${name}`);
  }
}
