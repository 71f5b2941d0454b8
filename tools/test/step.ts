// What a step of `npm test` is, and how its result is told.
import type { TestCounts } from './jest-results.ts';

/** How a step ended. A skip says what is missing. */
export type StepResult =
  | { readonly kind: 'passed'; readonly counts: TestCounts; readonly remark?: string }
  | { readonly kind: 'failed'; readonly counts: TestCounts; readonly report: string }
  | { readonly kind: 'skipped'; readonly reason: string };

/** One step; `run` may print progress through `progress`, one line at a time. */
export interface Step {
  readonly name: string;
  run(progress: (line: string) => void): Promise<StepResult>;
}

/** A static check that passed counts as one test. */
export const ONE_PASSED: TestCounts = { passed: 1, failed: 0, skipped: 0 };

/** A static check that failed counts as one test. */
export const ONE_FAILED: TestCounts = { passed: 0, failed: 1, skipped: 0 };

/** Under CI nothing may be left out. */
export const underCi = process.env['CI'] === 'true';
