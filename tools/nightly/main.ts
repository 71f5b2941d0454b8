// `npm run test:nightly`: the simulations over many more seeds and the fault suites over many more rounds than `npm test`
// has time for. Ends with a summary that says how each line is repeated.
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';

import { meetNeed } from '@robustmq/e2e/needs';
import { SUITES } from '@robustmq/e2e/suites';
import { buildStaleApps, repositoryRoot } from '@robustmq/testkit/cluster';
import { Command } from 'commander';

import { runCommand } from '../test/command.ts';
import { readJestFile } from '../test/jest-results.ts';
import { nightlyLine, sumOfLines, type NightlyResult } from './summary.ts';

const DEFAULT_SCALE = 20;
const LIMIT_PER_STEP_MS = 6 * 60 * 60_000;

const command = new Command('npm run test:nightly --')
  .description('Runs simulations over more seeds and fault suites over more rounds than npm test does.')
  .option('--scale <n>', 'how many times the seeds and rounds of npm test', String(DEFAULT_SCALE))
  .option('--only <words>', 'only files whose path holds one of these comma-separated words')
  .parse();
const options = command.opts<{ scale: string; only?: string }>();
const root = repositoryRoot();
const words = options.only?.split(',');
const wanted = (file: string): boolean => words === undefined || words.some((word) => file.includes(word));

/** Test files that run simulations: they are named so. */
function simulations(): string[] {
  return globSync(['{apps,libs}/*/test/**/*simulation*.test.ts', 'e2e/simulation/*simulation*.test.ts'], {
    cwd: root,
  })
    .sort()
    .filter(wanted);
}

/** Suites of the e2e package that take rounds of faults. */
function faultSuites(): (typeof SUITES)[number][] {
  return SUITES.filter(({ file }) => /^chaos\/(kill|pause|power-cut)/.test(file) && wanted(file));
}

async function runJest(
  packageFolder: string,
  file: string,
  variables: Record<string, string>,
): Promise<NightlyResult> {
  const reports = path.join(root, '.test-results', 'nightly');
  mkdirSync(reports, { recursive: true });
  const name = file.replaceAll(/\W+/g, '-');
  const [json, counts] = [path.join(reports, `${name}.json`), path.join(reports, `${name}.counts`)];
  for (const each of [json, counts]) rmSync(each, { force: true });
  const startedMs = performance.now();
  const { ok, output } = await runCommand(
    'jest',
    [
      '--runInBand',
      '--forceExit',
      '--testTimeout=86400000',
      '--json',
      `--outputFile=${json}`,
      '--runTestsByPath',
      file,
    ],
    {
      cwd: path.join(root, packageFolder),
      timeoutMs: LIMIT_PER_STEP_MS,
      env: { ...variables, FAULT_COUNTS: counts },
    },
  );
  const results = existsSync(json) ? readJestFile(json) : undefined;
  const again = Object.entries(variables).map(([key, value]) => `${key}=${value}`);
  return {
    file: path.join(packageFolder, file),
    counted: existsSync(counts) ? sumOfLines(readFileSync(counts, 'utf8')) : 0,
    passed: results?.passed ?? 0,
    failed: results?.failed ?? (ok ? 0 : 1),
    durationMs: performance.now() - startedMs,
    failures: results === undefined ? [output.slice(-2_000)] : results.failures,
    again: `cd ${packageFolder} && ${again.join(' ')} npx jest --runTestsByPath ${file}`,
  };
}

async function nightly(): Promise<void> {
  const say = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  const results: NightlyResult[] = [];
  const add = (result: NightlyResult): void => {
    results.push(result);
    say(nightlyLine(result));
  };
  for (const file of simulations()) {
    const packageFolder = file.startsWith('e2e/') ? 'e2e' : file.split('/').slice(0, 2).join('/');
    const inPackage = path.relative(packageFolder, file);
    add(await runJest(packageFolder, inPackage, { SIMULATION_SCALE: options.scale }));
  }
  const suites = faultSuites();
  if (suites.length > 0) await buildStaleApps(say);
  for (const suite of suites) {
    for (const need of suite.needs) {
      const missing = await meetNeed(need, say);
      if (missing !== undefined) throw new TypeError(`${suite.title}: ${missing}`);
    }
    add(await runJest('e2e', suite.file, { FAULT_SCALE: options.scale }));
  }
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
    cwd: root,
    encoding: 'utf8',
  }).trim();
  const failed = results.reduce((sum, each) => sum + each.failed, 0);
  say(`\nnightly of ${commit}, scale ${options.scale}:`);
  for (const each of results) say(nightlyLine(each));
  for (const each of results)
    for (const failure of each.failures) say(`\n✖ ${each.file}\n${failure}\nrun again: ${each.again}`);
  say(`${results.reduce((sum, each) => sum + each.passed, 0)} passed, ${failed} failed`);
  process.exitCode = failed > 0 || results.length === 0 ? 1 : 0;
}

await nightly();
