// Entry point of admin-api.
import { renderHelp } from '@robustmq/config';
import { runMain } from '@robustmq/runtime';
import { adminApiConfig } from './config.ts';
import { run } from './run.ts';

void runMain('admin-api', async () => {
  if (adminApiConfig.wantsHelp()) {
    process.stdout.write(renderHelp(adminApiConfig));
    return;
  }
  await run(adminApiConfig.load().values, process.env['ROBUSTMQ_BUILD_VERSION'] ?? '0.0.0');
});
