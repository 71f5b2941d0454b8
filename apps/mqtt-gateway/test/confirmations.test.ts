// How far a shard is, asked for sessions in doubt (rule S3).

import type { FilterAnswer } from '@robustmq/journal-client';
import { VirtualClock } from '@robustmq/testkit';
import { Confirmations, type DoubtfulSession } from '../src/delivery/confirmations.ts';
import { shardKeyOf } from '../src/delivery/shard-place.ts';

const marksAt = (...offsets: readonly number[]): FilterAnswer => ({
  activeFrom: [],
  marks: offsets.map((highWatermark, shard) => ({
    streamId: 1,
    shard,
    leaderEpoch: 1,
    logStartOffset: 0,
    highWatermark,
    lastStableOffset: highWatermark,
    logEndOffset: highWatermark,
    durableLogEndOffset: highWatermark,
  })),
});

class Session implements DoubtfulSession {
  readonly tenant: string;
  readonly #unknown: Set<number>;
  readonly heard: number[] = [];
  /** When it was told that some leader had not spoken. */
  readonly lateAtMs: number[] = [];
  isOver = false;

  constructor(tenant: string, shards: readonly number[]) {
    this.tenant = tenant;
    this.#unknown = new Set(shards.map((shard) => shardKeyOf(1, shard)));
  }

  get isUnconfirmed(): boolean {
    return !this.isOver && this.#unknown.size > 0;
  }

  confirmed(key: number, highWatermark: number): void {
    if (this.#unknown.delete(key)) this.heard.push(highWatermark);
  }

  unanswered(): void {
    this.lateAtMs.push(clock.monotonicMs());
  }

  doubts(shard: number): void {
    this.#unknown.add(shardKeyOf(1, shard));
  }
}

let clock: VirtualClock;
let questions: { readonly tenants: string[]; answer(answer: FilterAnswer): void }[];
let confirmations: Confirmations;

beforeEach(() => {
  clock = new VirtualClock();
  questions = [];
  const port = {
    marksFor: (
      filters: readonly { readonly tenant: string }[],
      callback: (error: undefined, answer: FilterAnswer) => void,
    ) =>
      void questions.push({
        tenants: filters.map(({ tenant }) => tenant),
        answer: (answer) => callback(undefined, answer),
      }),
  };
  confirmations = new Confirmations(port, { clock, timers: clock }, () => 0.5);
});

test('one question for all that wait, tenants named once; asked again until each leader has spoken', async () => {
  const sessions = [new Session('t', [0]), new Session('t', [0, 1]), new Session('u', [0])];
  for (const session of sessions) confirmations.want(session);
  await clock.advance(0);
  expect(questions.map(({ tenants }) => tenants)).toEqual([['t', 'u']]);
  questions[0]!.answer(marksAt(5));
  await clock.advance(1_000);
  expect(questions.map(({ tenants }) => tenants)).toEqual([['t', 'u'], ['t']]);
  questions[1]!.answer(marksAt(8, 3));
  await clock.advance(1_000);
  expect(sessions.map(({ heard }) => heard)).toEqual([[5], [5, 3], [5]]);
  expect([questions.length, clock.pending]).toEqual([2, 0]);
});

test('who comes while a question is under way gets one of its own, for the answer may be older than it', async () => {
  confirmations.want(new Session('t', [0]));
  await clock.advance(0);
  const late = new Session('t', [0]);
  confirmations.want(late);
  questions[0]!.answer(marksAt(5));
  expect(late.heard).toEqual([]);
  // At once: until then its client waits for what comes at QoS 0.
  await clock.advance(0);
  questions[1]!.answer(marksAt(9));
  expect(late.heard).toEqual([9]);
});

test('N7: nobody is asked for a session that is over', async () => {
  const session = new Session('t', [0]);
  confirmations.want(session);
  await clock.advance(0);
  session.isOver = true;
  questions[0]!.answer(marksAt());
  await clock.advance(1_000);
  expect([questions.length, clock.pending]).toEqual([1, 0]);
});

test('who comes right behind an answer is asked for at once', async () => {
  confirmations.want(new Session('t', [0]));
  await clock.advance(0);
  questions[0]!.answer(marksAt(5));
  const next = new Session('t', [0]);
  confirmations.want(next);
  await clock.advance(0);
  questions[1]!.answer(marksAt(6));
  expect(next.heard).toEqual([6]);
});

test('N7: while a shard has no leader it is asked later and later, within a bound', async () => {
  confirmations.want(new Session('t', [0]));
  await clock.advance(0);
  const waits: number[] = [];
  for (let asked = 1; asked <= 8; asked++) {
    const fromMs = clock.monotonicMs();
    questions[asked - 1]!.answer(marksAt());
    while (questions.length === asked) await clock.step();
    waits.push(clock.monotonicMs() - fromMs);
  }
  expect(waits).toEqual([75, 150, 300, 600, 750, 750, 750, 750]);
});

test('who comes while the next question waits is asked for at once; who waits already changes nothing', async () => {
  const first = new Session('t', [0]);
  confirmations.want(first);
  await clock.advance(0);
  questions[0]!.answer(marksAt());
  confirmations.want(first);
  await clock.advance(0);
  expect(questions).toHaveLength(1);
  const next = new Session('t', [0]);
  confirmations.want(next);
  await clock.advance(0);
  expect(questions).toHaveLength(2);
  questions[1]!.answer(marksAt(4));
  await clock.advance(10_000);
  expect([first.heard, next.heard, questions.length, clock.pending]).toEqual([[4], [4], 2, 0]);
});

describe('N7: what waits for an answer has a deadline', () => {
  const DEADLINE_MS = 10_000;
  let fromMs: number;

  beforeEach(() => {
    fromMs = clock.monotonicMs();
  });

  /** Answers every question until the clock has moved so far. */
  const answering = async (answer: () => FilterAnswer, durationMs: number): Promise<void> => {
    const endMs = clock.monotonicMs() + durationMs;
    while (clock.monotonicMs() < endMs) {
      await clock.advance(50);
      for (const question of questions.splice(0)) question.answer(answer());
    }
  };

  test('each session has its own, whoever else waits', async () => {
    const first = new Session('t', [0]);
    const second = new Session('t', [1]);
    confirmations.want(first);
    await answering(() => marksAt(), 4_000);
    confirmations.want(second);
    // That another of its shards is asked for does not put it off.
    confirmations.want(first);
    await answering(() => marksAt(), 30_000);
    expect(first.lateAtMs).toEqual([fromMs + DEADLINE_MS]);
    expect(second.lateAtMs).toEqual([fromMs + 4_000 + DEADLINE_MS]);
  });

  test('also when no answer comes at all', async () => {
    const session = new Session('t', [0]);
    confirmations.want(session);
    await clock.advance(2 * DEADLINE_MS);
    expect([session.lateAtMs, clock.pending]).toEqual([[fromMs + DEADLINE_MS], 0]);
  });

  test('behind it the leader is asked on, and what it says is heard', async () => {
    const session = new Session('t', [0]);
    confirmations.want(session);
    await answering(() => marksAt(), DEADLINE_MS + 5_000);
    expect(session.heard).toEqual([]);
    await answering(() => marksAt(7), 2_000);
    expect([session.heard, session.lateAtMs.length, clock.pending]).toEqual([[7], 1, 0]);
  });

  test('who has its answer, or is over, hears nothing of it, and no timer is left', async () => {
    const answered = new Session('t', [0]);
    const over = new Session('t', [1]);
    confirmations.want(answered);
    confirmations.want(over);
    await answering(() => marksAt(3), 1_000);
    over.isOver = true;
    await answering(() => marksAt(3), 2_000);
    expect(clock.pending).toBe(0);
    await clock.advance(2 * DEADLINE_MS);
    expect([answered.lateAtMs, over.lateAtMs]).toEqual([[], []]);
  });

  test('one that has waited in vain has another with its next question', async () => {
    const session = new Session('t', [0]);
    confirmations.want(session);
    await answering(() => marksAt(), 12_000);
    session.doubts(1);
    confirmations.want(session);
    await answering(() => marksAt(), 30_000);
    expect(session.lateAtMs).toEqual([fromMs + DEADLINE_MS, fromMs + 12_000 + DEADLINE_MS]);
  });

  test('N8: a hundred thousand are told in turns', async () => {
    let looks = 0;
    const working = { monotonicMs: () => clock.monotonicMs() + looks / 1_000 };
    confirmations = new Confirmations({ marksFor: () => undefined }, { clock: working, timers: clock });
    const count = 100_000;
    const session = {
      tenant: 't',
      isUnconfirmed: true,
      confirmed: () => undefined,
      unanswered: () => void looks++,
    };
    for (let index = 0; index < count; index++) confirmations.want({ ...session });
    let longest = 0;
    while (clock.pending > 0) {
      const before = looks;
      await clock.step();
      longest = Math.max(longest, looks - before);
    }
    expect(looks).toBe(count);
    expect(longest / 1_000).toBeLessThanOrEqual(5);
  });
});
