// A gateway's filters (rules X5, N8): all at once after a reconnect, in slices of the loop, and answered in the order in which
// they were sent, from an offset that the tail has not passed.

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Member } from '@robustmq/replication';
import { FilterFrameSchema, fromFailure, type ExchangeResponse } from '@robustmq/rpc';
import { TurnBudget } from '@robustmq/runtime';
import { drained, type VirtualClock } from '@robustmq/testkit';
import { FilterFrames } from '../src/exchange/filter-frames.ts';
import { GatewayFilters } from '../src/exchange/gateway-filters.ts';
import type { GatewayTail } from '../src/exchange/gateway-tail.ts';
import { ReadTurns } from '../src/shard/read-turns.ts';
import type { Shard } from '../src/shard/shard.ts';
import type { StreamFacts } from '../src/shard/stream-facts.ts';
import { batchOf } from './records.ts';
import { WritePath } from './write-path.ts';

const ADD_MS = 1;
const SELF: Member = { nodeId: 'a', incarnation: 1 };

/** Each filter that is added takes a millisecond of the clock below. */
class SlowFilters extends GatewayFilters {
  added = 0;

  override add(filterId: number, tenant: string, filter: string): void {
    skewMs += ADD_MS;
    this.added++;
    super.add(filterId, tenant, filter);
  }
}

let clock: VirtualClock;
let skewMs: number;
let filters: SlowFilters;
let frames: FilterFrames;
let visible: Shard[];
/** How often the visible shards were asked for. */
let looks: number;
let revision: number;
let waiting: (() => void)[];
const answers: string[] = [];
const events: string[] = [];

const factsOf = (streamId: number, name: string, mqttFilter: string): StreamFacts => ({
  streamId,
  topicId: name,
  tenant: 't',
  name,
  mqttFilter,
  ownsRest: name === 'mqtt',
  config: {},
});

beforeEach(() => {
  const path = new WritePath();
  clock = path.clock;
  skewMs = 0;
  filters = new SlowFilters();
  visible = [1, 2].map((streamId) => path.leading(streamId));
  visible[0]!.describe(factsOf(1, 'mqtt', ''));
  visible[1]!.describe(factsOf(2, 'orders', 'orders/#'));
  revision = 5;
  looks = 0;
  waiting = [];
  answers.length = 0;
  events.length = 0;
  const skewed = { monotonicMs: () => clock.monotonicMs() + skewMs };
  frames = new FilterFrames({
    filters,
    turns: new ReadTurns(skewed, clock),
    tail: () =>
      ({
        activeFrom: ({ streamId }: Shard) => 10 * streamId,
        resume: ({ streamId }: Shard, offset: number) => void events.push(`resume ${streamId} at ${offset}`),
      }) as unknown as GatewayTail,
    shardOf: (streamId) => visible[streamId - 1]!,
    visibleShards: () => {
      looks++;
      return visible;
    },
    whenRevision: (wanted, callback) => (revision >= wanted ? callback() : void waiting.push(callback)),
    flush: () => void events.push('flush'),
    send: (frame) => noted(frame),
    failed: ({ code }) => void events.push(code),
  });
});

function noted(frame: ExchangeResponse['frame']): void {
  if (frame.case !== 'filters') return;
  events.push('answer');
  const { requestId, activeFrom, marks, failure } = frame.value;
  const active = activeFrom.map(({ streamId, offset }) => `${streamId}@${offset}`).join(' ');
  answers.push(
    `${requestId}: ${active}${marks.map(({ streamId }) => streamId).join()}${fromFailure(failure)?.code ?? ''}`,
  );
}

function receive(requestId: number, more: MessageInitShape<typeof FilterFrameSchema>): void {
  frames.receive(create(FilterFrameSchema, { requestId: BigInt(requestId), ...more }));
}

const adding = (count: number, filter = (each: number) => `a/${each}`) =>
  Array.from({ length: count }, (_, each) => ({ filterId: each + 1, tenant: 't', filter: filter(each) }));

test('N8: a thousand filters take a slice per turn', async () => {
  receive(1, { add: adding(1_000) });
  let before = 0;
  let longest = filters.added;
  while (answers.length === 0) {
    before = filters.added;
    expect(await clock.step()).toBe(true);
    longest = Math.max(longest, filters.added - before);
  }
  expect([filters.size, longest <= TurnBudget.sliceMs / ADD_MS + 1]).toEqual([1_000, true]);
});

async function settle(): Promise<void> {
  await drained();
  await clock.advance(0);
}

test('X5: frames are answered in order, also one that is ahead of the view or longer than the next', async () => {
  receive(1, { add: adding(50), minRevision: 9n });
  receive(2, { add: adding(1) });
  await settle();
  expect([answers, filters.added]).toEqual([[], 0]);
  revision = 9;
  for (const each of waiting.splice(0)) each();
  await settle();
  expect(answers).toEqual(['1: 1@10', '2: 1@10']);
});

test('N5: an answer names the streams that can hold a filter, and no other', async () => {
  receive(1, { add: adding(1, () => 'orders/+') });
  receive(2, { add: [{ filterId: 7, tenant: 'another', filter: '#' }] });
  receive(3, { marksFor: adding(1, () => 'orders/1') });
  await settle();
  expect(answers).toEqual(['1: 1@10 2@20', '2: ', '3: 1,2']);
});

test('S3, KIP-207: a leader that does not know what was committed under the last one says no marks', async () => {
  const path = new WritePath();
  const old = path.leading(1);
  path.append(old, 1, batchOf(['committed']));
  await path.sync();
  const anew = path.reopened(old);
  anew.describe(factsOf(1, 'mqtt', ''));
  const sink = { highWatermarkAdvanced: () => undefined, proposeIsr: () => undefined };
  const lead = (leaderEpoch: number, others: readonly Member[]): void =>
    anew.lead({ self: SELF, leaderEpoch, isr: { members: [SELF, ...others], version: 1 } }, sink, 0);
  visible = [anew];
  lead(1, [{ nodeId: 'b', incarnation: 1 }]);
  receive(1, { marksFor: adding(1) });
  receive(2, { add: adding(1) });
  await settle();
  lead(2, []);
  receive(3, { marksFor: adding(1) });
  await settle();
  expect(answers).toEqual(['1: ', '2: 1@10', '3: 1']);
});

test('X5: the tail goes on where the gateway has been, and what it has for it leaves before the answer', async () => {
  receive(1, { add: adding(20), resume: [{ streamId: 2, shard: 0, offset: 4n }] });
  await settle();
  expect(events).toEqual(['resume 2 at 4', 'flush', 'answer']);
});

test('N8: a frame that only takes filters away, or goes on with tails, looks for no stream', async () => {
  receive(1, { remove: [1], resume: [{ streamId: 2, shard: 0, offset: 4n }] });
  await settle();
  expect([answers, looks]).toEqual([['1: '], 1]);
});

test('what is no filter is refused, and the next frame goes on', async () => {
  receive(1, { add: adding(1, () => 'a/#/b') });
  receive(2, { add: adding(1), remove: [1] });
  await settle();
  expect(answers).toEqual(['1: 1@10invalid_argument', '2: 1@10']);
});

test('N9: whatever is thrown ends this stream and nothing else', async () => {
  visible = [{ stream: undefined, streamId: 3 } as unknown as Shard];
  receive(1, { add: adding(1) });
  await settle();
  expect(events).toEqual(['internal']);
});

test('N7: a stream that is closed in the middle of a frame answers nothing', async () => {
  receive(1, { add: adding(100) });
  receive(2, { add: adding(1) });
  await clock.step();
  frames.close();
  await settle();
  expect([answers, events]).toEqual([[], []]);
});

test('I8: frames that wait are bounded', () => {
  receive(0, { minRevision: 99n });
  for (let each = 0; each < 65_536; each++) receive(each, {});
  expect(() => receive(1, {})).toThrow(expect.objectContaining({ code: 'quota_exceeded' }));
});
