// Where the repository is, and whether the apps in it are built from the sources as they are now.
import { execFile } from 'node:child_process';
import { type Dirent, existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { BrokerError } from '@robustmq/errors';

import { type ServiceName, SERVICES } from './service.ts';

const run = promisify(execFile);

/** The folder that holds pnpm-workspace.yaml, at or above the current directory or the running script. */
export function repositoryRoot(): string {
  for (const start of [process.cwd(), path.dirname(process.argv[1] ?? '.')]) {
    for (let folder = path.resolve(start); ; folder = path.dirname(folder)) {
      if (existsSync(path.join(folder, 'pnpm-workspace.yaml')) && existsSync(path.join(folder, 'apps')))
        return folder;
      if (folder === path.dirname(folder)) break;
    }
  }
  throw new BrokerError('not_found', 'no pnpm-workspace.yaml at or above the current directory');
}

/** The newest change below a folder of sources, in ms since the epoch. */
function newestChangeMs(folder: string): number {
  let newest = 0;
  const entries: Dirent[] = existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
    : [];
  for (const entry of entries) {
    if (entry.isFile()) newest = Math.max(newest, statSync(path.join(entry.parentPath, entry.name)).mtimeMs);
  }
  return newest;
}

/** The apps whose bundle is missing or older than a source that may be in it. */
export function staleApps(root: string): ServiceName[] {
  const libs = readdirSync(path.join(root, 'libs'));
  const shared = Math.max(
    ...libs.map((lib) => newestChangeMs(path.join(root, 'libs', lib, 'src'))),
    statSync(path.join(root, 'pnpm-lock.yaml')).mtimeMs,
    statSync(path.join(root, 'tools', 'build-app.mjs')).mtimeMs,
  );
  return SERVICES.filter((service) => {
    const app = path.join(root, 'apps', service);
    const bundle = path.join(app, 'dist', 'main.js');
    if (!existsSync(bundle)) return true;
    const sources = Math.max(
      shared,
      newestChangeMs(path.join(app, 'src')),
      statSync(path.join(app, 'package.json')).mtimeMs,
    );
    return statSync(bundle).mtimeMs < sources;
  });
}

/** Builds the stale apps, each in its own folder as `pnpm build` there would; reports each name before it is built. */
export async function buildStaleApps(report: (service: ServiceName) => void): Promise<void> {
  const root = repositoryRoot();
  for (const service of staleApps(root)) {
    report(service);
    try {
      await run(process.execPath, [path.join(root, 'tools', 'build-app.mjs')], {
        cwd: path.join(root, 'apps', service),
      });
    } catch (error) {
      const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
      throw new BrokerError('internal', `building ${service} failed:\n${output}`, { cause: error });
    }
  }
}
