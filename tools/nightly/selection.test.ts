import { isWanted, scaleOf } from './selection.ts';

test.each([
  ['20', 20],
  ['0.5', 0.5],
  ['', undefined],
  ['0', undefined],
  ['-1', undefined],
  ['many', undefined],
  ['Infinity', undefined],
  ['2x', undefined],
])('the scale that %j says is %s', (text, scale) => {
  expect(scaleOf(text)).toBe(scale);
});

test('files are chosen by words of their path', () => {
  expect(isWanted('e2e/chaos/kill.test.ts', undefined)).toBe(true);
  expect(isWanted('e2e/chaos/kill.test.ts', 'e2e/chaos')).toBe(true);
  expect(isWanted('e2e/chaos/kill.test.ts', 'raft,kill')).toBe(true);
  expect(isWanted('e2e/chaos/kill.test.ts', 'raft')).toBe(false);
});
