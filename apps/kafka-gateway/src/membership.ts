// Membership: this process as one incarnation of its node. Registers, and after a lost lease registers again under a
// new incarnation; whatever the old one covered has stopped by then (rule F1).
import { JournalClient } from '@robustmq/journal-client';
import type { ClusterView, MetaClient, NodeDescription, Registration } from '@robustmq/meta-client';
import { ServiceKind } from '@robustmq/rpc';
import type { ClusterAdapter } from './adapters/cluster-adapter.ts';
import type { JournalAdapter } from './adapters/journal.ts';
import { shardDirectory } from './adapters/shard-directory.ts';
import type { GatewayLog } from './context.ts';

/** What a membership keeps up to date. */
export interface MembershipOptions {
  readonly meta: MetaClient;
  readonly cluster: ClusterAdapter;
  readonly journal: JournalAdapter;
  readonly description: NodeDescription;
  /** Shortest distance of two append frames to a journal under load. */
  readonly tickMs: number;
  readonly log: GatewayLog;
  /** Everything that the lease covers stops here. */
  readonly onLost: () => void;
}

/** See the file head. */
export class Membership {
  readonly #options: MembershipOptions;
  #registration: Registration | undefined;
  #stopped = false;
  #stopFollowing: (() => void) | undefined;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  /** The current incarnation; undefined before {@link join}. */
  get registration(): Registration | undefined {
    return this.#registration;
  }

  /** Whether the lease is held. */
  get held(): boolean {
    return this.#registration?.held ?? false;
  }

  /** Registers, and resolves when this gateway sees itself in the cluster. */
  async join(): Promise<void> {
    const { meta, cluster, journal, description, log, tickMs } = this.#options;
    const registration = await meta.register(description, (reason) => this.#lost(reason));
    await meta.view.waitForRevision(registration.revision, VIEW_TIMEOUT_MS);
    this.#registration = registration;
    cluster.registered(registration);
    const { nodeId, incarnation, producerIdBase, producerIdCount } = registration.node;
    journal.use(
      new JournalClient({
        directory: shardDirectory(meta.view),
        identity: { nodeId, incarnation },
        kind: ServiceKind.KAFKA_GATEWAY,
        credentials: meta.credentials,
        tickMs,
        producerIds: { base: producerIdBase, count: producerIdCount },
        onLink: (journalId, up, error) => log.info({ journal: journalId, up, err: error }, 'link to journal'),
      }),
    );
    this.#followOwnership(meta.view, registration);
    log.info({ incarnation, broker_id: registration.node.number }, 'registered');
  }

  /** This gateway routes no MQTT topics, so it has nothing to change before it agrees to new owners (rule O2). */
  #followOwnership(view: ClusterView, registration: Registration): void {
    let acknowledged = -1;
    const acknowledge = (): void => {
      if (view.ownershipEpoch <= acknowledged) return;
      acknowledged = view.ownershipEpoch;
      this.#options.meta
        .acknowledgeOwnership(registration, acknowledged)
        .catch((error: unknown) =>
          this.#options.log.warn({ err: error }, 'ownership epoch not acknowledged'),
        );
    };
    this.#stopFollowing?.();
    this.#stopFollowing = view.onChange(acknowledge);
    acknowledge();
  }

  #lost(reason: string): void {
    const { log, onLost } = this.#options;
    log.error({ reason }, 'lease lost; registering again');
    onLost();
    if (this.#stopped) return;
    this.join().catch((error: unknown) => {
      log.error({ err: error }, 'registration failed');
      if (!this.#stopped) setTimeout(() => this.#lost('registration failed'), RETRY_MS);
    });
  }

  /** Ends the lease. */
  async leave(): Promise<void> {
    this.#stopped = true;
    this.#stopFollowing?.();
    await this.#registration?.release();
  }
}

const VIEW_TIMEOUT_MS = 10_000;
const RETRY_MS = 1_000;
