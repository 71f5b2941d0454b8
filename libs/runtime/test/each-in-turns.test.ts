// N8: work on many goes on in turns, however many there are.

import { eachInTurns, type Timers } from '../src/index.ts';

/** Turns that a test makes, on a clock that each item costs a tenth of a millisecond. */
function turns() {
  const waiting: (() => void)[] = [];
  const work = { done: 0 };
  const timers = {
    soon(action: () => void) {
      waiting.push(action);
      return () => undefined;
    },
  } as Partial<Timers> as Timers;
  const clock = { monotonicMs: () => work.done / 10 };
  return { waiting, work, ports: { clock, timers } };
}

test('N8: a slice ends after 5 ms, and everything is done once, in order', () => {
  const { waiting, work, ports } = turns();
  const seen: number[] = [];
  let isDone = false;
  const items = Array.from({ length: 1_000 }, (_, index) => index);
  const act = (item: number): void => {
    work.done++;
    seen.push(item);
  };
  eachInTurns(items, ports, act, () => (isDone = true));
  const slices = [seen.length];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const before = seen.length;
    next();
    slices.push(seen.length - before);
  }
  expect(Math.max(...slices)).toBe(50);
  expect(seen).toEqual(items);
  expect(isDone).toBe(true);
});

test('what leaves a map between two turns is left out', () => {
  const { waiting, work, ports } = turns();
  const map = new Map(Array.from({ length: 60 }, (_, index) => [index, index]));
  const seen: number[] = [];
  eachInTurns(map.values(), ports, (item) => {
    work.done++;
    seen.push(item);
  });
  map.delete(55);
  waiting.shift()!();
  expect(seen.length).toBe(59);
});

test('N9: an item that throws leaves those behind it, and the end', () => {
  const { waiting, ports } = turns();
  const seen: number[] = [];
  let isDone = false;
  const begin = (): void =>
    eachInTurns(
      [1, 2, 3],
      ports,
      (item) => {
        seen.push(item);
        if (item === 2) throw new TypeError('planted');
      },
      () => (isDone = true),
    );
  expect(begin).toThrow('planted');
  waiting.shift()!();
  expect(seen).toEqual([1, 2, 3]);
  expect(isDone).toBe(true);
});
