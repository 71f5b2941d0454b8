// Reads what jest wrote with --json: counts, and the failures in words.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Tests of one or many runs. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Counts and one paragraph per failure. */
export interface JestResults extends TestCounts {
  readonly failures: readonly string[];
}

interface JestFile {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[] | null;
    }[];
  }[];
}

const MESSAGE_LINES = 12;

/** The sum of two counts. */
export function add(a: TestCounts, b: TestCounts): TestCounts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** Results of one jest output file. A test file that could not even run counts as one failed test. */
export function readJestFile(file: string): JestResults {
  const json = JSON.parse(readFileSync(file, 'utf8')) as JestFile;
  const failures: string[] = [];
  let brokenFiles = 0;
  for (const result of json.testResults) {
    const failed = result.assertionResults.filter((each) => each.status === 'failed');
    for (const each of failed)
      failures.push(`${each.fullName}\n${firstLines(each.failureMessages?.join('\n') ?? '')}`);
    if (result.status === 'failed' && failed.length === 0) {
      brokenFiles += 1;
      failures.push(`${result.name} could not run\n${firstLines(result.message)}`);
    }
  }
  return {
    passed: json.numPassedTests,
    failed: json.numFailedTests + brokenFiles,
    skipped: json.numPendingTests + json.numTodoTests,
    failures,
  };
}

/** Results of all output files in a folder whose names `include` accepts. */
export function readJestFolder(folder: string, include: (name: string) => boolean): JestResults {
  let counts: TestCounts = { passed: 0, failed: 0, skipped: 0 };
  const failures: string[] = [];
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (!name.endsWith('.json') || !include(name.slice(0, -'.json'.length))) continue;
    const results = readJestFile(path.join(folder, name));
    counts = add(counts, results);
    failures.push(...results.failures);
  }
  return { ...counts, failures };
}

function firstLines(text: string): string {
  return text.split('\n').slice(0, MESSAGE_LINES).join('\n');
}
