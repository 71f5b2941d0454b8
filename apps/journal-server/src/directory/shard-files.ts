// Directories of shards: made, set aside, and removed after a committed deletion (rules L3, N2).

import type { Disk } from '@robustmq/commit-log';
import type { DeletedStream } from '../shard/cluster-port.ts';
import { parseShardName, type MarkedShard, type QuarantineMarks } from './quarantine.ts';
import { shardDirectory, shardsDirectory } from './recovery.ts';

/** Suffix of what is about to be removed: whoever finds it removes it. */
const DELETED = '.deleted';
/** A shard's name, then what it was set aside by; then the topic id, if it was known whose it is. */
const SET_ASIDE = /^(\d+)-\d+\.set-aside-\d+(?:\.(.+))?$/;

/** The directories below `shards/`. */
export class ShardFiles {
  readonly #disk: Disk;
  readonly #dataDirectory: string;

  constructor(disk: Disk, dataDirectory: string) {
    this.#disk = disk;
    this.#dataDirectory = dataDirectory;
  }

  /** Names of a stream's shard directories, those that were set aside included. */
  of({ streamId, topicId }: DeletedStream): string[] {
    const names = this.#disk.list(shardsDirectory(this.#dataDirectory));
    return names.filter((name) => {
      if (parseShardName(name)?.streamId === streamId) return true;
      const [, aside, asideTopicId] = SET_ASIDE.exec(name) ?? [];
      const isItsOwn = asideTopicId === undefined || asideTopicId === encodeURIComponent(topicId);
      return Number(aside) === streamId && isItsOwn;
    });
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

  /** Gives a shard's directory another name; answers the new path, undefined if there is no directory. */
  setAside({ streamId, shard, topicId }: MarkedShard, incarnation: number): string | undefined {
    const path = shardDirectory(this.#dataDirectory, streamId, shard);
    if (!this.#disk.exists(path)) return undefined;
    const aside = `${path}.set-aside-${incarnation}${topicId === '' ? '' : `.${encodeURIComponent(topicId)}`}`;
    this.#disk.rename(path, aside);
    return aside;
  }

  /** Makes the names of the directories durable. */
  async syncNames(): Promise<void> {
    await this.#disk.syncDirectory(shardsDirectory(this.#dataDirectory));
  }

  /**
   * Removes all that is held of deleted streams, which no checkpoint lists any more: the names first, durably, so that
   * no crash leaves half a shard under its name.
   */
  async remove(streams: readonly DeletedStream[], marks: QuarantineMarks): Promise<void> {
    const directory = shardsDirectory(this.#dataDirectory);
    const doomed: string[] = [];
    for (const name of streams.flatMap((stream) => this.of(stream))) {
      const path = `${directory}/${name}`;
      await this.#disk.removeDirectory(`${path}${DELETED}`);
      this.#disk.rename(path, `${path}${DELETED}`);
      doomed.push(`${path}${DELETED}`);
    }
    if (doomed.length > 0) await this.#disk.syncDirectory(directory);
    const ids = new Set(streams.map(({ streamId }) => streamId));
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
