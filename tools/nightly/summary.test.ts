import { nightlyLine, sumOfLines } from './summary.ts';

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
