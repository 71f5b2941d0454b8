// Reads share the loop (rule N8): together they take one slice per turn, and everyone gets on.

import { systemTimers, type Timers } from '@robustmq/runtime';
import { drained } from '@robustmq/testkit';
import { ReadTurns } from '../src/shard/read-turns.ts';

let turns: ReadTurns;
/** Time that work has taken: a unit costs what it says. */
let workedMs: number;
/** What the next turn of the loop brings. */
let soon: (() => void)[];

/** A loop that turns when the test says so. */
const timers: Timers = {
  ...systemTimers,
  soon(action) {
    soon.push(action);
    return () => undefined;
  },
};

beforeEach(() => {
  soon = [];
  workedMs = 0;
  // A clock that moves with the work, so that a turn is as long as what is done in it.
  turns = new ReadTurns({ monotonicMs: () => workedMs }, timers);
});

async function turn(): Promise<void> {
  for (const action of soon.splice(0)) action();
  await drained();
}

async function read(units: number, unitMs: number, done: () => void): Promise<void> {
  for (let unit = 0; unit < units; unit++) {
    if (turns.isSpent) await turns.next();
    workedMs += unitMs;
  }
  done();
}

/** Lets the loop turn until nothing waits; answers how long each turn took. */
async function turnsTaken(): Promise<number[]> {
  const taken: number[] = [];
  await drained();
  while (soon.length > 0) {
    const before = workedMs;
    await turn();
    taken.push(workedMs - before);
  }
  return taken;
}

test('N8: a thousand reads at once take one slice per turn, not one each', async () => {
  let done = 0;
  const before = workedMs;
  for (let each = 0; each < 1_000; each++) void read(10, 0.5, () => done++);
  await drained();
  expect(workedMs - before).toBeLessThanOrEqual(5.5);
  const taken = await turnsTaken();
  expect(done).toBe(1_000);
  // The budget, and the unit that passed it.
  expect(Math.max(...taken)).toBeLessThanOrEqual(5.5);
});

test('N8: a long read does not keep short ones waiting until it is over', async () => {
  const order: string[] = [];
  void read(2_000, 1, () => order.push('long'));
  for (let each = 0; each < 20; each++) void read(1, 1, () => order.push('short'));
  await turnsTaken();
  expect(order.at(-1)).toBe('long');
  expect(order).toHaveLength(21);
});

test('those who wait go on in the order in which they came', async () => {
  const order: number[] = [];
  void read(6, 1, () => undefined);
  for (let each = 0; each < 200; each++) void read(1, 3, () => order.push(each));
  await turnsTaken();
  expect(order).toEqual(Array.from({ length: 200 }, (_, each) => each));
});

test('a turn without reads begins with the whole budget', async () => {
  await read(5, 1, () => undefined);
  expect(turns.isSpent).toBe(true);
  await turn();
  workedMs += 100;
  expect(turns.isSpent).toBe(false);
});
