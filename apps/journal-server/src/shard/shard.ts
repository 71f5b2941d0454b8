// One shard in this directory: its log, its producers, what is appended and not yet committed, and, while this
// incarnation leads it, the ISR core. Everything here is synchronous; reading is left to the log.

import { BrokerError } from '@robustmq/errors';
import {
  baseOffsetOf,
  baseSequenceOf,
  completeBatchBytes,
  lastOffsetOf,
  lastSequenceOf,
  producerEpochOf,
  producerIdOf,
} from '@robustmq/record-batch';
import type { ProducerState } from '@robustmq/producer-state';
import { ShardLeader, type CommittedIsr, type IsrProposal, type Member } from '@robustmq/replication';
import type { SegmentLog } from '@robustmq/segment-log';
import { streamConfigOf, type StreamConfig } from './stream-config.ts';
import type { StreamFacts } from './stream-facts.ts';
import { Uncommitted } from './uncommitted.ts';

/** What a leadership begins with. */
export interface Leadership {
  readonly self: Member;
  readonly leaderEpoch: number;
  readonly isr: CommittedIsr;
}

/** Told of what a shard decides. */
export interface ShardEvents {
  highWatermarkAdvanced(shard: Shard): void;
  proposeIsr(shard: Shard, proposal: IsrProposal): void;
}

const REPLICA_LAG_MAX_MS = 5_000;

/** A shard and its state in memory. */
export class Shard {
  readonly streamId: number;
  readonly shard: number;
  readonly log: SegmentLog;
  producers: ProducerState;
  /** Kafka's topic id, which tells the stream from another under the same id; empty while it is not known. */
  topicId = '';
  /** Set once the view knows the stream; a shard without is neither led nor read. */
  stream: StreamFacts | undefined;
  config: StreamConfig = streamConfigOf({});
  leader: ShardLeader | undefined;
  /** Why it serves nothing: quarantined (rule L2) or its disk failed. */
  failure: BrokerError | undefined;
  /** HW known without a leadership: from recovery. */
  #recoveredHighWatermark: number;
  /** Monotonic time of the last append of this process; long ago if there was none. */
  appendedAtMs = -Infinity;
  /** Offset that the next batch gets; ahead of the log's end only within one tick. */
  nextOffset: number;
  /** The log is durable up to here, whoever leads it. */
  #durableOffset: number;
  readonly uncommitted = new Uncommitted();
  readonly #events: ShardEvents;

  constructor(
    id: { readonly streamId: number; readonly shard: number },
    log: SegmentLog,
    producers: ProducerState,
    events: ShardEvents,
  ) {
    this.streamId = id.streamId;
    this.shard = id.shard;
    this.log = log;
    this.producers = producers;
    this.nextOffset = log.logEndOffset;
    this.#recoveredHighWatermark = log.logEndOffset;
    this.#durableOffset = log.logEndOffset;
    this.#events = events;
  }

  get highWatermark(): number {
    return this.leader?.highWatermark ?? this.#recoveredHighWatermark;
  }

  /** Same as HW until transactions exist. */
  get lastStableOffset(): number {
    return this.highWatermark;
  }

  get leaderEpoch(): number {
    return this.leader?.leaderEpoch ?? this.log.latestEpoch;
  }

  /** Whether MQTT subscribers can see records of it. */
  get mqttVisible(): boolean {
    return this.stream !== undefined && (this.stream.ownsRest || this.stream.mqttFilter !== '');
  }

  describe(stream: StreamFacts): void {
    this.stream = stream;
    this.config = streamConfigOf(stream.config);
    this.log.configure({ segmentBytes: this.config.segmentBytes, segmentMs: this.config.segmentMs });
    this.leader?.setMinInsyncReplicas(this.config.minInsyncReplicas);
  }

  /** Begins to lead under an epoch of this incarnation (rule R3). */
  lead(leadership: Leadership, nowMs: number): void {
    const highWatermark = this.highWatermark;
    this.log.assignEpoch(leadership.leaderEpoch);
    this.leader = new ShardLeader(
      {
        ...leadership,
        logEndOffset: this.log.logEndOffset,
        durableLogEndOffset: this.#durableOffset,
        highWatermark,
        minInsyncReplicas: this.config.minInsyncReplicas,
        replicaLagMaxMs: REPLICA_LAG_MAX_MS,
      },
      {
        highWatermarkAdvanced: () => this.#events.highWatermarkAdvanced(this),
        proposeIsr: (proposal) => this.#events.proposeIsr(this, proposal),
      },
      nowMs,
    );
  }

  /**
   * The leader, if this process may act as it.
   * @throws BrokerError the failure; not_leader; stale_epoch or unknown_epoch against the caller's epoch (-1: any).
   */
  leaderFor(leaderEpoch: number): ShardLeader {
    if (this.failure !== undefined) throw this.failure;
    const { leader } = this;
    if (leader === undefined || leader.resigned)
      throw new BrokerError('not_leader', 'not the leader of this shard');
    if (leaderEpoch >= 0 && leaderEpoch < leader.leaderEpoch) {
      throw new BrokerError('stale_epoch', 'the shard has a newer leader epoch', {
        details: { leaderEpoch: leader.leaderEpoch },
      });
    }
    if (leaderEpoch > leader.leaderEpoch) {
      throw new BrokerError('unknown_epoch', 'this leader has not heard of that epoch');
    }
    return leader;
  }

  /** Ends the leadership; what was committed stays known. */
  stepDown(): void {
    if (this.leader === undefined) return;
    this.#recoveredHighWatermark = this.leader.highWatermark;
    this.leader.resign();
    this.leader = undefined;
  }

  /** The log was synced up to here. */
  durable(offset: number): void {
    this.#durableOffset = Math.max(this.#durableOffset, offset);
    this.leader?.durable(this.#durableOffset);
  }

  /** Feeds batches of a replay into log and producers. */
  replay(batches: Buffer, nowMs: number): void {
    this.log.append(batches);
    this.noteProducers(batches, nowMs);
    this.nextOffset = this.log.logEndOffset;
    this.#recoveredHighWatermark = this.log.logEndOffset;
    this.#durableOffset = this.log.logEndOffset;
  }

  /** Brings the producers up to date with batches that are in the log already; they count as heard from at `nowMs`. */
  noteProducers(batches: Buffer, nowMs: number): void {
    for (let at = 0; at < batches.length;) {
      const sizeBytes = completeBatchBytes(batches, at, batches.length);
      if (sizeBytes === 0) return;
      const producerId = producerIdOf(batches, at);
      if (producerId >= 0 && baseSequenceOf(batches, at) >= 0) {
        this.producers.appended(
          {
            producerId,
            producerEpoch: producerEpochOf(batches, at),
            baseSequence: baseSequenceOf(batches, at),
            lastSequence: lastSequenceOf(batches, at),
          },
          baseOffsetOf(batches, at),
          lastOffsetOf(batches, at),
          nowMs,
        );
      }
      at += sizeBytes;
    }
  }

  /** Replays a truncation (rule R4). The producers forgot what the records had pushed out: they are read from the log. */
  replayTruncation(offset: number): void {
    const end = this.log.truncateTo(offset);
    this.nextOffset = end;
    this.#recoveredHighWatermark = end;
    this.#durableOffset = end;
  }

  /** A tick could not be written: what it had assigned was never appended. */
  rollBack(): void {
    this.nextOffset = this.log.logEndOffset;
    this.producers.takeBack();
  }
}

/** One number for (stream, shard), for maps. */
export function shardKey(streamId: number, shard: number): number {
  return streamId * 65_536 + shard;
}
