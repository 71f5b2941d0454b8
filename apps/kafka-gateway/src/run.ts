// The process: configuration in, a serving gateway out, and an orderly end.
import { hostname } from 'node:os';
import { GroupStore, MetaClient, type Incarnations, type NodeDescription } from '@robustmq/meta-client';
import { openCredentials, ServiceKind } from '@robustmq/rpc';
import { Shutdown, systemTimers, type Log } from '@robustmq/runtime';
import { startTelemetry, type Telemetry } from '@robustmq/telemetry';
import { CallLine, inLine } from './adapters/call-line.ts';
import { ClusterAdapter, KAFKA_ENDPOINT } from './adapters/cluster-adapter.ts';
import { JournalAdapter } from './adapters/journal.ts';
import { TopicCommands } from './adapters/topic-commands.ts';
import { parseAddress } from './brokers.ts';
import { kafkaGatewayConfig, type KafkaGatewayConfig } from './config.ts';
import { KafkaGateway, type KafkaGatewayOptions } from './gateway.ts';
import { membershipOf } from './membership.ts';
import { registerGatewayMetrics } from './metrics.ts';

const SERVICE = 'kafka-gateway';
const STEP_TIMEOUT_MS = 5_000;
const PRESSURE_TIMEOUT_MS = 2_000;
/** Of each kind: what meta-service answers within some milliseconds. */
const MAX_CALLS_UNDER_WAY = 32;
/** Some three milliseconds of the loop, of those that may be under way (N8). */
const MAX_CALLS_PER_TURN = 8;
/** As long as a call itself may take. */
const MAX_CALL_WAIT_MS = 5_000;
const UNSPECIFIED_HOSTS = new Set(['0.0.0.0', '::', '']);

/** A running process. */
export interface RunningProcess {
  readonly port: number;
  readonly opsPort: number;
  readonly shutdown: Shutdown;
}

/** Starts everything; resolves when clients are served. @throws BrokerError */
export async function run(config: KafkaGatewayConfig, version: string): Promise<RunningProcess> {
  const telemetry = await startTelemetry({
    service: SERVICE,
    nodeId: config.node.id,
    version,
    settings: config,
    onDrain: () => void shutdown.exit('drain asked for'),
  });
  const log = telemetry.log.logger;
  log.info({ version, config: kafkaGatewayConfig.redact(config) }, 'starting');
  const shutdown = new Shutdown({ log });
  shutdown.add('telemetry', STEP_TIMEOUT_MS, () => telemetry.stop());
  const meta = await connectToMeta(config, log);
  shutdown.add('meta client', STEP_TIMEOUT_MS, () => Promise.resolve(meta.close()));
  telemetry.health.addCheck('cluster', () => meta.view.problem);

  const cluster = new ClusterAdapter(meta.view, config.tenant);
  const journal = new JournalAdapter(() => meta.view.revision);
  shutdown.add('journal client', STEP_TIMEOUT_MS, () => Promise.resolve(journal.close()));
  const gateway = new KafkaGateway({
    ...gatewayOptions(config),
    cluster,
    topics: new TopicCommands(inLine(meta, newLine()), cluster, config.tenant),
    journal,
    // Creations wait for journals: groups go past them.
    groupStore: new GroupStore(inLine(meta, newLine()), () => membership.registration, config.tenant),
    log,
    debug: telemetry.log.debug,
  });
  const { port } = await gateway.bind();
  const membership = membershipOf({
    meta,
    cluster,
    journal,
    log,
    tickMs: config.journal.tick,
    description: description(config, version, { kafka: port, ops: telemetry.opsPort }),
    onLost: () => gateway.groups.resignAll(),
  });
  await meta.ready();
  await membership.start();
  shutdown.add('connections', STEP_TIMEOUT_MS, (signal) => gateway.stop(signal));
  shutdown.add('lease', STEP_TIMEOUT_MS, () => membership.close());
  gateway.open();
  shutdown.add('requests', config.drain.timeout, (signal) => {
    telemetry.health.markDraining();
    return gateway.drain(signal);
  });
  watchHealth(telemetry, membership, journal);
  registerGatewayMetrics(telemetry.metrics, gateway);
  shutdown.installSignals();
  telemetry.health.markStarted();
  log.info({ host: config.kafka.host, port }, 'serving Kafka clients');
  return { port, opsPort: telemetry.opsPort, shutdown };
}

function newLine(): CallLine {
  return new CallLine({
    maxUnderWay: MAX_CALLS_UNDER_WAY,
    maxPerTurn: MAX_CALLS_PER_TURN,
    maxWaitMs: MAX_CALL_WAIT_MS,
    timers: systemTimers,
  });
}

async function connectToMeta(config: KafkaGatewayConfig, log: Log): Promise<MetaClient> {
  const file = config.cluster.secretFile;
  const { credentials } = await openCredentials({
    kind: ServiceKind.KAFKA_GATEWAY,
    file,
    create: false,
    log,
  });
  return new MetaClient({ addresses: config.meta.addresses, credentials, log });
}

function watchHealth(telemetry: Telemetry, membership: Incarnations<void>, journal: JournalAdapter): void {
  telemetry.health.addCheck('lease', () => (membership.held ? null : 'not held'));
  telemetry.health.addCheck('journal', () => (journal.connected ? null : 'no journal-server is connected'));
}

/** What this process tells meta-service of itself. */
function description(
  { node, kafka, ops }: KafkaGatewayConfig,
  version: string,
  ports: { readonly kafka: number; readonly ops: number },
): NodeDescription {
  return {
    nodeId: node.id,
    kind: ServiceKind.KAFKA_GATEWAY,
    directoryId: '',
    zone: node.zone,
    version,
    endpoints: {
      [KAFKA_ENDPOINT]: endpointFor(kafka.host, ports.kafka, kafka.advertised),
      ops: endpointFor(ops.host, ports.ops, ''),
    },
  };
}

/** What other processes dial. */
function endpointFor(host: string, port: number, advertised: string): string {
  if (advertised !== '') return advertised;
  return `${UNSPECIFIED_HOSTS.has(host) ? hostname() : host}:${port}`;
}

function gatewayOptions(config: KafkaGatewayConfig) {
  const { kafka, fetch, groups } = config;
  return {
    nodeId: config.node.id,
    settings: {
      tenant: config.tenant,
      advertisedAddress: kafka.advertised === '' ? undefined : parseAddress(kafka.advertised),
      autoCreateTopics: kafka.autoCreateTopics,
      allowProduceToMqtt: kafka.allowProduceToMqtt,
      maxBatchBytes: kafka.maxBatchBytes,
      maxFetchBytes: fetch.maxBytes,
      maxFetchWaitMs: fetch.maxWait,
      maxOffsetMetadataBytes: groups.maxOffsetMetadataBytes,
    },
    limits: {
      maxProduceFrameBytes: kafka.maxRequestBytes,
      maxControlFrameBytes: kafka.maxControlRequestBytes,
      maxRequestsInFlight: kafka.maxRequestsInFlight,
      maxUnsentBytes: kafka.maxUnsentBytes,
      firstRequestTimeoutMs: kafka.firstRequestTimeout,
      idleTimeoutMs: kafka.idleTimeout,
      stallTimeoutMs: kafka.stallTimeout,
      pressureTimeoutMs: PRESSURE_TIMEOUT_MS,
    },
    listener: { host: kafka.host, port: kafka.port, maxConnections: kafka.maxConnections },
    groups: {
      minSessionTimeoutMs: groups.minSessionTimeout,
      maxSessionTimeoutMs: groups.maxSessionTimeout,
      initialRebalanceDelayMs: groups.initialRebalanceDelay,
      newMemberJoinTimeoutMs: 300_000,
      maxMembers: groups.maxMembers,
    },
    maxGroups: groups.maxGroups,
    maxFetchSessions: fetch.maxSessions,
    maxFetchSessionPartitions: fetch.maxSessionPartitions,
    requestMemoryBytes: kafka.requestMemory,
    answerMemoryBytes: kafka.answerMemory,
  } satisfies Partial<KafkaGatewayOptions>;
}
