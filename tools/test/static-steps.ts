// Checks that run no test: format, lint, boundaries, dead code, types, contracts.
import { existsSync } from 'node:fs';
import path from 'node:path';

import { meetNeed } from '@robustmq/e2e/needs';
import { readReleases, releaseFolder } from '@robustmq/e2e/release-archive';
import { runCommand } from './command.ts';
import { ONE_FAILED, ONE_PASSED, type Step } from './step.ts';

const CHECK_TIMEOUT_MS = 5 * 60_000;

/** A step that passes when a command exits with 0. */
function commandStep(root: string, name: string, command: string, args: readonly string[], cwd = root): Step {
  return {
    name,
    async run() {
      const { ok, output } = await runCommand(command, args, { cwd, timeoutMs: CHECK_TIMEOUT_MS });
      return ok
        ? { kind: 'passed', counts: ONE_PASSED }
        : { kind: 'failed', counts: ONE_FAILED, report: output };
    },
  };
}

/** Contracts may grow but never change meaning: compared with those of the last release, once there is one. */
function breakingStep(root: string): Step {
  return {
    name: 'contracts: no breaking change',
    async run() {
      const last = readReleases(root).at(-1);
      if (last === undefined)
        return { kind: 'passed', counts: ONE_PASSED, remark: 'no release yet to compare with' };
      const image = path.join(releaseFolder(root, last.version), 'contracts.binpb');
      const options = { cwd: root, timeoutMs: CHECK_TIMEOUT_MS };
      const { ok, output } = await runCommand('buf', ['breaking', '--against', image], options);
      return ok
        ? { kind: 'passed', counts: ONE_PASSED }
        : { kind: 'failed', counts: ONE_FAILED, report: output };
    },
  };
}

/** The generator reads the message schemas from the kafka-clients jar, which Maven fetches. */
function kafkaCodecStep(root: string): Step {
  const codec = path.join(root, 'libs', 'kafka-codec');
  const check = commandStep(
    root,
    'generated Kafka codec: no drift',
    process.execPath,
    ['generator/generate.ts', '--check'],
    codec,
  );
  return {
    name: check.name,
    async run(progress) {
      if (!existsSync(path.join(codec, 'generator')))
        return { kind: 'skipped', reason: 'there is no generator' };
      const missing = await meetNeed('maven', progress);
      return missing === undefined ? check.run(progress) : { kind: 'skipped', reason: missing };
    },
  };
}

/** All static checks, the quickest to fail first. */
export function staticSteps(root: string): Step[] {
  const step = (name: string, command: string, ...args: string[]): Step =>
    commandStep(root, name, command, args);
  return [
    step('format', 'prettier', '--check', '--log-level=warn', '.'),
    step('types', 'tsc', '-p', 'tsconfig.json'),
    step('lint', 'eslint', '--max-warnings=0', '.'),
    step('boundaries', 'depcruise', '--config', '.dependency-cruiser.cjs', 'apps', 'libs', 'e2e', 'tools'),
    step('dead code', 'knip', '--no-progress', '--treat-config-hints-as-errors'),
    step('contracts: lint and drift', process.execPath, 'tools/generate.mjs', '--check'),
    step('documentation: complete, no drift', process.execPath, 'tools/docs/main.ts', '--check'),
    breakingStep(root),
    kafkaCodecStep(root),
  ];
}
