// Leases of the nodes, by this process's monotonic clock. Renewals are not logged: a process that takes over (or restarts)
// gives every live node a full lease again (design section 3).
import { BrokerError } from '@robustmq/errors';
import type { NodeIdentity } from '@robustmq/rpc';
import type { Clock } from '@robustmq/runtime';
import type { ClusterState } from './cluster/cluster-state.ts';
import { liveNode } from './cluster/live-node.ts';

/** Leases are looked at more often than this unless the process stalls. */
const MAX_CHECK_GAP_MS = 300;

/** Deadlines of live incarnations. */
export class Leases {
  readonly #state: ClusterState;
  readonly #clock: Clock;
  readonly #durationMs: number;
  readonly #endsAtMs = new Map<string, number>();
  /** Incarnations whose end was asked for: a renewal that comes while it is applied is too late (F1). */
  readonly #over = new Set<string>();
  /** When leases were last looked at. */
  #checkedAtMs: number;

  constructor(state: ClusterState, clock: Clock, durationMs: number) {
    this.#state = state;
    this.#clock = clock;
    this.#durationMs = durationMs;
    this.#checkedAtMs = clock.monotonicMs();
    for (const node of state.nodes.values()) if (node.live) this.#grant(node.identity);
  }

  /** Renews, or starts the lease of a node that just registered. @throws BrokerError `fenced` */
  renew(identity: NodeIdentity | undefined): void {
    const { identity: known } = liveNode(this.#state, identity);
    if (known !== undefined && this.#over.has(leaseKey(known)))
      throw new BrokerError('fenced', `the lease of ${known.nodeId} has run out`);
    this.#grant(known);
  }

  /**
   * Notices that this process was stopped or starved: renewals wait unread in its sockets. As after a restart, all leases are
   * whole then. To be called often, also while an end is applied, or that would pass for a stall.
   */
  look(): void {
    const now = this.#clock.monotonicMs();
    const hasStalled = now - this.#checkedAtMs > MAX_CHECK_GAP_MS;
    this.#checkedAtMs = now;
    if (hasStalled) for (const key of this.#endsAtMs.keys()) this.#endsAtMs.set(key, now + this.#durationMs);
  }

  /** Live incarnations whose lease has run out. */
  expired(): NodeIdentity[] {
    this.look();
    const now = this.#checkedAtMs;
    const over: NodeIdentity[] = [];
    for (const node of this.#state.nodes.values()) {
      if (!node.live || node.identity === undefined) continue;
      const endsAtMs = this.#endsAtMs.get(leaseKey(node.identity));
      if (endsAtMs === undefined) this.#grant(node.identity);
      else if (endsAtMs <= now || this.#over.has(leaseKey(node.identity))) over.push(node.identity);
    }
    for (const identity of over) this.#over.add(leaseKey(identity));
    return over;
  }

  /** Forgets incarnations that ended. */
  forget(): void {
    for (const key of this.#endsAtMs.keys()) {
      const nodeId = key.slice(key.indexOf('/') + 1);
      const node = this.#state.nodes.get(nodeId);
      if (node?.live !== true || node.identity === undefined || leaseKey(node.identity) !== key)
        this.#endsAtMs.delete(key);
    }
    for (const key of this.#over) if (!this.#endsAtMs.has(key)) this.#over.delete(key);
  }

  /** Whether an incarnation is live. */
  isLive(nodeId: string, incarnation: bigint): boolean {
    const node = this.#state.nodes.get(nodeId);
    return node?.live === true && node.identity?.incarnation === incarnation;
  }

  #grant(identity: NodeIdentity | undefined): void {
    if (identity === undefined) throw new BrokerError('invalid_argument', 'a request names its node');
    this.#endsAtMs.set(leaseKey(identity), this.#clock.monotonicMs() + this.#durationMs);
  }
}

function leaseKey(identity: NodeIdentity): string {
  return `${identity.incarnation}/${identity.nodeId}`;
}
