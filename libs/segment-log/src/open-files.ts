// Bounds the files that segments keep open, over all logs of a process (I8): the one used longest ago is let go of first.

/** A segment, as far as its file goes. */
export interface OpenSegment {
  /** Lets go of the file if nothing needs it. */
  cool(): void;
  /** Whether the file is open. */
  readonly warm: boolean;
}

/** Files of segments that stay open; those with unsynced writes do beyond it, until the next checkpoint. */
export const MAX_OPEN_SEGMENTS = 2_000;
/** Segments asked in one go when there are too many. */
const ATTEMPTS = 16;

/** Least recently used first. */
export class OpenFiles {
  readonly #open = new Set<OpenSegment>();
  readonly #limit: number;

  constructor(limit = MAX_OPEN_SEGMENTS) {
    this.#limit = limit;
  }

  /** Files that are open now. */
  get count(): number {
    return this.#open.size;
  }

  /** Whether more are open than should be, because they have writes that only a checkpoint syncs. */
  get isOver(): boolean {
    return this.#open.size > this.#limit;
  }

  /** The segment's file is in use now; perhaps another's is closed. */
  touch(segment: OpenSegment): void {
    this.#open.delete(segment);
    this.#open.add(segment);
    let excess = this.#open.size - this.#limit;
    if (excess <= 0) return;
    let attempts = ATTEMPTS;
    for (const oldest of this.#open) {
      if (excess <= 0 || attempts-- === 0 || oldest === segment) return;
      oldest.cool();
      // One that must stay is as good as used: the next call asks others.
      if (oldest.warm) this.#requeue(oldest);
      else excess--;
    }
  }

  /** The segment's file was closed. */
  closed(segment: OpenSegment): void {
    this.#open.delete(segment);
  }

  #requeue(segment: OpenSegment): void {
    this.#open.delete(segment);
    this.#open.add(segment);
  }
}

/** Of this process: descriptors are its own. */
export const openFiles = new OpenFiles();
