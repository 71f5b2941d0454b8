// `npm run test:nightly`: the simulations over many more seeds and the fault suites over many more rounds than `npm test`
// has time for. Ends with a summary that says how each line is repeated.
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';

import { meetNeed } from '@robustmq/e2e/needs';
import { SUITES } from '@robustmq/e2e/suites';
import { buildStaleApps, repositoryRoot } from '@robustmq/testkit/cluster';
import { Command, InvalidArgumentError } from 'commander';

import { runCommand } from '../test/command.ts';
import { readJestFile } from '../test/jest-results.ts';
import { isWanted, scaleOf } from './selection.ts';
import { brokenResult, isGood, nightlyLine, resultOf, summaryOf, type NightlyResult } from './summary.ts';

const DEFAULT_SCALE = 20;
const LIMIT_PER_STEP_MS = 6 * 60 * 60_000;

const command = new Command('npm run test:nightly --')
  .description('Runs simulations over more seeds and fault suites over more rounds than npm test does.')
  .option('--scale <n>', 'how many times the seeds and rounds of npm test', parseScale, DEFAULT_SCALE)
  .option('--only <words>', 'only files whose path holds one of these comma-separated words')
  .parse();
const options = command.opts<{ scale: number; only?: string }>();
const scale = String(options.scale);
const root = repositoryRoot();
const wanted = (file: string): boolean => isWanted(file, options.only);

function parseScale(text: string): number {
  const parsed = scaleOf(text);
  if (parsed === undefined) throw new InvalidArgumentError('a number greater than 0 is expected');
  return parsed;
}

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
  return SUITES.filter(
    ({ file }) => /^chaos\/(kill|pause|meta-outage|power-cut)/.test(file) && wanted(`e2e/${file}`),
  );
}

async function runJest(
  packageFolder: string,
  file: string,
  variables: Record<string, string>,
): Promise<NightlyResult> {
  const reports = path.join(root, '.test-results', 'nightly');
  mkdirSync(reports, { recursive: true });
  const name = path.join(packageFolder, file).replaceAll(/\W+/g, '-');
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
  return resultOf({
    file: path.join(packageFolder, file),
    ok,
    output,
    results: existsSync(json) ? readJestFile(json) : undefined,
    counts: existsSync(counts) ? readFileSync(counts, 'utf8') : '',
    durationMs: performance.now() - startedMs,
    again: againLine(packageFolder, file, variables),
  });
}

function againLine(packageFolder: string, file: string, variables: Record<string, string>): string {
  const again = Object.entries(variables).map(([key, value]) => `${key}=${value}`);
  return `cd ${packageFolder} && ${again.join(' ')} npx jest --runTestsByPath ${file}`;
}

/** Builds the apps and meets the need of one suite; answers why that is not possible. */
async function prepared(
  { needs }: (typeof SUITES)[number],
  say: (line: string) => void,
): Promise<string | undefined> {
  try {
    await buildStaleApps(say);
    for (const need of needs) {
      const missing = await meetNeed(need, say);
      if (missing !== undefined) return missing;
    }
    return undefined;
  } catch (thrown) {
    return String(thrown);
  }
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
    add(await runJest(packageFolder, inPackage, { SIMULATION_SCALE: scale }));
  }
  for (const suite of faultSuites()) {
    const variables = { FAULT_SCALE: scale };
    const missing = await prepared(suite, say);
    if (missing === undefined) add(await runJest('e2e', suite.file, variables));
    else add(brokenResult(`e2e/${suite.file}`, missing, againLine('e2e', suite.file, variables)));
  }
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
    cwd: root,
    encoding: 'utf8',
  }).trim();
  for (const line of summaryOf(results, commit, scale)) say(line);
  process.exitCode = isGood(results) ? 0 : 1;
}

await nightly();
