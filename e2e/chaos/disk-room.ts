// A mounted file system that fills up, or may not be written any more.
import { execFileSync } from 'node:child_process';
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import path from 'node:path';

const BALLAST_PART_BYTES = 1024 * 1024;
const BLOCK_BYTES = 4_096;

const ballastOf = (mountPoint: string): string => path.join(mountPoint, 'ballast');

/** Fills it until `freeBytes` are left, with a file that {@link makeRoom} removes; 0 leaves nothing to anybody. */
export function fill(mountPoint: string, freeBytes: number): void {
  const ballast = openSync(ballastOf(mountPoint), 'a');
  try {
    for (let partBytes = BALLAST_PART_BYTES; partBytes >= BLOCK_BYTES;) {
      const isTooMuch = freeBytesOf(mountPoint) - partBytes < freeBytes;
      if (isTooMuch || !appended(ballast, partBytes)) partBytes /= 2;
    }
  } finally {
    closeSync(ballast);
  }
}

/** Takes back what {@link fill} did. */
export function makeRoom(mountPoint: string): void {
  rmSync(ballastOf(mountPoint), { force: true });
}

/** Lets nothing be written any more, or again; no file may be open for writing. */
export function remount(mountPoint: string, mode: 'ro' | 'rw'): void {
  execFileSync('mount', ['-o', `remount,${mode}`, mountPoint]);
}

/** What is kept for root counts: the services of a test are its own. */
function freeBytesOf(mountPoint: string): number {
  const { bfree, bsize } = statfsSync(mountPoint);
  return bfree * bsize;
}

/** Whether there was room for it. What is written is on the disk when it answers: delayed allocation would fill it later. */
function appended(file: number, sizeBytes: number): boolean {
  try {
    const isWhole = writeSync(file, Buffer.alloc(sizeBytes, 1)) === sizeBytes;
    fsyncSync(file);
    return isWhole;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}
