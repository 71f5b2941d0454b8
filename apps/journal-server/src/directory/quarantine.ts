// Marks of quarantined shards (rule L2): files that outlive the commit log, so that damage is never forgotten by a
// recycling. A marked shard's files are left as they are; it serves nothing until an operator removes the mark.

import type { Disk } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';

const ALL = 'all';

/** The marks of a data directory. */
export class QuarantineMarks {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #reasons = new Map<string, string>();
  readonly #durable = new Set<string>();

  private constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  static async open(disk: Disk, dataDirectory: string): Promise<QuarantineMarks> {
    const directory = `${dataDirectory}/quarantine`;
    const marks = new QuarantineMarks(disk, directory);
    disk.makeDirectory(directory);
    await disk.syncDirectory(dataDirectory);
    for (const name of disk.list(directory)) {
      const file = disk.open(`${directory}/${name}`);
      const bytes = Buffer.alloc(Math.min(4096, file.sizeBytes()));
      const read = file.read(bytes, 0);
      file.close();
      marks.#reasons.set(name, bytes.toString('utf8', 0, read));
      marks.#durable.add(name);
    }
    return marks;
  }

  /** Marks that there are, by `<stream id>-<shard>`. */
  get all(): ReadonlyMap<string, string> {
    return this.#reasons;
  }

  /** Shards that are marked; the mark of the directory is none. */
  get shardCount(): number {
    return this.#reasons.size - (this.#reasons.has(ALL) ? 1 : 0);
  }

  /** Why a shard serves nothing; undefined if it is healthy. */
  reasonOf(streamId: number, shard: number): string | undefined {
    return this.#reasons.get(`${streamId}-${shard}`);
  }

  /** Whether the mark of a shard survives a crash: only then may a checkpoint leave the shard out. */
  isDurable(streamId: number, shard: number): boolean {
    return this.#durable.has(`${streamId}-${shard}`);
  }

  /** The shards that are marked. */
  get shards(): ShardName[] {
    return [...this.#reasons.keys()].flatMap((name) => parseShardName(name) ?? []);
  }

  /** Why nothing that the view places in this directory may begin empty. */
  get directoryReason(): string | undefined {
    return this.#reasons.get(ALL);
  }

  /** Durable when it resolves. */
  add(streamId: number, shard: number, reason: string): Promise<void> {
    return this.#mark(`${streamId}-${shard}`, reason);
  }

  /** Marks the directory: shards that the view knows and the directory does not were lost, not new. */
  addAll(reason: string): Promise<void> {
    return this.#mark(ALL, reason);
  }

  /** Forgets the mark of a shard whose stream was deleted. */
  async remove(streamId: number, shard: number): Promise<void> {
    const name = `${streamId}-${shard}`;
    if (!this.#reasons.has(name)) return;
    const path = `${this.#directory}/${name}`;
    if (this.#disk.exists(path)) this.#disk.unlink(path);
    await this.#disk.syncDirectory(this.#directory);
    this.#reasons.delete(name);
    this.#durable.delete(name);
  }

  async #mark(name: string, reason: string): Promise<void> {
    if (this.#durable.has(name)) return;
    this.#reasons.set(name, reason);
    const path = `${this.#directory}/${name}`;
    const file = this.#disk.exists(path) ? this.#disk.open(path) : this.#disk.create(path);
    file.write(Buffer.from(reason), 0);
    await file.sync();
    file.close();
    await this.#disk.syncDirectory(this.#directory);
    this.#durable.add(name);
  }
}

/** A shard as files and directories are named after it. */
export interface ShardName {
  readonly streamId: number;
  readonly shard: number;
}

/** Undefined for every other name. */
export function parseShardName(name: string): ShardName | undefined {
  const match = /^(\d+)-(\d+)$/.exec(name);
  return match === null ? undefined : { streamId: Number(match[1]), shard: Number(match[2]) };
}

/** The error of everything that asks for a quarantined shard. */
export function quarantined(reason: string): BrokerError {
  return new BrokerError('quarantined', `the shard is quarantined: ${reason}`);
}
