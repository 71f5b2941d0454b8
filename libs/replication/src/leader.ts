// ISR and high watermark of a shard at its leader (rules R1, R2, R3, R5): decides what is committed and who belongs to
// the ISR. Knows no log, clock or network; the shell reports what happened and carries out what the sink is told.

import { assert } from '@robustmq/errors';
import { sameMember, type CommittedIsr, type IsrProposal, type Member } from './members.ts';

/** What the leader decides. Called from within the inputs; must not call back into the leader. */
export interface LeaderSink {
  /** All below is committed (rule R1): answer acks=all, deliver, let consumers see it. Grows strictly. */
  highWatermarkAdvanced(highWatermark: number): void;
  /** Ask the controller for this ISR, then report {@link ShardLeader.isrCommitted} or {@link ShardLeader.isrRefused}. */
  proposeIsr(proposal: IsrProposal): void;
}

/** What a leader knows when it begins. */
export interface LeaderStart {
  readonly self: Member;
  /** Belongs to this incarnation alone (rule R3). */
  readonly leaderEpoch: number;
  readonly isr: CommittedIsr;
  /** LEO at election: where the leader's own epoch begins. */
  readonly logEndOffset: number;
  /** Durable part of it; recovery has made everything durable, an online election may not have. */
  readonly durableLogEndOffset: number;
  /** The HW this replica knew as a follower or from its checkpoint: a lower bound of the truth. */
  readonly highWatermark: number;
  /** Gate: below so many ISR members nothing is accepted at acks=all and HW rests. */
  readonly minInsyncReplicas: number;
  /** A follower that has not reached the leader's durable LEO for so long leaves the ISR (rule R5). */
  readonly replicaLagMaxMs: number;
}

interface Progress {
  readonly member: Member;
  /** -1 until this run of the follower has reported to this leader (rule R2). */
  durableLogEndOffset: number;
  /** Last time at which it had all that was durable at the leader. */
  caughtUpAtMs: number;
  /** LEO of the leader at the follower's previous report: reaching it later counts as caught up then. */
  leaderEndAtReport: number;
  reportedAtMs: number;
}

/** The leader's side of one shard in one leader epoch. */
export class ShardLeader {
  readonly leaderEpoch: number;
  /** First offset of this epoch. */
  readonly epochStartOffset: number;
  readonly #self: Member;
  readonly #sink: LeaderSink;
  readonly #replicaLagMaxMs: number;
  #minInsyncReplicas: number;
  #isr: CommittedIsr;
  #proposal: IsrProposal | undefined;
  readonly #progress = new Map<string, Progress>();
  #logEndOffset: number;
  #durableLogEndOffset: number;
  #highWatermark: number;
  #resigned = false;

  constructor(start: LeaderStart, sink: LeaderSink, nowMs: number) {
    assert(start.highWatermark <= start.logEndOffset, 'HW lies within the log');
    assert(start.durableLogEndOffset <= start.logEndOffset, 'what is durable is in the log');
    this.leaderEpoch = start.leaderEpoch;
    this.epochStartOffset = start.logEndOffset;
    this.#self = start.self;
    this.#sink = sink;
    this.#replicaLagMaxMs = start.replicaLagMaxMs;
    this.#minInsyncReplicas = start.minInsyncReplicas;
    this.#isr = start.isr;
    this.#logEndOffset = start.logEndOffset;
    this.#durableLogEndOffset = start.durableLogEndOffset;
    this.#highWatermark = start.highWatermark;
    for (const member of start.isr.members) this.#track(member, nowMs);
    this.#advance();
  }

  /** Offset below which everything is committed. */
  get highWatermark(): number {
    return this.#highWatermark;
  }

  get logEndOffset(): number {
    return this.#logEndOffset;
  }

  get durableLogEndOffset(): number {
    return this.#durableLogEndOffset;
  }

  get isr(): CommittedIsr {
    return this.#isr;
  }

  /** False until HW has reached the LEO at election: the latest offset is OFFSET_NOT_AVAILABLE until then (KIP-207). */
  get latestOffsetAvailable(): boolean {
    return this.#highWatermark >= this.epochStartOffset;
  }

  /** Whether the ISR is large enough for acks=all; else NOT_ENOUGH_REPLICAS. */
  get enoughReplicas(): boolean {
    return this.#isr.members.length >= this.#minInsyncReplicas;
  }

  /** After it nothing is committed in this epoch any more. */
  get resigned(): boolean {
    return this.#resigned;
  }

  /** Records were appended; durable or not. */
  appended(logEndOffset: number): void {
    assert(!this.#resigned, 'a leader that resigned does not append');
    assert(logEndOffset >= this.#logEndOffset, 'a leader never cuts its log');
    this.#logEndOffset = logEndOffset;
  }

  /** The leader's own log is durable up to here. */
  durable(durableLogEndOffset: number): void {
    if (this.#resigned || durableLogEndOffset <= this.#durableLogEndOffset) return;
    assert(durableLogEndOffset <= this.#logEndOffset, 'only what is in the log is durable');
    this.#durableLogEndOffset = durableLogEndOffset;
    this.#advance();
  }

  /**
   * A follower reports its own durable LEO in this leader epoch (rule R1). One with another incarnation than known
   * starts unknown: what an earlier run reported may be lost. What an earlier run sent and comes late counts nothing.
   */
  reported(member: Member, durableLogEndOffset: number, nowMs: number): void {
    if (this.#resigned || member.nodeId === this.#self.nodeId) return;
    const progress = this.#track(member, nowMs);
    if (!sameMember(progress.member, member)) return;
    progress.durableLogEndOffset = durableLogEndOffset;
    if (durableLogEndOffset >= this.#durableLogEndOffset) progress.caughtUpAtMs = nowMs;
    else if (durableLogEndOffset >= progress.leaderEndAtReport) {
      progress.caughtUpAtMs = Math.max(progress.caughtUpAtMs, progress.reportedAtMs);
    }
    progress.leaderEndAtReport = this.#durableLogEndOffset;
    progress.reportedAtMs = nowMs;
    this.#advance();
    this.#proposeExpansion(member, progress);
  }

  /** Looks for followers that fell behind (rule R5); call it a few times per `replicaLagMaxMs`. */
  tick(nowMs: number): void {
    if (this.#resigned || this.#proposal !== undefined) return;
    const staying = this.#isr.members.filter((member) => {
      if (sameMember(member, this.#self)) return true;
      const progress = this.#track(member, nowMs);
      const caughtUp = progress.durableLogEndOffset >= this.#durableLogEndOffset;
      return caughtUp || nowMs - progress.caughtUpAtMs <= this.#replicaLagMaxMs;
    });
    if (staying.length < this.#isr.members.length) this.#propose(staying);
  }

  /** The controller committed an ISR, ours or another (a lost directory id takes a replica out, rule R5). */
  isrCommitted(isr: CommittedIsr, nowMs: number): void {
    if (this.#resigned || isr.version <= this.#isr.version) return;
    this.#isr = isr;
    this.#proposal = undefined;
    for (const member of isr.members) this.#track(member, nowMs);
    this.#advance();
  }

  /**
   * The controller refused our proposal and says what holds instead. Only that answer ends the maximal ISR: without it
   * the proposal may still have been applied, and HW must not pass a member that may be elected.
   */
  isrRefused(current: CommittedIsr, nowMs: number): void {
    if (this.#resigned || current.version < this.#isr.version) return;
    this.#isr = current;
    this.#proposal = undefined;
    for (const member of current.members) this.#track(member, nowMs);
    this.#advance();
  }

  /** `min.insync.replicas` was altered. */
  setMinInsyncReplicas(minInsyncReplicas: number): void {
    this.#minInsyncReplicas = minInsyncReplicas;
    this.#advance();
  }

  /** Rule R3: after an fsync error or a lost lease nothing is committed any more in this epoch. */
  resign(): void {
    this.#resigned = true;
  }

  /** Committed ISR and pending expansion together (rule R1): nobody who may be elected is left out. */
  #maximalIsr(): readonly Member[] {
    if (this.#proposal === undefined) return this.#isr.members;
    const added = this.#proposal.members.filter(
      (member) => !this.#isr.members.some((known) => sameMember(known, member)),
    );
    return added.length === 0 ? this.#isr.members : [...this.#isr.members, ...added];
  }

  #advance(): void {
    if (this.#resigned || !this.enoughReplicas) return;
    let committed = this.#durableLogEndOffset;
    for (const member of this.#maximalIsr()) {
      if (sameMember(member, this.#self)) continue;
      const progress = this.#progress.get(member.nodeId);
      const known = progress !== undefined && sameMember(progress.member, member);
      committed = Math.min(committed, known ? progress.durableLogEndOffset : -1);
    }
    if (committed <= this.#highWatermark) return;
    this.#highWatermark = committed;
    this.#sink.highWatermarkAdvanced(committed);
  }

  #proposeExpansion(member: Member, progress: Progress): void {
    if (this.#proposal !== undefined) return;
    if (this.#isr.members.some((known) => sameMember(known, member))) return;
    const reached = Math.max(this.#highWatermark, this.epochStartOffset);
    if (progress.durableLogEndOffset < reached) return;
    // Another run of the same node may still be listed: it is replaced, not doubled.
    const others = this.#isr.members.filter((known) => known.nodeId !== member.nodeId);
    this.#propose([...others, member]);
  }

  #propose(members: readonly Member[]): void {
    this.#proposal = { leaderEpoch: this.leaderEpoch, isrVersion: this.#isr.version, members };
    this.#sink.proposeIsr(this.#proposal);
  }

  /** What is known of that run of a replica, or of a later one. */
  #track(member: Member, nowMs: number): Progress {
    const known = this.#progress.get(member.nodeId);
    if (known !== undefined && known.member.incarnation >= member.incarnation) return known;
    const progress: Progress = {
      member,
      durableLogEndOffset: -1,
      caughtUpAtMs: nowMs,
      leaderEndAtReport: this.#durableLogEndOffset,
      reportedAtMs: nowMs,
    };
    this.#progress.set(member.nodeId, progress);
    return progress;
  }
}
