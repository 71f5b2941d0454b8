// The process: configuration in, a serving API out, and an orderly end.
import { Authenticator } from '@robustmq/access-control';
import { BrokerError } from '@robustmq/errors';
import { Incarnations, MetaClient, type NodeDescription, type Registration } from '@robustmq/meta-client';
import { openCredentials, ServiceKind } from '@robustmq/rpc';
import { explainListenError, Shutdown, systemClock, systemTimers, type Log } from '@robustmq/runtime';
import { RateLimitedLog, startTelemetry } from '@robustmq/telemetry';
import { auditLog } from './audit.ts';
import { adminApiConfig, type AdminApiConfig } from './config.ts';
import { createHttpApi } from './http-api.ts';
import { metaCluster } from './meta-cluster.ts';
import { registerMetrics, RequestFigures } from './metrics.ts';
import type { VerifyAdmin } from './ports.ts';

const STEP_TIMEOUT_MS = 5_000;

/** Where a started process listens. */
export interface RunningAdminApi {
  readonly port: number;
  readonly opsPort: number;
  readonly shutdown: Shutdown;
}

/** Starts everything; resolves when requests are served. @throws BrokerError */
export async function run(config: AdminApiConfig, version: string): Promise<RunningAdminApi> {
  const telemetry = await startTelemetry({
    service: 'admin-api',
    nodeId: config.node.id,
    version,
    settings: config,
    onDrain: () => void shutdown.exit('drain asked for'),
  });
  const log = telemetry.log.logger;
  log.info({ version, config: adminApiConfig.redact(config) }, 'starting');
  const shutdown = new Shutdown({ log });
  shutdown.add('telemetry', STEP_TIMEOUT_MS, () => telemetry.stop());
  const { credentials } = await openCredentials({
    kind: ServiceKind.ADMIN_API,
    file: config.cluster.secretFile,
    create: false,
    log,
  });
  const meta = new MetaClient({ addresses: config.meta.addresses, credentials, log });
  shutdown.add('meta client', STEP_TIMEOUT_MS, () => Promise.resolve(meta.close()));
  telemetry.health.addCheck('cluster', () => meta.view.problem);
  const figures = new RequestFigures();
  registerMetrics(telemetry.metrics, figures);
  const standing: Standing = {};
  const strangers = new RateLimitedLog(log);
  const app = await createHttpApi({
    figures,
    // A hung meta-service renews no lease: without one the view may be of any age.
    isCurrent: () => standing.incarnations?.held ?? false,
    cluster: metaCluster(meta, () => identityOf(standing), log),
    verifyAdmin: adminVerifier(meta, strangers),
    audit: auditLog(log, strangers),
    version,
    bodyLimitBytes: config.http.maxBodyBytes,
    requestTimeoutMs: config.http.requestTimeout,
    logger: log,
  });
  const { host } = config.http;
  const port = await listen(app, host, config.http.port);
  await meta.ready();
  const incarnations = incarnationsOf(meta, log, {
    nodeId: config.node.id,
    kind: ServiceKind.ADMIN_API,
    zone: config.node.zone,
    version,
    endpoints: { http: `${host}:${port}`, ops: `${config.ops.host}:${telemetry.opsPort}` },
  });
  await incarnations.start();
  standing.incarnations = incarnations;
  shutdown.add('lease', STEP_TIMEOUT_MS, () => incarnations.close());
  shutdown.add('requests', STEP_TIMEOUT_MS, async () => {
    telemetry.health.markDraining();
    await app.close();
  });
  telemetry.health.addCheck('lease', () => (incarnations.held ? null : 'not held'));
  telemetry.health.markStarted();
  shutdown.installSignals();
  log.info({ http: `${host}:${port}` }, 'ready');
  return { port, opsPort: telemetry.opsPort, shutdown };
}

/** What this process is in the cluster: nothing before its first registration. */
interface Standing {
  incarnations?: Incarnations<void>;
}

/** @throws BrokerError `unavailable` while no lease is held */
function identityOf({ incarnations }: Standing): Registration['identity'] {
  if (incarnations === undefined) throw new BrokerError('unavailable', 'not registered with meta-service');
  return incarnations.registration.identity;
}

function doNothing(): void {}

function incarnationsOf(meta: MetaClient, log: Log, description: NodeDescription): Incarnations<void> {
  return new Incarnations({
    meta,
    description,
    log,
    // This API holds nothing that a lease covers.
    begin: doNothing,
    end: doNothing,
    acknowledgesOwnership: false,
  });
}

async function listen(
  app: Awaited<ReturnType<typeof createHttpApi>>,
  host: string,
  port: number,
): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw explainListenError(error, host, port, 'http.port');
  }
  const address = app.server.address();
  if (address === null || typeof address === 'string')
    throw new BrokerError('internal', 'no address after listen');
  return address.port;
}

/** Superusers of tenant `default` administer the cluster. */
function adminVerifier(meta: MetaClient, strangers: RateLimitedLog): VerifyAdmin {
  const authenticator = new Authenticator({
    anonymous: 'refused',
    findUser: (tenant, name) => meta.view.user(tenant, name),
    nowMs: () => systemClock.monotonicMs(),
    timers: systemTimers,
    onDenied: ({ reason, ...login }) =>
      strangers.warn(`login ${reason}`, { ...login, reason }, 'login denied'),
  });
  return async (username, password, origin) => {
    const verdict = await authenticator.authenticate('default', username, Buffer.from(password), origin);
    return verdict.outcome === 'allowed' ? verdict.principal : null;
  };
}
