// One shard in this directory: its log, its producers, what is appended and not yet committed, and what this process is to
// it. Everything here is synchronous; reading is left to the log.

import { BrokerError } from '@robustmq/errors';
import type { ProducerBatch, ProducerState } from '@robustmq/producer-state';
import {
  ShardFollower,
  ShardLeader,
  type CommittedIsr,
  type LeaderSink,
  type Member,
} from '@robustmq/replication';
import type { SegmentLog } from '@robustmq/segment-log';
import { noteProducers } from './note-producers.ts';
import type { PendingBatch } from './pending.ts';
import { streamConfigOf, type StreamConfig } from './stream-config.ts';
import type { StreamFacts } from './stream-facts.ts';
import { Uncommitted } from './uncommitted.ts';

/** What a leadership begins with. */
export interface Leadership {
  readonly self: Member;
  readonly leaderEpoch: number;
  readonly isr: CommittedIsr;
}

/** What this process is to a shard. */
export type Role =
  /** It keeps the files. */
  | { readonly kind: 'none' }
  | { readonly kind: 'leader'; readonly core: ShardLeader }
  /** Another one leads; HW is what that one said. */
  | { readonly kind: 'follower'; readonly core: ShardFollower };

const NO_ROLE: Role = { kind: 'none' };
const REPLICA_LAG_MAX_MS = 5_000;

/** Which shard of which stream. */
export interface ShardId {
  readonly streamId: number;
  readonly shard: number;
  /** Kafka's topic id, which tells the stream from another under the same id; empty while it is not known. */
  readonly topicId: string;
}

/** A shard and its state in memory. */
export class Shard {
  readonly streamId: number;
  readonly shard: number;
  readonly log: SegmentLog;
  readonly uncommitted = new Uncommitted();
  #topicId: string;
  #producers: ProducerState;
  #stream: StreamFacts | undefined;
  #config: StreamConfig = streamConfigOf({});
  #role: Role = NO_ROLE;
  #failure: BrokerError | undefined;
  /**
   * HW known without a role: a lower bound. Recovery knows none: what it found may be on no other replica, so that it is
   * committed only once the members of the ISR have reported it (rule R1). One that is alone in it knows at once.
   */
  #knownHighWatermark: number;
  #appendedAtMs = -Infinity;
  #nextOffset: number;
  #durableOffset: number;

  constructor(id: ShardId, log: SegmentLog, producers: ProducerState) {
    this.streamId = id.streamId;
    this.shard = id.shard;
    this.#topicId = id.topicId;
    this.log = log;
    this.#producers = producers;
    this.#nextOffset = log.logEndOffset;
    this.#knownHighWatermark = log.logStartOffset;
    this.#durableOffset = log.logEndOffset;
  }

  get topicId(): string {
    return this.#topicId;
  }

  /** What the view says of the stream; a shard without is neither led nor read. */
  get stream(): StreamFacts | undefined {
    return this.#stream;
  }

  get config(): StreamConfig {
    return this.#config;
  }

  get producers(): ProducerState {
    return this.#producers;
  }

  get role(): Role {
    return this.#role;
  }

  /** The ISR core, while this process leads. */
  get leader(): ShardLeader | undefined {
    return this.#role.kind === 'leader' ? this.#role.core : undefined;
  }

  /** Why it serves nothing: quarantined (rule L2), deleted, or its disk failed. */
  get failure(): BrokerError | undefined {
    return this.#failure;
  }

  /** Monotonic time of the last append of this process; long ago if there was none. */
  get appendedAtMs(): number {
    return this.#appendedAtMs;
  }

  /** Offset that the next batch gets; ahead of the log's end only within one tick. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  get highWatermark(): number {
    return this.#role.kind === 'none' ? this.#knownHighWatermark : this.#role.core.highWatermark;
  }

  /** The log is durable up to here, whoever leads it. */
  get durableOffset(): number {
    return this.#durableOffset;
  }

  /** Same as HW until transactions exist. */
  get lastStableOffset(): number {
    return this.highWatermark;
  }

  get leaderEpoch(): number {
    return this.#role.kind === 'none' ? this.log.latestEpoch : this.#role.core.leaderEpoch;
  }

  /** Whether MQTT subscribers can see records of it. */
  get mqttVisible(): boolean {
    return this.stream !== undefined && (this.stream.ownsRest || this.stream.mqttFilter !== '');
  }

  /** The view shows the stream: this is it. */
  describe(stream: StreamFacts): void {
    this.#topicId = stream.topicId;
    this.#stream = stream;
    this.#config = streamConfigOf(stream.config);
    this.log.configure({ segmentBytes: this.#config.segmentBytes, segmentMs: this.#config.segmentMs });
    this.leader?.setMinInsyncReplicas(this.#config.minInsyncReplicas);
  }

  /** Begins to lead under an epoch of this incarnation (rule R3); what the leader decides goes to the sink. */
  lead(leadership: Leadership, sink: LeaderSink, nowMs: number): void {
    const { highWatermark } = this;
    this.log.assignEpoch(leadership.leaderEpoch);
    const start = {
      ...leadership,
      logEndOffset: this.log.logEndOffset,
      durableLogEndOffset: this.#durableOffset,
      highWatermark,
      minInsyncReplicas: this.#config.minInsyncReplicas,
      replicaLagMaxMs: REPLICA_LAG_MAX_MS,
    };
    this.#leave();
    this.#role = { kind: 'leader', core: new ShardLeader(start, sink, nowMs) };
  }

  /** Another process leads it under this epoch. */
  follow(leaderEpoch: number): void {
    if (this.#role.kind === 'follower' && this.#role.core.leaderEpoch === leaderEpoch) return;
    this.#leave();
    this.#role = { kind: 'follower', core: new ShardFollower(leaderEpoch, this.#knownHighWatermark) };
  }

  /** Ends the role; what was committed stays known. */
  stepDown(): void {
    this.#leave();
    this.#role = NO_ROLE;
  }

  /** Rule R3: nothing is committed any more in this epoch. */
  resign(): void {
    this.leader?.resign();
  }

  /** It serves nothing from now on: damaged, deleted, or its disk failed. */
  fail(error: BrokerError): void {
    this.#failure = error;
    this.resign();
  }

  /**
   * The leader, if this process may act as it.
   * @throws BrokerError the failure; not_leader; stale_epoch or unknown_epoch against the caller's epoch (-1: any).
   */
  leaderFor(leaderEpoch: number): ShardLeader {
    if (this.#failure !== undefined) throw this.#failure;
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

  /** The next batch of a tick has its place and perhaps its producer's numbers; {@link appended} or {@link rollBack} follows. */
  assigned(baseOffset: number, lastOffset: number, producer: ProducerBatch | undefined, nowMs: number): void {
    this.#nextOffset = lastOffset + 1;
    if (producer !== undefined) this.#producers.assigned(producer, baseOffset, lastOffset, nowMs);
  }

  /** The tick was written: its batches of this shard are in the log, in the order in which they were assigned. */
  appended(batches: readonly PendingBatch[], nowMs: number): void {
    this.#producers.keep();
    for (const pending of batches) {
      this.log.append(pending.bytes);
      this.uncommitted.add(pending);
    }
    this.leader?.appended(this.#nextOffset);
    this.#appendedAtMs = nowMs;
  }

  /** The tick could not be written: what it had assigned was never appended. */
  rollBack(): void {
    this.#nextOffset = this.log.logEndOffset;
    this.#producers.takeBack();
  }

  /** The log was synced up to here. */
  durable(offset: number): void {
    this.#durableOffset = Math.max(this.#durableOffset, offset);
    this.leader?.durable(this.#durableOffset);
  }

  /** Another state of the producers, read from a snapshot or anew from the log, in the place of the one there was. */
  adoptProducers(producers: ProducerState): void {
    this.#producers.drop();
    this.#producers = producers;
  }

  /** Feeds batches of a replay into log and producers. */
  replay(batches: Buffer, nowMs: number): void {
    this.log.append(batches);
    noteProducers(this.#producers, batches, nowMs);
    this.#endsAt(this.log.logEndOffset);
  }

  /** Replays a truncation (rule R4). The producers forgot what the records had pushed out: they are read from the log. */
  replayTruncation(offset: number): void {
    this.#endsAt(this.log.truncateTo(offset));
  }

  #endsAt(endOffset: number): void {
    this.#nextOffset = endOffset;
    this.#durableOffset = endOffset;
  }

  #leave(): void {
    this.resign();
    this.#knownHighWatermark = this.highWatermark;
  }
}

/** One number for (stream, shard), for maps. */
export function shardKey(streamId: number, shard: number): number {
  return streamId * 65_536 + shard;
}
