// journal-server: the process. Configuration, telemetry, server, signals.

import type { BrokerError } from '@robustmq/errors';
import { openCredentials, ServiceKind } from '@robustmq/rpc';
import { describeFatal, runMain, Shutdown } from '@robustmq/runtime';
import { startTelemetry } from '@robustmq/telemetry';
import { journalConfig } from './config.ts';
import { registerMetrics, ServerFigures } from './process/metrics.ts';
import { startServer, type JournalServer } from './process/server.ts';

const SERVICE = 'journal-server';
const VERSION = process.env['ROBUSTMQ_BUILD_VERSION'] ?? '0.0.0';

async function main(): Promise<void> {
  if (journalConfig.wantsHelp()) {
    process.stdout.write(journalConfig.help());
    return;
  }
  const { values: config, file } = journalConfig.load();
  const draining: { shutdown?: Shutdown } = {};
  const telemetry = await startTelemetry({
    service: SERVICE,
    nodeId: config.node.id,
    version: VERSION,
    settings: config,
    onDrain: () => void draining.shutdown?.exit('drain was requested'),
  });
  const { logger } = telemetry.log;
  const shutdown = new Shutdown({ log: logger });
  draining.shutdown = shutdown;
  const { health } = telemetry;
  shutdown.add('telemetry', 2_000, () => telemetry.stop());
  shutdown.installSignals();
  logger.info({ version: VERSION, config: journalConfig.redact(config), file }, 'starting');
  const ended = (error: BrokerError): void => {
    logger.fatal({ err: error }, 'this process must end; a restart leads under new epochs');
    // No drain: nothing that a failed disk covers may be answered any more (rule L5).
    logger.flush(() => process.exit(describeFatal(error).code));
  };
  const { credentials } = await openCredentials({
    kind: ServiceKind.JOURNAL,
    file: config.cluster.secretFile,
    create: false,
    log: logger,
  });
  const figures = new ServerFigures();
  const running: { server?: JournalServer } = {};
  health.addCheck('journal', () => (running.server === undefined ? 'starting' : running.server.problem));
  shutdown.add('server', config.shutdown.deadline, async () => {
    health.markDraining();
    await running.server?.close();
  });
  const started = await startServer(config, {
    log: logger,
    credentials,
    opsAddress: `${config.ops.host}:${telemetry.opsPort}`,
    version: VERSION,
    sampler: telemetry.sampler,
    figures,
    onFatal: ended,
  });
  running.server = started;
  registerMetrics(telemetry.metrics, () => started.journal, figures);
  health.markStarted();
  logger.info({ address: started.address, ops: telemetry.opsPort }, 'journal-server started');
}

void runMain(SERVICE, main);
