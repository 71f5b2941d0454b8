// Long-polling reads: a request over shards of several leaders becomes one frame per journal-server; pieces are
// collected without joining, and the first server with enough data makes the others answer with what they have.

import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  CancelFetchFrameSchema,
  FetchFrameSchema,
  FetchSectionSchema,
  fromFailure,
  IsolationLevel,
  type FetchOutcome,
  type FetchResultFrame,
} from '@robustmq/rpc';
import type { Timers } from '@robustmq/runtime';
import type { JournalLink } from './link.ts';
import type { FetchCall, FetchCallback, FetchRequest, FetchSectionResult } from './types.ts';

interface Part {
  readonly link: JournalLink;
  readonly requestId: number;
  /** Indices into the request's sections. */
  readonly indices: readonly number[];
}

interface PendingFetch {
  readonly request: FetchRequest;
  readonly results: FetchSectionResult[];
  readonly parts: Part[];
  readonly callback: FetchCallback;
  cancelled: boolean;
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
      results: request.sections.map(emptyResult),
      parts: [],
      callback,
      cancelled: false,
    };
    const byLink = new Map<JournalLink, number[]>();
    request.sections.forEach((section, index) => {
      const link = this.#linkOf(section.streamId, section.shard);
      if (link === undefined) fetch.results[index]!.error = noLeader();
      else if (byLink.has(link)) byLink.get(link)!.push(index);
      else byLink.set(link, [index]);
    });
    const failedAtOnce = fetch.results.some((result) => result.error !== undefined);
    for (const [link, indices] of byLink) {
      const part = { link, requestId: ++this.#lastRequestId, indices };
      fetch.parts.push(part);
      this.#parts.set(part.requestId, { fetch, part });
      this.#send(fetch, part, failedAtOnce);
    }
    if (fetch.parts.length === 0) this.#timers.soon(() => callback(fetch.results));
    return { cancel: () => this.#cancel(fetch) };
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

  #send(fetch: PendingFetch, part: Part, answerAtOnce: boolean): void {
    const { request } = fetch;
    part.link.send({
      case: 'fetch',
      value: create(FetchFrameSchema, {
        requestId: BigInt(part.requestId),
        maxWaitMs: answerAtOnce ? 0 : request.maxWaitMs,
        minBytes: request.minBytes,
        maxBytes: request.maxBytes,
        isolation: request.readCommitted ? IsolationLevel.READ_COMMITTED : IsolationLevel.READ_UNCOMMITTED,
        minRevision: BigInt(this.#revision()),
        sections: part.indices.map((index) => {
          const section = request.sections[index]!;
          return create(FetchSectionSchema, {
            streamId: section.streamId,
            shard: section.shard,
            currentLeaderEpoch: section.currentLeaderEpoch ?? -1,
            fetchOffset: BigInt(section.fetchOffset),
            maxBytes: section.maxBytes,
            lastFetchedEpoch: section.lastFetchedEpoch ?? -1,
            durableLogEndOffset: -1n,
          });
        }),
      }),
    });
  }

  #finishPart(fetch: PendingFetch, part: Part): void {
    this.#parts.delete(part.requestId);
    fetch.parts.splice(fetch.parts.indexOf(part), 1);
    if (fetch.parts.length === 0) fetch.callback(fetch.results);
    else this.#cancel(fetch);
  }

  #cancel(fetch: PendingFetch): void {
    if (fetch.cancelled) return;
    fetch.cancelled = true;
    for (const part of fetch.parts) {
      if (!part.link.ready) continue;
      part.link.send({
        case: 'cancelFetch',
        value: create(CancelFetchFrameSchema, { requestId: BigInt(part.requestId) }),
      });
    }
  }
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
  for (const index of part.indices) {
    const result = fetch.results[index]!;
    if (result.streamId === outcome.streamId && result.shard === outcome.shard) return result;
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
