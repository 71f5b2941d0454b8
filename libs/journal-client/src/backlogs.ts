// Reads of what sessions missed: those of one turn leave in one frame per journal-server.

import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  BacklogFrameSchema,
  BacklogReadSchema,
  fromFailure,
  type BacklogRead,
  type BacklogResultFrame,
} from '@robustmq/rpc';
import type { Cancel, Timers } from '@robustmq/runtime';
import { bufferOf } from './fetches.ts';
import type { JournalLink } from './link.ts';
import type { BacklogCallback, BacklogRequest } from './types.ts';

/** Reads in one frame: a bound on the frame, not on the reads under way, which the callers bound. */
const MAX_READS_PER_FRAME = 256;

/** The backlog reads of one link. */
export class LinkBacklogs {
  readonly #link: JournalLink;
  readonly #pending = new Map<number, BacklogCallback>();
  #queued: BacklogRead[] = [];
  readonly #timers: Timers;
  #scheduled: Cancel | undefined;
  #lastReadId = 0;

  constructor(link: JournalLink, timers: Timers) {
    this.#timers = timers;
    this.#link = link;
  }

  start(request: BacklogRequest, callback: BacklogCallback): void {
    if (!this.#link.ready) {
      this.#timers.soon(() => callback(new BrokerError('unavailable', 'journal not connected'), undefined));
      return;
    }
    const readId = ++this.#lastReadId;
    this.#pending.set(readId, callback);
    this.#queued.push(
      create(BacklogReadSchema, {
        readId: BigInt(readId),
        streamId: request.streamId,
        shard: request.shard,
        leaderEpoch: -1,
        fromOffset: BigInt(request.fromOffset),
        toOffset: BigInt(request.toOffset),
        maxBytes: request.maxBytes,
        maxRecords: request.maxRecords,
        filters: [...request.filters],
        offsets: request.offsets?.map(BigInt) ?? [],
      }),
    );
    this.#scheduled ??= this.#timers.soon(() => this.#flush());
  }

  receive(frame: BacklogResultFrame): void {
    let position = 0;
    for (const outcome of frame.outcomes) {
      const end = position + outcome.sizeBytes;
      const readId = Number(outcome.readId);
      const callback = this.#pending.get(readId);
      this.#pending.delete(readId);
      const error = fromFailure(outcome.failure);
      if (error !== undefined) {
        callback?.(error, undefined);
      } else {
        callback?.(undefined, {
          fromOffset: Number(outcome.fromOffset),
          nextOffset: Number(outcome.nextOffset),
          batches: bufferOf(frame.batches, position, end),
          highWatermark: Number(outcome.highWatermark),
          logStartOffset: Number(outcome.logStartOffset),
          leaderEpoch: outcome.leaderEpoch,
        });
      }
      position = end;
    }
  }

  broken(error: BrokerError): void {
    this.#scheduled?.();
    this.#scheduled = undefined;
    this.#queued = [];
    const callbacks = [...this.#pending.values()];
    this.#pending.clear();
    for (const callback of callbacks) callback(error, undefined);
  }

  #flush(): void {
    this.#scheduled = undefined;
    while (this.#queued.length > 0) {
      const reads = this.#queued.splice(0, MAX_READS_PER_FRAME);
      this.#link.send({ case: 'backlog', value: create(BacklogFrameSchema, { reads }) });
    }
  }
}
