// The disk port over the file system of the operating system; each of its errors becomes a code.

import fs from 'node:fs';
import { promisify } from 'node:util';
import { BrokerError } from '@robustmq/errors';
import { makeDirectory } from '@robustmq/runtime';
import { lockDirectory, unusable, type DirectoryLock } from './directory-lock.ts';
import type { Disk, DiskFile } from './disk.ts';
import { SyncPace } from './sync-pace.ts';

const fdatasync = promisify(fs.fdatasync);
const fsync = promisify(fs.fsync);
const writeAt = promisify(fs.write);
const readAt = promisify(fs.read);

/** Messages of other people: nobody but the service's own user reads them. */
const PRIVATE_DIRECTORY = 0o700;
const PRIVATE_FILE = 0o600;

/** The operating system's file system, over node:fs. */
export class NodeDisk implements Disk {
  readonly #pace = new SyncPace();

  lock(directory: string): DirectoryLock {
    try {
      makeDirectory(directory, PRIVATE_DIRECTORY);
      // One that an operator made. The root of a mounted volume is often not ours to change.
      if (fs.statSync(directory).uid === process.getuid?.()) fs.chmodSync(directory, PRIVATE_DIRECTORY);
    } catch (cause) {
      throw unusable(directory, cause);
    }
    return lockDirectory(directory);
  }

  makeDirectory(directory: string): void {
    guard('mkdir', directory, () => makeDirectory(directory, PRIVATE_DIRECTORY));
  }

  list(directory: string): string[] {
    return guard('readdir', directory, () => (fs.existsSync(directory) ? fs.readdirSync(directory) : []));
  }

  exists(path: string): boolean {
    return fs.existsSync(path);
  }

  modifiedAtMs(path: string): number {
    return guard('stat', path, () => fs.statSync(path).mtimeMs);
  }

  open(path: string): DiskFile {
    return guard('open', path, () => new NodeDiskFile(path, fs.openSync(path, 'r+'), this.#pace));
  }

  create(path: string): DiskFile {
    return guard(
      'create',
      path,
      () => new NodeDiskFile(path, fs.openSync(path, 'wx+', PRIVATE_FILE), this.#pace),
    );
  }

  rename(from: string, to: string): void {
    guard('rename', from, () => fs.renameSync(from, to));
  }

  unlink(path: string): void {
    guard('unlink', path, () => fs.unlinkSync(path));
  }

  async unlinkAsync(path: string): Promise<void> {
    try {
      await fs.promises.unlink(path);
    } catch (error) {
      throw asBrokerError('unlink', path, error);
    }
  }

  async removeDirectory(directory: string): Promise<void> {
    try {
      await fs.promises.rm(directory, { recursive: true, force: true });
    } catch (error) {
      throw asBrokerError('rm', directory, error);
    }
  }

  async syncDirectory(directory: string): Promise<void> {
    const descriptor = guard('open', directory, () => fs.openSync(directory, 'r'));
    try {
      await fsync(descriptor);
    } catch (error) {
      throw asBrokerError('fsync', directory, error);
    } finally {
      fs.closeSync(descriptor);
    }
  }
}

class NodeDiskFile implements DiskFile {
  readonly path: string;
  readonly #descriptor: number;
  readonly #pace: SyncPace;
  /** Written since the last sync began. */
  #unsyncedBytes = 0;
  #open = true;

  constructor(path: string, descriptor: number, pace: SyncPace) {
    this.path = path;
    this.#descriptor = descriptor;
    this.#pace = pace;
  }

  sizeBytes(): number {
    return guard('stat', this.path, () => fs.fstatSync(this.#descriptor).size);
  }

  write(bytes: Uint8Array, position: number): void {
    this.#unsyncedBytes += bytes.length;
    let written = 0;
    try {
      while (written < bytes.length) {
        written += fs.writeSync(this.#descriptor, bytes, written, bytes.length - written, position + written);
      }
    } catch (error) {
      throw asBrokerError('write', this.path, error);
    }
  }

  async writeAsync(bytes: Uint8Array, position: number): Promise<void> {
    this.#unsyncedBytes += bytes.length;
    let written = 0;
    try {
      while (written < bytes.length) {
        const part = await writeAt(
          this.#descriptor,
          bytes,
          written,
          bytes.length - written,
          position + written,
        );
        written += part.bytesWritten;
      }
    } catch (error) {
      throw asBrokerError('write', this.path, error);
    }
  }

  read(target: Uint8Array, position: number): number {
    let total = 0;
    try {
      while (total < target.length) {
        const count = fs.readSync(this.#descriptor, target, total, target.length - total, position + total);
        if (count === 0) break;
        total += count;
      }
    } catch (error) {
      throw asBrokerError('read', this.path, error);
    }
    return total;
  }

  async readAsync(target: Uint8Array, position: number): Promise<number> {
    let total = 0;
    try {
      while (total < target.length) {
        const part = await readAt(this.#descriptor, target, total, target.length - total, position + total);
        if (part.bytesRead === 0) break;
        total += part.bytesRead;
      }
    } catch (error) {
      throw asBrokerError('read', this.path, error);
    }
    return total;
  }

  async sync(): Promise<void> {
    const unsyncedBytes = this.#unsyncedBytes;
    this.#unsyncedBytes = 0;
    const startedMs = performance.now();
    try {
      if (this.#pace.mayBlock(unsyncedBytes)) fs.fdatasyncSync(this.#descriptor);
      else await fdatasync(this.#descriptor);
    } catch (error) {
      throw asBrokerError('fdatasync', this.path, error);
    }
    this.#pace.took(unsyncedBytes, performance.now() - startedMs);
  }

  truncate(sizeBytes: number): void {
    guard('truncate', this.path, () => fs.ftruncateSync(this.#descriptor, sizeBytes));
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    guard('close', this.path, () => fs.closeSync(this.#descriptor));
  }
}

function guard<T>(operation: string, path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw asBrokerError(operation, path, error);
  }
}

function asBrokerError(operation: string, path: string, error: unknown): BrokerError {
  const errno = (error as NodeJS.ErrnoException).code ?? 'unknown';
  const message = `${operation} of ${path} failed: ${errno}`;
  if (errno === 'ENOSPC' || errno === 'EDQUOT')
    return new BrokerError('storage_full', message, { cause: error });
  if (errno === 'ENOENT') return new BrokerError('not_found', message, { cause: error });
  if (errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS')
    return new BrokerError('permission_denied', message, { cause: error });
  if (errno === 'EEXIST') return new BrokerError('already_exists', message, { cause: error });
  return new BrokerError('storage_failed', message, { cause: error });
}
