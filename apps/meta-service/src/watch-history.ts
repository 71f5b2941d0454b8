// The last revisions, for watchers that are behind: it is the only queue that they have, however many they are.
import type { WatchMessages } from './watch-messages.ts';

/** Revisions kept. */
const HISTORY_REVISIONS = 4_096;
/** Bytes of changes kept. */
const HISTORY_BYTES = 16 * 1024 * 1024;

interface Revision {
  readonly messages: WatchMessages;
  readonly bytes: number;
}

/** Revisions without a gap, the newest of them applied last. Bounded in number and in bytes (I8). */
export class WatchHistory {
  #revisions: Revision[] = [];
  /** Revision of the first of them. */
  #first = 0n;
  #bytes = 0;

  /** Adds the revision that follows the newest. */
  add(revision: bigint, messages: WatchMessages, bytes: number): void {
    if (this.#revisions.length === 0) this.#first = revision;
    this.#revisions.push({ messages, bytes });
    this.#bytes += bytes;
    // Trimmed seldom: at twice the bounds, down to them.
    if (this.#revisions.length > 2 * HISTORY_REVISIONS || this.#bytes > 2 * HISTORY_BYTES) this.#trim();
  }

  /** What a revision changed; undefined when it is too old or still to come. */
  get(revision: bigint): WatchMessages | undefined {
    return this.#revisions[Number(revision - this.#first)]?.messages;
  }

  #trim(): void {
    let from = this.#revisions.length;
    let bytes = 0;
    while (from > 0 && this.#revisions.length - from < HISTORY_REVISIONS && bytes <= HISTORY_BYTES)
      bytes += this.#revisions[--from]?.bytes ?? 0;
    this.#revisions = this.#revisions.slice(from);
    this.#first += BigInt(from);
    this.#bytes = bytes;
  }
}
