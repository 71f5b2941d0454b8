// What the nightly run says of each file.

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
