// Which shards this incarnation leads (rule R3): only under an epoch that the view says is its own, and a new one is
// claimed when the view still names an earlier run of this server.

import { BrokerError } from '@robustmq/errors';
import type { ShardView, StreamView } from '@robustmq/meta-client';
import { backoffDelayMs, type Timers } from '@robustmq/runtime';
import type { ClusterPort } from './cluster-port.ts';
import type { Shard } from './shard.ts';

interface ClaimLog {
  warn(fields: Record<string, unknown>, message: string): void;
}

/** Follows the view's leaderships. */
export class Leaderships {
  readonly #cluster: ClusterPort;
  readonly #timers: Timers;
  readonly #log: ClaimLog;
  #claiming = false;
  #failures = 0;

  constructor(cluster: ClusterPort, timers: Timers, log: ClaimLog) {
    this.#cluster = cluster;
    this.#timers = timers;
    this.#log = log;
  }

  /** Whether leaderships are being claimed. */
  get claiming(): boolean {
    return this.#claiming;
  }

  /** Begins, goes on or ends to lead as the view says; true if the shard is led here now. */
  follow(shard: Shard, row: ShardView, nowMs: number): boolean {
    const { identity } = this.#cluster;
    const ours = row.leader === identity.nodeId && row.leaderIncarnation === identity.incarnation;
    if (!ours) {
      shard.stepDown();
      return false;
    }
    const isr = { members: row.isr, version: row.isrVersion };
    if (shard.leader?.leaderEpoch === row.leaderEpoch) {
      shard.leader.isrCommitted(isr, nowMs);
      return true;
    }
    if (shard.failure !== undefined) return false;
    const self = { nodeId: identity.nodeId, incarnation: identity.incarnation };
    shard.lead({ self, leaderEpoch: row.leaderEpoch, isr }, nowMs);
    return true;
  }

  /** Claims what the view leaves to an earlier run of this server, or to nobody. */
  claimMissing(streams: Iterable<StreamView>): void {
    if (this.#claiming) return;
    const { identity } = this.#cluster;
    for (const stream of streams) {
      for (const row of stream.shards) {
        const here = row.replicas.some(
          ({ nodeId, directoryId }) => nodeId === identity.nodeId && directoryId === identity.directoryId,
        );
        const stale =
          row.leader === '' ||
          (row.leader === identity.nodeId && row.leaderIncarnation !== identity.incarnation);
        if (here && stale && row.isr.some(({ nodeId }) => nodeId === identity.nodeId)) {
          void this.#claim();
          return;
        }
      }
    }
  }

  async #claim(): Promise<void> {
    this.#claiming = true;
    try {
      await this.#cluster.claimLeadership();
      this.#failures = 0;
      this.#claiming = false;
    } catch (thrown) {
      const error = BrokerError.from(thrown);
      this.#log.warn({ err: error }, 'could not claim leaderships');
      this.#failures++;
      // The next change of the view, or this timer, tries again.
      this.#timers.after(backoffDelayMs(this.#failures, { maxDelayMs: 1_000 }), () => {
        this.#claiming = false;
        this.claimMissing(this.#cluster.streams());
      });
    }
  }
}
