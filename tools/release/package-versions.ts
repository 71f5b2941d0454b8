// Every package carries the version of the release that it is part of: processes say it in their metrics and to the cluster.
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

const PACKAGES = ['package.json', '{apps,libs}/*/package.json', '{e2e,tools}/package.json'];

/** Packages below `root`, by the path of their `package.json`, that carry another version. */
export function packagesOfOtherVersion(root: string, version: string): string[] {
  return globSync(PACKAGES, { cwd: root })
    .sort()
    .filter((file) => versionIn(path.join(root, file)) !== version);
}

function versionIn(file: string): string | undefined {
  return (JSON.parse(readFileSync(file, 'utf8')) as { version?: string }).version;
}
