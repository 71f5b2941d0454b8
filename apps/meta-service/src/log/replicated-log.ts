// The seam between the services and consensus: one member today, Raft in the cluster release.
import type { Command } from '@robustmq/rpc';

/** Orders commands per group, makes them durable and applies them. */
export interface ReplicatedLog {
  /**
   * Resolves with the response bytes once the command is durable and applied.
   * @throws BrokerError the one that apply threw; `unavailable` when this member can't decide; `storage_failed` when the
   * outcome is not known to be durable
   */
  propose(group: number, command: Command): Promise<Uint8Array>;
  /** Resolves once everything proposed before the call to any group is applied: reads after it are linearizable (I7). */
  readIndex(): Promise<void>;
  /** Resolves once the store has the rows of all that was applied before the call: watchers hear of it sooner. */
  stored(): Promise<void>;
}
