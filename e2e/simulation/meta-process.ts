// meta-service as a process of a simulated world: the production log, machines, leases, watch and services.

import { CommitLog } from '@robustmq/commit-log';
import { ClusterService, GroupService, ServiceKind, SessionService } from '@robustmq/rpc';
import type { Life } from '@robustmq/testkit';
import { CLUSTER_FAMILY, dataFamily } from '../../apps/meta-service/src/families.ts';
import { Meta } from '../../apps/meta-service/src/meta.ts';
import { clusterService } from '../../apps/meta-service/src/rpc/cluster-service.ts';
import { groupService } from '../../apps/meta-service/src/rpc/group-service.ts';
import { sessionService } from '../../apps/meta-service/src/rpc/session-service.ts';
import type { MachineStore } from './machine-store.ts';
import { credentialsOf } from './settings.ts';
import { SimulatedServices, type CallOpening } from './simulated-rpc.ts';

const DATA_GROUPS = 2;
const FILE_BYTES = 256 * 1024;
const ENTROPY_BYTES = 16;
const IDENTITY_BYTES = 8;

/** Column families of a meta-service. */
export const META_FAMILIES: readonly string[] = [
  CLUSTER_FAMILY,
  ...Array.from({ length: DATA_GROUPS }, (_, group) => dataFamily(group)),
];

/** Leases are short: many end within a run. */
export const LEASE = { leaseDurationMs: 1_500, renewIntervalMs: 400 };

const verifierOf = (keyBytes: number) => ({
  salt: new Uint8Array(16),
  iterations: 4096,
  storedKey: new Uint8Array(keyBytes),
  serverKey: new Uint8Array(keyBytes),
});
/** The first user: complete, and worth nothing. */
const ADMIN = {
  passwordHash: '$argon2id$x',
  scramSha256: verifierOf(32),
  scramSha512: verifierOf(64),
};

/** What a meta-service stands on. */
export interface MetaSurroundings {
  readonly store: MachineStore;
  readonly mqttShards: number;
  readonly found: (error: unknown) => void;
  /** Sees each life of the service. */
  readonly opened?: (meta: Meta) => void;
}

/** Starts one life. */
export async function startMeta(life: Life, around: MetaSurroundings): Promise<void> {
  const store = await around.store.open(life);
  const meta = await Meta.open({
    store,
    openLog: (afterPosition) =>
      CommitLog.open(life.disk, 'meta/log', {
        afterPosition,
        fileBytes: FILE_BYTES,
        maxFrameBytes: FILE_BYTES,
        spareFiles: 1,
        newIdentity: () => life.random.bytes(IDENTITY_BYTES),
      }),
    clock: life.clock,
    timers: life.clock,
    dataGroups: DATA_GROUPS,
    offsetsRetentionMs: 604_800_000,
    defaults: {
      tenantStreams: 100,
      tenantShards: 1_000,
      streamShards: 1,
      streamMqttFilter: 'none',
      mqttShards: around.mqttShards,
    },
    creationRate: { burst: 2_000, shardsPerSecond: 100 },
    machine: LEASE,
    entropy: () => life.random.bytes(ENTROPY_BYTES),
    checkpointBytes: FILE_BYTES / 8,
    maxFrameBytes: FILE_BYTES,
    onFatal: (error) => life.exit(error.message),
  });
  if (!meta.isBootstrapped) await meta.bootstrap(ADMIN);
  const services = new SimulatedServices(life, credentialsOf(ServiceKind.META), around.found)
    .add(ClusterService, clusterService(meta))
    .add(SessionService, sessionService(meta))
    .add(GroupService, groupService(meta));
  life.serve((end) =>
    end.listen({
      onFrame: (frame) => services.serve(end, frame as CallOpening),
      onOver: () => undefined,
    }),
  );
  meta.start();
  around.opened?.(meta);
}
