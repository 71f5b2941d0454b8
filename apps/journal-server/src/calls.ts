// The unary calls: questions about offsets, for gateways and tools.

import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  DeleteRecordsOutcomeSchema,
  EpochOutcomeSchema,
  ListOffsetsOutcomeSchema,
  ShardDescriptionSchema,
  toFailure,
  IsolationLevel,
  type DeleteRecordsRequest,
  type DescribeShardsRequest,
  type EndOffsetsForEpochsRequest,
  type EpochQuery,
  type ListOffsetsEntry,
  type ListOffsetsRequest,
  type ShardPosition,
} from '@robustmq/rpc';
import { marksOf } from './exchange.ts';
import type { Journal } from './journal.ts';
import { quarantined } from './quarantine.ts';
import type { Shard } from './shard.ts';

/** Kafka's special timestamps. */
const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;

/** Implements the unary calls over a journal. */
export class JournalCalls {
  readonly #journal: Journal;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  async listOffsets(request: ListOffsetsRequest) {
    await this.#revision(request.minRevision);
    const committed = request.isolation === IsolationLevel.READ_COMMITTED;
    return {
      outcomes: await Promise.all(request.entries.map((entry) => this.#listOffset(entry, committed))),
    };
  }

  async endOffsetsForEpochs(request: EndOffsetsForEpochsRequest) {
    await this.#revision(request.minRevision);
    return { outcomes: request.queries.map((query) => this.#endOffset(query)) };
  }

  describeShards(request: DescribeShardsRequest) {
    const wanted =
      request.shards.length > 0
        ? request.shards.map(({ streamId, shard }) => ({ streamId, shard }))
        : [...this.#journal.shards.values()].map(({ streamId, shard }) => ({ streamId, shard }));
    return { shards: wanted.map(({ streamId, shard }) => this.#describe(streamId, shard)) };
  }

  async deleteRecords(request: DeleteRecordsRequest) {
    return { outcomes: await Promise.all(request.before.map((position) => this.#deleteBefore(position))) };
  }

  #revision(minRevision: bigint): Promise<void> {
    const { waits } = this.#journal;
    return new Promise((resolve) => waits.wait(() => waits.reached(Number(minRevision)), resolve));
  }

  /** @throws BrokerError why it is not led here. */
  #leading(streamId: number, shard: number, leaderEpoch: number): Shard {
    const found = this.#journal.shardOf(streamId, shard);
    if (found instanceof BrokerError) throw found;
    found.leaderFor(leaderEpoch);
    return found;
  }

  async #listOffset(entry: ListOffsetsEntry, committed: boolean) {
    let shard: Shard | undefined;
    try {
      shard = this.#leading(entry.streamId, entry.shard, entry.currentLeaderEpoch);
      const { offset, timestampMs } = await offsetFor(shard, Number(entry.timestampMs), committed);
      return create(ListOffsetsOutcomeSchema, {
        offset: BigInt(offset),
        timestampMs: BigInt(timestampMs),
        leaderEpoch: offset < 0 ? -1 : epochOf(shard, offset),
      });
    } catch (thrown) {
      const error = BrokerError.from(thrown);
      if (shard !== undefined) this.#journal.readFailed(shard, error);
      return create(ListOffsetsOutcomeSchema, {
        failure: toFailure(error),
        offset: -1n,
        timestampMs: -1n,
        leaderEpoch: -1,
      });
    }
  }

  #endOffset(query: EpochQuery) {
    try {
      const shard = this.#leading(query.streamId, query.shard, query.currentLeaderEpoch);
      const end = shard.log.endOffsetForEpoch(query.leaderEpoch);
      return create(EpochOutcomeSchema, { leaderEpoch: end.leaderEpoch, endOffset: BigInt(end.endOffset) });
    } catch (error) {
      return create(EpochOutcomeSchema, { failure: toFailure(error), leaderEpoch: -1, endOffset: -1n });
    }
  }

  #describe(streamId: number, index: number) {
    const found = this.#journal.shardOf(streamId, index);
    if (found instanceof BrokerError) {
      return create(ShardDescriptionSchema, {
        marks: { streamId, shard: index },
        quarantined: found.code === quarantined('').code,
        failure: toFailure(found),
      });
    }
    return create(ShardDescriptionSchema, {
      marks: marksOf(found),
      sizeBytes: BigInt(found.log.sizeBytes),
      segments: found.log.describeSegments().length,
      leader: found.leader !== undefined,
    });
  }

  async #deleteBefore(position: ShardPosition) {
    try {
      const shard = this.#leading(position.streamId, position.shard, -1);
      const wanted = Number(position.offset);
      // -1: everything that is committed.
      const offset = wanted === -1 ? shard.highWatermark : wanted;
      if (offset > shard.highWatermark || offset < 0) {
        throw new BrokerError('out_of_range', 'only committed records may be deleted');
      }
      if (offset > shard.log.logStartOffset) await this.#journal.advanceLogStart(shard, offset);
      return create(DeleteRecordsOutcomeSchema, { logStartOffset: BigInt(shard.log.logStartOffset) });
    } catch (error) {
      return create(DeleteRecordsOutcomeSchema, { failure: toFailure(error), logStartOffset: -1n });
    }
  }
}

const NONE = { offset: -1, timestampMs: -1 };

async function offsetFor(
  shard: Shard,
  timestampMs: number,
  committed: boolean,
): Promise<{ offset: number; timestampMs: number }> {
  const end = committed ? shard.lastStableOffset : shard.highWatermark;
  switch (timestampMs) {
    case EARLIEST:
    case EARLIEST_LOCAL:
      return { offset: shard.log.logStartOffset, timestampMs: -1 };
    case LATEST:
      // KIP-207: what was acknowledged under the last leader may lie above our HW.
      if (shard.leader?.latestOffsetAvailable !== true) {
        throw new BrokerError('offset_not_available', 'the leader does not know the high watermark yet');
      }
      return { offset: end, timestampMs: -1 };
    case LATEST_TIERED:
      return NONE;
    case MAX_TIMESTAMP: {
      // What retention has overtaken may still have files.
      const { logStartOffset } = shard.log;
      const segments = shard.log.describeSegments();
      const live = segments.filter((_, i) => (segments[i + 1]?.baseOffset ?? Infinity) > logStartOffset);
      const newest = live.reduce((most, { maxTimestampMs }) => Math.max(most, maxTimestampMs), -1);
      return newest < 0 ? NONE : ((await shard.log.offsetForTimestamp(newest, end)) ?? NONE);
    }
    default:
      if (timestampMs < 0) throw new BrokerError('unsupported', 'unknown special timestamp');
      return (await shard.log.offsetForTimestamp(timestampMs, end)) ?? NONE;
  }
}

function epochOf(shard: Shard, offset: number): number {
  let epoch = -1;
  for (const start of shard.log.leaderEpochs) if (start.startOffset <= offset) epoch = start.leaderEpoch;
  return epoch;
}
