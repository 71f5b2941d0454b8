// `npm run release -- --version X`: records the commit as a release. Leaves what later ones are tested with: a small data
// folder that this build wrote, and an image of its contracts.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { packData, readReleases, releaseFolder, type Release } from '@robustmq/e2e/release-archive';
import { writeSample } from '@robustmq/e2e/release-sample';
import { BrokerError } from '@robustmq/errors';
import {
  buildStaleApps,
  Cluster,
  LOOPBACK_DEFAULTS,
  ONE_OF_EACH,
  repositoryRoot,
} from '@robustmq/testkit/cluster';
import { Command } from 'commander';

import { packagesOfOtherVersion } from './package-versions.ts';

const READY_TIMEOUT_MS = 60_000;
const VERSION = /^\d+\.\d+\.\d+$/;

const command = new Command('npm run release --')
  .description(
    'Records the commit as a release, with the data and the contracts that later ones are tested with.',
  )
  .requiredOption('--version <x.y.z>', 'version of the release')
  .parse();
const { version } = command.opts<{ version: string }>();
const root = repositoryRoot();
const git = (...words: string[]): string =>
  execFileSync('git', words, { cwd: root, encoding: 'utf8' }).trim();

function refuseUnfit(releases: readonly Release[]): void {
  if (!VERSION.test(version)) throw new BrokerError('invalid_argument', `${version} is not a version x.y.z`);
  if (releases.some((release) => release.version === version))
    throw new BrokerError('already_exists', `${version} was released at another commit`);
  const [other] = packagesOfOtherVersion(root, version);
  if (other !== undefined)
    throw new BrokerError(
      'conflict',
      `${other} carries another version: set ${version} in all packages first`,
    );
  if (git('status', '--porcelain') !== '')
    throw new BrokerError('conflict', 'a release is made of a commit: commit or put away what is changed');
}

async function writeData(archive: string): Promise<void> {
  await buildStaleApps(() => undefined);
  const dataDir = mkdtempSync(path.join(tmpdir(), 'robustmq-release-'));
  try {
    const cluster = await Cluster.start(
      { dataDir, counts: ONE_OF_EACH, ports: { kind: 'free' }, extraFlags: LOOPBACK_DEFAULTS },
      READY_TIMEOUT_MS,
    );
    try {
      await writeSample({
        mqttPort: cluster.first('mqtt-gateway').port('mqtt'),
        kafka: cluster.first('kafka-gateway').address('kafka'),
      });
    } finally {
      await cluster.stop();
    }
    await packData(dataDir, archive);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function record(): Promise<void> {
  const releases = readReleases(root);
  refuseUnfit(releases);
  const folder = releaseFolder(root, version);
  mkdirSync(folder, { recursive: true });
  await writeData(path.join(folder, 'data.tar.xz'));
  execFileSync('buf', ['build', '-o', path.join(folder, 'contracts.binpb')], { cwd: root });
  const release: Release = {
    version,
    commit: git('rev-parse', 'HEAD'),
    date: new Date().toISOString().slice(0, 10),
  };
  writeFileSync(path.join(root, 'releases.json'), `${JSON.stringify([...releases, release], null, 2)}\n`);
  process.stdout.write(
    `${version} is ${release.commit}: commit releases.json and ${path.relative(root, folder)}\n`,
  );
}

try {
  await record();
} catch (error) {
  // A mistake of the setting in one sentence; anything else is a fault of this program.
  if (!(error instanceof BrokerError)) throw error;
  command.error(`error: ${error.message}`);
}
