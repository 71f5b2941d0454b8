// End-to-end suites: each names what it needs; what can be installed is installed, what is missing is told.
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';

import { meetNeed } from '@robustmq/e2e/needs';
import { SUITES, type Suite } from '@robustmq/e2e/suites';
import { runCommand } from './command.ts';
import { readJestFile } from './jest-results.ts';
import { ONE_FAILED, type Step, type StepResult } from './step.ts';

const SPARE_MS = 60_000;

/** One step per suite. */
export function suiteSteps(root: string): Step[] {
  return SUITES.map((suite) => ({
    name: `e2e: ${suite.title}`,
    async run(progress) {
      for (const need of suite.needs) {
        const missing = await meetNeed(need, progress);
        if (missing !== undefined) return { kind: 'skipped', reason: missing };
      }
      return runSuite(root, suite, progress);
    },
  }));
}

async function runSuite(root: string, suite: Suite, progress: (line: string) => void): Promise<StepResult> {
  const file = path.join(root, '.test-results', `e2e-${suite.file.replaceAll(/\W+/g, '-')}.json`);
  mkdirSync(path.dirname(file), { recursive: true });
  rmSync(file, { force: true });
  const { ok, output } = await runCommand(
    'jest',
    [
      '--runInBand',
      '--verbose',
      '--forceExit',
      '--json',
      `--outputFile=${file}`,
      '--runTestsByPath',
      suite.file,
    ],
    {
      cwd: path.join(root, suite.folder ?? 'e2e'),
      timeoutMs: suite.limitMs + SPARE_MS,
      env: { FORCE_COLOR: '0' },
      onLine: (line) => {
        if (/^\s+[✓✕○]\s/.test(line)) progress(line.trim());
      },
    },
  );
  if (!existsSync(file)) return { kind: 'failed', counts: ONE_FAILED, report: output };
  const { failures, ...counts } = readJestFile(file);
  if (ok && counts.failed === 0) return { kind: 'passed', counts };
  const report = failures.length > 0 ? failures.join('\n\n') : output;
  return { kind: 'failed', counts: counts.failed > 0 ? counts : { ...counts, failed: 1 }, report };
}
