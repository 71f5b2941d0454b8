// Room on the disk (rule L6): a warning first, then clear refusals, long before the disk is full. The refuse mark keeps
// room for what the commit log holds to reach the segments.

import { statfs } from 'node:fs/promises';
import type { Cancel, Timers } from '@robustmq/runtime';

/** Marks and surroundings of a {@link DiskWatermark}. */
export interface DiskWatermarkOptions {
  readonly path: string;
  readonly refuseBelowFreeBytes: number;
  readonly warnBelowFreeBytes: number;
  /** Bytes that the commit log may still have to bring to the segments. */
  readonly reservedBytes: () => number;
  readonly timers: Timers;
  readonly log: { warn(fields: Record<string, unknown>, message: string): void };
  /** Free bytes of the file system; replaced by tests. */
  readonly freeBytes?: (path: string) => Promise<number>;
}

const LOOK_MS = 1_000;

/** Watches the free space of a directory's file system. */
export class DiskWatermark {
  readonly #options: DiskWatermarkOptions;
  readonly #stopLooking: Cancel;
  #full = false;
  #warned = false;
  freeBytes = Number.POSITIVE_INFINITY;

  constructor(options: DiskWatermarkOptions) {
    this.#options = options;
    this.#stopLooking = options.timers.every(LOOK_MS, () => void this.look());
  }

  /** Whether appends are to be refused. */
  get isFull(): boolean {
    return this.#full;
  }

  /** Looks now; a file system that can't be asked changes nothing. */
  async look(): Promise<void> {
    const { path, refuseBelowFreeBytes, warnBelowFreeBytes, reservedBytes, log } = this.#options;
    try {
      this.freeBytes = await (this.#options.freeBytes ?? freeBytesOf)(path);
    } catch (error) {
      log.warn({ err: error, path }, 'could not ask for the free space');
      return;
    }
    const full = this.freeBytes < refuseBelowFreeBytes + reservedBytes();
    if (full !== this.#full) {
      log.warn(
        { free_bytes: this.freeBytes },
        full ? 'disk nearly full: appends are refused' : 'appends are taken again',
      );
    }
    this.#full = full;
    const warns = this.freeBytes < warnBelowFreeBytes;
    if (warns && !this.#warned) log.warn({ free_bytes: this.freeBytes }, 'disk is getting full');
    this.#warned = warns;
  }

  close(): void {
    this.#stopLooking();
  }
}

async function freeBytesOf(path: string): Promise<number> {
  const facts = await statfs(path);
  return facts.bavail * facts.bsize;
}
