// Calls to meta-service: bounded in number, in their order, and none waits for ever.
import { BrokerError } from '@robustmq/errors';
import { drained, VirtualClock } from '@robustmq/testkit';
import { CallLine } from '../src/adapters/call-line.ts';

const MAX_UNDER_WAY = 3;
const MAX_PER_TURN = 4;
const MAX_WAIT_MS = 5_000;

let clock: VirtualClock;
let line: CallLine;
let underWay: Map<number, { answer(): void; fail(error: BrokerError): void }>;
let outcomes: string[];
let most: number;
beforeEach(() => {
  clock = new VirtualClock();
  line = lineOf(MAX_UNDER_WAY);
  underWay = new Map();
  outcomes = [];
  most = 0;
});

function lineOf(maxUnderWay: number): CallLine {
  return new CallLine({ maxUnderWay, maxPerTurn: MAX_PER_TURN, maxWaitMs: MAX_WAIT_MS, timers: clock });
}

function ask(number: number): void {
  const call = (): Promise<void> =>
    new Promise((resolve, reject) => {
      underWay.set(number, { answer: resolve, fail: reject });
      most = Math.max(most, underWay.size);
    });
  line.run(call).then(
    () => outcomes.push(`${number} answered`),
    (error: BrokerError) => outcomes.push(`${number} ${error.code}`),
  );
}

async function end(number: number, error?: BrokerError): Promise<void> {
  const call = underWay.get(number)!;
  underWay.delete(number);
  if (error === undefined) call.answer();
  else call.fail(error);
  await drained();
}

test('I8: of thousands of calls a few are under way, in the order in which they came', async () => {
  const order: number[] = [];
  for (let number = 0; number < 2_000; number += 1) ask(number);
  expect(line.waitingCount).toBe(2_000 - MAX_UNDER_WAY);
  while (underWay.size > 0) {
    const [first = -1] = underWay.keys();
    order.push(first);
    await end(first);
    await clock.advance(0);
  }
  expect(most).toBe(MAX_UNDER_WAY);
  expect(order).toEqual(Array.from({ length: 2_000 }, (_, number) => number));
  expect(line.waitingCount).toBe(0);
});

test('a call that fails makes room as one that is answered, and is told its own failure', async () => {
  for (let number = 0; number < 5; number += 1) ask(number);
  await end(1, new BrokerError('fenced', 'too late'));
  expect([...underWay.keys()]).toEqual([0, 2, 3]);
  await clock.advance(0);
  const broken = line
    .run(() => {
      throw new BrokerError('internal', 'not even begun');
    })
    .catch((error: BrokerError) => error.code);
  for (const number of [0, 2, 3, 4]) await end(number);
  await clock.advance(0);
  expect(await broken).toBe('internal');
  expect(outcomes).toEqual(['1 fenced', '0 answered', '2 answered', '3 answered', '4 answered']);
  ask(9);
  expect([...underWay.keys()]).toEqual([9]);
});

test('N7: whoever has waited too long is refused, and never called for any more', async () => {
  for (let number = 0; number < 5; number += 1) ask(number);
  await clock.advance(MAX_WAIT_MS - 1);
  ask(5);
  await clock.advance(1);
  expect(outcomes).toEqual(['3 unavailable', '4 unavailable']);
  await end(0);
  expect([...underWay.keys()]).toEqual([1, 2, 5]);
  for (const number of [1, 2, 5]) await end(number);
  await clock.advance(0);
  // Nothing is left to wait for.
  expect([clock.pending, line.waitingCount, underWay.size]).toEqual([0, 0, 0]);
});

test('N8: answers that come many at once begin a few calls per turn, in their order', async () => {
  line = lineOf(20);
  for (let number = 0; number < 30; number += 1) ask(number);
  while (underWay.size < 20) await clock.step();
  for (const number of [...underWay.keys()]) {
    underWay.get(number)!.answer();
    underWay.delete(number);
  }
  await drained();
  const begun = [underWay.size];
  while (await clock.step()) begun.push(underWay.size);
  expect(begun.every((size, turn) => size - (begun[turn - 1] ?? 0) <= MAX_PER_TURN)).toBe(true);
  expect([...underWay.keys()]).toEqual(Array.from({ length: 10 }, (_, number) => 20 + number));
  expect(outcomes).toEqual(Array.from({ length: 20 }, (_, number) => `${number} answered`));
});

test('N8: whoever comes while others wait stands behind them, also when there is room by then', async () => {
  line = lineOf(20);
  for (let number = 0; number < MAX_PER_TURN + 1; number += 1) ask(number);
  expect([...underWay.keys()]).toEqual([0, 1, 2, 3]);
  await clock.step();
  for (let number = 5; number < 9; number += 1) ask(number);
  expect([...underWay.keys()]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  await clock.step();
  expect([...underWay.keys()]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
});
