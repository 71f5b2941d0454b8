// journal-server as a process of a simulated world: the production recovery, commit loop, shards, tails, index and calls.

import { MetaClient } from '@robustmq/meta-client';
import { ServiceKind } from '@robustmq/rpc';
import type { Log } from '@robustmq/runtime';
import type { Life } from '@robustmq/testkit';
import { joinCluster, openDirectoryFacts } from '../../apps/journal-server/src/directory/directory-id.ts';
import { Journal } from '../../apps/journal-server/src/journal.ts';
import { ReadTurns } from '../../apps/journal-server/src/shard/read-turns.ts';
import { openDirectory } from '../../apps/journal-server/src/directory/recovery.ts';
import { clusterPort } from '../../apps/journal-server/src/process/cluster-adapter.ts';
import { addServices, CurrentJournal } from '../../apps/journal-server/src/process/services.ts';
import { INDEX_FAMILY } from '../../apps/journal-server/src/views/topic-index/rows.ts';
import { TopicIndex } from '../../apps/journal-server/src/views/topic-index/topic-index.ts';
import type { MachineStore } from './machine-store.ts';
import { credentialsOf, META } from './settings.ts';
import { connectOver, SimulatedServices, type CallOpening } from './simulated-rpc.ts';

const DATA = 'volume/journal';
const COMMIT_LOG_FILE_BYTES = 64 * 1024;
const CHECKPOINT_BYTES = 8 * 1024;
const VIEW_TIMEOUT_MS = 10_000;
const IDENTITY_BYTES = 8;

/** Column families of a journal's machine. */
export const JOURNAL_FAMILIES: readonly string[] = [INDEX_FAMILY];

/** Parts that a planted bug replaces. */
export const JOURNAL_PARTS = { clusterPort };

/** What a journal-server stands on. */
export interface JournalSurroundings {
  readonly store: MachineStore;
  readonly log: Log;
  readonly found: (error: unknown) => void;
  /** Sees each life of the journal. */
  readonly opened?: (journal: Journal) => void;
}

/** Starts one life: the steps of `startServer`, on the disk and the network of the world. */
export async function startJournal(life: Life, around: JournalSurroundings): Promise<void> {
  const { disk, clock } = life;
  const { log } = around;
  const credentials = credentialsOf(ServiceKind.JOURNAL);
  const lock = disk.lock(DATA);
  const facts = await openDirectoryFacts(disk, DATA, life.name, log);
  const opened = await openDirectory(disk, DATA, {
    lock,
    nowMs: clock.monotonicMs(),
    fileBytes: COMMIT_LOG_FILE_BYTES,
    spareFiles: 1,
    newIdentity: () => life.random.bytes(IDENTITY_BYTES),
  });
  const meta = new MetaClient({
    addresses: [META],
    credentials,
    log,
    clock,
    timers: clock,
    random: () => life.random.fraction(),
    connect: connectOver(life),
  });
  await meta.ready();
  await joinCluster(disk, DATA, facts, meta.view.clusterId);
  const current = new CurrentJournal();
  const services = new SimulatedServices(life, credentials, around.found);
  addServices(services, current);
  life.serve((end) =>
    end.listen({
      onFrame: (frame) => services.serve(end, frame as CallOpening),
      onOver: () => undefined,
    }),
  );
  const registration = await meta.register(
    {
      nodeId: life.name,
      kind: ServiceKind.JOURNAL,
      directoryId: facts.directoryId,
      endpoints: { grpc: life.name },
    },
    (reason) => life.exit(`lease lost: ${reason}`),
  );
  await meta.view.waitForRevision(registration.revision, VIEW_TIMEOUT_MS);
  const turns = new ReadTurns(clock, clock);
  const index = new TopicIndex(await around.store.open(life), log, turns);
  const journal = new Journal(
    {
      index,
      views: [index.feed],
      disk,
      dataDirectory: DATA,
      clock,
      timers: clock,
      turns,
      cluster: JOURNAL_PARTS.clusterPort(meta, registration),
      log,
      onFatal: (error) => life.exit(error.message),
      checkpointBytes: CHECKPOINT_BYTES,
      checkpointPaceMs: 0,
    },
    opened,
  );
  current.serve(journal);
  around.opened?.(journal);
}
