// The process: configuration in, a serving meta-service out, and an orderly end.
import path from 'node:path';
import { UserCredentials } from '@robustmq/access-control';
import { CommitLog, NodeDisk, type Disk } from '@robustmq/commit-log';
import { openRocksDb, type KeyValueStore } from '@robustmq/kv-store';
import { BrokerError } from '@robustmq/errors';
import {
  ClusterService,
  GroupService,
  openCredentials,
  RpcServer,
  ServiceKind,
  SessionService,
  type Credentials,
} from '@robustmq/rpc';
import {
  describeFatal,
  DiskWatermark,
  Shutdown,
  systemClock,
  systemTimers,
  type Log,
} from '@robustmq/runtime';
import { RateLimitedLog, startTelemetry } from '@robustmq/telemetry';
import { metaServiceConfig, type MetaServiceConfig } from './config.ts';
import { initialPassword, openDataDirectory } from './data-directory.ts';
import { CLUSTER_FAMILY, dataFamily } from './families.ts';
import { Meta } from './meta.ts';
import { registerMetrics } from './metrics.ts';
import { clusterService } from './rpc/cluster-service.ts';
import { groupService } from './rpc/group-service.ts';
import { sessionService } from './rpc/session-service.ts';
import { selfIncarnations } from './self-registration.ts';

/** A frame holds a tick of all groups. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;
const STEP_TIMEOUT_MS = 10_000;
/** Memory of a family's memtable; there are two at most. A checkpoint flushes them long before they are large. */
const MEMTABLE_BYTES = 4 * 1024 * 1024;
/** How long running calls may finish. */
const CLOSE_TIMEOUT_MS = 1_000;

/** Where a started process listens. */
export interface RunningMetaService {
  readonly port: number;
  readonly opsPort: number;
  readonly shutdown: Shutdown;
}

/** Starts everything; resolves when calls are served. @throws BrokerError */
export async function run(config: MetaServiceConfig, version: string): Promise<RunningMetaService> {
  const telemetry = await startTelemetry({
    service: 'meta-service',
    nodeId: config.node.id,
    version,
    settings: config,
    onDrain: () => void shutdown.exit('drain asked for'),
  });
  const log = telemetry.log.logger;
  log.info({ version, config: metaServiceConfig.redact(config) }, 'starting');
  const shutdown = new Shutdown({ log });
  shutdown.add('telemetry', STEP_TIMEOUT_MS, () => telemetry.stop());
  const directory = config.data.dir;
  const disk = new NodeDisk();
  // Before the first byte is read or written: what another process holds is left alone (rule N3).
  const lock = disk.lock(directory);
  shutdown.add('folder', STEP_TIMEOUT_MS, () => Promise.resolve(lock.release()));
  const { dataGroups } = await openDataDirectory(
    disk,
    directory,
    { nodeId: config.node.id, dataGroups: config.groups.data },
    log,
  );
  const store = await openState(path.join(directory, 'state'), dataGroups);
  shutdown.add('state', STEP_TIMEOUT_MS, () => store.close());
  const room = await openWatermark(config, log);
  shutdown.add('watermark', STEP_TIMEOUT_MS, () => Promise.resolve(room.watermark.close()));
  const meta = await openMeta({ config, disk, store, dataGroups, watermark: room.watermark }, (error) => {
    log.fatal({ err: error }, 'this process must end; a restart recovers what is durable');
    void shutdown.exit('log failed', describeFatal(error).code);
  });
  room.logBytes = () => meta.logFigures.logBytes;
  // A cluster begins with its meta-service, and so does the secret that its services share.
  const { credentials } = await openCredentials({
    kind: ServiceKind.META,
    file: config.cluster.secretFile,
    create: true,
    log,
  });
  if (!meta.isBootstrapped)
    await meta.bootstrap(await UserCredentials.of(await initialPassword(disk, directory)));
  shutdown.add('groups', STEP_TIMEOUT_MS, () => meta.stop());
  const rpc = services(meta, credentials, log);
  const port = await rpc.listen(config.grpc.host, config.grpc.port, 'grpc.port');
  shutdown.add('calls', STEP_TIMEOUT_MS, () => {
    // A watch never ends by itself: its client goes on with the next meta-service, or with the next start of this one.
    meta.watch.close();
    return rpc.close(CLOSE_TIMEOUT_MS);
  });
  const addresses = { grpc: `${config.grpc.host}:${port}`, ops: `${config.ops.host}:${telemetry.opsPort}` };
  await registerSelf(meta, config, addresses, version, log);
  shutdown.add('readiness', STEP_TIMEOUT_MS, () => Promise.resolve(telemetry.health.markDraining()));
  meta.start();
  registerMetrics(telemetry.metrics, meta, room.watermark);
  telemetry.health.markStarted();
  shutdown.installSignals();
  log.info({ grpc: `${config.grpc.host}:${port}`, cluster: meta.state.meta.clusterId }, 'ready');
  return { port, opsPort: telemetry.opsPort, shutdown };
}

function services(meta: Meta, credentials: Credentials, log: Log): RpcServer {
  const strangers = new RateLimitedLog(log);
  return new RpcServer({
    credentials,
    onUnexpected: (err, method) => log.error({ err, method }, 'call failed unexpectedly'),
    onRefused: (err, method) => strangers.warn('call', { err, method }, 'a call was refused'),
  })
    .add(ClusterService, clusterService(meta))
    .add(SessionService, sessionService(meta))
    .add(GroupService, groupService(meta));
}

/** Room on the disk, and what the log takes of it, once there is one. */
interface Room {
  readonly watermark: DiskWatermark;
  logBytes: () => number;
}

async function openWatermark({ data, disk }: MetaServiceConfig, log: Log): Promise<Room> {
  const room: Room = {
    watermark: new DiskWatermark({
      path: data.dir,
      refuseBelowFreeBytes: disk.refuseBelowFree,
      warnBelowFreeBytes: disk.warnBelowFree,
      refused: 'commands that grow',
      reservedBytes: () => room.logBytes(),
      timers: systemTimers,
      log,
    }),
    logBytes: () => 0,
  };
  await room.watermark.look();
  return room;
}

/** What the groups are opened with. */
interface MetaSurroundings {
  readonly config: MetaServiceConfig;
  readonly disk: Disk;
  readonly store: KeyValueStore;
  readonly dataGroups: number;
  readonly watermark: DiskWatermark;
}

/** The groups on their log. */
function openMeta(
  { config, disk, store, dataGroups, watermark }: MetaSurroundings,
  onFatal: (error: BrokerError) => void,
): Promise<Meta> {
  return Meta.open({
    maxFrameBytes: Math.min(MAX_FRAME_BYTES, config.commitLog.fileBytes),
    openLog: (afterPosition) =>
      CommitLog.open(disk, path.join(config.data.dir, 'log'), {
        afterPosition,
        fileBytes: config.commitLog.fileBytes,
        maxFrameBytes: MAX_FRAME_BYTES,
      }),
    store,
    clock: systemClock,
    timers: systemTimers,
    dataGroups,
    diskIsFull: () => watermark.isFull,
    offsetsRetentionMs: config.offsets.retention,
    defaults: {
      streamShards: config.streams.default.partitions,
      streamMqttFilter: config.streams.default.mqtt.filter,
      mqttShards: config.mqtt.shards,
      tenantStreams: config.quotas.tenant.streams,
      tenantShards: config.quotas.tenant.shards,
      clientIdOwnsSession: config.sessions.owner === 'client-id',
    },
    creationRate: {
      burst: config.quotas.tenant.creationBurst,
      shardsPerSecond: config.quotas.tenant.creationsPerSecond,
    },
    machine: {
      leaseDurationMs: config.lease.duration,
      renewIntervalMs: config.lease.renewInterval,
    },
    onFatal,
  });
}

/** The applied state. @throws BrokerError with what to do, if it is damaged: a repeat would find it so again. */
async function openState(folder: string, dataGroups: number): Promise<KeyValueStore> {
  const families = [CLUSTER_FAMILY, ...Array.from({ length: dataGroups }, (_, i) => dataFamily(i))];
  try {
    return await openRocksDb(folder, { families, writeBufferBytes: MEMTABLE_BYTES });
  } catch (error) {
    if (!(error instanceof BrokerError) || error.code !== 'corrupt') throw error;
    throw new BrokerError(
      'corrupt',
      `${error.message}. The applied state is damaged: bring the whole data folder back from a backup`,
      { cause: error },
    );
  }
}

function registerSelf(
  meta: Meta,
  { node, lease }: MetaServiceConfig,
  endpoints: Record<string, string>,
  version: string,
  log: Log,
): Promise<void> {
  const description = { nodeId: node.id, kind: ServiceKind.META, zone: node.zone, version, endpoints };
  const renewIntervalMs = lease.renewInterval;
  return selfIncarnations({ meta, description, renewIntervalMs, timers: systemTimers, log }).start();
}
