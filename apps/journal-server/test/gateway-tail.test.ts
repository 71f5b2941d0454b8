// The tail of one gateway at its seams (rule X5): resumed while it reads, failed while it reads.

import { BrokerError } from '@robustmq/errors';
import { TailKind, type TailSection } from '@robustmq/rpc';
import { systemTimers, TurnBudget } from '@robustmq/runtime';
import { VirtualClock } from '@robustmq/testkit';
import { FrameOut } from '../src/exchange/frame-out.ts';
import { GatewayFilters } from '../src/exchange/gateway-filters.ts';
import type { AppendOrigin, AppendRequest, PendingBatch } from '../src/shard/pending.ts';
import { ReadTurns } from '../src/shard/read-turns.ts';
import type { Shard } from '../src/shard/shard.ts';
import { GatewayTail, type TailHost } from '../src/exchange/gateway-tail.ts';
import { batchOf } from './records.ts';

const RECORDS = 10;
/** One record of one digit each. */
const BATCH_BYTES = batchOf(['0']).length;

/** A shard of ten records in the segments, whose reads wait until they are released. */
class FakeShard {
  readonly streamId = 1;
  readonly shard = 0;
  readonly leaderEpoch = 0;
  highWatermark = RECORDS;
  readonly lastStableOffset = RECORDS;
  readonly stream = {
    streamId: 1,
    tenant: 't',
    name: 's',
    topicId: 'topic-1',
    mqttFilter: 'orders',
    ownsRest: false,
    config: {},
  };
  readonly waiting: { readonly fromOffset: number; readonly answer: (error?: BrokerError) => void }[] = [];
  readonly log = {
    logStartOffset: 0,
    read: ({ fromOffset }: { fromOffset: number }): Promise<Buffer> =>
      new Promise((resolve, reject) => {
        const values = Array.from({ length: RECORDS - fromOffset }, (_, n) => `${fromOffset + n}`);
        const batches = values.map((value, n) => batchOf([value], { baseOffset: fromOffset + n }));
        const answer = (error?: BrokerError): void =>
          error === undefined ? resolve(Buffer.concat(batches)) : reject(error);
        this.waiting.push({ fromOffset, answer });
      }),
  };
}

const ORIGIN = {} as AppendOrigin;
let shard: FakeShard;
let sections: TailSection[];
let tail: GatewayTail;
let takes: boolean;
let out: FrameOut;

beforeEach(() => {
  takes = true;
  shard = new FakeShard();
  sections = [];
  const filters = new GatewayFilters();
  filters.add(1, 't', 'orders');
  out = new FrameOut((frame) => {
    if (frame.case === 'tail') sections.push(...frame.value.sections);
  });
  tail = new GatewayTail({
    origin: ORIGIN,
    filters,
    out,
    turns: new ReadTurns({ monotonicMs: () => 0 }, systemTimers),
    shardCreditBytes: 1 << 20,
    streamCredit: () => 1 << 20,
    spend: () => undefined,
    takes: () => takes,
    readFailed: () => undefined,
  });
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const resume = (offset: number): void => tail.resume(shard as unknown as Shard, offset);
const delivered = (): string[] =>
  sections
    .filter((section) => section.kind === TailKind.BATCHES)
    .map(
      ({ fromOffset, nextOffset, sizeBytes }) => `${fromOffset}-${nextOffset}: ${sizeBytes / BATCH_BYTES}`,
    );

test('resumed at a lower offset while it reads: nothing between is passed over', async () => {
  resume(6);
  await turn();
  expect(shard.waiting.map(({ fromOffset }) => fromOffset)).toEqual([6]);
  resume(2);
  shard.waiting[0]!.answer();
  await turn();
  await turn();
  shard.waiting[1]?.answer();
  await turn();
  await turn();
  expect(delivered()).toEqual(['2-10: 8']);
});

test('a read that failed for the moment is tried again, also if nothing more is committed', async () => {
  resume(4);
  await turn();
  shard.waiting[0]!.answer(new BrokerError('unavailable', 'the log keeps changing'));
  await turn();
  expect(delivered()).toEqual([]);
  tail.reportSkipped();
  await turn();
  shard.waiting[1]!.answer();
  await turn();
  await turn();
  expect(delivered()).toEqual(['4-10: 6']);
});

/** A batch of one record that this gateway appended, or another. */
function pending(offset: number, more: { origin?: AppendOrigin; expired?: boolean } = {}): PendingBatch {
  return {
    request: { origin: more.origin ?? ORIGIN, acks: -1, correlation: offset } as AppendRequest,
    bytes: batchOf([`${offset % 10}`], { baseOffset: offset }),
    baseOffset: offset,
    lastOffset: offset,
    logAppendTimeMs: -1,
    span: null,
    answered: true,
    expired: more.expired ?? false,
    topics: undefined,
  };
}

function commit(...batches: PendingBatch[]): void {
  shard.highWatermark = batches.at(-1)!.lastOffset + 1;
  tail.committed(shard as unknown as Shard, batches);
}

test('X5: what its sender has given up is sent in whole: it may have let go of the batch', () => {
  tail.activeFrom(shard as unknown as Shard);
  commit(pending(10), pending(11, { expired: true }), pending(12, { origin: {} as AppendOrigin }));
  tail.reportSkipped();
  out.flush();
  expect(sections.map(({ kind, sizeBytes }) => [TailKind[kind], sizeBytes > 0])).toEqual([
    ['ELIDED', false],
    ['BATCHES', true],
  ]);
  expect(sections.map(({ fromOffset, nextOffset }) => [Number(fromOffset), Number(nextOffset)])).toEqual([
    [10, 11],
    [11, 13],
  ]);
});

test('X5: batches that were let go from memory come from the segments, in order', async () => {
  tail.activeFrom(shard as unknown as Shard);
  commit(pending(14));
  out.flush();
  expect(sections).toEqual([]);
  await turn();
  expect(shard.waiting.map(({ fromOffset }) => fromOffset)).toEqual([10]);
});

test('I8: what a gateway does not take from its stream is not read for it, and is sent when it does again', async () => {
  tail.activeFrom(shard as unknown as Shard);
  takes = false;
  commit(pending(10, { expired: true }));
  await turn();
  expect([sections, shard.waiting]).toEqual([[], []]);
  takes = true;
  tail.reportSkipped();
  await turn();
  expect(shard.waiting.map(({ fromOffset }) => fromOffset)).toEqual([10]);
});

describe('N8: tails of many shards that are all behind', () => {
  const SHARDS = 40;
  /** What a batch takes. */
  const BATCH_MS = 0.5;

  let timers: VirtualClock;
  let work: number;
  let shards: FakeShard[];
  let host: TailHost;

  beforeEach(() => {
    timers = new VirtualClock();
    work = 0;
    const filters = new GatewayFilters();
    filters.add(1, 't', 'orders');
    jest.spyOn(filters, 'matches').mockImplementation(() => {
      work++;
      return true;
    });
    host = {
      ...{ origin: ORIGIN, filters, out, shardCreditBytes: 1 << 20, streamCredit: () => 1 << 20 },
      ...{ spend: () => undefined, takes: () => true },
      turns: new ReadTurns({ monotonicMs: () => work * BATCH_MS }, timers),
      readFailed: (_shard, error) => {
        throw error;
      },
    };
    tail = new GatewayTail(host);
    shards = Array.from({ length: SHARDS }, (_, shardIndex) => {
      const made = Object.assign(new FakeShard(), { shard: shardIndex });
      // The segments are in memory: all reads are over in the turn that began them.
      made.log.read = ({ fromOffset }) => {
        const values = Array.from({ length: RECORDS - fromOffset }, (_each, n) => fromOffset + n);
        return Promise.resolve(
          Buffer.concat(values.map((baseOffset) => batchOf([`${baseOffset}`], { baseOffset }))),
        );
      };
      return made;
    });
  });

  /** Runs what is due, a turn at a time, with what follows from it; the longest turn in ms. */
  async function untilQuiet(betweenTurns: () => void = () => undefined): Promise<number> {
    let longest = 0;
    for (let before = 0; ; before = work) {
      await turn();
      longest = Math.max(longest, work - before);
      if (timers.pending === 0) return longest * BATCH_MS;
      betweenTurns();
      await timers.step();
    }
  }

  const resumeAll = (): void => shards.forEach((each) => tail.resume(each as unknown as Shard, 0));
  const offsetsOf = (shardIndex: number): number[] =>
    sections
      .filter((section) => section.shard === shardIndex && section.kind === TailKind.BATCHES)
      .flatMap(({ fromOffset, nextOffset }) =>
        Array.from(
          { length: Number(nextOffset) - Number(fromOffset) },
          (_, index) => Number(fromOffset) + index,
        ),
      );

  test('I5: share one slice of each turn, and each record is sent once and in order', async () => {
    resumeAll();
    expect(await untilQuiet()).toBeLessThanOrEqual(TurnBudget.sliceMs + BATCH_MS);
    expect(work).toBe(SHARDS * RECORDS);
    const all = Array.from({ length: RECORDS }, (_, offset) => offset);
    expect(shards.map((_, shardIndex) => offsetsOf(shardIndex))).toEqual(shards.map(() => all));
  });

  test('X5: one that is resumed elsewhere, or dropped, between two slices sends nothing more from where it was', async () => {
    resumeAll();
    let turns = 0;
    await untilQuiet(() => {
      if (++turns !== 3) return;
      tail.drop(shards.at(-2) as unknown as Shard);
      tail.resume(shards.at(-1) as unknown as Shard, 7);
    });
    expect([offsetsOf(SHARDS - 2), offsetsOf(SHARDS - 1)]).toEqual([[], [7, 8, 9]]);
    expect(offsetsOf(SHARDS - 3)).toHaveLength(RECORDS);
  });
});
