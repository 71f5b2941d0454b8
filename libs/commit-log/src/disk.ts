// The only door of the storage libraries to a disk: the real one is NodeDisk, the tests' one loses what was not
// synced. Writes and directory changes are synchronous (a hop to the thread pool costs more than the copy into the
// page cache), syncs and bulk writes are asynchronous (a stalled disk must not stall leases; see SyncPace for small ones).

import { BrokerError } from '@robustmq/errors';
import type { DirectoryLock } from './directory-lock.ts';

/** An open file. Errors are BrokerError: `storage_full` (ENOSPC, EDQUOT), else `storage_failed`. */
export interface DiskFile {
  readonly path: string;
  /** Bytes in the file now, written or not yet durable. */
  sizeBytes(): number;
  /** Writes all of `bytes` at `position`; visible to reads at once, durable after the next {@link sync}. */
  write(bytes: Uint8Array, position: number): void;
  /** As {@link write}, off the event loop; for bulk writes that nothing waits for (pre-allocation, rewrites). */
  writeAsync(bytes: Uint8Array, position: number): Promise<void>;
  /** Fills `target` from `position`; answers the bytes read, less than asked only at the end of the file. */
  read(target: Uint8Array, position: number): number;
  /** As {@link read}, off the event loop; for what is large or likely not in the page cache. */
  readAsync(target: Uint8Array, position: number): Promise<number>;
  /**
   * fdatasync: what was written before the call is durable, size included, when it resolves. After a rejection
   * nothing is known about writes since the last good sync, and a second sync that succeeds proves nothing.
   */
  sync(): Promise<void>;
  /** Cuts or extends (with zeros) the file. */
  truncate(sizeBytes: number): void;
  /** Idempotent. */
  close(): void;
}

/** A file system. Names of a directory become durable by {@link syncDirectory} only. Paths are joined with `/`. */
export interface Disk {
  /**
   * Makes this process the only owner of a directory, which is made if need be, until it releases it or dies (rule N3).
   * Taken before anything in the directory is read or written. `conflict` names who has it; `invalid_argument` or
   * `permission_denied` say why there can be no data.
   */
  lock(directory: string): DirectoryLock;
  /** Makes the directory and its parents; nothing happens if it is there. */
  makeDirectory(directory: string): void;
  /** Removes a directory with all that is in it, off the event loop; nothing happens if there is none. */
  removeDirectory(directory: string): Promise<void>;
  /** Names of files and directories in the directory in no order; empty if there is no such directory. */
  list(directory: string): string[];
  exists(path: string): boolean;
  /** Wall-clock time of the last write of a file; `not_found` if there is none. */
  modifiedAtMs(path: string): number;
  /** Opens an existing file for reading and writing; `not_found` if there is none. */
  open(path: string): DiskFile;
  /** Makes an empty file; `already_exists` if there is one. */
  create(path: string): DiskFile;
  /** Of a file, replacing `to` if it exists, or of a directory, where `to` must not exist; atomic. */
  rename(from: string, to: string): void;
  /** `not_found` if there is no such file. Open handles stay usable. */
  unlink(path: string): void;
  /** As {@link unlink}, off the event loop: freeing the blocks of a large file takes long. */
  unlinkAsync(path: string): Promise<void>;
  /** Makes the names (created, renamed, unlinked) of a directory durable. */
  syncDirectory(directory: string): Promise<void>;
}

/** The directory that holds the name `path`; undefined for a name without one. */
export function parentOf(path: string): string | undefined {
  const end = path.lastIndexOf('/');
  return end < 0 ? undefined : path.slice(0, Math.max(1, end));
}

/**
 * Makes the name of a directory durable, and those of the directories above as far as they are ours: who may not read one
 * has not made it.
 */
export async function syncNamesAbove(disk: Disk, directory: string): Promise<void> {
  try {
    for (let above = parentOf(directory); above !== undefined && above !== '/'; above = parentOf(above))
      await disk.syncDirectory(above);
  } catch (error) {
    if (!(error instanceof BrokerError) || error.code !== 'permission_denied') throw error;
  }
}

/** Writes zeros over `[from, to)` in slices and leaves the sync to the caller, so later writes need no new extents. */
export async function writeZeros(file: DiskFile, from: number, to: number): Promise<void> {
  const slice = Buffer.alloc(Math.max(0, Math.min(ZERO_SLICE_BYTES, to - from)));
  for (let position = from; position < to; position += slice.length) {
    await file.writeAsync(slice.subarray(0, Math.min(slice.length, to - position)), position);
  }
}

/** One slice per thread hop: large enough to amortise it, small enough not to hold a pool thread for long. */
const ZERO_SLICE_BYTES = 1024 * 1024;
