// Which shards this incarnation leads (rule R3): only under an epoch that the view says is its own, and a new one is
// claimed when the view still names an earlier run of this server.

import { BrokerError } from '@robustmq/errors';
import type { ShardView } from '@robustmq/meta-client';
import type { LeaderSink } from '@robustmq/replication';
import { backoffDelayMs, type Clock, type Log, type Timers } from '@robustmq/runtime';
import type { ClusterPort } from './cluster-port.ts';
import { IsrChanges } from './isr-changes.ts';
import type { Shard } from './shard.ts';

/** Surroundings of {@link Leaderships}. */
export interface LeadershipsOptions {
  readonly cluster: ClusterPort;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Pick<Log, 'warn'>;
  /** HW of a shard moved: whoever commits takes it from here. */
  readonly advanced: (shard: Shard) => void;
}

/** Follows the view's leaderships. */
export class Leaderships {
  readonly #options: LeadershipsOptions;
  readonly #isrChanges: IsrChanges;
  /** Streams with a shard of this directory that the view leaves to an earlier run of this server, or to nobody. */
  readonly #missing = new Set<number>();
  #claiming = false;
  #failures = 0;

  constructor(options: LeadershipsOptions) {
    this.#options = options;
    this.#isrChanges = new IsrChanges(options);
  }

  /** Whether leaderships are being claimed. */
  get claiming(): boolean {
    return this.#claiming;
  }

  /** Begins, goes on or ends to lead as the view says; true if the shard is led here now. */
  follow(shard: Shard, row: ShardView): boolean {
    const { cluster, clock } = this.#options;
    const { nodeId, incarnation } = cluster.identity;
    if (row.leader !== nodeId || row.leaderIncarnation !== incarnation) {
      if (row.leader === '' || row.leader === nodeId) shard.stepDown();
      else shard.follow(row.leaderEpoch);
      return false;
    }
    if (shard.failure !== undefined) return false;
    if (row.leaderEpoch < shard.log.latestEpoch) {
      // The state of the cluster went back. Under that epoch there are records of an earlier run (rule R3), and no other shard
      // may pay for it.
      shard.stepDown();
      const fields = { stream_id: shard.streamId, shard: shard.shard, leader_epoch: row.leaderEpoch };
      this.#options.log.warn(fields, 'the log of a shard has records of a later leader epoch: it is not led');
      return false;
    }
    const isr = { members: row.isr, version: row.isrVersion };
    if (shard.leader?.leaderEpoch === row.leaderEpoch) {
      shard.leader.isrCommitted(isr, clock.monotonicMs());
      return true;
    }
    const self = { nodeId, incarnation };
    shard.lead({ self, leaderEpoch: row.leaderEpoch, isr }, this.#sinkOf(shard), clock.monotonicMs());
    return true;
  }

  /** Looks for members of the ISR that fell behind (rule R5). */
  tick(shards: Iterable<Shard>): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const { leader } of shards)
      if (leader !== undefined && leader.isr.members.length > 1) leader.tick(nowMs);
  }

  /** The view has these rows of a stream in our directory. */
  seen(streamId: number, rows: readonly ShardView[]): void {
    if (rows.some((row) => this.#isMissing(row))) this.#missing.add(streamId);
    else this.#missing.delete(streamId);
  }

  /** Claims what the view leaves to an earlier run of this server, or to nobody. */
  claimMissing(): void {
    if (!this.#claiming && this.#missing.size > 0) void this.#claim();
  }

  #isMissing(row: ShardView): boolean {
    const { nodeId, incarnation } = this.#options.cluster.identity;
    const isStale = row.leader === '' || (row.leader === nodeId && row.leaderIncarnation !== incarnation);
    return isStale && row.isr.some((member) => member.nodeId === nodeId);
  }

  #sinkOf(shard: Shard): LeaderSink {
    return {
      highWatermarkAdvanced: () => this.#options.advanced(shard),
      proposeIsr: (proposal) => this.#isrChanges.propose(shard, proposal),
    };
  }

  async #claim(): Promise<void> {
    const { cluster, timers, log } = this.#options;
    this.#claiming = true;
    try {
      await cluster.claimLeadership();
      this.#failures = 0;
      this.#claiming = false;
    } catch (thrown) {
      log.warn({ err: BrokerError.from(thrown) }, 'could not claim leaderships');
      this.#failures++;
      // The next change of the view, or this timer, tries again.
      timers.after(backoffDelayMs(this.#failures, { maxDelayMs: 1_000 }), () => {
        this.#claiming = false;
        this.claimMissing();
      });
    }
  }
}
