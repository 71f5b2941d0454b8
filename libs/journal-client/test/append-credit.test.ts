// When appends leave: what waits for credit goes out as soon as there is some again, whoever brought it back (rule N7), and to
// a new leader only when the old one holds nothing of the shard (R6).

import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import { AppendOutcomeSchema, type AppendSection, type ExchangeRequest } from '@robustmq/rpc';
import type { Timers } from '@robustmq/runtime';
import { AppendQueue, type AppendQueueHost } from '../src/append-queue.ts';
import { AppendSender } from '../src/append-sender.ts';
import type { JournalLink } from '../src/link.ts';

const CREDIT_BYTES = 500;

let due: (() => void)[];
let sent: Pick<AppendSection, 'streamId' | 'correlation' | 'sizeBytes'>[];
let sender: AppendSender;
let current: AppendSender;
let answered: string[];

const timers: Timers = {
  after: (_delayMs, action) => timers.soon(action),
  every: () => () => undefined,
  soon: (action) => {
    due.push(action);
    return () => (due = due.filter((each) => each !== action));
  },
};

/** Lets everything happen that is due. */
function turn(): void {
  while (due.length > 0) due.shift()!();
}

function senderWith(creditBytes: number): AppendSender {
  const link: Pick<JournalLink, 'ready' | 'send'> = {
    ready: true,
    send: (frame: ExchangeRequest['frame']) => {
      if (frame.case === 'append') sent.push(...frame.value.sections);
    },
  };
  const made = new AppendSender(link as JournalLink, 0, () => 0, timers);
  made.creditBytes = creditBytes;
  return made;
}

function queueOf(streamId: number): AppendQueue<string> {
  const host: AppendQueueHost<string> = {
    maxBatchBytes: 10_000,
    deliveryTimeoutMs: 30_000,
    timers,
    now: () => 0,
    revision: () => 1,
    senderOf: () => current,
    streamExists: () => true,
    nextProducerId: () => undefined,
    onOutcome: (_queue, tokens, error) => void answered.push(`${tokens.join()}: ${error?.code ?? 'ok'}`),
    onUnblocked: () => undefined,
  };
  return new AppendQueue(host, { streamId, shard: 0 }, 1000);
}

const append = (queue: AppendQueue<string>, value: string): boolean =>
  queue.append(1, null, Buffer.from(value), [], value.slice(0, 1));
const answer = (at: number, failure?: { code: string }): void =>
  sender.handle([
    create(AppendOutcomeSchema, { correlation: sent[at]!.correlation, ...(failure && { failure }) }),
  ]);
const streams = (): number[] => sent.map(({ streamId }) => streamId);

beforeEach(() => {
  due = [];
  sent = [];
  answered = [];
  sender = current = senderWith(CREDIT_BYTES);
});

/** A shard that uses up the credit, and another that has nothing under way. */
function starve(): AppendQueue<string> {
  append(queueOf(1), 'a'.repeat(CREDIT_BYTES));
  turn();
  const second = queueOf(2);
  append(second, 'b');
  turn();
  expect(streams()).toEqual([1]);
  return second;
}

test('N7: a shard that found no credit is sent when an answer to another one brings it back', () => {
  starve();
  answer(0);
  turn();
  expect(streams()).toEqual([1, 2]);
  answer(1);
  expect(answered).toEqual(['a: ok', 'b: ok']);
});

test('N7: a refusal brings it back as well', () => {
  starve();
  answer(0, { code: 'too_large' });
  turn();
  expect(streams()).toEqual([1, 2]);
});

test('what is appended while it waits goes with it, in one batch', () => {
  const second = starve();
  append(second, 'c');
  turn();
  expect(streams()).toEqual([1]);
  answer(0);
  turn();
  answer(1);
  expect([streams(), answered]).toEqual([
    [1, 2],
    ['a: ok', 'b,c: ok'],
  ]);
});

test('a shard that is led elsewhere by then is not sent to the old leader', () => {
  const second = starve();
  current = senderWith(CREDIT_BYTES);
  answer(0);
  turn();
  expect(streams()).toEqual([1]);
  second.wake();
  turn();
  expect(streams()).toEqual([1, 2]);
});

test('a stream that breaks asks nobody: its queues are told, and ask the next one', () => {
  const second = starve();
  sender.broken(new BrokerError('unavailable', 'the journal is away'));
  sender.handle([]);
  turn();
  expect(streams()).toEqual([1]);
  second.wake();
  turn();
  expect(streams()).toEqual([1, 2]);
});

test('R6, I1: a new leader sees nothing while the old one may still hold what came before', () => {
  const queue = queueOf(1);
  append(queue, 'a');
  turn();
  current = senderWith(CREDIT_BYTES);
  append(queue, 'b');
  queue.wake();
  turn();
  expect(sent).toHaveLength(1);
  answer(0, { code: 'not_leader' });
  turn();
  // Again from the first one on.
  expect(sent).toHaveLength(3);
  sender = current;
  answer(1);
  answer(2);
  expect(answered).toEqual(['a: ok', 'b: ok']);
});

test('N7: a batch that was closed for want of room leaves for the new leader once the old one has answered all', () => {
  const queue = queueOf(1);
  sender.creditBytes = 1_000_000;
  // Five under way, and the open batch is full: what is next has to wait.
  for (const value of ['a', 'b', 'c', 'd', 'e']) {
    append(queue, value.repeat(9_000));
    turn();
  }
  append(queue, 'f'.repeat(9_000));
  expect(append(queue, 'g'.repeat(9_000))).toBe(false);
  current = senderWith(1_000_000);
  queue.wake();
  for (const at of [0, 1, 2, 3]) answer(at);
  turn();
  expect(sent).toHaveLength(5);
  answer(4);
  turn();
  expect(sent).toHaveLength(6);
  sender = current;
  answer(5);
  expect(answered.map((each) => each.slice(0, 1))).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
});

test('N7: what nobody waits for any more, and was never sent, leaves nothing behind for who comes next', () => {
  const [late, fresh] = [queueOf(1), queueOf(2)];
  append(late, 'a');
  late.expire(30_000);
  for (const queue of [late, fresh]) append(queue, 'b');
  turn();
  expect(sent[0]!.sizeBytes).toBe(sent[1]!.sizeBytes);
  answer(0);
  expect(answered).toEqual(['a: deadline_exceeded', 'b: ok']);
});

test('I8: a batch is kept for its tail until the next results only', () => {
  for (const streamId of [1, 2]) append(queueOf(streamId), 'a');
  turn();
  answer(0);
  expect(sender.elided(1)).toBeDefined();
  answer(1);
  expect([sender.elided(1), sender.elided(2)]).toEqual([undefined, expect.any(Buffer)]);
});

test('I8: a queue gives back what its largest batch took once it is idle', () => {
  const queue = queueOf(1);
  const idleBytes = queue.gatheringBytes;
  append(queue, 'a'.repeat(9_000));
  turn();
  answer(0);
  expect(queue.gatheringBytes).toBeGreaterThan(9_000);
  queue.expire(0);
  queue.expire(0);
  expect(queue.gatheringBytes).toBe(idleBytes);
  // What is being gathered stays.
  append(queue, 'b');
  queue.expire(0);
  turn();
  answer(1);
  expect(answered).toEqual(['a: ok', 'b: ok']);
});
