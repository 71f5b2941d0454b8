// Where leader epochs ended, asked once for all sessions (rule X4).

import { BrokerError } from '@robustmq/errors';
import { VirtualClock } from '@robustmq/testkit';
import {
  EpochEnds,
  type EpochAnswer,
  type EpochQuestion,
  type EpochReader,
} from '../src/delivery/epoch-ends.ts';
import { epochReader } from '../src/delivery/epoch-reader.ts';

const shard = (leaderEpoch: number, index = 0) => ({
  streamId: 1,
  shard: index,
  key: 65_536 + index,
  leaderEpoch,
});

interface Ask {
  readonly questions: readonly EpochQuestion[];
  answer(answers: readonly (EpochAnswer | undefined)[]): void;
  fail(): void;
}

let clock: VirtualClock;
let asks: Ask[];
let ends: EpochEnds;
let viewEpoch = -1;
const heard: boolean[] = [];

const until = async (condition: () => boolean): Promise<void> => {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 1_000) throw new Error('nothing came');
    await clock.advance(1);
    await Promise.resolve();
  }
};

beforeEach(() => {
  clock = new VirtualClock();
  asks = [];
  heard.length = 0;
  const reader: EpochReader = (questions) =>
    new Promise((resolve, reject) => {
      asks.push({ questions, answer: resolve, fail: () => reject(new Error('away')) });
    });
  ends = new EpochEnds(reader, clock, () => viewEpoch);
  viewEpoch = -1;
});

const end = (endOffset: number): EpochAnswer => ({ error: undefined, endOffset });
const hear = (isAnswered: boolean): void => void heard.push(isAnswered);

test('nothing is asked where no epoch is over', () => {
  expect(ends.of(shard(5), [])).toEqual(new Map());
  expect(asks).toHaveLength(0);
});

test('X4: one question for each shard and epoch, in one call, whoever asks', async () => {
  ends.ask(shard(5), [3, 4], hear);
  ends.ask(shard(5), [3], hear);
  ends.ask(shard(5, 1), [3], hear);
  await until(() => asks.length === 1);
  expect(asks[0]!.questions).toEqual([
    { streamId: 1, shard: 0, currentLeaderEpoch: 5, leaderEpoch: 3 },
    { streamId: 1, shard: 0, currentLeaderEpoch: 5, leaderEpoch: 4 },
    { streamId: 1, shard: 1, currentLeaderEpoch: 5, leaderEpoch: 3 },
  ]);
  // While it is under way as well.
  ends.ask(shard(5), [4], hear);
  asks[0]!.answer([end(10), end(20), end(-1)]);
  await until(() => heard.length === 4);
  expect(heard).toEqual([true, true, true, true]);
  expect(ends.of(shard(5), [3, 4])).toEqual(
    new Map([
      [3, 10],
      [4, 20],
    ]),
  );
  // A log that can't say has no end that is known.
  expect(ends.of(shard(5, 1), [3])!.get(3)).toBe(Infinity);
  ends.ask(shard(5), [4], hear);
  await until(() => heard.length === 5);
  expect(asks).toHaveLength(1);
});

test('X4: the next leader is asked again: its log may be shorter', async () => {
  ends.ask(shard(5), [3], hear);
  await until(() => asks.length === 1);
  asks[0]!.answer([end(10)]);
  await until(() => heard.length === 1);
  expect(ends.of(shard(6), [3])).toBeUndefined();
  ends.ask(shard(6), [3], hear);
  await until(() => asks.length === 2);
  asks[1]!.answer([end(7)]);
  await until(() => heard.length === 2);
  expect([ends.of(shard(6), [3]), ends.of(shard(5), [3])]).toEqual([new Map([[3, 7]]), undefined]);
});

test('an answer of a leader before says nothing of the present one', async () => {
  ends.ask(shard(5), [3], hear);
  ends.ask(shard(6), [3], hear);
  await until(() => asks.length === 1);
  asks[0]!.answer([end(10), end(7)]);
  await until(() => heard.length === 2);
  ends.ask(shard(5), [2], hear);
  await until(() => asks.length === 2);
  asks[1]!.answer([end(1)]);
  await until(() => heard.length === 3);
  expect(ends.of(shard(6), [3])).toEqual(new Map([[3, 7]]));
});

test.each([
  ['a refusal', (ask: Ask) => ask.answer([{ error: new BrokerError('not_leader', ''), endOffset: -1 }])],
  ['an answer that is missing', (ask: Ask) => ask.answer([])],
  ['a call that fails', (ask: Ask) => ask.fail()],
])('%s is told, and is asked again', async (_name, refuse) => {
  ends.ask(shard(5), [3], hear);
  await until(() => asks.length === 1);
  refuse(asks[0]!);
  await until(() => heard.length === 1);
  expect([heard, ends.of(shard(5), [3])]).toEqual([[false], undefined]);
  ends.later(() => ends.ask(shard(5), [3], hear));
  await until(() => asks.length === 2);
  asks[1]!.answer([end(4)]);
  await until(() => heard.length === 2);
  expect(heard).toEqual([false, true]);
});

test('what is known of a stream that is gone is dropped', async () => {
  ends.ask(shard(5), [3], hear);
  await until(() => asks.length === 1);
  asks[0]!.answer([end(10)]);
  await until(() => heard.length === 1);
  ends.forget(2);
  expect(ends.of(shard(5), [3])).toBeDefined();
  ends.forget(1);
  expect(ends.of(shard(5), [3])).toBeUndefined();
});

test('N12: a leader that is not known leaves its questions without an answer', async () => {
  const reader = epochReader({ callsOf: () => undefined });
  expect(await reader([{ streamId: 1, shard: 0, currentLeaderEpoch: 5, leaderEpoch: 3 }])).toEqual([
    undefined,
  ]);
});

test('N7: the leader of the view is asked, of which a quiet tail has not heard', () => {
  viewEpoch = 6;
  expect(ends.present(shard(5))).toEqual(shard(6));
  expect(ends.present(shard(7))).toEqual(shard(7));
});
