// The cluster of one suite: its own data folder, free ports, gone afterwards unless a test failed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import {
  buildStaleApps,
  Cluster,
  LOOPBACK_DEFAULTS,
  ONE_OF_EACH,
  type PlanOptions,
} from '@robustmq/testkit/cluster';

/** Generous: a machine that runs other tests starts five processes slowly. */
export const READY_TIMEOUT_MS = 30_000;

/** Starts one of each service as `npm start` does. `options` replace parts of that. */
export async function startTestCluster(options: Partial<PlanOptions> = {}): Promise<Cluster> {
  await buildStaleApps(() => undefined);
  const dataDir = options.dataDir ?? mkdtempSync(path.join(tmpdir(), 'robustmq-e2e-'));
  return Cluster.start(
    { dataDir, counts: ONE_OF_EACH, ports: { kind: 'free' }, extraFlags: LOOPBACK_DEFAULTS, ...options },
    READY_TIMEOUT_MS,
  );
}

/** Drains the cluster and removes its data. */
export async function removeTestCluster(cluster: Cluster | undefined): Promise<void> {
  if (cluster === undefined) return;
  await cluster.stop();
  rmSync(cluster.dataDir, { recursive: true, force: true });
}
