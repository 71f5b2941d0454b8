// Entry point of admin-api.
import { runMain } from '@robustmq/runtime';
import { adminApiConfig } from './config.ts';
import { run } from './run.ts';

void runMain('admin-api', async () => {
  if (adminApiConfig.wantsHelp()) {
    process.stdout.write(adminApiConfig.help());
    return;
  }
  await run(adminApiConfig.load().values, process.env['ROBUSTMQ_BUILD_VERSION'] ?? '0.0.0');
});
