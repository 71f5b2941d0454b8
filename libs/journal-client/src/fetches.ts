// Long-polling reads: a request over shards of several leaders becomes one frame per journal-server; pieces are
// collected without joining, and the first server with enough data makes the others answer with what they have. If that
// is less than was asked for over all, all are asked again, until the wait is over.

import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  CALL_LIMITS,
  CancelFetchFrameSchema,
  FetchFrameSchema,
  FetchSectionSchema,
  fromFailure,
  IsolationLevel,
  type FetchOutcome,
  type FetchResultFrame,
} from '@robustmq/rpc';
import { eachInTurns, type Cancel, type Turns } from '@robustmq/runtime';
import { dropOverLimit, fullAt, leastOf, shareOf, sizeOf } from './fetch-shares.ts';
import type { JournalLink } from './link.ts';
import type { FetchCall, FetchCallback, FetchRequest, FetchSectionResult } from './types.ts';

interface Part {
  readonly link: JournalLink;
  readonly requestId: number;
  /** Indices into the request's sections. */
  readonly indices: readonly number[];
  /** Place in `indices` of the section that the next outcome is probably of: they come in the order asked. */
  next: number;
  /** What the server waits for. */
  readonly minBytes: number;
  isSent: boolean;
}

/** What one link is asked for, and what of it more sections of the link may join. */
interface Placed {
  readonly parts: { readonly link: JournalLink; readonly indices: number[] }[];
  readonly open: Map<JournalLink, number[]>;
}

/** Sections between two looks at the clock. */
const SECTIONS_PER_STEP = 64;

interface PendingFetch {
  readonly request: FetchRequest;
  results: FetchSectionResult[];
  /** Those that have not answered. */
  readonly parts: Part[];
  readonly callback: FetchCallback;
  /** What each server may bring. */
  shareBytes: number;
  journals: number;
  /** Those that have not answered were asked to answer now. */
  isHurried: boolean;
  /** Whatever comes is the answer. */
  isLast: boolean;
  stopDeadline: Cancel | undefined;
}

/** All fetches of one client. */
export class Fetches {
  readonly #linkOf: (streamId: number, shard: number) => JournalLink | undefined;
  readonly #revision: () => number;
  readonly #turns: Turns;
  readonly #parts = new Map<number, { fetch: PendingFetch; part: Part }>();
  #lastRequestId = 0;

  constructor(
    linkOf: (streamId: number, shard: number) => JournalLink | undefined,
    revision: () => number,
    turns: Turns,
  ) {
    this.#turns = turns;
    this.#linkOf = linkOf;
    this.#revision = revision;
  }

  /** Starts a fetch; sections without a reachable leader fail at once with `not_leader`. */
  start(request: FetchRequest, callback: FetchCallback): FetchCall {
    const fetch: PendingFetch = {
      request,
      results: [],
      parts: [],
      callback,
      shareBytes: request.maxBytes,
      journals: 0,
      isHurried: false,
      isLast: request.maxWaitMs <= 0,
      stopDeadline: undefined,
    };
    this.#ask(fetch);
    return {
      get journals() {
        return fetch.journals;
      },
      cancel: () => this.#end(fetch),
    };
  }

  /** A result frame of any link; answers the data bytes it carried, for credit. */
  receive(frame: FetchResultFrame): void {
    const entry = this.#parts.get(Number(frame.requestId));
    if (entry === undefined) return;
    const { fetch, part } = entry;
    let position = 0;
    for (const outcome of frame.outcomes) {
      const end = position + outcome.sizeBytes;
      const result = resultOf(fetch, part, outcome);
      if (result !== undefined) merge(result, outcome, bufferOf(frame.batches, position, end));
      position = end;
    }
    if (frame.complete) this.#finishPart(fetch, part);
  }

  /** The link's instance is gone: its parts fail as retriable. */
  broken(link: JournalLink, error: BrokerError): void {
    for (const { fetch, part } of [...this.#parts.values()]) {
      if (part.link !== link) continue;
      for (const index of part.indices) fetch.results[index]!.error ??= error;
      this.#finishPart(fetch, part);
    }
  }

  /** Asks every leader, for more than it has brought the last time; of very many shards in turns (N8). */
  #ask(fetch: PendingFetch): void {
    const { results: before, request } = fetch;
    fetch.results = [];
    fetch.isHurried = false;
    const placed: Placed = { parts: [], open: new Map() };
    this.#forEach(
      request,
      stepsOf(request.sections.length),
      (from) => this.#place(fetch, from, placed),
      () => this.#askPlaced(fetch, before, placed),
    );
  }

  /** At once for a request that is no more than one part, else in turns. */
  #forEach<T>(
    { sections }: FetchRequest,
    items: Iterable<T>,
    act: (item: T) => void,
    done: () => void = () => undefined,
  ): void {
    if (sections.length > CALL_LIMITS.fetchSections) {
      eachInTurns(items, this.#turns, act, done);
      return;
    }
    for (const item of items) act(item);
    done();
  }

  /** Finds the leaders of some sections. */
  #place({ request: { sections }, results }: PendingFetch, from: number, { parts, open }: Placed): void {
    const end = Math.min(sections.length, from + SECTIONS_PER_STEP);
    for (let index = from; index < end; index += 1) {
      const section = sections[index]!;
      const result = emptyResult(section);
      results.push(result);
      const link = this.#linkOf(section.streamId, section.shard);
      if (link === undefined) {
        result.error = noLeader();
        continue;
      }
      const indices = open.get(link);
      if (indices !== undefined && indices.length < CALL_LIMITS.fetchSections) indices.push(index);
      else {
        // More than one fetch takes is asked for in several, as if of several journals.
        const first = [index];
        open.set(link, first);
        parts.push({ link, indices: first });
      }
    }
  }

  #askPlaced(fetch: PendingFetch, before: readonly FetchSectionResult[], placed: Placed): void {
    const { request, results } = fetch;
    const { timers } = this.#turns;
    // Nobody tells of a stream that broke since, for nothing was asked on it.
    const parts = placed.parts.filter(({ link, indices }) => {
      if (!link.ready) for (const index of indices) results[index]!.error = noLeader();
      return link.ready;
    });
    const failedAtOnce = results.some((result) => result.error !== undefined);
    const missingBytes = leastOverAll(request) - sizeOf(before);
    fetch.journals = parts.length;
    fetch.shareBytes = parts.length > 1 ? shareOf(request.maxBytes, parts.length) : request.maxBytes;
    for (const { link, indices } of parts) {
      let broughtBytes = 0;
      for (const index of indices) broughtBytes += before[index]?.sizeBytes ?? 0;
      const minBytes = leastOf(broughtBytes, missingBytes, parts.length, fetch.shareBytes);
      const part = { link, requestId: ++this.#lastRequestId, indices, next: 0, minBytes, isSent: false };
      fetch.parts.push(part);
      this.#parts.set(part.requestId, { fetch, part });
    }
    if (parts.length === 0) timers.soon(() => answer(fetch));
    // Each server keeps the time of what it was asked last; the time of the whole is kept here.
    if (before.length === 0 && parts.length > 1 && !fetch.isLast)
      fetch.stopDeadline = timers.after(request.maxWaitMs, () => this.#end(fetch));
    const sendAll = (): void =>
      this.#forEach(request, [...fetch.parts], (part) => {
        if (this.#parts.has(part.requestId)) this.#send(fetch, part, failedAtOnce);
      });
    // To place very many has used up this turn.
    if (results.length > CALL_LIMITS.fetchSections) timers.soon(sendAll);
    else sendAll();
  }

  #send(fetch: PendingFetch, part: Part, answerAtOnce: boolean): void {
    const { request } = fetch;
    part.isSent = true;
    // Who was hurried before this was sent is not told again.
    const isHurried = answerAtOnce || fetch.isHurried;
    part.link.send({
      case: 'fetch',
      value: create(FetchFrameSchema, {
        requestId: BigInt(part.requestId),
        maxWaitMs: isHurried ? 0 : request.maxWaitMs,
        minBytes: part.minBytes,
        maxBytes: fetch.shareBytes,
        isolation: request.readCommitted ? IsolationLevel.READ_COMMITTED : IsolationLevel.READ_UNCOMMITTED,
        minRevision: BigInt(this.#revision()),
        waitOnly: request.waitOnly ?? false,
        sections: part.indices.map((index) => {
          const section = request.sections[index]!;
          return create(FetchSectionSchema, {
            streamId: section.streamId,
            shard: section.shard,
            currentLeaderEpoch: section.currentLeaderEpoch ?? -1,
            fetchOffset: BigInt(section.fetchOffset),
            maxBytes: section.maxBytes,
            lastFetchedEpoch: section.lastFetchedEpoch ?? -1,
          });
        }),
      }),
    });
  }

  #finishPart(fetch: PendingFetch, part: Part): void {
    this.#parts.delete(part.requestId);
    fetch.parts.splice(fetch.parts.indexOf(part), 1);
    // Who answers unasked with less than he waited for is out of time or memory, or has failed.
    if (!fetch.isHurried && broughtBy(fetch, part) < part.minBytes) fetch.isLast = true;
    // Half a share is as much as a journal may be able to bring.
    if (fetch.journals > 1 && broughtBy(fetch, part) >= fullAt(fetch.shareBytes)) fetch.isLast = true;
    if (fetch.parts.length > 0) this.#hurry(fetch);
    else if (fetch.isLast || isEnough(fetch)) answer(fetch);
    else this.#ask(fetch);
  }

  /** Answers as soon as possible with what there is. */
  #end(fetch: PendingFetch): void {
    fetch.isLast = true;
    this.#hurry(fetch);
  }

  #hurry(fetch: PendingFetch): void {
    if (fetch.isHurried) return;
    fetch.isHurried = true;
    for (const part of fetch.parts) {
      if (!part.isSent || !part.link.ready) continue;
      part.link.send({
        case: 'cancelFetch',
        value: create(CancelFetchFrameSchema, { requestId: BigInt(part.requestId) }),
      });
    }
  }
}

/** Where each step of so many sections begins. */
function* stepsOf(count: number): Generator<number, void, undefined> {
  for (let from = 0; from < count; from += SECTIONS_PER_STEP) yield from;
}

/** More than fits is not waited for. */
function leastOverAll(request: FetchRequest): number {
  return Math.min(request.minBytes, request.maxBytes);
}

function broughtBy(fetch: PendingFetch, part: Part): number {
  let sizeBytes = 0;
  for (const index of part.indices) sizeBytes += fetch.results[index]!.sizeBytes;
  return sizeBytes;
}

function isEnough({ request, results }: PendingFetch): boolean {
  if (sizeOf(results) >= leastOverAll(request)) return true;
  return results.some(({ error, diverging }) => error !== undefined || diverging !== undefined);
}

function answer(fetch: PendingFetch): void {
  fetch.stopDeadline?.();
  if (fetch.journals > 1) dropOverLimit(fetch.results, fetch.shareBytes, fetch.request.maxBytes);
  fetch.callback(fetch.results);
}

function emptyResult(section: { readonly streamId: number; readonly shard: number }): FetchSectionResult {
  return {
    streamId: section.streamId,
    shard: section.shard,
    error: undefined,
    batches: [],
    sizeBytes: 0,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    leaderEpoch: -1,
    aborted: [],
    diverging: undefined,
  };
}

function resultOf(fetch: PendingFetch, part: Part, outcome: FetchOutcome): FetchSectionResult | undefined {
  const { indices } = part;
  for (let step = 0; step < indices.length; step += 1) {
    const place = (part.next + step) % indices.length;
    const result = fetch.results[indices[place]!]!;
    if (result.streamId !== outcome.streamId || result.shard !== outcome.shard) continue;
    part.next = place;
    return result;
  }
  return undefined;
}

function merge(result: FetchSectionResult, outcome: FetchOutcome, bytes: Buffer): void {
  result.error = fromFailure(outcome.failure);
  result.highWatermark = Number(outcome.highWatermark);
  result.lastStableOffset = Number(outcome.lastStableOffset);
  result.logStartOffset = Number(outcome.logStartOffset);
  result.leaderEpoch = outcome.leaderEpoch;
  if (bytes.length > 0) {
    result.batches.push(bytes);
    result.sizeBytes += bytes.length;
  }
  for (const aborted of outcome.aborted) {
    result.aborted.push({
      producerId: Number(aborted.producerId),
      firstOffset: Number(aborted.firstOffset),
    });
  }
  if (outcome.diverging !== undefined) {
    result.diverging = {
      leaderEpoch: outcome.diverging.leaderEpoch,
      endOffset: Number(outcome.diverging.endOffset),
    };
  }
}

/** A range of a `bytes` field as Buffer, without a copy. */
export function bufferOf(bytes: Uint8Array, start = 0, end = bytes.length): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
}

function noLeader(): BrokerError {
  return new BrokerError('not_leader', 'the shard has no reachable leader');
}
