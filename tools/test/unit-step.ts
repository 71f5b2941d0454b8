// Unit tests of every package through nx. At a developer's desk what did not change since it last passed comes from the
// cache, and the result says so; under CI everything runs.
import { mkdirSync } from 'node:fs';
import path from 'node:path';

import { runCommand } from './command.ts';
import { readJestFolder } from './jest-results.ts';
import { readCoverage } from './coverage.ts';
import { type Step, underCi } from './step.ts';

const UNIT_TIMEOUT_MS = 20 * 60_000;
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
        [
          'run-many',
          '-t',
          'test',
          '--parallel=2',
          '--outputStyle=static',
          '--nxBail=false',
          // The cache is shared by all clones of a machine: what it replays did not run here.
          ...(underCi ? ['--skip-nx-cache'] : []),
        ],
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
      if (ok && counts.failed === 0) {
        const remarks = [readCoverage(root), fromCache(output)].filter((remark) => remark !== undefined);
        return { kind: 'passed', counts, remark: remarks.join('; ') };
      }
      // Without a failed test it is a coverage threshold, a package that could not start, or the time limit.
      const report =
        failures.length > 0 ? failures.join('\n\n') : output.split('\n').slice(-REPORT_LINES).join('\n');
      return { kind: 'failed', counts: counts.failed > 0 ? counts : { ...counts, failed: 1 }, report };
    },
  };
}

/** What nx says of its cache, or undefined when every package ran. */
export function fromCache(output: string): string | undefined {
  const found =
    /existing outputs match|Nx read the output from the cache instead of running the command for (\d+) out of (\d+) tasks/.exec(
      output,
    );
  if (found === null) return undefined;
  return `${found[1] ?? 'some'} of ${found[2] ?? 'the'} packages replayed from the cache`;
}
