// One incarnation after the other (rules F1, R3): what a lost lease ends, what begins then, and what ends the process.

import { BrokerError } from '@robustmq/errors';
import { Incarnations } from '../src/process/incarnations.ts';
import type { JournalServer } from '../src/process/server.ts';
import { until } from './running-journal.ts';

interface Started {
  readonly lose: (reason: string) => void;
  readonly events: string[];
}

let events: string[];
let started: Started[];
let fatal: BrokerError | undefined;

beforeEach(() => {
  events = [];
  started = [];
  fatal = undefined;
});

/** Incarnations of servers that only note what is done to them; `start` may be made to wait or to fail. */
function incarnations(start: (n: number) => Promise<void> = () => Promise.resolve()): Incarnations {
  return new Incarnations({
    log: { info: () => undefined, error: (_fields, message) => events.push(message.split(':')[0]!) },
    onFatal: (error) => (fatal = error),
    start: async (onLeaseLost) => {
      const n = started.length + 1;
      started.push({ lose: onLeaseLost, events });
      await start(n);
      events.push(`start ${n}`);
      return {
        journal: {},
        problem: null,
        address: `127.0.0.1:${n}`,
        close: () => Promise.resolve(void events.push(`close ${n}`)),
        end: () => Promise.resolve(void events.push(`end ${n}`)),
      } as unknown as JournalServer;
    },
  });
}

test('a lost lease ends its server before the next one starts', async () => {
  const made = incarnations();
  expect(made.problem).toBe('no lease');
  await made.begin();
  expect([made.problem, made.address]).toEqual([null, '127.0.0.1:1']);
  started[0]!.lose('no renewal in time');
  expect(made.journal).toBeUndefined();
  await until(() => made.address === '127.0.0.1:2', 'the next incarnation');
  expect(events).toEqual(['start 1', 'lease lost', 'end 1', 'start 2']);
  await made.close();
  expect(events.at(-1)).toBe('close 2');
});

test('a lease that is lost while its server starts is never served', async () => {
  const made = incarnations((n) => {
    if (n === 1) started[0]!.lose('too late');
    return Promise.resolve();
  });
  await made.begin();
  expect(events).toEqual(['start 1', 'end 1', 'start 2']);
  expect(made.address).toBe('127.0.0.1:2');
});

test('an incarnation that cannot begin ends the process', async () => {
  const made = incarnations((n) =>
    n === 2 ? Promise.reject(new BrokerError('conflict', 'another cluster')) : Promise.resolve(),
  );
  await made.begin();
  started[0]!.lose('gone');
  await until(() => fatal !== undefined, 'the fatal error');
  expect(fatal?.code).toBe('conflict');
  expect(made.problem).toBe('no lease');
});

test('closed between two incarnations, nothing serves any more', async () => {
  const gate = Promise.withResolvers<undefined>();
  const made = incarnations((n) => (n === 2 ? gate.promise : Promise.resolve()));
  await made.begin();
  started[0]!.lose('gone');
  await until(() => started.length === 2, 'the next start');
  await made.close();
  gate.resolve(undefined);
  await until(() => events.includes('end 2'), 'the late server ends');
  started[1]!.lose('closed already');
  expect(made.journal).toBeUndefined();
  expect(started).toHaveLength(2);
});
