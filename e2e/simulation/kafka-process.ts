// A gateway for Kafka-like work in a simulated world: the production clients of meta and the journals under an idempotent
// producer, as kafka-gateway uses them for a Kafka client. The producer itself is outside: it outlives the gateway.

import { JournalClient, clusterDirectory } from '@robustmq/journal-client';
import { Incarnations, MetaClient, type Registration } from '@robustmq/meta-client';
import { ServiceKind } from '@robustmq/rpc';
import type { Log } from '@robustmq/runtime';
import type { Life } from '@robustmq/testkit';
import { credentialsOf, META } from './settings.ts';
import { connectOver } from './simulated-rpc.ts';

/** What those who work through the gateway see of one incarnation. */
export interface KafkaAccess {
  readonly meta: MetaClient;
  readonly journal: JournalClient;
  /** False once the incarnation or the process has ended. */
  readonly isOpen: boolean;
}

/** What the gateway stands on. */
export interface KafkaSurroundings {
  readonly log: Log;
  readonly opened: (access: KafkaAccess) => void;
}

/** Starts one life. */
export async function startKafka(life: Life, around: KafkaSurroundings): Promise<void> {
  const { clock } = life;
  const { log } = around;
  const credentials = credentialsOf(ServiceKind.KAFKA_GATEWAY);
  const connect = connectOver(life);
  const random = (): number => life.random.fraction();
  const meta = new MetaClient({ addresses: [META], credentials, log, clock, timers: clock, random, connect });
  const incarnations = new Incarnations({
    meta,
    description: { nodeId: life.name, kind: ServiceKind.KAFKA_GATEWAY, directoryId: '', endpoints: {} },
    log,
    timers: clock,
    begin: ({ identity, node }: Registration) => {
      const journal = new JournalClient({
        directory: clusterDirectory(meta.view),
        identity: { nodeId: identity.nodeId, incarnation: Number(identity.incarnation) },
        kind: ServiceKind.KAFKA_GATEWAY,
        credentials,
        producerIds: { base: node.producerIdBase, count: node.producerIdCount },
        timers: clock,
        now: () => clock.monotonicMs(),
        connect,
      });
      const access = {
        meta,
        journal,
        get isOpen() {
          return !life.isOver && incarnations.held;
        },
      };
      // The incarnation is there once this has returned.
      clock.soon(() => around.opened(access));
      return journal;
    },
    end: (journal) => journal.close(),
    acknowledgesOwnership: true,
  });
  await meta.ready();
  await incarnations.start();
}
