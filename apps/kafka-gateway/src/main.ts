// Entry point of kafka-gateway.
import { runMain } from '@robustmq/runtime';
import { kafkaGatewayConfig } from './config.ts';
import { run } from './run.ts';

void runMain('kafka-gateway', async () => {
  if (kafkaGatewayConfig.wantsHelp()) {
    process.stdout.write(kafkaGatewayConfig.help());
    return;
  }
  await run(kafkaGatewayConfig.load().values, process.env['ROBUSTMQ_BUILD_VERSION'] ?? '0.0.0');
});
