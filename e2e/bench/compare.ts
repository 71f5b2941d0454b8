// Two commits side by side: medians of alternating runs, and which rows are above what a commit may cost.
import { median, type ScenarioResult, short } from './figures.ts';
import type { Measurement } from './scenarios/scenario.ts';

/** A row above this is measured again with more rounds and explained. */
const LOOK_AT = 1.05;
/** No row may cost more CPU per message than this. */
const LIMIT = 1.1;
/** What the validation of every record may cost the rows of a producer. */
const PRODUCE_LIMIT = 1.15;

/** How a row of `robustmq` stands to the same row of `before`. */
export interface ComparedRow {
  readonly name: string;
  /** Medians of robustmq over medians of before; undefined where one was not measured. */
  readonly cpu: number | undefined;
  readonly rate: number | undefined;
  readonly p99: number | undefined;
  readonly verdict: 'holds' | 'look again' | 'too dear';
}

/** Compares what both systems measured. */
export function compare(results: readonly ScenarioResult[]): ComparedRow[] {
  return results.map(({ name, runs }) => {
    const [now, before] = [runs['robustmq'] ?? [], runs['before'] ?? []];
    const ratio = (figure: keyof Measurement): number | undefined => {
      const [a, b] = [median(now, figure), median(before, figure)];
      return a === undefined || b === undefined || b === 0 ? undefined : a / b;
    };
    const cpu = ratio('cpuSecondsPerMillion');
    return { name, cpu, rate: ratio('perSecond'), p99: ratio('p99Ms'), verdict: verdictOf(name, cpu) };
  });
}

function verdictOf(name: string, cpu: number | undefined): ComparedRow['verdict'] {
  const limit = name.startsWith('kafka-produce') ? PRODUCE_LIMIT : LIMIT;
  if (cpu === undefined || cpu <= LOOK_AT) return 'holds';
  return cpu <= limit ? 'look again' : 'too dear';
}

/** The comparison as a Markdown table. */
export function comparisonTable(rows: readonly ComparedRow[]): string {
  const cell = (value: number | undefined): string => (value === undefined ? '' : `${short(value)}×`);
  return [
    '| row | CPU per message | rate | p99 | |',
    '| --- | --- | --- | --- | --- |',
    ...rows.map(
      ({ name, cpu, rate, p99, verdict }) =>
        `| ${name} | ${cell(cpu)} | ${cell(rate)} | ${cell(p99)} | ${verdict} |`,
    ),
  ].join('\n');
}
