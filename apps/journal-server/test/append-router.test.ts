// Appends on their way to a shard (rules R6, N7): whoever is ahead of the view waits, bounded and in order.

import { BrokerError } from '@robustmq/errors';
import { VirtualClock } from '@robustmq/testkit';
import type { AppendRequest } from '../src/shard/pending.ts';
import { RevisionWaits } from '../src/shard/revision-waits.ts';
import { shardKey, type Shard } from '../src/shard/shard.ts';
import { AppendRouter } from '../src/write/append-router.ts';

const WAIT_MS = 1_000;

let clock: VirtualClock;
let revision: number;
let held: Map<number, Partial<Shard>>;
let isOver: boolean;
let waits: RevisionWaits;
let router: AppendRouter;
let events: string[];

beforeEach(() => {
  clock = new VirtualClock();
  revision = 1;
  held = new Map();
  isOver = false;
  events = [];
  waits = new RevisionWaits(() => revision, clock);
  router = new AppendRouter({
    waits,
    heldShard: (key) => held.get(key) as Shard | undefined,
    shardOf: (streamId, shard) => {
      if (isOver) return new BrokerError('storage_failed', 'over');
      const found = held.get(shardKey(streamId, shard)) as Shard | undefined;
      return found?.failure ?? found ?? new BrokerError('not_found', 'no such stream');
    },
    isOver: () => isOver,
    append: (_shard, { correlation }) => void events.push(`append ${correlation}`),
  });
});

function submit(correlation: number, more: Partial<AppendRequest> = {}): void {
  router.submit({
    origin: {
      refuse: (_request: AppendRequest, { code }: BrokerError) => void events.push(`${code} ${correlation}`),
      flush: () => undefined,
    },
    correlation,
    streamId: 1,
    shard: 0,
    acks: -1,
    minRevision: 0,
    ...more,
  } as AppendRequest);
}

const led = (): void => void held.set(shardKey(1, 0), { leader: {} } as Partial<Shard>);

test('a shard that is led here takes an append at once', () => {
  led();
  submit(1);
  expect(events).toEqual(['append 1']);
});

test('R6: appends to a shard that is about to be led wait, and come in the order in which they were sent', () => {
  submit(1);
  submit(2);
  expect(events).toEqual([]);
  led();
  // The view has brought it; whoever is sent now is behind those.
  submit(3);
  router.unpark(shardKey(1, 0));
  submit(4);
  expect(events).toEqual(['append 1', 'append 2', 'append 3', 'append 4']);
});

test('a change of the view that brings the shard lets them go', () => {
  submit(1);
  waits.advanced();
  expect(events).toEqual([]);
  led();
  waits.advanced();
  expect(events).toEqual(['append 1']);
});

test('N7: after a second they hear that there is no such shard', async () => {
  submit(1);
  submit(2, { acks: 0 });
  await clock.advance(WAIT_MS - 1);
  expect(events).toEqual([]);
  await clock.advance(1);
  // Who wants no answer gets none.
  expect(events).toEqual(['not_found 1']);
});

test('at once, if the view has the revision that the sender has seen', async () => {
  submit(1, { minRevision: 5 });
  revision = 4;
  waits.advanced();
  expect(events).toEqual([]);
  revision = 5;
  waits.advanced();
  expect(events).toEqual(['not_found 1']);
  await clock.advance(WAIT_MS);
  expect(events).toHaveLength(1);
});

test('a shard that failed keeps nobody waiting', () => {
  held.set(shardKey(1, 0), { failure: new BrokerError('quarantined', 'damaged') });
  submit(1);
  expect(events).toEqual(['quarantined 1']);
});

test('nobody waits once nothing is served any more', () => {
  isOver = true;
  submit(1);
  expect(events).toEqual(['storage_failed 1']);
});

test('one shard keeps no other waiting', () => {
  submit(1);
  held.set(shardKey(2, 0), { leader: {} } as Partial<Shard>);
  submit(2, { streamId: 2 });
  expect(events).toEqual(['append 2']);
});
