// One share of the loop for all connections: a turn is short, nobody is overtaken for ever, and nobody is forgotten (N8, N7).
import { setImmediate as drained } from 'node:timers/promises';
import type { Timers } from '../src/timers.ts';
import { TurnShare } from '../src/turn-share.ts';

/** What work has cost: the clock that it is measured by. */
let workMs: number;
/** What runs in the next turn. */
let due: (() => void)[];
let share: TurnShare;
const timers = {
  soon(action: () => void) {
    due.push(action);
    return () => undefined;
  },
} as Partial<Timers> as Timers;
const clock = { monotonicMs: () => workMs };
beforeEach(() => {
  workMs = 0;
  due = [];
  share = new TurnShare(clock, timers);
});

/** Lets the loop turn once. */
async function turn(): Promise<void> {
  for (const action of due.splice(0)) action();
  await drained();
}

test('a turn is open until 5 ms of it are used, and the next one again', async () => {
  expect(share.isOpen).toBe(true);
  workMs += 4;
  expect([share.isOpen, share.isSpent]).toEqual([true, false]);
  workMs += 1;
  expect([share.isOpen, share.isSpent]).toEqual([false, true]);
  await turn();
  expect([share.isOpen, share.isSpent]).toEqual([true, false]);
});

test('a turn begins with its first piece, whether or not somebody asks before', async () => {
  share.begin();
  workMs += 3;
  share.begin();
  workMs += 2;
  expect(share.isSpent).toBe(true);
  await turn();
  expect(share.isSpent).toBe(false);
});

test('a share may be a smaller one', async () => {
  share = new TurnShare(clock, timers, 2);
  expect(share.isOpen).toBe(true);
  workMs += 2;
  expect(share.isOpen).toBe(false);
  await turn();
  expect(share.isOpen).toBe(true);
});

test('who comes later does not pass who stands in line, whatever is left of the turn', async () => {
  const order: string[] = [];
  share.wait(() => order.push('first'));
  expect([share.isSpent, share.isOpen]).toEqual([false, false]);
  share.wait(() => order.push(`second, open ${share.isOpen}`));
  while (share.waitingCount > 0) await turn();
  expect(order).toEqual(['first', 'second, open true']);
  expect(share.isOpen).toBe(true);
});

test('a turn serves as many as 5 ms are enough for, at least one', async () => {
  const served: number[] = [];
  for (const costMs of [2, 2, 2, 9, 9, 1])
    share.wait(() => {
      workMs += costMs;
      served.push(costMs);
    });
  const afterTurn: number[] = [];
  while (share.waitingCount > 0) {
    const before = served.length;
    await turn();
    if (served.length > before) afterTurn.push(served.length);
  }
  expect(served).toEqual([2, 2, 2, 9, 9, 1]);
  expect(Math.min(...afterTurn)).toBeGreaterThanOrEqual(1);
  expect(workMs).toBe(25);
});

test('one that stands in line keeps its one place, and one that goes on stands behind the others', async () => {
  const order: string[] = [];
  let slices = 3;
  const long = (): void => {
    order.push('long');
    workMs += 5;
    slices -= 1;
    if (slices > 0) share.wait(long);
  };
  share.wait(long);
  share.wait(long);
  share.wait(() => order.push('short'));
  while (share.waitingCount > 0) await turn();
  expect(order).toEqual(['long', 'short', 'long', 'long']);
});

test('who yields has a turn alone, before those that came later', async () => {
  const order: string[] = [];
  const slice = async (name: string): Promise<void> => {
    await share.yield();
    order.push(name);
    workMs += 5;
  };
  const both = Promise.all([slice('a'), slice('b')]);
  share.wait(() => order.push('c'));
  while (share.waitingCount > 0) await turn();
  await both;
  await drained();
  expect(order).toEqual(['a', 'b', 'c']);
});

test('who is gone is not called', async () => {
  const gone = (): void => {
    throw new RangeError('called');
  };
  share.wait(gone);
  share.forget(gone);
  await turn();
  expect(share.isOpen).toBe(true);
});
