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
  type EpochOutcome,
  type ListOffsetsOutcome,
  type ShardDescription,
  type EndOffsetsForEpochsRequest,
  type EpochQuery,
  type ListOffsetsEntry,
  type ListOffsetsRequest,
  type ShardPosition,
  type ShardRef,
} from '@robustmq/rpc';
import type { Journal } from '../journal.ts';
import { quarantined } from '../directory/quarantine.ts';
import { MAX_OFFSET_QUERIES, offsetFor } from '../read/offset-queries.ts';
import { marksOf } from '../shard/marks.ts';
import type { Shard } from '../shard/shard.ts';
import { shardKey } from '../shard/shard.ts';

/** Implements the unary calls over a journal. */
export class JournalCalls {
  readonly #journal: Journal;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  async listOffsets(request: ListOffsetsRequest) {
    if (request.entries.length > MAX_OFFSET_QUERIES) {
      throw new BrokerError('quota_exceeded', `more than ${MAX_OFFSET_QUERIES} questions in one request`);
    }
    await this.#revision(request.minRevision);
    const committed = request.isolation === IsolationLevel.READ_COMMITTED;
    const answered = new Map<string, ListOffsetsOutcome>();
    const outcomes: ListOffsetsOutcome[] = [];
    for (const entry of request.entries) {
      const key = `${entry.streamId}/${entry.shard}/${entry.currentLeaderEpoch}/${entry.timestampMs}`;
      let outcome = answered.get(key);
      if (outcome === undefined) {
        await this.#turn();
        outcome = await this.#listOffset(entry, committed);
        answered.set(key, outcome);
      }
      outcomes.push(outcome);
    }
    return { outcomes };
  }

  async endOffsetsForEpochs(request: EndOffsetsForEpochsRequest) {
    await this.#revision(request.minRevision);
    const outcomes: EpochOutcome[] = [];
    for (const query of request.queries) {
      await this.#turn();
      outcomes.push(this.#endOffset(query));
    }
    return { outcomes };
  }

  async describeShards(request: DescribeShardsRequest) {
    const wanted = request.shards.length > 0 ? request.shards : this.#held(request.onlyFailed);
    const shards: ShardDescription[] = [];
    for (const { streamId, shard } of wanted) {
      await this.#turn();
      shards.push(this.#describe(streamId, shard));
    }
    return { shards, diskFull: this.#journal.diskIsFull };
  }

  /** Shards of this server: the failed ones first, which may have no data that could be opened. */
  #held(onlyFailed: boolean): Pick<ShardRef, 'streamId' | 'shard'>[] {
    const failed = this.#journal.failed;
    if (onlyFailed) return failed;
    const keys = new Set(failed.map(({ streamId, shard }) => shardKey(streamId, shard)));
    const others = [...this.#journal.shards].flatMap(([key, held]) => (keys.has(key) ? [] : [held]));
    return [...failed, ...others];
  }

  async deleteRecords(request: DeleteRecordsRequest) {
    return { outcomes: await Promise.all(request.before.map((position) => this.#deleteBefore(position))) };
  }

  /** Between two questions: the loop is not ours (rule N8). */
  async #turn(): Promise<void> {
    const { turns } = this.#journal;
    if (turns.isSpent) await turns.next();
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
      const found = await offsetFor(shard, Number(entry.timestampMs), committed);
      const { offset, timestampMs, compressed } = found;
      return create(ListOffsetsOutcomeSchema, {
        offset: BigInt(offset),
        timestampMs: BigInt(timestampMs),
        leaderEpoch: offset < 0 ? -1 : epochOf(shard, offset),
        compressed,
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

function epochOf(shard: Shard, offset: number): number {
  let epoch = -1;
  for (const start of shard.log.leaderEpochs) if (start.startOffset <= offset) epoch = start.leaderEpoch;
  return epoch;
}
