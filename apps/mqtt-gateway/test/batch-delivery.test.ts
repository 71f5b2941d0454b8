// Delivery of a batch in turns (N8): at the limits of what a batch holds and of who receives it.

import { matchesFilter } from '@robustmq/mqtt-topics/testing';
import { RecordBatchBuilder } from '@robustmq/record-batch';
import { TurnBudget, type Clock } from '@robustmq/runtime';
import fc from 'fast-check';
import { coverOf } from '../src/delivery/backlog-filters.ts';
import { BatchDelivery } from '../src/delivery/batch-delivery.ts';
import { BatchWalk, newWalkCounters } from '../src/delivery/batch-walk.ts';
import { Deliverer, newDeliveryCounters } from '../src/delivery/deliverer.ts';
import { RecordTopics } from '../src/delivery/record-topic.ts';
import { ShardTail, type RingBatch } from '../src/delivery/shard-tail.ts';
import { TopicRoutes } from '../src/delivery/topic-route.ts';
import { stream, subscription, takingSession } from './fake-session.ts';

/** A clock that each copy and each record costs a hundredth of a millisecond. */
class WorkClock implements Clock {
  work = 0;
  nowMs = (): number => 0;
  monotonicMs = (): number => this.work / 100;
}

function ring(buffer: Buffer, count: number): RingBatch {
  return {
    buffer,
    batchStart: 0,
    fromOffset: 0,
    nextOffset: 0,
    sizeBytes: buffer.length,
    isTrusted: false,
    recordCount: 0,
    recordStarts: new Int32Array(count),
    offsetDeltas: new Int32Array(count),
    routes: new Array<null>(count).fill(null),
  };
}

test.each([
  ['10,000 receivers of each record', 10_000, 3],
  ['100,000 records for one receiver', 1, 100_000],
])('N8: %s are delivered in turns, each once and in order', (_what, receivers, records) => {
  const clock = new WorkClock();
  const seen = new Map<number, number[]>();
  const routes = new TopicRoutes(16, () => stream);
  for (let id = 0; id < receivers; id++) {
    const offsets: number[] = [];
    seen.set(id, offsets);
    const session = takingSession(id, (offset) => {
      clock.work++;
      offsets.push(offset);
    });
    routes.add(subscription(session, 't'));
  }
  const builder = new RecordBatchBuilder({ maxBatchBytes: 8 << 20 });
  for (let index = 0; index < records; index++) builder.append(1, 't', null);
  const batch = builder.finishCopy();
  const tail = new ShardTail(1, 0, 1, 0);
  const walk = new BatchWalk(new RecordTopics(), newWalkCounters());
  walk.begin(batch, 0, { stream, routes }, 0);
  const delivery = new BatchDelivery(
    walk,
    { now: () => 0, startSpan: () => null },
    new Deliverer(1 << 20, newDeliveryCounters()),
    tail,
    ring(batch, records),
    records,
  );
  const soon = { after: () => () => undefined, every: () => () => undefined, soon: () => () => undefined };
  let turns = 0;
  for (let isDone = false; !isDone; turns++) {
    const before = clock.work;
    isDone = delivery.run(new TurnBudget(clock, soon));
    // 5 ms are 500 units of work; a look at the clock comes every 128.
    expect(clock.work - before).toBeLessThanOrEqual(500 + 128);
    // While some have what others wait for, cursors say only what everybody has.
    const least = Math.min(...[...seen.values()].slice(-1).map((offsets) => offsets.length));
    expect(tail.deliveredBelow).toBeLessThanOrEqual(least);
  }
  expect(turns).toBeGreaterThan((receivers * records) / 700);
  expect(tail.isHeld).toBe(false);
  expect(tail.nextOffset).toBe(records);
  for (const offsets of seen.values())
    expect(offsets).toEqual(Array.from({ length: records }, (_, index) => index));
});

test('N13: fewer filters stand for more than a read takes, and match whatever those match', () => {
  const level = fc.constantFrom('a', 'b', '+', '$x', 'c');
  const filter = fc
    .tuple(fc.array(level, { minLength: 1, maxLength: 5 }), fc.boolean())
    .map(([levels, multi]) => [...levels, ...(multi ? ['#'] : [])].join('/'));
  const topic = fc
    .array(fc.constantFrom('a', 'b', '$x', 'c'), { minLength: 1, maxLength: 6 })
    .map((levels) => levels.join('/'));
  fc.assert(
    fc.property(
      fc.array(filter, { minLength: 1, maxLength: 12 }),
      fc.array(topic, { maxLength: 20 }),
      fc.integer({ min: 3, max: 6 }),
      (filters, topics, most) => {
        const cover = coverOf(filters, most, 10_000);
        expect(cover.length).toBeLessThanOrEqual(Math.max(most, Math.min(filters.length, most)));
        for (const each of topics) {
          if (!filters.some((one) => matchesFilter(one, each))) continue;
          expect(cover.some((one) => matchesFilter(one, each))).toBe(true);
        }
      },
    ),
    { numRuns: 500 },
  );
});
