// The data folder of the last release opens in this one, with all that was in it (N17). What this state would leave is
// packed and opened too, so that a release never meets its archive for the first time when it is made.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { repositoryRoot, type Cluster } from '@robustmq/testkit/cluster';

import { removeTestCluster, startTestCluster } from '../cluster/test-cluster.ts';
import { packData, readReleases, releaseFolder, unpackData } from './archive.ts';
import { readSample, writeSample, type Brokers } from './sample.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'robustmq-release-'));
let cluster: Cluster | undefined;

afterEach(async () => {
  await removeTestCluster(cluster);
  cluster = undefined;
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const brokersOf = (running: Cluster): Brokers => ({
  mqttPort: running.first('mqtt-gateway').port('mqtt'),
  kafka: running.first('kafka-gateway').address('kafka'),
});

async function open(archive: string, name: string): Promise<string[]> {
  const dataDir = path.join(scratch, name);
  await unpackData(archive, dataDir);
  cluster = await startTestCluster({ dataDir });
  return readSample(brokersOf(cluster));
}

test('what this state leaves is small, and opens with all that was in it', async () => {
  cluster = await startTestCluster();
  await writeSample(brokersOf(cluster));
  await cluster.stop();
  const archive = path.join(scratch, 'own.tar.xz');
  await packData(cluster.dataDir, archive);
  expect(await open(archive, 'own')).toEqual([]);
}, 120_000);

const last = readReleases(repositoryRoot()).at(-1);

test('the data of the last release opens with all that was in it', async () => {
  // Before the first release there is nothing to open; from then on there must be.
  if (last === undefined) return;
  const archive = path.join(releaseFolder(repositoryRoot(), last.version), 'data.tar.xz');
  expect(existsSync(archive)).toBe(true);
  expect(await open(archive, 'last')).toEqual([]);
}, 120_000);
