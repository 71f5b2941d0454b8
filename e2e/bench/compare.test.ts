import { compare, comparisonTable } from './compare.ts';
import type { ScenarioResult } from './figures.ts';

/** A row measured six times on each side, with CPU around these medians and one outlier. */
function row(name: string, before: number, now: number): ScenarioResult {
  const runs = (cpu: number): { cpuSecondsPerMillion: number; perSecond: number }[] =>
    [0.9, 1, 1, 1.1, 1, 9].map((factor) => ({ cpuSecondsPerMillion: cpu * factor, perSecond: 1000 / cpu }));
  return { name, title: name, target: '', runs: { before: runs(before), robustmq: runs(now) } };
}

test.each([
  ['qos1-pairs', 10, 10, 'holds'],
  ['qos1-pairs', 10, 10.4, 'holds'],
  ['qos1-pairs', 10, 10.8, 'look again'],
  ['qos1-pairs', 10, 11.2, 'too dear'],
  ['kafka-produce-1k', 10, 11.2, 'look again'],
  ['kafka-produce-1k', 10, 11.6, 'too dear'],
])('%s from %d to %d: %s', (name, before, now, verdict) => {
  const [compared] = compare([row(name, before, now)]);
  expect(compared?.verdict).toBe(verdict);
  expect(compared?.cpu).toBeCloseTo(now / before);
  expect(compared?.rate).toBeCloseTo(before / now);
});

test('a row that one side could not measure is shown without figures', () => {
  const rows = compare([{ name: 'new-row', title: '', target: '', runs: { robustmq: [{ p99Ms: 3 }] } }]);
  expect(rows).toEqual([
    { name: 'new-row', cpu: undefined, rate: undefined, p99: undefined, verdict: 'holds' },
  ]);
  expect(comparisonTable(rows)).toContain('| new-row |  |  |  | holds |');
});
