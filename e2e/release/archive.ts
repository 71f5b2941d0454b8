// The data folder of a release as an archive that the repository keeps, and the list of releases.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { BrokerError } from '@robustmq/errors';

const run = promisify(execFile);
/** What a release may add to the repository. */
const MAX_ARCHIVE_BYTES = 300 * 1024;

/** A line of releases.json. */
export interface Release {
  readonly version: string;
  /** The commit that was released. */
  readonly commit: string;
  /** Day, as in 2026-11-27. */
  readonly date: string;
}

/** All releases, oldest first. Tags do not travel with every clone, so nothing depends on them. */
export function readReleases(root: string): readonly Release[] {
  const file = path.join(root, 'releases.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Release[]) : [];
}

/** The folder of what a release left for later ones: its data and its contracts. */
export function releaseFolder(root: string, version: string): string {
  return path.join(root, 'e2e', 'release', 'releases', version);
}

/** Packs a data folder, logs and lock files left out. @throws BrokerError too_large */
export async function packData(dataDir: string, archive: string): Promise<void> {
  mkdirSync(path.dirname(archive), { recursive: true });
  const left = ['--exclude=./logs', '--exclude=LOCK', '--exclude=./cluster.json'];
  // One order, no owner, no times: the same data is the same archive.
  const plain = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0'];
  await run('tar', ['-C', dataDir, ...plain, ...left, '-cJf', archive, '.']);
  const { size } = statSync(archive);
  if (size <= MAX_ARCHIVE_BYTES) return;
  rmSync(archive);
  throw new BrokerError('too_large', `${size} bytes of archive, ${MAX_ARCHIVE_BYTES} are allowed`);
}

/** Unpacks an archive into a folder that is made. */
export async function unpackData(archive: string, dataDir: string): Promise<void> {
  mkdirSync(dataDir, { recursive: true });
  await run('tar', ['-C', dataDir, '-xJf', archive]);
}
