// `npm start`: one of each service with well-known ports, on loopback unless told otherwise, until Ctrl-C.
import path from 'node:path';

import { SERVICE_FACTS } from '@robustmq/testkit/cluster';

import { runInForeground } from '../cluster/foreground.ts';
import { FirstPassword } from './first-password.ts';
import { optionsOf } from './options.ts';
import { isLoopback, planOf } from './plan.ts';
import { welcome } from './welcome.ts';

const plan = planOf(optionsOf(process.argv.slice(2)));
const metaFolder = path.join(plan.dataDir, `${SERVICE_FACTS['meta-service'].nodePrefix}-1`);
const password = new FirstPassword(metaFolder);
process.exitCode = await runInForeground({
  restart: 'always',
  greet: (cluster) => welcome(cluster, password, isLoopback(plan.clientHost)),
  plan,
});
