import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { readCoverage } from './coverage.ts';
import { fromCache } from './unit-step.ts';

test('a replayed package is told, a run in full is not', () => {
  expect(fromCache(' NX   Successfully ran target test for 23 projects\n')).toBeUndefined();
  const replayed =
    'Nx read the output from the cache instead of running the command for 20 out of 23 tasks.\n';
  expect(fromCache(replayed)).toBe('20 of 23 packages replayed from the cache');
});

test('coverage of the packages is added up by lines, not averaged', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'coverage-'));
  try {
    expect(readCoverage(root)).toBeUndefined();
    for (const [name, total, covered] of [
      ['libs/a', 100, 100],
      ['apps/b', 300, 200],
    ] as const) {
      const folder = path.join(root, name, 'coverage');
      mkdirSync(folder, { recursive: true });
      const summary = { total: { lines: { total, covered } } };
      writeFileSync(path.join(folder, 'coverage-summary.json'), JSON.stringify(summary));
    }
    expect(readCoverage(root)).toBe('75.0 % of 400 lines covered');
  } finally {
    rmSync(root, { recursive: true });
  }
});
