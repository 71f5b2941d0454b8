// journal-server: the process. Configuration, telemetry, server, signals.

import { renderHelp } from '@robustmq/config';
import { runMain, Shutdown } from '@robustmq/runtime';
import { startTelemetry } from '@robustmq/telemetry';
import { journalConfig } from './config.ts';
import { registerMetrics } from './server-metrics.ts';
import { startServer } from './server.ts';

const SERVICE = 'journal-server';
const VERSION = process.env['ROBUSTMQ_BUILD_VERSION'] ?? '0.0.0';

async function main(): Promise<void> {
  if (journalConfig.wantsHelp()) {
    process.stdout.write(renderHelp(journalConfig));
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
  const server = await startServer(config, {
    log: logger,
    opsAddress: `${config.ops.host}:${telemetry.opsPort}`,
    version: VERSION,
    sampler: telemetry.sampler,
    onFatal: (error) => {
      logger.fatal({ err: error }, 'this incarnation must end; a restart leads under new epochs');
      // No drain: nothing that a failed disk or a lost lease covers may be answered any more (rules F1, R3).
      // EX_TEMPFAIL: a supervisor starts the process again.
      logger.flush(() => process.exit(75));
    },
  });
  shutdown.add('server', config.shutdown.deadline, async () => {
    health.markDraining();
    await server.close();
  });
  registerMetrics(telemetry.metrics, server.journal);
  health.addCheck('journal', () => server.journal.problem);
  health.markStarted();
  logger.info({ address: server.address, ops: telemetry.opsPort }, 'journal-server started');
}

void runMain(SERVICE, main);
