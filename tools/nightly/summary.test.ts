import {
  brokenResult,
  isGood,
  nightlyLine,
  resultOf,
  summaryOf,
  sumOfLines,
  type FileRun,
} from './summary.ts';

test('a file of counts is added up, whatever it ends with', () => {
  expect(sumOfLines('')).toBe(0);
  expect(sumOfLines('400\n')).toBe(400);
  expect(sumOfLines('400\n20\n3')).toBe(423);
});

test('a line says what ran and what failed', () => {
  const result = {
    file: 'libs/x/test/simulation.test.ts',
    passed: 3,
    durationMs: 90_000,
    failures: [],
    again: '',
  };
  expect(nightlyLine({ ...result, counted: 5_000, failed: 0 })).toBe(
    '✔ libs/x/test/simulation.test.ts: 5000 seeds or rounds, 3 passed, 0 failed, 1.5 min',
  );
  expect(nightlyLine({ ...result, counted: 7, failed: 1 })).toMatch(/^✖ .* 1 failed/);
});

const RUN: FileRun = {
  file: 'libs/x/test/simulation.test.ts',
  durationMs: 60_000,
  again: 'cd libs/x && npx jest',
  ok: true,
  output: 'what jest said',
  results: { passed: 2, failed: 0, skipped: 0, failures: [] },
  counts: '400\n',
};

test('a run is good only if jest ended well, a test passed and something was counted', () => {
  expect(resultOf(RUN)).toMatchObject({ counted: 400, passed: 2, failed: 0, failures: [] });
  const bad: [string, Partial<FileRun>, string][] = [
    [
      'a test failed',
      { ok: false, results: { passed: 1, failed: 1, skipped: 0, failures: ['seed 7'] } },
      'seed 7',
    ],
    ['jest ended badly although no test failed', { ok: false }, 'what jest said'],
    ['jest wrote nothing', { ok: true, results: undefined }, 'what jest said'],
    ['no test ran', { results: { passed: 0, failed: 0, skipped: 2, failures: [] } }, 'what jest said'],
    ['nothing was counted', { counts: '' }, 'not one seed or round was counted'],
    ['what was counted is no number', { counts: 'NaN\n' }, 'not one seed or round was counted'],
    ['less than nothing was counted', { counts: '-400\n' }, 'not one seed or round was counted'],
  ];
  for (const [why, change, failure] of bad) {
    const result = resultOf({ ...RUN, ...change });
    expect([why, result.failed, result.failures]).toEqual([why, 1, [failure]]);
    expect(isGood([resultOf(RUN), result])).toBe(false);
  }
});

test('nothing at all is not good', () => {
  expect(isGood([])).toBe(false);
  expect(isGood([resultOf(RUN)])).toBe(true);
});

test('the last line has the sums, before it stands each failure and how it is repeated', () => {
  const good = resultOf(RUN);
  expect(summaryOf([good, good], 'abc', '20').at(-1)).toBe(
    '✔ 2 files, 800 seeds and rounds, 4 passed, 0 failed, 2.0 min',
  );
  const lines = summaryOf(
    [good, brokenResult('chaos/power-cut.test.ts', 'no loop device', 'again')],
    'abc',
    '20',
  );
  expect(lines.join('\n')).toContain('✖ chaos/power-cut.test.ts\nno loop device\nrun again: again');
  expect(lines.at(-1)).toBe('✖ 2 files, 400 seeds and rounds, 2 passed, 1 failed, 1.0 min');
});
