// One section of a fetch: what its reader asked for, what was found of it, and how that is said.

import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import { BATCH_HEADER_BYTES, batchHeader } from '@robustmq/record-batch';
import {
  EpochEndOffsetSchema,
  FetchOutcomeSchema,
  toFailure,
  type FetchOutcome,
  type FetchSection,
} from '@robustmq/rpc';
import type { Shard } from '../shard/shard.ts';

/** Nothing was read. */
export const EMPTY = Buffer.alloc(0);

/** A section on its way from question to answer. */
export interface SectionState {
  readonly section: FetchSection;
  shard: Shard | undefined;
  error: BrokerError | undefined;
  diverging: { readonly leaderEpoch: number; readonly endOffset: number } | undefined;
  bytes: Buffer;
  /** Where the last read ended, at the latest. */
  readTo: number;
}

/** A section of which nothing is known yet. */
export function newSectionState(section: FetchSection): SectionState {
  return { section, shard: undefined, error: undefined, diverging: undefined, bytes: EMPTY, readTo: 0 };
}

/** Holds the offset and the epoch of a reader against the shard's log. @throws BrokerError `out_of_range` */
export function judge(state: SectionState, shard: Shard): void {
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
    if (end.leaderEpoch >= 0 && (end.leaderEpoch < section.lastFetchedEpoch || end.endOffset < fetchOffset)) {
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

/** Whether what was read of a section ends before what there is. */
export function isPartial({ section, bytes, readTo, error }: SectionState): boolean {
  if (error !== undefined || (bytes.length > 0 && bytes.length < BATCH_HEADER_BYTES)) return false;
  let nextOffset = Number(section.fetchOffset);
  for (let at = 0; at + BATCH_HEADER_BYTES <= bytes.length; at += batchHeader.batchSizeBytes(bytes, at))
    nextOffset = batchHeader.lastOffset(bytes, at) + 1;
  return nextOffset < readTo;
}

/** What the reader hears of the section. */
export function outcomeOf(state: SectionState, sizeBytes: number): FetchOutcome {
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
