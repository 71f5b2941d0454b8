// The pre-allocated files of one commit log. A file is named `<identity>-<slot>.commit`; which generation it holds
// is said only by the frames in it, so recycling a file costs neither a rename nor a directory sync.

import { BrokerError } from '@robustmq/errors';
import { parentOf, writeZeros, type Disk, type DiskFile } from './disk.ts';
import { FileList, slotText } from './file-list.ts';
import { BLOCK_BYTES, IDENTITY_BYTES } from './frame.ts';

const NAME = /^([0-9a-f]{16})-(\d{6})\.commit$/;

/** One pre-allocated file, in use or free. */
export interface LogFile {
  readonly file: DiskFile;
  /** The number in its name. */
  readonly slot: number;
  readonly capacityBlocks: number;
  /** Bytes that have blocks on the disk: a write into them can't meet a full disk. */
  allocatedBytes: number;
  /** Last sequence written or recovered into it; 0 if none is needed any more. */
  lastSequence: number;
  /** Whether it has writes that no sync covers yet. */
  unsynced: boolean;
  /** Bytes that it keeps in a power cut, as far as a sync has shown. */
  syncedBytes: number;
  /** Bytes that the list says it has, so that a shorter file is seen as damage; -1 while its name may not survive a power cut. */
  listedBytes: number;
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
/** Slices by which a file grows that was not pre-allocated in time: each as large as all before, since each size is listed. */
const MIN_EXTEND_BYTES = 512 * 1024;
const MAX_EXTEND_BYTES = 2 * 1024 * 1024;

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
  /** All files: in use, free, or being pre-allocated. */
  readonly #all = new Set<LogFile>();
  readonly #list: FileList;
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
    this.#list = new FileList(disk, directory);
    this.found = found.map((file) => this.#adopt(disk.open(file.path), file.slot));
    try {
      this.#list.assertComplete(new Map(this.found.map((file) => [file.slot, file.allocatedBytes])));
    } catch (error) {
      for (const { file } of this.found) file.close();
      throw error;
    }
    this.#nextSlot = Math.max(found.at(-1)?.slot ?? -1, ...this.#list.slots) + 1;
  }

  /** After recovery: files whose `lastSequence` is 0 hold nothing that is needed. */
  settle(): void {
    for (const file of this.found) (file.lastSequence > 0 ? this.#inUse : this.#free).push(file);
  }

  /** Makes all names and sizes found durable; they may stem from a process that died before its sync. */
  async syncNames(): Promise<void> {
    const files = [...this.#inUse, ...this.#free];
    for (const file of files) {
      if (file.allocatedBytes === file.syncedBytes) continue;
      await file.file.sync();
      file.syncedBytes = file.allocatedBytes;
    }
    await this.#syncDirectory();
    if (!(await this.#writeList())) return;
    for (const file of files) file.listedBytes = file.syncedBytes;
  }

  /**
   * Makes the name of a file durable, and that so many bytes of it are, as a sync has just shown. What lies behind the size
   * that is listed does not count as durable before: a file that ends there would pass for one that is whole.
   */
  async list(file: LogFile, syncedBytes: number): Promise<void> {
    file.syncedBytes = Math.max(file.syncedBytes, syncedBytes);
    const listedBytes = file.syncedBytes;
    await this.#syncDirectory();
    if (await this.#writeList()) file.listedBytes = listedBytes;
  }

  /** A file to write from its start: a spare one, else a new one that grows as it is written (slower, still right). */
  take(): LogFile {
    const file = this.#free.shift() ?? this.#create();
    this.#inUse.push(file);
    return file;
  }

  /**
   * Frees, at once, the files whose frames are all at or below `sequence` (durable, so no sync of them runs), but `active`.
   * What is beyond the spares is unlinked when it resolves; a full disk keeps it until the next call.
   */
  async recycle(sequence: number, active: LogFile | undefined): Promise<void> {
    for (let i = this.#inUse.length - 1; i >= 0; i--) {
      const file = this.#inUse[i]!;
      if (file === active || file.lastSequence > sequence) continue;
      this.#inUse.splice(i, 1);
      file.lastSequence = 0;
      this.#free.push(file);
    }
    const surplus = this.#free.splice(this.#options.spareFiles);
    if (surplus.length === 0) return;
    for (const file of surplus) this.#all.delete(file);
    // First the list: a file that it names and that is gone would be taken for lost.
    const isListed = await this.#writeList();
    for (const file of surplus) {
      if (isListed) {
        file.file.close();
        this.#disk.unlink(file.file.path);
      } else {
        this.#all.add(file);
        this.#free.push(file);
      }
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
    const moreBytes = Math.min(MAX_EXTEND_BYTES, Math.max(MIN_EXTEND_BYTES, file.allocatedBytes));
    const target = Math.min(file.capacityBlocks * BLOCK_BYTES, toBytes + moreBytes);
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
    const spare = this.#free.shift() ?? this.#create();
    try {
      const endBytes = spare.capacityBlocks * BLOCK_BYTES;
      for (let from = spare.allocatedBytes; from < endBytes; from += ALLOCATE_BYTES) {
        const to = Math.min(from + ALLOCATE_BYTES, endBytes);
        await writeZeros(spare.file, from, to);
        await spare.file.sync();
        spare.syncedBytes = to;
      }
      if (spare.listedBytes < endBytes) await this.list(spare, spare.syncedBytes);
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

  /** Durable with the names and sizes of all files when it resolves; false if the disk is full. */
  async #writeList(): Promise<boolean> {
    try {
      await this.#list.write(() => new Map([...this.#all].map((file) => [file.slot, file.syncedBytes])));
      return true;
    } catch (error) {
      if (error instanceof BrokerError && error.code === 'storage_full') return false;
      throw error;
    }
  }

  #create(): LogFile {
    const slot = this.#nextSlot;
    const identity = Buffer.from(this.identity).toString('hex');
    const file = this.#disk.create(`${this.#directory}/${identity}-${slotText(slot)}.commit`);
    this.#nextSlot++;
    return this.#adopt(file, slot);
  }

  #adopt(file: DiskFile, slot: number): LogFile {
    const allocatedBytes = file.sizeBytes();
    const capacityBytes = Math.max(this.#options.fileBytes, allocatedBytes);
    const adopted = {
      file,
      slot,
      capacityBlocks: Math.floor(capacityBytes / BLOCK_BYTES),
      allocatedBytes,
      lastSequence: 0,
      unsynced: false,
      syncedBytes: Math.min(allocatedBytes, this.#list.bytesOf(slot)),
      listedBytes: -1,
    };
    this.#all.add(adopted);
    return adopted;
  }
}
