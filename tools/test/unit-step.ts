// Unit tests of every package through nx: what did not change since it last passed comes from the cache.
import { mkdirSync } from 'node:fs';
import path from 'node:path';

import { runCommand } from './command.ts';
import { readJestFolder } from './jest-results.ts';
import type { Step } from './step.ts';

const UNIT_TIMEOUT_MS = 12 * 60_000;
const E2E_PREFIX = 'e2e-';
const REPORT_LINES = 150;

/** `nx run-many -t test`; each package leaves `.test-results/<name>.json`. */
export function unitStep(root: string): Step {
  return {
    name: 'unit, table and property tests',
    async run(progress) {
      const results = path.join(root, '.test-results');
      mkdirSync(results, { recursive: true });
      const { ok, output } = await runCommand(
        'nx',
        ['run-many', '-t', 'test', '--parallel=2', '--outputStyle=static', '--nxBail=false'],
        {
          cwd: root,
          timeoutMs: UNIT_TIMEOUT_MS,
          env: { NX_DAEMON: 'false', NX_NO_CLOUD: 'true', FORCE_COLOR: '0' },
          onLine: (line) => {
            if (/^\s*[✔✖]\s+nx run/.test(line)) progress(line.trim());
          },
        },
      );
      const { failures, ...counts } = readJestFolder(results, (name) => !name.startsWith(E2E_PREFIX));
      if (ok && counts.failed === 0) return { kind: 'passed', counts };
      // Without a failed test it is a coverage threshold, a package that could not start, or the time limit.
      const report =
        failures.length > 0 ? failures.join('\n\n') : output.split('\n').slice(-REPORT_LINES).join('\n');
      return { kind: 'failed', counts: counts.failed > 0 ? counts : { ...counts, failed: 1 }, report };
    },
  };
}
