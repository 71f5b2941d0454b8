// Waking of fetches that wait: whatever is committed, at whatever moment, ends the wait of who asked for it.

import { create } from '@bufbuild/protobuf';
import { CALL_LIMITS, FetchFrameSchema, type ExchangeResponse } from '@robustmq/rpc';
import { BrokerError } from '@robustmq/errors';
import { systemClock, systemTimers, TurnBudget } from '@robustmq/runtime';
import { VirtualClock } from '@robustmq/testkit';
import { AnswerBudget } from '../src/read/answer-budget.ts';
import { ReadTurns } from '../src/shard/read-turns.ts';
import { StreamFetches } from '../src/read/stream-fetches.ts';
import type { FetchWaiter } from '../src/read/fetch-waiters.ts';
import type { Shard } from '../src/shard/shard.ts';
import { batchOf } from './records.ts';

const EMPTY = Buffer.alloc(0);

/** A shard as far as fetches see one. */
class FakeShard {
  highWatermark = 0;
  readonly waiters = new Set<FetchWaiter>();
  readonly leaderEpoch = 0;
  /** While set, reads wait for it. */
  held: Promise<void> | undefined;
  readonly log = {
    logStartOffset: 0,
    logEndOffset: 100,
    readHot: (): Buffer | undefined => (this.held === undefined ? this.#bytes() : undefined),
    read: async (): Promise<Buffer> => {
      await this.held;
      return this.#bytes();
    },
  };

  get lastStableOffset(): number {
    return this.highWatermark;
  }

  leaderFor(): void {
    // It leads.
  }

  commit(): void {
    this.highWatermark++;
    for (const waiter of [...this.waiters]) waiter.advanced(10);
  }

  #bytes(): Buffer {
    return this.highWatermark === 0 ? EMPTY : Buffer.alloc(10 * this.highWatermark);
  }
}

const section = (streamId: number, fetchOffset = 0n) => ({
  streamId,
  fetchOffset,
  maxBytes: 1000,
  currentLeaderEpoch: -1,
  lastFetchedEpoch: -1,
});

/** Fetches over the shards, and what they have sent. */
function fetchesOver(shards: readonly FakeShard[]) {
  const sent: ExchangeResponse['frame'][] = [];
  const fetches = new StreamFetches({
    shardOf: (streamId) => shards[streamId] as unknown as Shard,
    whenRevision: (_revision, callback) => callback(),
    waiters: (shard) => (shard as unknown as FakeShard).waiters,
    send: (frame) => sent.push(frame),
    answers: new AnswerBudget(1 << 20).share(),
    turns: new ReadTurns(systemClock, systemTimers),
    timers: systemTimers,
    streamCredit: () => 1,
    spend: () => undefined,
    readFailed: () => undefined,
  });
  return { fetches, sent };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test('a commit while another shard is read from the disk is not missed', async () => {
  const slow = new FakeShard();
  slow.highWatermark = 1;
  const quick = new FakeShard();
  let release = (): void => undefined;
  slow.held = new Promise((resolve) => (release = resolve));
  const { fetches, sent } = fetchesOver([quick, slow]);
  fetches.start(
    create(FetchFrameSchema, {
      requestId: 1n,
      maxWaitMs: 600_000,
      minBytes: 20,
      maxBytes: 10_000,
      sections: [section(0), section(1)],
    }),
  );
  // The first shard was read and had nothing; the second is being read.
  await turns(1);
  quick.commit();
  release();
  slow.held = undefined;
  for (let turn = 0; turn < 5 && sent.length === 0; turn++) await turns(1);
  fetches.close();
  expect(sent).toHaveLength(1);
});

test('KIP-74: an answer without room for the next batch does not wait for more', async () => {
  const batch = batchOf(['x'.repeat(600)]);
  const shard = new FakeShard();
  shard.highWatermark = 2;
  shard.log.readHot = () => batch;
  const { fetches, sent } = fetchesOver([shard]);
  const frame = { requestId: 1n, maxWaitMs: 600_000, minBytes: 1_000, maxBytes: 1_000 };
  fetches.start(create(FetchFrameSchema, { ...frame, sections: [section(0)] }));
  await turns(2);
  fetches.close();
  expect(sent).toMatchObject([{ case: 'fetch', value: { outcomes: [{ sizeBytes: batch.length }] } }]);
});

test.each([
  ['has all that there is', batchOf(['x'.repeat(600)]), 1],
  ['found only a gap', EMPTY, 2],
])('KIP-74: an answer that %s waits for more', async (_name, bytes, highWatermark) => {
  const shard = new FakeShard();
  shard.highWatermark = highWatermark;
  shard.log.readHot = () => bytes;
  const { fetches, sent } = fetchesOver([shard]);
  const frame = { requestId: 1n, maxWaitMs: 600_000, minBytes: 1_000, maxBytes: 1_000 };
  fetches.start(create(FetchFrameSchema, { ...frame, sections: [section(0)] }));
  await turns(2);
  expect(sent).toEqual([]);
  fetches.cancel(1);
  await turns(2);
  fetches.close();
  expect(sent).toHaveLength(1);
});

describe('I8: who only waits', () => {
  const waitFor = (minBytes: number, fetchOffset: bigint) =>
    create(FetchFrameSchema, {
      requestId: 1n,
      maxWaitMs: 600_000,
      minBytes,
      maxBytes: 10_000,
      waitOnly: true,
      sections: [section(0, fetchOffset)],
    });

  test('is told the marks once so much was committed, and gets no records', async () => {
    const shard = new FakeShard();
    shard.highWatermark = 3;
    const { fetches, sent } = fetchesOver([shard]);
    fetches.start(waitFor(20, 3n));
    await turns(2);
    shard.commit();
    await turns(2);
    expect(sent).toEqual([]);
    shard.commit();
    for (let turn = 0; turn < 5 && sent.length === 0; turn++) await turns(1);
    fetches.close();
    expect(sent).toMatchObject([
      { case: 'fetch', value: { complete: true, batches: EMPTY, outcomes: [{ highWatermark: 5n }] } },
    ]);
  });

  test('is told at once that something lies behind the offset already', async () => {
    const shard = new FakeShard();
    shard.highWatermark = 4;
    const { fetches, sent } = fetchesOver([shard]);
    fetches.start(waitFor(1_000_000, 3n));
    await turns(1);
    fetches.close();
    expect(sent).toMatchObject([{ case: 'fetch', value: { batches: EMPTY, outcomes: [{ sizeBytes: 0 }] } }]);
  });
});

test('N8: as many sections as one fetch takes are looked up in slices of the loop', async () => {
  const LOOK_MS = 0.1;
  const clock = new VirtualClock();
  const shard = new FakeShard();
  let looks = 0;
  const sent: ExchangeResponse['frame'][] = [];
  const fetches = new StreamFetches({
    shardOf: () => {
      looks++;
      return shard as unknown as Shard;
    },
    whenRevision: (_revision, callback) => callback(),
    waiters: () => shard.waiters,
    send: (frame) => sent.push(frame),
    answers: new AnswerBudget(1 << 20).share(),
    // Each look takes a part of a millisecond.
    turns: new ReadTurns({ monotonicMs: () => clock.monotonicMs() + looks * LOOK_MS }, clock),
    timers: clock,
    streamCredit: () => 1,
    spend: () => undefined,
    readFailed: () => undefined,
  });
  const sections = Array.from({ length: CALL_LIMITS.fetchSections }, () => section(0));
  fetches.start(create(FetchFrameSchema, { requestId: 1n, maxBytes: 1_000, sections }));
  let longest = looks;
  while (sent.length === 0) {
    const before = looks;
    expect(await clock.step()).toBe(true);
    longest = Math.max(longest, looks - before);
  }
  expect([looks, longest <= TurnBudget.sliceMs / LOOK_MS + 1]).toEqual([CALL_LIMITS.fetchSections, true]);
});

test('a fetch of a shard that is younger than the view waits for the revision that its sender has seen, once', async () => {
  const young = new FakeShard();
  young.highWatermark = 1;
  const shards: FakeShard[] = [];
  const waiting: (() => void)[] = [];
  const sent: ExchangeResponse['frame'][] = [];
  const fetches = new StreamFetches({
    shardOf: (streamId) =>
      (shards[streamId] as unknown as Shard | undefined) ?? new BrokerError('not_found', 'no such stream'),
    whenRevision: (_revision, callback) => void waiting.push(callback),
    waiters: (shard) => (shard as unknown as FakeShard).waiters,
    send: (frame) => sent.push(frame),
    answers: new AnswerBudget(1 << 20).share(),
    turns: new ReadTurns(systemClock, systemTimers),
    timers: systemTimers,
    streamCredit: () => 1,
    spend: () => undefined,
    readFailed: () => undefined,
  });
  const ask = (requestId: bigint): void =>
    fetches.start(create(FetchFrameSchema, { requestId, maxBytes: 1_000, sections: [section(0)] }));
  const codes = (): (string | undefined)[] =>
    sent.flatMap((frame) =>
      frame.case === 'fetch' ? frame.value.outcomes.map((each) => each.failure?.code) : [],
    );
  ask(1n);
  await turns(3);
  expect([waiting.length, sent.length]).toEqual([1, 0]);
  waiting.pop()!();
  await turns(3);
  expect([waiting.length, codes()]).toEqual([0, ['not_found']]);
  ask(2n);
  await turns(3);
  shards.push(young);
  waiting.pop()!();
  await turns(3);
  expect(codes()).toEqual(['not_found', undefined]);
});

test('N13, I8: a fetch of more sections than one takes is refused as a whole, one of as many is answered', async () => {
  const { fetches, sent } = fetchesOver([new FakeShard()]);
  const frameOf = (requestId: bigint, count: number) =>
    create(FetchFrameSchema, {
      requestId,
      maxBytes: 10_000,
      sections: Array.from({ length: count }, () => section(0)),
    });
  expect(() => fetches.start(frameOf(1n, CALL_LIMITS.fetchSections + 1))).toThrow(
    expect.objectContaining({ code: 'too_large' }),
  );
  fetches.start(frameOf(2n, CALL_LIMITS.fetchSections));
  for (let turn = 0; sent.length === 0; turn++) {
    expect(turn).toBeLessThan(10_000);
    await turns(1);
  }
  fetches.close();
  const outcomes = sent.map((frame) => (frame?.case === 'fetch' ? frame.value.outcomes.length : 0));
  expect(outcomes.reduce((sum, count) => sum + count, 0)).toBe(CALL_LIMITS.fetchSections);
});
