// Exactly once for what sessions publish (rule R7): per session the sequences that were appended and not released, from the
// dedupe keys in the records themselves. A repeat is answered with its first offset, one below what was released is never
// appended again.

import { BrokerError } from '@robustmq/errors';
import { MOST_EXPIRED } from './producer-table.ts';

/** Key of a publish, as it rides in the record's `mqtt` header. */
export interface DedupeKey {
  /** Never given twice: 53 bits. */
  readonly sessionId: number;
  /** Grows when the session begins anew. */
  readonly generation: number;
  readonly sequence: number;
}

/** What is known of a session. */
export interface SessionEntry {
  generation: number;
  lowestUnreleased: number;
  /** Offset per sequence ≥ {@link lowestUnreleased}. */
  readonly offsets: Map<number, number>;
  lastSeenMs: number;
}

/** [MQTT-3.3.4-7]: no more publishes of one session are unreleased at a time. */
const MAX_UNRELEASED = 65_535;

/** Sessions of one shard. */
export class Dedupe {
  /** The one that has been silent for longest first. */
  readonly #sessions = new Map<number, SessionEntry>();
  readonly #maxSessions: number;
  evicted = 0;

  constructor(maxSessions: number) {
    this.#maxSessions = maxSessions;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /**
   * Offset of the first copy, or undefined if there is none.
   * @throws BrokerError fenced (an older generation), duplicate (released: its place is no longer known), quota_exceeded.
   */
  check(key: DedupeKey): number | undefined {
    const entry = this.#sessions.get(key.sessionId);
    if (entry === undefined || key.generation > entry.generation) return undefined;
    if (key.generation < entry.generation) {
      throw new BrokerError('fenced', 'the session has begun anew');
    }
    if (key.sequence < entry.lowestUnreleased) {
      throw new BrokerError('duplicate', 'the publish was released');
    }
    const offset = entry.offsets.get(key.sequence);
    if (offset === undefined && entry.offsets.size >= MAX_UNRELEASED) {
      throw new BrokerError('quota_exceeded', 'more unreleased publishes than Receive Maximum');
    }
    return offset;
  }

  /** Notes a record that was appended (or replayed), and what its session had released by then. */
  appended(key: DedupeKey, lowestUnreleased: number, offset: number, nowMs: number): void {
    let entry = this.#sessions.get(key.sessionId);
    if (entry !== undefined && key.generation < entry.generation) return;
    if (entry === undefined || key.generation > entry.generation) {
      entry = { generation: key.generation, lowestUnreleased, offsets: new Map(), lastSeenMs: nowMs };
    }
    this.#release(entry, lowestUnreleased);
    if (key.sequence >= entry.lowestUnreleased && !entry.offsets.has(key.sequence))
      entry.offsets.set(key.sequence, offset);
    entry.lastSeenMs = Math.max(entry.lastSeenMs, nowMs);
    this.#put(key.sessionId, entry);
  }

  /** What was truncated was never appended (rule R4); what a session has released stays released. */
  truncateTo(endOffset: number): void {
    for (const [sessionId, entry] of this.#sessions) {
      for (const [sequence, offset] of entry.offsets) if (offset >= endOffset) entry.offsets.delete(sequence);
      if (entry.offsets.size === 0 && entry.lowestUnreleased === 0) this.#sessions.delete(sessionId);
    }
  }

  expire(nowMs: number, silentMs: number): void {
    let left = MOST_EXPIRED;
    for (const [sessionId, { lastSeenMs }] of this.#sessions) {
      if (nowMs - lastSeenMs <= silentMs || left-- === 0) return;
      this.#sessions.delete(sessionId);
    }
  }

  /** For a snapshot. */
  entries(): IterableIterator<[number, SessionEntry]> {
    return this.#sessions.entries();
  }

  restore(sessionId: number, entry: SessionEntry): void {
    this.#put(sessionId, entry);
  }

  #release(entry: SessionEntry, lowestUnreleased: number): void {
    if (lowestUnreleased <= entry.lowestUnreleased) return;
    entry.lowestUnreleased = lowestUnreleased;
    for (const sequence of entry.offsets.keys())
      if (sequence < lowestUnreleased) entry.offsets.delete(sequence);
  }

  #put(sessionId: number, entry: SessionEntry): void {
    this.#sessions.delete(sessionId);
    this.#sessions.set(sessionId, entry);
    if (this.#sessions.size <= this.#maxSessions) return;
    for (const oldest of this.#sessions.keys()) {
      this.#sessions.delete(oldest);
      this.evicted++;
      return;
    }
  }
}
