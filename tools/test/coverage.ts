// Adds up what jest measured in each package: the gates are per package, the total is for the reader.
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

interface Summary {
  readonly total: { readonly lines: { readonly total: number; readonly covered: number } };
}

/** Lines covered by the unit tests of all packages together, in words. */
export function readCoverage(root: string): string | undefined {
  let total = 0;
  let covered = 0;
  for (const file of globSync('{apps,libs}/*/coverage/coverage-summary.json', { cwd: root })) {
    const { lines } = (JSON.parse(readFileSync(path.join(root, file), 'utf8')) as Summary).total;
    total += lines.total;
    covered += lines.covered;
  }
  if (total === 0) return undefined;
  return `${((covered / total) * 100).toFixed(1)} % of ${total} lines covered`;
}
