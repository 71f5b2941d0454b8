// Gathers the append sections of a tick for one journal-server into one frame (rule L7) and routes the answers back.
// A frame costs some 300 µs over all processes, so under load one leaves per tick; an idle sender sends at once.

import { create } from '@bufbuild/protobuf';
import type { BrokerError } from '@robustmq/errors';
import {
  AppendFrameSchema,
  AppendSectionSchema,
  withPieces,
  type AppendOutcome,
  type AppendSection,
} from '@robustmq/rpc';
import type { Cancel, Timers } from '@robustmq/runtime';
import type { JournalLink } from './link.ts';

/** A section to send; its correlation is given by the sender. */
export interface OutgoingSection {
  readonly streamId: number;
  readonly shard: number;
  readonly leaderEpoch: number;
  readonly batch: Buffer;
  readonly acks: number;
  readonly acknowledgeInMemory: boolean;
  readonly timeoutMs: number;
  readonly minRevision: number;
  readonly traceparent: string;
  /** Whether the tail may elide it: the sender then keeps the batch until the tail of its commit has passed. */
  readonly elidable: boolean;
  /** The section was handed to the stream. */
  onSent?(): void;
  /** Answers whether the section is finished (a memory acknowledgement is not the last answer). */
  onOutcome(outcome: AppendOutcome): boolean;
  /** The stream broke before the last answer; `sent` tells whether the section had left. */
  onBroken(error: BrokerError, sent: boolean): void;
}

/** Something that has more to send when a frame is about to leave. */
export interface AppendSource {
  fill(sender: AppendSender): void;
}

/** Frames stay below gRPC's message limit by far; a tick with more becomes several frames. */
const MAX_FRAME_BYTES = 256 * 1024;

/** The append half of one link. */
export class AppendSender {
  /** Bytes sent and not yet answered, bounded by the journal's append credit. */
  outstandingBytes = 0;
  /** Bytes that may be outstanding; set by the journal's hello. */
  creditBytes = 0;
  framesSent = 0;
  readonly #link: JournalLink;
  readonly #tickMs: number;
  readonly #now: () => number;
  readonly #timers: Timers;
  readonly #pending = new Map<number, OutgoingSection>();
  readonly #sources = new Set<AppendSource>();
  /** Sources that found no credit: asked again when some has come back (N7). */
  readonly #starved = new Set<AppendSource>();
  #answered = new Map<number, OutgoingSection>();
  #queued: OutgoingSection[] = [];
  #queuedBytes = 0;
  #sections: AppendSection[] = [];
  #pieces: Buffer[] = [];
  #frameBytes = 0;
  #correlation = 0;
  #lastFlushMs = -Infinity;
  #scheduled: { readonly isAtOnce: boolean; readonly cancel: Cancel } | undefined;

  constructor(link: JournalLink, tickMs: number, now: () => number, timers: Timers) {
    this.#timers = timers;
    this.#link = link;
    this.#tickMs = tickMs;
    this.#now = now;
  }

  get hasCredit(): boolean {
    return this.outstandingBytes < this.creditBytes;
  }

  /** Has `source.fill` called when the next frame leaves. */
  want(source: AppendSource): void {
    this.#sources.add(source);
    this.#schedule();
  }

  /** Has `source.fill` called again once there is credit; only from within `fill`. */
  awaitCredit(source: AppendSource): void {
    this.#starved.add(source);
  }

  /** Queues a finished batch for the next frame; for callers without a source. */
  enqueue(section: OutgoingSection): void {
    this.#queued.push(section);
    this.#queuedBytes += section.batch.length;
    // A frame that is full gains nothing by waiting for the tick.
    this.#schedule(this.#queuedBytes >= MAX_FRAME_BYTES);
  }

  /** Adds a section to the frame being built; only from within `fill`. */
  add(section: OutgoingSection): void {
    if (this.#frameBytes > 0 && this.#frameBytes + section.batch.length > MAX_FRAME_BYTES) this.#sendFrame();
    const correlation = ++this.#correlation;
    this.#pending.set(correlation, section);
    this.outstandingBytes += section.batch.length;
    this.#sections.push(
      create(AppendSectionSchema, {
        correlation: BigInt(correlation),
        streamId: section.streamId,
        shard: section.shard,
        leaderEpoch: section.leaderEpoch,
        sizeBytes: section.batch.length,
        acks: section.acks,
        acknowledgeInMemory: section.acknowledgeInMemory,
        minRevision: BigInt(section.minRevision),
        timeoutMs: section.timeoutMs,
        traceparent: section.traceparent,
      }),
    );
    this.#pieces.push(section.batch);
    this.#frameBytes += section.batch.length;
    section.onSent?.();
  }

  /** Builds and sends what is wanted now. */
  flush(): void {
    this.#cancelSchedule();
    if (!this.#link.ready) return;
    this.#lastFlushMs = this.#now();
    let next = 0;
    while (next < this.#queued.length && this.hasCredit) {
      const section = this.#queued[next++]!;
      this.#queuedBytes -= section.batch.length;
      this.add(section);
    }
    if (next > 0) this.#queued.splice(0, next);
    if (this.#sources.size > 0) {
      const sources = [...this.#sources];
      this.#sources.clear();
      for (const source of sources) source.fill(this);
    }
    this.#sendFrame();
  }

  /** Takes the results of one commit; the tail sections of that commit come before the next results. */
  handle(outcomes: readonly AppendOutcome[]): void {
    if (outcomes.length === 0) return;
    if (this.#answered.size > 0) this.#answered = new Map();
    for (const outcome of outcomes) {
      const correlation = Number(outcome.correlation);
      const section = this.#pending.get(correlation);
      if (section === undefined) continue;
      if (section.onOutcome(outcome)) {
        this.#finish(correlation, section);
        if (section.elidable && outcome.failure === undefined) this.#answered.set(correlation, section);
      }
    }
    if (this.hasCredit && (this.#queued.length > 0 || this.#starved.size > 0)) {
      for (const source of this.#starved) this.#sources.add(source);
      this.#starved.clear();
      this.#schedule();
    }
  }

  /** The batch of an elided tail section of this instance; undefined if the journal broke the order of frames. */
  elided(correlation: number): Buffer | undefined {
    return (this.#answered.get(correlation) ?? this.#pending.get(correlation))?.batch;
  }

  /** Forgets the instance: everything unanswered hears `onBroken`, in the order sent. */
  broken(error: BrokerError): void {
    this.#cancelSchedule();
    const lost = [...this.#pending.values()];
    const unsent = this.#queued;
    this.#pending.clear();
    this.#answered.clear();
    // Whoever is told of the break asks anew.
    this.#starved.clear();
    this.#queued = [];
    this.#queuedBytes = 0;
    this.#sections = [];
    this.#pieces = [];
    this.#frameBytes = 0;
    this.#correlation = 0;
    this.outstandingBytes = 0;
    for (const section of lost) section.onBroken(error, true);
    for (const section of unsent) section.onBroken(error, false);
  }

  #finish(correlation: number, section: OutgoingSection): void {
    this.#pending.delete(correlation);
    this.outstandingBytes -= section.batch.length;
  }

  #sendFrame(): void {
    if (this.#sections.length === 0) return;
    this.#link.send({
      case: 'append',
      value: withPieces(create(AppendFrameSchema, { sections: this.#sections }), this.#pieces),
    });
    this.framesSent++;
    this.#sections = [];
    this.#pieces = [];
    this.#frameBytes = 0;
  }

  #schedule(atOnce = false): void {
    if (!this.#link.ready || this.#scheduled?.isAtOnce === true) return;
    const sinceMs = this.#now() - this.#lastFlushMs;
    if (atOnce || sinceMs >= this.#tickMs) {
      this.#cancelSchedule();
      // The rest of this turn is waited for: it holds what one poll of the sockets brought.
      this.#scheduled = { isAtOnce: true, cancel: this.#timers.soon(() => this.flush()) };
    } else {
      const delayMs = Math.max(1, Math.round(this.#tickMs - sinceMs));
      this.#scheduled ??= { isAtOnce: false, cancel: this.#timers.after(delayMs, () => this.flush()) };
    }
  }

  #cancelSchedule(): void {
    this.#scheduled?.cancel();
    this.#scheduled = undefined;
  }
}
