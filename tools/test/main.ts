// `npm test`: every check and test, with progress, ending in one line of counts.
import { buildStaleApps, repositoryRoot } from '@robustmq/testkit/cluster';
import { BrokerError } from '@robustmq/errors';
import { Command } from 'commander';

import { add, type TestCounts } from './jest-results.ts';
import { staticSteps } from './static-steps.ts';
import { ONE_FAILED, ONE_PASSED, type Step, type StepResult, underCi } from './step.ts';
import { suiteSteps } from './suite-steps.ts';
import { unitStep } from './unit-step.ts';

const WHOLE_RUN_LIMIT_MS = 60 * 60_000;

const command = new Command('npm test --')
  .description('Runs every check and test. Under CI=true a skipped suite is a failure.')
  .option('--only <words>', 'only steps whose name holds one of these comma-separated words')
  .option('--list', 'name the steps and stop')
  .parse();
const options = command.opts<{ only?: string; list?: boolean }>();

const root = repositoryRoot();
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const words = options.only?.split(',');
const steps = [...staticSteps(root), unitStep(root), buildStep(), ...suiteSteps(root)].filter(
  (step) => words === undefined || words.some((word) => step.name.includes(word)),
);
if (steps.length === 0)
  command.error(`error: no step has one of these in its name: ${options.only ?? ''}; --list names the steps`);
if (options.list === true) for (const step of steps) say(step.name);
else await runAll();

function buildStep(): Step {
  return {
    name: 'build',
    async run(progress) {
      try {
        await buildStaleApps(progress);
        return { kind: 'passed', counts: ONE_PASSED };
      } catch (error) {
        if (!(error instanceof BrokerError)) throw error;
        return { kind: 'failed', counts: ONE_FAILED, report: error.message };
      }
    },
  };
}

async function runAll(): Promise<void> {
  const startedMs = performance.now();
  let total: TestCounts = { passed: 0, failed: 0, skipped: 0 };
  const reports: string[] = [];
  const skips: string[] = [];
  for (const [index, step] of steps.entries()) {
    const label = `[${index + 1}/${steps.length}] ${step.name}`;
    say(`▶ ${label}`);
    const stepStartedMs = performance.now();
    const result = await runWithinLimit(step, WHOLE_RUN_LIMIT_MS - (stepStartedMs - startedMs));
    const seconds = ((performance.now() - stepStartedMs) / 1000).toFixed(1);
    if (result.kind === 'skipped') {
      skips.push(`${step.name}: ${result.reason}`);
      total = add(total, underCi ? ONE_FAILED : { passed: 0, failed: 0, skipped: 1 });
      say(`${underCi ? '✖' : '○'} ${label} skipped: ${result.reason}`);
      continue;
    }
    total = add(total, result.counts);
    const { passed, failed } = result.counts;
    if (result.kind === 'failed') reports.push(`✖ ${step.name}\n${result.report}`);
    const remark = result.kind === 'passed' && result.remark !== undefined ? ` (${result.remark})` : '';
    say(
      `${result.kind === 'passed' ? '✔' : '✖'} ${label}: ${passed} passed${failed > 0 ? `, ${failed} failed` : ''}, ${seconds} s${remark}`,
    );
  }
  for (const report of reports) say(`\n${report}`);
  if (skips.length > 0)
    say(`\nSkipped${underCi ? ', which is a failure under CI=true' : ''}:\n  ${skips.join('\n  ')}`);
  say(`\nwhole run: ${((performance.now() - startedMs) / 60_000).toFixed(1)} min`);
  say(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  process.exitCode = total.failed > 0 ? 1 : 0;
}

function runWithinLimit(step: Step, leftMs: number): Promise<StepResult> {
  if (leftMs > 0) return step.run((line) => say(`    ${line}`));
  const report = `not run: the whole run must end within ${WHOLE_RUN_LIMIT_MS / 60_000} minutes`;
  return Promise.resolve({ kind: 'failed', counts: ONE_FAILED, report });
}
