// The bytes of one segment: a file that is open on demand, and behind it a memory tail whose bytes reach the file in gathered
// writes (hot-path fact 5). What they mean is left to the segment.

import type { Disk, DiskFile } from '@robustmq/commit-log';
import { openFiles, type OpenSegment } from './open-files.ts';

/** Bytes gathered in memory before they are written. */
export const GATHER_BYTES = 64 * 1024;

/** A `.log` file and its memory tail. */
export class SegmentBytes {
  readonly #disk: Disk;
  readonly #path: string;
  /** Who is asked to let go when too many files are open. */
  readonly #owner: OpenSegment;
  #file: DiskFile | undefined;
  #writtenBytes = 0;
  #tail: Buffer = EMPTY;
  #tailBytes = 0;
  /** Whether the file changed since the last {@link sync} began. */
  #fileChanged = false;
  /** Asynchronous reads and syncs that use the file now: closed under them, its descriptor would be another file's. */
  #users = 0;

  constructor(disk: Disk, path: string, owner: OpenSegment) {
    this.#disk = disk;
    this.#path = path;
    this.#owner = owner;
  }

  /** Begins with a new, empty file. */
  create(): void {
    this.#file = this.#disk.create(this.#path);
    openFiles.touch(this.#owner);
    this.#fileChanged = true;
  }

  /** Begins with the file as found, cut to `lengthBytes`; made if it is missing. */
  recover(lengthBytes: number): void {
    this.#file = this.#disk.exists(this.#path) ? this.#disk.open(this.#path) : this.#disk.create(this.#path);
    openFiles.touch(this.#owner);
    const sizeBytes = this.#file.sizeBytes();
    if (sizeBytes > lengthBytes) {
      this.#file.truncate(lengthBytes);
      this.#fileChanged = true;
    }
    this.#writtenBytes = Math.min(sizeBytes, lengthBytes);
  }

  get sizeBytes(): number {
    return this.#writtenBytes + this.#tailBytes;
  }

  /** Bytes that are in the file. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Whether it holds anything that no sync covers: in the file, or still in memory. */
  get dirty(): boolean {
    return this.#fileChanged || this.#tailBytes > 0;
  }

  /** Whether the file is open. */
  get isOpen(): boolean {
    return this.#file !== undefined;
  }

  /** Whether asynchronous work uses the file now. */
  get isInUse(): boolean {
    return this.#users > 0;
  }

  /** Whether the gathered bytes are enough to be worth a write. */
  get gathered(): boolean {
    return this.#tailBytes >= GATHER_BYTES;
  }

  /** Adds `bytes[start, start + sizeBytes)` to the memory tail. */
  append(bytes: Buffer, start: number, sizeBytes: number): void {
    if (this.#tailBytes + sizeBytes > this.#tail.length) this.#growTail(sizeBytes);
    bytes.copy(this.#tail, this.#tailBytes, start, start + sizeBytes);
    this.#tailBytes += sizeBytes;
  }

  /** Writes the memory tail to the file. After storage_full the tail is still in memory and a later flush may succeed. */
  flush(): void {
    if (this.#tailBytes === 0) return;
    this.#fileChanged = true;
    this.#opened().write(this.#tail.subarray(0, this.#tailBytes), this.#writtenBytes);
    this.#writtenBytes += this.#tailBytes;
    this.#tailBytes = 0;
    if (this.#tail.length > 4 * GATHER_BYTES) this.#tail = EMPTY;
  }

  /** fdatasync of what {@link flush} wrote before. */
  async sync(): Promise<void> {
    // Cleared before: what is written while the sync runs is for the next one.
    this.#fileChanged = false;
    await this.#using((file) => file.sync());
  }

  /** A copy of `lengthBytes` at `position`, from file and memory tail; shorter if the file is. */
  read(position: number, lengthBytes: number): Buffer {
    const target = Buffer.allocUnsafe(lengthBytes);
    const fromFile = this.#copyTail(target, position);
    const count = fromFile === 0 ? 0 : this.#opened().read(target.subarray(0, fromFile), position);
    return count === fromFile ? target : target.subarray(0, count);
  }

  /** As {@link read}, off the event loop. */
  async readAsync(position: number, lengthBytes: number): Promise<Buffer> {
    const target = Buffer.allocUnsafe(lengthBytes);
    const fromFile = this.#copyTail(target, position);
    if (fromFile === 0) return target;
    const count = await this.#using((file) => file.readAsync(target.subarray(0, fromFile), position));
    return count === fromFile ? target : target.subarray(0, count);
  }

  /** Cuts to `sizeBytes`. */
  truncate(sizeBytes: number): void {
    if (sizeBytes < this.#writtenBytes) {
      this.#fileChanged = true;
      this.#opened().truncate(sizeBytes);
      this.#writtenBytes = sizeBytes;
    }
    this.#tailBytes = sizeBytes - this.#writtenBytes;
  }

  /** Closes the file, or leaves that to the last that uses it; it is opened again when needed. */
  letGo(): void {
    if (this.#users === 0) this.#file?.close();
    this.#file = undefined;
    openFiles.closed(this.#owner);
  }

  /** Gives back the memory of an empty tail. */
  freeTail(): void {
    if (this.#tailBytes === 0) this.#tail = EMPTY;
  }

  #growTail(neededBytes: number): void {
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#tail.length, this.#tailBytes + neededBytes, 4096));
    this.#tail.copy(grown, 0, 0, this.#tailBytes);
    this.#tail = grown;
  }

  /** Copies what lies in the memory tail; answers how many leading bytes must come from the file. */
  #copyTail(target: Buffer, position: number): number {
    const fromFile = Math.max(0, Math.min(target.length, this.#writtenBytes - position));
    const tailStart = Math.max(0, position - this.#writtenBytes);
    this.#tail.copy(
      target,
      fromFile,
      tailStart,
      Math.min(this.#tailBytes, tailStart + target.length - fromFile),
    );
    return fromFile;
  }

  #opened(): DiskFile {
    this.#file ??= this.#disk.open(this.#path);
    openFiles.touch(this.#owner);
    return this.#file;
  }

  /** Work on the file that outlives {@link letGo}. */
  async #using<T>(work: (file: DiskFile) => Promise<T>): Promise<T> {
    const file = this.#opened();
    this.#users++;
    try {
      return await work(file);
    } finally {
      this.#users--;
      if (this.#users === 0 && this.#file !== file) file.close();
    }
  }
}

const EMPTY = Buffer.alloc(0);
