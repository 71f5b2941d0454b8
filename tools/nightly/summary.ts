// What the nightly run says of each file, and of all of them.

import type { JestResults } from '../test/jest-results.ts';

const KEPT_CHARACTERS = 2_000;

/** One test file of a nightly run. */
export interface NightlyResult {
  readonly file: string;
  /** Seeds or rounds that were run. */
  readonly counted: number;
  readonly passed: number;
  readonly failed: number;
  readonly durationMs: number;
  readonly failures: readonly string[];
  /** One shell line that runs it again. */
  readonly again: string;
}

/** What is left of the run of one file. */
export interface FileRun extends Pick<NightlyResult, 'file' | 'durationMs' | 'again'> {
  /** Whether jest ended well. */
  readonly ok: boolean;
  readonly output: string;
  /** Undefined if it wrote none. */
  readonly results: JestResults | undefined;
  /** The file of counts; see {@link sumOfLines}. */
  readonly counts: string;
}

/** A run is good only if jest says so, a test passed, and something was counted: one that does nothing proves nothing. */
export function resultOf({ file, durationMs, again, ok, output, results, counts }: FileRun): NightlyResult {
  const counted = sumOfLines(counts);
  const passed = results?.passed ?? 0;
  const failures = [...(results?.failures ?? [])];
  if (failures.length === 0 && (!ok || passed === 0)) failures.push(output.slice(-KEPT_CHARACTERS));
  // Not a number either: what a suite counted is no count.
  if (failures.length === 0 && !(counted > 0)) failures.push('not one seed or round was counted');
  const failed = Math.max(results?.failed ?? 0, failures.length > 0 ? 1 : 0);
  return { file, counted, passed, failed, durationMs, failures, again };
}

/** What could not run at all. */
export function brokenResult(file: string, reason: string, again: string): NightlyResult {
  return { file, counted: 0, passed: 0, failed: 1, durationMs: 0, failures: [reason], again };
}

/** Whether all of it is good. */
export function isGood(results: readonly NightlyResult[]): boolean {
  return results.length > 0 && results.every(({ failed }) => failed === 0);
}

/** The summary: a line per file, each failure with the way to repeat it, and the sums in the last line. */
export function summaryOf(results: readonly NightlyResult[], commit: string, scale: string): string[] {
  const sum = (of: (result: NightlyResult) => number): number =>
    results.reduce((total, result) => total + of(result), 0);
  const failures = results.flatMap(({ file, failures, again }) =>
    failures.map((failure) => `\n✖ ${file}\n${failure}\nrun again: ${again}`),
  );
  const minutes = (sum(({ durationMs }) => durationMs) / 60_000).toFixed(1);
  return [
    `\nnightly of ${commit}, scale ${scale}:`,
    ...results.map(nightlyLine),
    ...failures,
    `${isGood(results) ? '✔' : '✖'} ${results.length} files, ${sum(({ counted }) => counted)} seeds and rounds, ` +
      `${sum(({ passed }) => passed)} passed, ${sum(({ failed }) => failed)} failed, ${minutes} min`,
  ];
}

/** The sum of a file of one number per line: each simulation and fault suite appends what it ran. */
export function sumOfLines(text: string): number {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .reduce((sum, line) => sum + Number(line), 0);
}

/** One line of the summary. */
export function nightlyLine(result: NightlyResult): string {
  const mark = result.failed === 0 ? '✔' : '✖';
  const minutes = (result.durationMs / 60_000).toFixed(1);
  return `${mark} ${result.file}: ${result.counted} seeds or rounds, ${result.passed} passed, ${result.failed} failed, ${minutes} min`;
}
