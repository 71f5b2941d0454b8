// This process as a node of the cluster: what begins with an incarnation, and what a lost lease ends (rule F1).
import { clusterDirectory, JournalClient } from '@robustmq/journal-client';
import { Incarnations, type MetaClient, type NodeDescription } from '@robustmq/meta-client';
import { ServiceKind } from '@robustmq/rpc';
import type { Log } from '@robustmq/runtime';
import type { ClusterAdapter } from './adapters/cluster-adapter.ts';
import type { JournalAdapter } from './adapters/journal.ts';

/** What a membership keeps up to date. */
export interface MembershipOptions {
  readonly meta: MetaClient;
  readonly cluster: ClusterAdapter;
  readonly journal: JournalAdapter;
  readonly description: NodeDescription;
  /** Shortest distance of two append frames to a journal under load. */
  readonly tickMs: number;
  readonly log: Log;
  /** Everything that the lease covers stops here. */
  readonly onLost: () => void;
}

/** The incarnations of this gateway; each has a journal client of its own. */
export function membershipOf(options: MembershipOptions): Incarnations<void> {
  const { meta, cluster, journal, description, tickMs, log, onLost } = options;
  return new Incarnations({
    meta,
    description,
    log,
    begin: (registration) => {
      const { nodeId, incarnation, producerIdBase, producerIdCount } = registration.node;
      cluster.registered(registration);
      journal.use(
        new JournalClient({
          directory: clusterDirectory(meta.view),
          identity: { nodeId, incarnation },
          kind: ServiceKind.KAFKA_GATEWAY,
          credentials: meta.credentials,
          tickMs,
          producerIds: { base: producerIdBase, count: producerIdCount },
          onLink: (journalId, up, error) =>
            log.info({ journal: journalId, up, err: error }, 'link to journal'),
        }),
      );
    },
    end: onLost,
    // It routes no MQTT topics, so it has nothing to change before it agrees to new owners (rule O2).
    acknowledgesOwnership: true,
  });
}
