// Long-polling fetches of one stream: read at once if there is enough, else wait for HW of the shards asked for. Bytes
// of the segments go out as they are; answers wait for credit, one frame at a time.

import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  CALL_LIMITS,
  EpochEndOffsetSchema,
  FetchOutcomeSchema,
  toFailure,
  type ExchangeResponse,
  type FetchFrame,
  type FetchSection,
  IsolationLevel,
} from '@robustmq/rpc';
import { BATCH_HEADER_BYTES, batchHeader } from '@robustmq/record-batch';
import type { Cancel, Timers } from '@robustmq/runtime';
import type { Shard } from '../shard/shard.ts';
import type { AnswerShare } from './answer-budget.ts';
import { cutIntoFrames, type FetchAnswerFrame } from './fetch-frames.ts';
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

interface SectionState {
  readonly section: FetchSection;
  shard: Shard | undefined;
  error: BrokerError | undefined;
  diverging: { readonly leaderEpoch: number; readonly endOffset: number } | undefined;
  bytes: Buffer;
  /** Where the last read ended, at the latest. */
  readTo: number;
}

const EMPTY = Buffer.alloc(0);
/** Fetches of one stream that are read or wait at a time: a gateway has one per consumer connection. */
const MAX_FETCHES = 20_000;

/** All fetches of one stream instance. */
export class StreamFetches {
  readonly #host: FetchHost;
  readonly #active = new Map<number, Fetch>();
  readonly #unsent: FetchAnswerFrame[] = [];
  #closed = false;

  constructor(host: FetchHost) {
    this.#host = host;
  }

  /** @throws BrokerError `too_large`, which ends the stream: a refusal of that many sections would cost as much as their answer. */
  start(frame: FetchFrame): void {
    if (frame.sections.length > CALL_LIMITS.fetchSections)
      throw new BrokerError('too_large', `a fetch has at most ${CALL_LIMITS.fetchSections} sections`);
    const requestId = Number(frame.requestId);
    if (this.#active.size >= MAX_FETCHES || this.#active.has(requestId)) {
      this.#refuse(frame, new BrokerError('quota_exceeded', 'too many fetches on this stream'));
      return;
    }
    const fetch = new Fetch(frame, this.#host, (frames) => {
      this.#active.delete(requestId);
      if (this.#closed) return;
      for (const each of frames) this.#unsent.push(each);
      this.creditReturned();
    });
    this.#active.set(requestId, fetch);
    fetch.begin();
  }

  /** Answers at once with what there is. */
  cancel(requestId: number): void {
    this.#active.get(requestId)?.finish();
  }

  /** Sends answers that waited for credit. */
  creditReturned(): void {
    while (this.#unsent.length > 0 && (this.#host.streamCredit() > 0 || this.#unsent[0]!.bytes === 0)) {
      const { frame, bytes } = this.#unsent.shift()!;
      this.#host.spend(bytes);
      this.#host.send(frame, () => this.#host.answers.release(bytes));
    }
  }

  close(): void {
    this.#closed = true;
    for (const fetch of this.#active.values()) fetch.abandon();
    this.#active.clear();
    this.#unsent.length = 0;
  }

  #refuse(frame: FetchFrame, error: BrokerError): void {
    const failure = toFailure(error);
    const sections = frame.sections.map(({ streamId, shard }) => ({
      bytes: EMPTY,
      outcome: () => create(FetchOutcomeSchema, { streamId, shard, failure }),
    }));
    for (const each of cutIntoFrames(frame.requestId, sections)) this.#host.send(each.frame);
  }
}

/** One fetch from arrival to answer. */
class Fetch implements FetchWaiter {
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
    this.#states = frame.sections.map((section) => ({
      section,
      shard: undefined,
      error: undefined,
      diverging: undefined,
      bytes: EMPTY,
      readTo: 0,
    }));
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
          this.#judge(state, found);
        } catch (error) {
          state.error = BrokerError.from(error);
          state.shard = found;
        }
      }
      failed ||= state.error !== undefined;
    }
    return failed;
  }

  #judge(state: SectionState, shard: Shard): void {
    const { section } = state;
    const fetchOffset = Number(section.fetchOffset);
    // KIP-595: does the reader's log part from ours?
    if (section.lastFetchedEpoch > shard.leaderEpoch) {
      throw new BrokerError('out_of_range', 'the reader has read from an epoch that this log does not know', {
        details: { lastFetchedEpoch: section.lastFetchedEpoch, leaderEpoch: shard.leaderEpoch },
      });
    }
    if (section.lastFetchedEpoch >= 0) {
      const end = shard.log.endOffsetForEpoch(section.lastFetchedEpoch);
      if (
        end.leaderEpoch >= 0 &&
        (end.leaderEpoch < section.lastFetchedEpoch || end.endOffset < fetchOffset)
      ) {
        state.diverging = end;
        return;
      }
    }
    if (fetchOffset < shard.log.logStartOffset || fetchOffset > shard.log.logEndOffset) {
      throw new BrokerError('out_of_range', 'fetch offset is not in the log', {
        details: {
          fetchOffset,
          logStartOffset: shard.log.logStartOffset,
          highWatermark: shard.highWatermark,
        },
      });
    }
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

/** Whether what was read of a section ends before what there is. */
function isPartial({ section, bytes, readTo, error }: SectionState): boolean {
  if (error !== undefined || (bytes.length > 0 && bytes.length < BATCH_HEADER_BYTES)) return false;
  let nextOffset = Number(section.fetchOffset);
  for (let at = 0; at + BATCH_HEADER_BYTES <= bytes.length; at += batchHeader.batchSizeBytes(bytes, at))
    nextOffset = batchHeader.lastOffset(bytes, at) + 1;
  return nextOffset < readTo;
}

function outcomeOf(state: SectionState, sizeBytes: number) {
  const { section, shard, error, diverging } = state;
  return create(FetchOutcomeSchema, {
    streamId: section.streamId,
    shard: section.shard,
    sizeBytes,
    highWatermark: BigInt(shard?.highWatermark ?? -1),
    lastStableOffset: BigInt(shard?.lastStableOffset ?? -1),
    logStartOffset: BigInt(shard?.log.logStartOffset ?? -1),
    leaderEpoch: shard?.leaderEpoch ?? -1,
    ...(error === undefined ? {} : { failure: toFailure(error) }),
    ...(diverging === undefined
      ? {}
      : {
          diverging: create(EpochEndOffsetSchema, {
            leaderEpoch: diverging.leaderEpoch,
            endOffset: BigInt(diverging.endOffset),
          }),
        }),
  });
}
