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

  /**
   * Names of shard directories by the stream that they are of, those that were set aside included. The disk is asked once for
   * however many streams (rule N8).
   */
  of(streams: readonly DeletedStream[]): ReadonlyMap<number, readonly string[]> {
    const topicIds = new Map(streams.map(({ streamId, topicId }) => [streamId, topicId]));
    const found = new Map<number, string[]>();
    for (const name of this.#disk.list(shardsDirectory(this.#dataDirectory))) {
      const [, aside, asideTopicId] = SET_ASIDE.exec(name) ?? [];
      const streamId = aside === undefined ? parseShardName(name)?.streamId : Number(aside);
      const topicId = streamId === undefined ? undefined : topicIds.get(streamId);
      if (streamId === undefined || topicId === undefined) continue;
      if (asideTopicId !== undefined && asideTopicId !== encodeURIComponent(topicId)) continue;
      const names = found.get(streamId);
      if (names === undefined) found.set(streamId, [name]);
      else names.push(name);
    }
    return found;
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
    for (const name of [...this.of(streams).values()].flat()) {
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
