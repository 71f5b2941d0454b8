// Entry point of meta-service.
import { runMain } from '@robustmq/runtime';
import { metaServiceConfig } from './config.ts';
import { run } from './run.ts';

void runMain('meta-service', async () => {
  if (metaServiceConfig.wantsHelp()) {
    process.stdout.write(metaServiceConfig.help());
    return;
  }
  await run(metaServiceConfig.load().values, process.env['ROBUSTMQ_BUILD_VERSION'] ?? '0.0.0');
});
