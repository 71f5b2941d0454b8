// Room on the disk (rule L6): a warning first, then clear refusals, long before the disk is full. The refuse mark keeps
// room for what the commit log holds to reach where it is kept.

import { statfs } from 'node:fs/promises';
import type { Cancel, Timers } from './timers.ts';

/** Marks and surroundings of a {@link DiskWatermark}. */
export interface DiskWatermarkOptions {
  readonly path: string;
  readonly refuseBelowFreeBytes: number;
  readonly warnBelowFreeBytes: number;
  /** What is refused below the mark, for the log. */
  readonly refused: string;
  /** Bytes that the commit log may still have to bring to where they are kept. */
  readonly reservedBytes: () => number;
  readonly timers: Timers;
  readonly log: { warn(fields: Record<string, unknown>, message: string): void };
  /** Free bytes of the file system; replaced by tests. */
  readonly freeBytes?: (path: string) => Promise<number>;
}

const LOOK_MS = 1_000;
const ANSWER_TIMEOUT_MS = 5_000;

/** Watches the free space of a directory's file system. */
export class DiskWatermark {
  readonly #options: DiskWatermarkOptions;
  readonly #stopLooking: Cancel;
  #isAsking = false;
  #full = false;
  #warned = false;
  freeBytes = Number.POSITIVE_INFINITY;

  constructor(options: DiskWatermarkOptions) {
    this.#options = options;
    this.#stopLooking = options.timers.every(LOOK_MS, () => void this.look());
  }

  /** Whether what grows is to be refused. */
  get isFull(): boolean {
    return this.#full;
  }

  /**
   * Looks now, one look at a time: calls that a disk leaves hanging would take all threads of the pool. A file system that
   * can't be asked, or does not answer in time, changes nothing.
   */
  look(): Promise<void> {
    if (this.#isAsking) return Promise.resolve();
    this.#isAsking = true;
    const { path, log, timers } = this.#options;
    return new Promise((resolve) => {
      const cancel = timers.after(ANSWER_TIMEOUT_MS, () => {
        log.warn({ path }, 'the file system does not say how much is free');
        resolve();
      });
      void (this.#options.freeBytes ?? freeBytesOf)(path)
        .then((freeBytes) => this.#found(freeBytes))
        .catch((error: unknown) => log.warn({ err: error, path }, 'could not ask for the free space'))
        .finally(() => {
          cancel();
          this.#isAsking = false;
          resolve();
        });
    });
  }

  #found(freeBytes: number): void {
    const { refuseBelowFreeBytes, warnBelowFreeBytes, refused, reservedBytes, log } = this.#options;
    this.freeBytes = freeBytes;
    const full = this.freeBytes < refuseBelowFreeBytes + reservedBytes();
    if (full !== this.#full) {
      log.warn(
        { free_bytes: this.freeBytes },
        full ? `disk nearly full: ${refused} are refused` : `${refused} are taken again`,
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
