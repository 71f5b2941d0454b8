// The judge of the fault suites is judged first: each planted contradiction must be found (I1, I3).
import { contradictions, type LedgerEntry } from './ledger.ts';

const entry = (mayRepeat: boolean): LedgerEntry => ({
  name: 'w',
  acknowledged: new Set([0, 1, 2]),
  mayRepeat,
});

test.each([
  ['all there', false, ['w:0', 'w:1', 'w:2'], []],
  ['an unacknowledged one is there too', false, ['w:0', 'w:1', 'w:2', 'w:3'], []],
  ['another writer between', false, ['w:0', 'v:9', 'w:1', 'w:2'], []],
  ['lost', false, ['w:0', 'w:2'], ['w: 1 of 3 acknowledged lost, such as 1']],
  ['out of order', false, ['w:1', 'w:0', 'w:2'], ['w: 1 out of order']],
  ['repeated', false, ['w:0', 'w:1', 'w:1', 'w:2'], ['w: 1 repeated']],
  ['repeated where it is allowed', true, ['w:0', 'w:1', 'w:0', 'w:2'], []],
])('%s', (_name, mayRepeat, values, expected) => {
  expect(contradictions([entry(mayRepeat)], values)).toEqual(expected);
});
