// What callers of the journal client see: requests, outcomes and tail sections as plain values.

import type { BrokerError } from '@robustmq/errors';

/** Names a shard. */
export interface ShardId {
  readonly streamId: number;
  readonly shard: number;
}

/** Answer to one appended batch. */
export interface AppendOutcomeValue {
  readonly baseOffset: number;
  /** -1 unless the shard stamps LogAppendTime. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  readonly leaderEpoch: number;
}

/** One produce of a Kafka client for one shard. */
export interface ProduceRequest extends ShardId {
  /** One Kafka v2 record batch; not changed, kept until the callback. */
  readonly batch: Buffer;
  /** -1, 0 or 1. */
  readonly acks: number;
  readonly timeoutMs: number;
  /** The epoch the caller believes in; -1 for any. */
  readonly leaderEpoch?: number;
  readonly traceparent?: string;
}

/** Called once with an error or an outcome; for acks=0 as soon as the batch was handed to the stream. */
export type ProduceCallback = (
  error: BrokerError | undefined,
  outcome: AppendOutcomeValue | undefined,
) => void;

/** What the tail says of a range of offsets. */
export type TailSectionKind = 'batches' | 'elided' | 'skipped';

/** Committed records of one shard, in offset order: everything in [fromOffset, nextOffset) is accounted for. */
export interface TailBatches extends ShardId {
  readonly kind: TailSectionKind;
  readonly leaderEpoch: number;
  /** Greater than the previous `nextOffset` only when the log no longer holds what lay between. */
  readonly fromOffset: number;
  readonly nextOffset: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /**
   * `batches`: whole or sparse record batches end to end, offsets as in the log. `elided`: the one batch that this
   * gateway appended, base offset stamped. `skipped`: empty. A view: copy what is kept beyond the ring.
   */
  readonly batches: Buffer;
  /**
   * Keeps the section beyond `onTail`: its credit returns with {@link release}, not before, so that the journal sends no
   * more than can be taken (N7). Only within `onTail`.
   */
  hold(): void;
  /** A section that was held is taken; once. */
  release(): void;
}

/** A place in a shard. */
export interface ShardPositionValue extends ShardId {
  readonly leaderEpoch: number;
  readonly offset: number;
}

/** Marks of a shard as its leader knows them. */
export interface ShardMarksValue extends ShardId {
  readonly leaderEpoch: number;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logEndOffset: number;
  readonly durableLogEndOffset: number;
}

/** A topic filter to register; the id is the gateway's own and unique among its active filters. */
export interface FilterRegistration {
  readonly filterId: number;
  readonly tenant: string;
  readonly filter: string;
}

/** Change of the filters of this gateway. */
export interface FilterChange {
  readonly add?: readonly FilterRegistration[];
  readonly remove?: readonly number[];
}

/** A topic filter without a registration. */
export interface TenantFilter {
  readonly tenant: string;
  readonly filter: string;
}

/** A read of what a session missed. */
export interface BacklogRequest extends ShardId {
  /** Ascending: the records at exactly these places, instead of a range that filters match (N6). */
  readonly offsets?: readonly number[];
  readonly fromOffset: number;
  /** Exclusive; -1: up to HW. */
  readonly toOffset: number;
  readonly maxBytes: number;
  readonly maxRecords: number;
  readonly filters: readonly string[];
}

/** Sparse batches with every record in [fromOffset, nextOffset) that matches one of the filters. */
export interface BacklogResult {
  readonly fromOffset: number;
  readonly nextOffset: number;
  readonly batches: Buffer;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly leaderEpoch: number;
}

export type BacklogCallback = (error: BrokerError | undefined, result: BacklogResult | undefined) => void;

/** One shard of a fetch. */
export interface FetchSectionRequest extends ShardId {
  readonly fetchOffset: number;
  readonly maxBytes: number;
  /** -1: not known. */
  readonly currentLeaderEpoch?: number;
  /** -1: not known. */
  readonly lastFetchedEpoch?: number;
}

/** A long-polling read over any shards; both counts are of the whole answer, however many journals bring it. */
export interface FetchRequest {
  readonly maxWaitMs: number;
  readonly minBytes: number;
  /** Exceeded by one batch at most (KIP-74). */
  readonly maxBytes: number;
  readonly readCommitted: boolean;
  /** Brings no records: answers once `minBytes` were committed, or as soon as anything lies behind an offset asked for. */
  readonly waitOnly?: boolean;
  readonly sections: readonly FetchSectionRequest[];
}

/** Answer for one shard of a fetch. */
export interface FetchSectionResult extends ShardId {
  error: BrokerError | undefined;
  /** Record batches, to be laid end to end; not joined, so that they can go to a socket as they are. */
  readonly batches: Buffer[];
  sizeBytes: number;
  highWatermark: number;
  lastStableOffset: number;
  logStartOffset: number;
  leaderEpoch: number;
  aborted: { readonly producerId: number; readonly firstOffset: number }[];
  diverging: { readonly leaderEpoch: number; readonly endOffset: number } | undefined;
}

/** Called once, with a result per section asked for, in that order. */
export type FetchCallback = (results: readonly FetchSectionResult[]) => void;

/** A fetch under way. */
export interface FetchCall {
  /** How many journals were asked, each for its share of `maxBytes`; of a large fetch known when it is answered. */
  readonly journals: number;
  /** Answers as soon as possible with what there is. */
  cancel(): void;
}
