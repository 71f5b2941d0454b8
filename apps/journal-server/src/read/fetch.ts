// A long-polling fetch: read at once if there is enough, else wait for HW of the shards asked for. Bytes of the segments
// go out as they are.

import { BrokerError } from '@robustmq/errors';
import { IsolationLevel, type ExchangeResponse, type FetchFrame } from '@robustmq/rpc';
import type { Cancel, Timers } from '@robustmq/runtime';
import type { Shard } from '../shard/shard.ts';
import type { AnswerShare } from './answer-budget.ts';
import { cutIntoFrames, type FetchAnswerFrame } from './fetch-frames.ts';
import { EMPTY, isPartial, judge, newSectionState, outcomeOf, type SectionState } from './fetch-section.ts';
import type { FetchWaiter } from './fetch-waiters.ts';
import type { ReadTurns } from '../shard/read-turns.ts';

/** What fetches need of the stream and the server. */
export interface FetchHost {
  /** The shard, or the error its readers get. */
  shardOf(streamId: number, shard: number): Shard | BrokerError;
  /** Calls back when the view has reached the revision, or a second has passed. */
  whenRevision(revision: number, callback: () => void): void;
  /** Waits for HW of the shard. */
  waiters(shard: Shard): Set<FetchWaiter>;
  /** Sends a frame; `taken` is called when it has left this process. */
  send(frame: ExchangeResponse['frame'], taken?: () => void): void;
  /** What this stream may hold of answers that have not left. */
  readonly answers: AnswerShare;
  readonly turns: ReadTurns;
  readonly timers: Timers;
  streamCredit(): number;
  spend(bytes: number): void;
  readFailed(shard: Shard, error: BrokerError): void;
}

/** One fetch from arrival to answer. */
export class Fetch implements FetchWaiter {
  readonly #frame: FetchFrame;
  readonly #host: FetchHost;
  readonly #done: (frames: readonly FetchAnswerFrame[]) => void;
  readonly #states: SectionState[];
  #cancelTimer: Cancel | undefined;
  #waitingOn: Set<FetchWaiter>[] = [];
  #availableBytes = 0;
  #state: 'reading' | 'waiting' | 'last' | 'over' = 'reading';
  #hurry: boolean;
  #isFirst = true;
  /** At its first look a shard was not here: the sender may know more of the view. */
  #isAhead = false;
  #scheduled = false;
  /** Bytes of the budget that this fetch holds: at least what it has read. */
  #claimedBytes = 0;

  constructor(frame: FetchFrame, host: FetchHost, done: (frames: readonly FetchAnswerFrame[]) => void) {
    this.#frame = frame;
    this.#host = host;
    this.#done = done;
    this.#hurry = frame.maxWaitMs <= 0;
    this.#states = frame.sections.map(newSectionState);
  }

  begin(): void {
    void this.#attempt();
  }

  advanced(committedBytes: number): void {
    this.#availableBytes += committedBytes;
    if (this.#state !== 'waiting' || this.#availableBytes < this.#frame.minBytes || this.#scheduled) return;
    // After the pass: results and tail leave before fetched data.
    this.#scheduled = true;
    this.#host.timers.soon(() => {
      this.#scheduled = false;
      if (this.#state === 'waiting') this.finish();
    });
  }

  /** Ends the wait. */
  finish(): void {
    this.#hurry = true;
    if (this.#state !== 'waiting') return;
    this.#stopWaiting();
    void this.#attempt();
  }

  abandon(): void {
    this.#stopWaiting();
    this.#state = 'over';
  }

  async #attempt(): Promise<void> {
    this.#state = this.#hurry ? 'last' : 'reading';
    if (this.#host.turns.isSpent) await this.#host.turns.next();
    if (this.#isOver()) return;
    let failed = await this.#locate();
    if (!this.#isOver() && this.#isFirst && this.#isAhead) {
      // One of the shards may be that young.
      this.#isAhead = false;
      await new Promise<void>((resolve) => this.#host.whenRevision(Number(this.#frame.minRevision), resolve));
      if (!this.#isOver()) failed = await this.#locate();
    }
    if (this.#isOver()) return;
    this.#isFirst = false;
    let left = this.#frame.maxBytes;
    let isCut = false;
    for (const state of this.#states) {
      if (state.shard === undefined || state.diverging !== undefined) continue;
      if (this.#host.turns.isSpent) await this.#host.turns.next();
      isCut = !(await this.#read(state, left));
      if (this.#isOver()) return;
      if (isCut) break;
      left -= state.bytes.length;
    }
    const readBytes = this.#frame.maxBytes - left;
    const enough =
      readBytes >= this.#frame.minBytes ||
      failed ||
      isCut ||
      this.#isFull(readBytes) ||
      this.#states.some((state) => state.error !== undefined || state.diverging !== undefined);
    if (enough || this.#hurry) {
      this.#stopWaiting();
      this.#answer();
      return;
    }
    this.#wait(readBytes);
  }

  /** Whether there is more than this answer has room for (KIP-74): it has to be fetched, and waiting brings no more. */
  #isFull(readBytes: number): boolean {
    return readBytes > 0 && this.#states.some((state) => state.shard !== undefined && isPartial(state));
  }

  #isOver(): boolean {
    return this.#state === 'over';
  }

  /** Finds the shards and judges offsets and epochs; answers whether any section failed. */
  async #locate(): Promise<boolean> {
    let failed = false;
    for (const state of this.#states) {
      if (this.#host.turns.isSpent) await this.#host.turns.next();
      if (this.#isOver()) return true;
      const { section } = state;
      const found = this.#host.shardOf(section.streamId, section.shard);
      state.shard = undefined;
      state.error = undefined;
      state.bytes = EMPTY;
      if (found instanceof BrokerError) {
        state.error = found;
        this.#isAhead ||= this.#isFirst;
      } else {
        try {
          found.leaderFor(section.currentLeaderEpoch);
          state.shard = found;
          judge(state, found);
        } catch (error) {
          state.error = BrokerError.from(error);
          state.shard = found;
        }
      }
      failed ||= state.error !== undefined;
    }
    return failed;
  }

  /** Reads one section; false if the budget for answers has no room for it beside what this fetch has already read. */
  async #read(state: SectionState, left: number): Promise<boolean> {
    const { shard, section } = state;
    if (shard === undefined || state.error !== undefined) return true;
    const committed = this.#frame.isolation === IsolationLevel.READ_COMMITTED;
    state.readTo = committed ? shard.lastStableOffset : shard.highWatermark;
    const fromOffset = Number(section.fetchOffset);
    if (fromOffset >= state.readTo) return true;
    if (this.#frame.waitOnly) {
      this.#hurry = true;
      return true;
    }
    // The very first section gets at least one batch, whatever its size; later ones only what is left.
    const isFirst = left === this.#frame.maxBytes;
    const maxBytes = Math.min(section.maxBytes, left);
    if (maxBytes <= 0 && !isFirst) return true;
    const claimBytes = Math.max(1, maxBytes);
    if (!this.#host.answers.tryClaim(claimBytes)) {
      // Who holds something and waits for more would make others wait in a ring.
      if (this.#claimedBytes > 0) return false;
      await new Promise<void>((resolve) => this.#host.answers.whenClaimed(claimBytes, resolve));
    }
    this.#claimedBytes += claimBytes;
    if (this.#isOver()) {
      this.#release();
      return false;
    }
    const range = { fromOffset, upToOffset: state.readTo, maxBytes: claimBytes };
    try {
      const bytes = shard.log.readHot(range) ?? (await shard.log.read(range));
      if (isFirst || bytes.length <= maxBytes) state.bytes = bytes;
    } catch (thrown) {
      state.error = BrokerError.from(thrown);
      if (state.error.code === 'corrupt') this.#host.readFailed(shard, state.error);
    }
    this.#settle(claimBytes, state.bytes.length);
    return true;
  }

  /** Makes the claim for a read what it has turned out to be. */
  #settle(claimedBytes: number, readBytes: number): void {
    this.#claimedBytes += readBytes - claimedBytes;
    if (readBytes > claimedBytes) this.#host.answers.claimMore(readBytes - claimedBytes);
    else this.#host.answers.release(claimedBytes - readBytes);
    if (this.#isOver()) this.#release();
  }

  #release(): void {
    this.#host.answers.release(this.#claimedBytes);
    this.#claimedBytes = 0;
  }

  #wait(readBytes: number): void {
    this.#state = 'waiting';
    this.#availableBytes = readBytes;
    for (const state of this.#states) {
      if (state.shard === undefined) continue;
      // What was read is dropped: it is read again with the rest, and bounds what a waiting fetch holds.
      state.bytes = EMPTY;
      const waiters = this.#host.waiters(state.shard);
      waiters.add(this);
      this.#waitingOn.push(waiters);
    }
    this.#release();
    this.#cancelTimer ??= this.#host.timers.after(this.#frame.maxWaitMs, () => this.finish());
    // What was committed while other shards were read woke nobody.
    if (this.#states.some(({ shard, readTo }) => shard !== undefined && shard.highWatermark > readTo)) {
      this.#unregister();
      void this.#attempt();
    }
  }

  #stopWaiting(): void {
    this.#cancelTimer?.();
    this.#unregister();
  }

  #unregister(): void {
    for (const waiters of this.#waitingOn) waiters.delete(this);
    this.#waitingOn = [];
  }

  #answer(): void {
    this.#state = 'over';
    const sections = this.#states.map((state) => ({
      bytes: state.bytes,
      outcome: (sizeBytes: number) => outcomeOf(state, sizeBytes),
    }));
    this.#done(cutIntoFrames(this.#frame.requestId, sections));
  }
}
