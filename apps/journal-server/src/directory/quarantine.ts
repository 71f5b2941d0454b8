// Marks of quarantined shards (rule L2): files that outlive the commit log, so that damage is never forgotten by a
// recycling. A marked shard's files are left as they are; it serves nothing until an operator removes the mark.
// docs/en/formats/journal-directory.md has the form.

import { twinFile, type Disk } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';

const ALL = 'all';
const MAX_BYTES = 4096;
/** So much of a reason leaves room for everything else in the file. */
const MAX_REASON_LENGTH = 500;

/** A shard as files and directories are named after it. */
export interface ShardName {
  readonly streamId: number;
  readonly shard: number;
}

/** A shard, and the stream that it belongs to; empty where that is not known. */
export interface MarkedShard extends ShardName {
  readonly topicId: string;
}

interface Mark {
  readonly topicId: string;
  readonly reason: string;
  /** Whether it survives a crash. */
  readonly isDurable: boolean;
}

/** The marks of a data directory. */
export class QuarantineMarks {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #marks = new Map<string, Mark>();

  private constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  /** @throws BrokerError unsupported if a later version wrote a mark */
  static async open(disk: Disk, dataDirectory: string): Promise<QuarantineMarks> {
    const directory = `${dataDirectory}/quarantine`;
    const marks = new QuarantineMarks(disk, directory);
    disk.makeDirectory(directory);
    await disk.syncDirectory(dataDirectory);
    for (const name of disk.list(directory)) marks.#marks.set(name, marks.#read(name));
    return marks;
  }

  /** Names of what is marked: `<stream id>-<shard>`, or `all`. */
  get names(): readonly string[] {
    return [...this.#marks.keys()];
  }

  /** Shards that are marked; the mark of the directory is none. */
  get shardCount(): number {
    return this.#marks.size - (this.#marks.has(ALL) ? 1 : 0);
  }

  /** Why a shard serves nothing; undefined if it is healthy. */
  reasonOf(streamId: number, shard: number): string | undefined {
    return this.#marks.get(nameOf({ streamId, shard }))?.reason;
  }

  /** Whether the mark of a shard survives a crash: only then may a checkpoint leave the shard out. */
  isDurable(streamId: number, shard: number): boolean {
    return this.#marks.get(nameOf({ streamId, shard }))?.isDurable ?? false;
  }

  /** The shards that are marked. */
  get shards(): MarkedShard[] {
    return [...this.#marks].flatMap(([name, { topicId }]) => {
      const shard = parseShardName(name);
      return shard === undefined ? [] : { ...shard, topicId };
    });
  }

  /** Whether a shard is marked that is another stream's under the same id: an older copy of meta gave the id again. */
  isAnothers({ streamId, shard, topicId }: MarkedShard): boolean {
    const mark = this.#marks.get(nameOf({ streamId, shard }));
    return mark !== undefined && mark.topicId !== '' && topicId !== '' && mark.topicId !== topicId;
  }

  /** Why nothing that the view places in this directory may begin empty. */
  get directoryReason(): string | undefined {
    return this.#marks.get(ALL)?.reason;
  }

  /** Durable when it resolves. */
  add(shard: MarkedShard, reason: string): Promise<void> {
    return this.#mark(nameOf(shard), shard.topicId, reason);
  }

  /** Marks the directory: shards that the view knows and the directory does not were lost, not new. */
  addAll(reason: string): Promise<void> {
    return this.#mark(ALL, '', reason);
  }

  /** Forgets the mark of a shard whose stream was deleted, or whose files were set aside. */
  async remove(streamId: number, shard: number): Promise<void> {
    const name = nameOf({ streamId, shard });
    if (!this.#marks.has(name)) return;
    const path = `${this.#directory}/${name}`;
    if (this.#disk.exists(path)) this.#disk.unlink(path);
    await this.#disk.syncDirectory(this.#directory);
    this.#marks.delete(name);
  }

  async #mark(name: string, topicId: string, reason: string): Promise<void> {
    if (this.#marks.get(name)?.isDurable === true) return;
    this.#marks.set(name, { topicId, reason, isDurable: false });
    const path = `${this.#directory}/${name}`;
    const file = this.#disk.exists(path) ? this.#disk.open(path) : this.#disk.create(path);
    try {
      file.truncate(0);
      file.write(twinFile.encode({ topicId, reason: reason.slice(0, MAX_REASON_LENGTH) }), 0);
      await file.sync();
    } finally {
      file.close();
    }
    await this.#disk.syncDirectory(this.#directory);
    this.#marks.set(name, { topicId, reason, isDurable: true });
  }

  /** Whatever a file says, it is a mark: a torn one was being made when the power went. */
  #read(name: string): Mark {
    const path = `${this.#directory}/${name}`;
    const file = this.#disk.open(path);
    const bytes = Buffer.alloc(Math.min(MAX_BYTES, file.sizeBytes()));
    const read = file.read(bytes, 0);
    file.close();
    const { topicId, reason } = (twinFile.decode(bytes.subarray(0, read), path) ?? {}) as Partial<
      Record<'topicId' | 'reason', unknown>
    >;
    return {
      topicId: typeof topicId === 'string' ? topicId : '',
      reason: typeof reason === 'string' ? reason : 'the mark itself is damaged',
      isDurable: true,
    };
  }
}

function nameOf({ streamId, shard }: ShardName): string {
  return `${streamId}-${shard}`;
}

/** Undefined for every other name. */
export function parseShardName(name: string): ShardName | undefined {
  const match = /^(\d+)-(\d+)$/.exec(name);
  return match === null ? undefined : { streamId: Number(match[1]), shard: Number(match[2]) };
}

/** The error of everything that asks for a quarantined shard; `damage` is what was met, if that was now. */
export function quarantined(reason: string, damage?: BrokerError): BrokerError {
  return new BrokerError('quarantined', `the shard is quarantined: ${reason}`, { cause: damage });
}

/** What the mark of a shard with this failure says: its damage, which the error of a quarantined shard repeats. */
export function reasonIn(failure: BrokerError): string {
  return failure.cause instanceof BrokerError ? failure.cause.message : failure.message;
}
