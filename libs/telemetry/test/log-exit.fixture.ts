// Run as a process of its own by log-sink.test.ts: logs many lines and exits at once.

import { createLog } from '../src/log.ts';

const { logger } = createLog({ service: 'test', nodeId: 'n1' });
for (let index = 0; index < 2000; index++) logger.info({ index, padding: 'x'.repeat(100) }, 'line');
setTimeout(() => {
  for (let index = 2000; index < 2500; index++) logger.info({ index }, 'line');
  process.exit(7);
}, 20);
