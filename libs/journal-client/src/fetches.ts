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
import type { Cancel, Timers } from '@robustmq/runtime';
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
}

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
  readonly #timers: Timers;
  readonly #parts = new Map<number, { fetch: PendingFetch; part: Part }>();
  #lastRequestId = 0;

  constructor(
    linkOf: (streamId: number, shard: number) => JournalLink | undefined,
    revision: () => number,
    timers: Timers,
  ) {
    this.#timers = timers;
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
    if (fetch.journals === 0) this.#timers.soon(() => callback(fetch.results));
    // Each server keeps the time of what it was asked last; the time of the whole is kept here.
    if (fetch.journals > 1 && !fetch.isLast) {
      fetch.stopDeadline = this.#timers.after(request.maxWaitMs, () => this.#end(fetch));
    }
    return { journals: fetch.journals, cancel: () => this.#end(fetch) };
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

  /** Asks every leader, for more than it has brought the last time. */
  #ask(fetch: PendingFetch): void {
    const { request, results: before } = fetch;
    fetch.results = request.sections.map(emptyResult);
    fetch.isHurried = false;
    const parts: { readonly link: JournalLink; readonly indices: number[] }[] = [];
    const open = new Map<JournalLink, number[]>();
    request.sections.forEach((section, index) => {
      const link = this.#linkOf(section.streamId, section.shard);
      if (link === undefined) fetch.results[index]!.error = noLeader();
      else {
        const indices = open.get(link);
        if (indices !== undefined && indices.length < CALL_LIMITS.fetchSections) indices.push(index);
        else {
          // More than one fetch takes is asked for in several, as if of several journals.
          const first = [index];
          open.set(link, first);
          parts.push({ link, indices: first });
        }
      }
    });
    const failedAtOnce = fetch.results.some((result) => result.error !== undefined);
    const missingBytes = leastOverAll(request) - sizeOf(before);
    fetch.journals = parts.length;
    fetch.shareBytes = parts.length > 1 ? shareOf(request.maxBytes, parts.length) : request.maxBytes;
    for (const { link, indices } of parts) {
      let broughtBytes = 0;
      for (const index of indices) broughtBytes += before[index]?.sizeBytes ?? 0;
      const minBytes = leastOf(broughtBytes, missingBytes, parts.length, fetch.shareBytes);
      const part = { link, requestId: ++this.#lastRequestId, indices, next: 0, minBytes };
      fetch.parts.push(part);
      this.#parts.set(part.requestId, { fetch, part });
    }
    for (const part of [...fetch.parts]) this.#send(fetch, part, failedAtOnce);
  }

  #send(fetch: PendingFetch, part: Part, answerAtOnce: boolean): void {
    const { request } = fetch;
    part.link.send({
      case: 'fetch',
      value: create(FetchFrameSchema, {
        requestId: BigInt(part.requestId),
        maxWaitMs: answerAtOnce ? 0 : request.maxWaitMs,
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
    else this.#again(fetch);
  }

  #again(fetch: PendingFetch): void {
    this.#ask(fetch);
    if (fetch.journals === 0) answer(fetch);
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
      if (!part.link.ready) continue;
      part.link.send({
        case: 'cancelFetch',
        value: create(CancelFetchFrameSchema, { requestId: BigInt(part.requestId) }),
      });
    }
  }
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
