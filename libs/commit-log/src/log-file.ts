// The pre-allocated files of one commit log. A file is named `<identity>-<slot>.commit`; which generation it holds
// is said only by the frames in it, so recycling a file costs neither a rename nor a directory sync.

import { BrokerError } from '@robustmq/errors';
import { parentOf, writeZeros, type Disk, type DiskFile } from './disk.ts';
import { BLOCK_BYTES, IDENTITY_BYTES } from './frame.ts';

const NAME = /^([0-9a-f]{16})-(\d{6})\.commit$/;

/** One pre-allocated file, in use or free. */
export interface LogFile {
  readonly file: DiskFile;
  readonly capacityBlocks: number;
  /** Bytes that have blocks on the disk: a write into them can't meet a full disk. */
  allocatedBytes: number;
  /** Last sequence written or recovered into it; 0 if none is needed any more. */
  lastSequence: number;
  /** Whether it has writes that no sync covers yet. */
  unsynced: boolean;
  /** Whether its name survives a power cut. */
  nameDurable: boolean;
}

/** Bounds of a {@link FilePool}. */
export interface FilePoolOptions {
  readonly fileBytes: number;
  /** Free files kept for reuse; more are unlinked. */
  readonly spareFiles: number;
  /** Eight bytes that no payload can guess: they mark the frames of this log. */
  readonly newIdentity: () => Uint8Array;
}

/** Pre-allocation syncs as often as this, so that no sync of a tick waits behind tens of megabytes of zeros. */
const ALLOCATE_BYTES = 4 * 1024 * 1024;
/** Slice by which a file grows that was not pre-allocated in time. */
const EXTEND_BYTES = 512 * 1024;

/** Finds, creates, pre-allocates and recycles the files. */
export class FilePool {
  readonly identity: Uint8Array;
  /** Files found when the log was opened. */
  readonly found: readonly LogFile[];
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #options: FilePoolOptions;
  readonly #inUse: LogFile[] = [];
  readonly #free: LogFile[] = [];
  #nextSlot: number;
  #directoryDurable = false;
  #preparing: Promise<void> | undefined;

  constructor(disk: Disk, directory: string, options: FilePoolOptions) {
    this.#disk = disk;
    this.#directory = directory;
    this.#options = options;
    disk.makeDirectory(directory);
    const names = disk.list(directory).flatMap((name) => NAME.exec(name) ?? []);
    const found: { identity: string; slot: number; path: string }[] = [];
    for (let i = 0; i < names.length; i += 3) {
      found.push({ identity: names[i + 1]!, slot: Number(names[i + 2]), path: `${directory}/${names[i]!}` });
    }
    found.sort((a, b) => a.slot - b.slot);
    const identity = found[0]?.identity;
    if (found.some((file) => file.identity !== identity)) {
      throw new BrokerError('corrupt', `${directory} mixes files of different commit logs`);
    }
    this.identity = identity === undefined ? options.newIdentity() : Buffer.from(identity, 'hex');
    if (this.identity.length !== IDENTITY_BYTES)
      throw new BrokerError('invalid_argument', 'identity is 8 bytes');
    this.#nextSlot = (found.at(-1)?.slot ?? -1) + 1;
    this.found = found.map((file) => this.#adopt(disk.open(file.path), false));
  }

  /** After recovery: files whose `lastSequence` is 0 hold nothing that is needed. */
  settle(): void {
    for (const file of this.found) (file.lastSequence > 0 ? this.#inUse : this.#free).push(file);
  }

  /** Makes all names found durable; they may stem from a process that died before its directory sync. */
  async syncNames(): Promise<void> {
    await this.#syncDirectory();
    for (const file of [...this.#inUse, ...this.#free]) file.nameDurable = true;
  }

  /** Sync of the directory for files taken before their name was durable. */
  async syncName(file: LogFile): Promise<void> {
    await this.#syncDirectory();
    file.nameDurable = true;
  }

  /** A file to write from its start: a spare one, else a new one that grows as it is written (slower, still right). */
  take(): LogFile {
    const file = this.#free.shift() ?? this.#adopt(this.#create(), false);
    this.#inUse.push(file);
    return file;
  }

  /** Frees the files whose frames are all at or below `sequence` (durable, so no sync of them runs), but `active`; unlinks what is beyond the spares. */
  recycle(sequence: number, active: LogFile | undefined): void {
    for (let i = this.#inUse.length - 1; i >= 0; i--) {
      const file = this.#inUse[i]!;
      if (file === active || file.lastSequence > sequence) continue;
      this.#inUse.splice(i, 1);
      file.lastSequence = 0;
      this.#free.push(file);
    }
    while (this.#free.length > this.#options.spareFiles) {
      const file = this.#free.pop()!;
      file.file.close();
      this.#disk.unlink(file.file.path);
    }
  }

  /** Has at least one full-size spare, zeros and name durable, when it resolves. One preparation at a time. */
  prepareSpare(): Promise<void> {
    this.#preparing ??= this.#prepareSpare().finally(() => {
      this.#preparing = undefined;
    });
    return this.#preparing;
  }

  get hasSpare(): boolean {
    return this.#free.length > 0;
  }

  /**
   * Gives blocks to a file that was begun before its pre-allocation. With zeros, because a frame that a full disk cuts
   * may still be whole up to its padding: it would be refused now and recovered later.
   * @throws BrokerError storage_full.
   */
  extend(file: LogFile, toBytes: number): void {
    const target = Math.min(file.capacityBlocks * BLOCK_BYTES, toBytes + EXTEND_BYTES);
    try {
      file.file.write(Buffer.alloc(target - file.allocatedBytes), file.allocatedBytes);
    } finally {
      file.allocatedBytes = file.file.sizeBytes();
    }
  }

  /** Bytes of all files, for the disk watermark. */
  totalBytes(): number {
    let total = 0;
    for (const file of this.#inUse) total += file.capacityBlocks * BLOCK_BYTES;
    for (const file of this.#free) total += file.capacityBlocks * BLOCK_BYTES;
    return total;
  }

  /** Waits for a preparation that runs, then closes all files. */
  async close(): Promise<void> {
    await this.#preparing?.catch(() => undefined);
    for (const file of [...this.#inUse, ...this.#free]) file.file.close();
  }

  async #prepareSpare(): Promise<void> {
    const spare = this.#free.shift() ?? this.#adopt(this.#create(), false);
    try {
      const endBytes = spare.capacityBlocks * BLOCK_BYTES;
      for (let from = spare.allocatedBytes; from < endBytes; from += ALLOCATE_BYTES) {
        await writeZeros(spare.file, from, Math.min(from + ALLOCATE_BYTES, endBytes));
        await spare.file.sync();
      }
      if (!spare.nameDurable) await this.syncName(spare);
    } finally {
      spare.allocatedBytes = spare.file.sizeBytes();
      // Also after an error: a short file grows when it is written.
      this.#free.unshift(spare);
    }
  }

  /** The directory's own name too, once: nobody else would miss it. */
  async #syncDirectory(): Promise<void> {
    await this.#disk.syncDirectory(this.#directory);
    if (this.#directoryDurable) return;
    const parent = parentOf(this.#directory);
    if (parent !== undefined) await this.#disk.syncDirectory(parent);
    this.#directoryDurable = true;
  }

  #create(): DiskFile {
    const slot = String(this.#nextSlot).padStart(6, '0');
    const identity = Buffer.from(this.identity).toString('hex');
    const file = this.#disk.create(`${this.#directory}/${identity}-${slot}.commit`);
    this.#nextSlot++;
    return file;
  }

  #adopt(file: DiskFile, nameDurable: boolean): LogFile {
    const capacityBytes = Math.max(this.#options.fileBytes, file.sizeBytes());
    const capacityBlocks = Math.floor(capacityBytes / BLOCK_BYTES);
    return {
      file,
      capacityBlocks,
      allocatedBytes: file.sizeBytes(),
      lastSequence: 0,
      unsynced: false,
      nameDurable,
    };
  }
}
