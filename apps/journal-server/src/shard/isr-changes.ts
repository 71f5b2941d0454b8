// Carries to the controller what leaders propose of their ISR (rule R2), and back what holds.

import { BrokerError, type ErrorCode } from '@robustmq/errors';
import type { IsrProposal } from '@robustmq/replication';
import { backoffDelayMs, type Clock, type Log, type Timers } from '@robustmq/runtime';
import type { ClusterPort } from './cluster-port.ts';
import type { Shard } from './shard.ts';

/** Surroundings of {@link IsrChanges}. */
export interface IsrChangesOptions {
  readonly cluster: Pick<ClusterPort, 'alterIsr'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Pick<Log, 'warn'>;
}

/** The controller has not applied the proposal and never will. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set(['fenced', 'invalid_argument', 'not_found', 'stale_epoch']);
const MAX_RETRY_MS = 1_000;

/** One proposal per shard at a time: a leader makes the next only when it knows what became of the last. */
export class IsrChanges {
  readonly #options: IsrChangesOptions;

  constructor(options: IsrChangesOptions) {
    this.#options = options;
  }

  /** Asks until there is an answer, or the leadership is over. Compare-and-set, so that a repeat changes nothing. */
  propose(shard: Shard, proposal: IsrProposal): void {
    void this.#ask(shard, proposal, proposal, 0);
  }

  async #ask(shard: Shard, proposal: IsrProposal, request: IsrProposal, failures: number): Promise<void> {
    const { cluster, clock, timers, log } = this.#options;
    try {
      const isr = await cluster.alterIsr(shard.streamId, shard.shard, request);
      leaderOf(shard, proposal)?.isrCommitted(isr, clock.monotonicMs());
    } catch (thrown) {
      const error = BrokerError.from(thrown);
      const fields = { err: error, stream_id: shard.streamId, shard: shard.shard };
      log.warn(fields, 'could not change the ISR');
      const leader = leaderOf(shard, proposal);
      // Another change came first, perhaps this very one asked before: the view brings it.
      if (leader === undefined || error.code === 'conflict') return;
      const isRefused = REFUSALS.has(error.code);
      // The run of a member that it adds is over for good: neither this copy nor an earlier one can be applied any more.
      const isHopeless = error.code === 'stale_epoch' && request === proposal;
      if (isHopeless || (isRefused && failures === 0)) {
        leader.isrRefused(leader.isr, clock.monotonicMs());
        return;
      }
      // After a failure of unknown outcome a refusal tells nothing: an earlier copy may still be under way, and HW passes nobody
      // who may be elected. The ISR as it is, under the next version, puts an end to that copy, or finds that it came first.
      const next = isRefused ? { ...proposal, members: leader.isr.members } : request;
      const delayMs = backoffDelayMs(failures + 1, { maxDelayMs: MAX_RETRY_MS });
      timers.after(delayMs, () => {
        if (leaderOf(shard, proposal) !== undefined) void this.#ask(shard, proposal, next, failures + 1);
      });
    }
  }
}

/** The leader that made the proposal, while it may act as one. */
function leaderOf(shard: Shard, { leaderEpoch }: IsrProposal) {
  const { leader } = shard;
  return leader?.leaderEpoch === leaderEpoch && !leader.resigned ? leader : undefined;
}
