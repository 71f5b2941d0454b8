// How many connections a second are let in.

import { ConnectRate } from '../src/transport/connect-rate.ts';

test('ConnectRate lets a burst of a second in, then the rate', () => {
  const rate = new ConnectRate(10);
  const taken = (nowMs: number): number =>
    Array.from({ length: 50 }, () => rate.take(nowMs)).filter(Boolean).length;
  expect(taken(0)).toBe(10);
  expect(taken(500)).toBe(5);
  expect(taken(60_000)).toBe(10);
});
