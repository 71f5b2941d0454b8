// mqtt-gateway: the process. Configuration, telemetry, gateway, signals.

import { openCredentials, ServiceKind } from '@robustmq/rpc';
import { runMain, Shutdown } from '@robustmq/runtime';
import { startTelemetry } from '@robustmq/telemetry';
import { mqttGatewayConfig } from './config.ts';
import { Gateway } from './gateway.ts';
import { registerMetrics } from './metrics.ts';

const SERVICE = 'mqtt-gateway';
const VERSION = process.env['ROBUSTMQ_BUILD_VERSION'] ?? '0.0.0';

async function main(): Promise<void> {
  if (mqttGatewayConfig.wantsHelp()) {
    process.stdout.write(mqttGatewayConfig.help());
    return;
  }
  const { values: config, file } = mqttGatewayConfig.load();
  const started: { shutdown?: Shutdown } = {};
  const telemetry = await startTelemetry({
    service: SERVICE,
    nodeId: config.node.id,
    version: VERSION,
    settings: config,
    onDrain: () => void started.shutdown?.exit('drain was requested'),
  });
  const { logger } = telemetry.log;
  const shutdown = new Shutdown({ log: logger });
  started.shutdown = shutdown;
  shutdown.add('telemetry', 2_000, () => telemetry.stop());
  shutdown.installSignals();
  logger.info({ version: VERSION, config: mqttGatewayConfig.redact(config), file }, 'starting');
  const { credentials } = await openCredentials({
    kind: ServiceKind.MQTT_GATEWAY,
    file: config.cluster.secretFile,
    create: false,
    log: logger,
  });
  const gateway = new Gateway({
    config,
    credentials,
    log: logger,
    debug: telemetry.log.debug,
    version: VERSION,
    sampler: telemetry.sampler,
    opsAddress: `${config.ops.host}:${telemetry.opsPort}`,
  });
  registerMetrics(telemetry.metrics, gateway);
  const { lease, journal, stream } = gateway.checks;
  telemetry.health.addCheck('lease', lease);
  telemetry.health.addCheck('journal', journal);
  telemetry.health.addCheck('stream', stream);
  telemetry.health.addCheck('cluster', () => gateway.meta.view.problem);
  shutdown.add('gateway', config.shutdown.deadline, async () => {
    telemetry.health.markDraining();
    await gateway.stop();
  });
  await gateway.start();
  telemetry.health.markStarted();
  logger.info({ ...gateway.addresses, ops: telemetry.opsPort }, 'mqtt-gateway started');
}

void runMain(SERVICE, main);
