// N8: one message to a hundred thousand receivers takes many turns of the loop, whether a client here sent it or another gateway,
// and so does writing what so many have; the order of each publisher stays (I3).

import { RecordBatchBuilder } from '@robustmq/record-batch';
import { PublishFrameSchema, type PublishFrame } from '@robustmq/rpc';
import { create } from '@bufbuild/protobuf';
import { TurnBudget, type Turns } from '@robustmq/runtime';
import { VirtualClock } from '@robustmq/testkit';
import { newWalkCounters } from '../src/delivery/batch-walk.ts';
import { Deliverer, newDeliveryCounters } from '../src/delivery/deliverer.ts';
import { Message } from '../src/delivery/message.ts';
import type { ReceivingSession } from '../src/delivery/session-ports.ts';
import { Subscription } from '../src/delivery/subscription.ts';
import { TopicRoutes } from '../src/delivery/topic-route.ts';
import { MeshIntake } from '../src/mesh/mesh-intake.ts';
import { AT_ONCE, FanOuts } from '../src/publish/fan-outs.ts';
import { HOLD_FAN_OUT } from '../src/session/read-holds.ts';
import { OutputFlusher } from '../src/transport/output-flusher.ts';

const RECEIVERS = 20_000;
/** What a copy takes. */
const COPY_MS = 0.001;
/** Between two looks at the clock. */
const STEP_MS = 128 * COPY_MS;

let timers: VirtualClock;
let copies: number;
/** Payloads that receiver 0 and the last one got. */
let first: string[];
let last: string[];
let routes: TopicRoutes;
let deliverer: Deliverer;

const clock = { nowMs: () => 1_000, monotonicMs: () => copies * COPY_MS };

beforeEach(() => {
  timers = new VirtualClock();
  copies = 0;
  first = [];
  last = [];
  routes = new TopicRoutes(16, () => undefined);
  for (let id = 0; id < RECEIVERS; id++) routes.add(subscriptionOf(id));
  deliverer = new Deliverer(1 << 20, newDeliveryCounters());
});

function subscriptionOf(id: number, filter = 'many/#'): Subscription {
  const heard = id === 0 ? first : last;
  const isNoted = id === 0 || id === RECEIVERS - 1;
  const output = {
    waitingBytes: 0,
    share: (bytes: Buffer, _start: number, end: number) => {
      copies++;
      if (isNoted) heard.push(bytes.toString('latin1', end - 2, end));
    },
  };
  return new Subscription(
    {
      ...{ originId: id, isVersion5: false, aliases: null, maximumPacketBytes: Infinity },
      output: output as unknown as ReceivingSession['output'],
    } as ReceivingSession,
    filter,
  );
}

function messageOf(payload: Buffer, topic = 'many/1'): Message {
  return Object.assign(new Message(), { topic, payload, payloadStart: 0, payloadEnd: payload.length });
}

/** The longest turn until nothing waits, in ms of copies. */
async function longestTurn(begin: () => void): Promise<number> {
  let longest = 0;
  for (let act: () => void | Promise<boolean> = begin; ; act = () => timers.step()) {
    const before = clock.monotonicMs();
    await act();
    longest = Math.max(longest, clock.monotonicMs() - before);
    if (timers.pending === 0) return longest;
  }
}

describe('a QoS 0 publish of a client', () => {
  let fanOuts: FanOuts;
  let holds: string[];
  const publisher = (name: string) => ({
    hold: (reason: number) => holds.push(`${name} +${reason}`),
    release: (reason: number) => holds.push(`${name} -${reason}`),
  });

  beforeEach(() => {
    fanOuts = new FanOuts(deliverer, { clock, timers });
    holds = [];
  });

  test('N8, I3: to very many goes in turns, its publisher is held meanwhile, and its buffer is free at once', async () => {
    const payload = Buffer.from('m1');
    const longest = await longestTurn(() => {
      fanOuts.deliver(routes.get('many/1'), messageOf(payload), 1_000, publisher('p'));
      payload.fill('x');
      fanOuts.deliver(routes.get('many/2'), messageOf(Buffer.from('m2'), 'many/2'), 1_000, publisher('q'));
      expect([copies, fanOuts.size]).toEqual([0, 2]);
    });
    expect(longest).toBeLessThanOrEqual(TurnBudget.sliceMs + STEP_MS);
    expect(copies).toBe(2 * RECEIVERS);
    expect([first, last]).toEqual([
      ['m1', 'm2'],
      ['m1', 'm2'],
    ]);
    expect(holds).toEqual([
      `p +${HOLD_FAN_OUT}`,
      `q +${HOLD_FAN_OUT}`,
      `p -${HOLD_FAN_OUT}`,
      `q -${HOLD_FAN_OUT}`,
    ]);
    expect(fanOuts.size).toBe(0);
  });

  test('to few goes at once, and holds nobody', () => {
    for (let id = 1; id <= AT_ONCE; id++) routes.add(subscriptionOf(id, 'few'));
    fanOuts.deliver(routes.get('few'), messageOf(Buffer.from('m1'), 'few'), 1_000, publisher('p'));
    expect([copies, holds, timers.pending]).toEqual([AT_ONCE, [], 0]);
  });

  test('[MQTT-3.10.4-2] who unsubscribes between two turns gets it no more, and the others once', async () => {
    const gone = subscriptionOf(RECEIVERS - 1, 'many/1');
    routes = new TopicRoutes(16, () => undefined);
    for (let id = 0; id < RECEIVERS - 1; id++) routes.add(subscriptionOf(id, 'many/1'));
    routes.add(gone);
    fanOuts.deliver(routes.get('many/1'), messageOf(Buffer.from('m1')), 1_000, publisher('p'));
    await timers.step();
    routes.remove(gone);
    while (await timers.step());
    expect(copies).toBe(RECEIVERS - 1);
    expect(last).toEqual([]);
  });

  test('I8: what comes when as many bytes wait as may goes at once, and its publisher is not held', async () => {
    fanOuts = new FanOuts(deliverer, { clock, timers }, 100);
    fanOuts.deliver(routes.get('many/1'), messageOf(Buffer.alloc(99, 'a')), 1_000, publisher('p'));
    fanOuts.deliver(routes.get('many/2'), messageOf(Buffer.alloc(99, 'b'), 'many/2'), 1_000, publisher('q'));
    expect(copies).toBe(0);
    fanOuts.deliver(routes.get('many/3'), messageOf(Buffer.from('m3'), 'many/3'), 1_000, publisher('r'));
    expect([copies, first]).toEqual([RECEIVERS, ['m3']]);
    while (await timers.step());
    expect([first, holds.filter((hold) => hold.startsWith('r'))]).toEqual([['m3', 'aa', 'bb'], []]);
    // What waited waits no more.
    fanOuts.deliver(routes.get('many/1'), messageOf(Buffer.from('m4')), 1_000, publisher('r'));
    expect(fanOuts.size).toBe(1);
  });

  test('N9, N7: one that cannot be delivered ends alone; its publisher is read on, and those behind it go out', async () => {
    const thrown: unknown[] = [];
    const guarded: Turns['timers'] = {
      ...{ after: timers.after.bind(timers), every: timers.every.bind(timers) },
      soon: (action) =>
        timers.soon(() => {
          try {
            action();
          } catch (error) {
            thrown.push(error);
          }
        }),
    };
    fanOuts = new FanOuts(deliverer, { clock, timers: guarded });
    const bad = messageOf(Buffer.from('m1'));
    Object.defineProperty(bad, 'expiresAtMs', { value: 10_000n, enumerable: true });
    fanOuts.deliver(routes.get('many/1'), bad, 1_000, publisher('p'));
    fanOuts.deliver(routes.get('many/2'), messageOf(Buffer.from('m2'), 'many/2'), 1_000, publisher('q'));
    while (await timers.step());
    expect(thrown).toEqual([expect.any(TypeError)]);
    expect([first, last, holds.length, fanOuts.size]).toEqual([['m2'], ['m2'], 4, 0]);
  });

  test('N8: its receivers are looked for once, however many subscribe elsewhere between its turns', async () => {
    const match = jest.spyOn(routes, 'match');
    fanOuts.deliver(routes.get('many/1'), messageOf(Buffer.from('m1')), 1_000, publisher('p'));
    let turns = 0;
    while (await timers.step()) routes.add(subscriptionOf(RECEIVERS + turns++, `elsewhere/${turns}/#`));
    expect(turns).toBeGreaterThan(2);
    expect([copies, match.mock.calls.length]).toEqual([RECEIVERS, 1]);
  });

  test('[MQTT-3.10.4-2] of subscriptions that overlap those count that are there still', async () => {
    const { session } = subscriptionOf(RECEIVERS);
    const sent: Buffer[] = [];
    const reserve = (sizeBytes: number): Buffer => sent[sent.push(Buffer.alloc(sizeBytes)) - 1]!;
    const output = { waitingBytes: 0, position: 0, reserve, advance: () => undefined };
    Object.assign(session, { isVersion5: true, output });
    const overlapping = ['many/#', 'many/+', 'many/1'].map((filter) => new Subscription(session, filter));
    const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 };
    for (const [index, each] of overlapping.entries()) {
      each.setOptions({ ...options, subscriptionIdentifier: index + 1 });
      routes.add(each);
    }
    fanOuts.deliver(routes.get('many/1'), messageOf(Buffer.from('m1')), 1_000, publisher('p'));
    await timers.step();
    routes.remove(overlapping[1]!);
    while (await timers.step());
    const identifier = 0x0b;
    expect(sent).toHaveLength(1);
    expect(sent[0]!.includes(Buffer.from([identifier, 1, identifier, 3]))).toBe(true);
  });

  test('one that has expired when its turn comes is sent to nobody else, and its publisher is read again', async () => {
    const message = Object.assign(messageOf(Buffer.from('m1')), { expiresAtMs: 900 });
    fanOuts.deliver(routes.get('many/1'), message, 800, publisher('p'));
    while (await timers.step());
    expect([copies, holds.length]).toEqual([0, 2]);
  });
});

describe('what another gateway sends', () => {
  let intake: MeshIntake;
  let counters: { received: number; lost: number };

  beforeEach(() => {
    counters = { received: 0, lost: 0 };
    intake = new MeshIntake(
      { clock, timers, routesOf: () => routes, counters },
      deliverer,
      newWalkCounters(),
    );
  });

  const frameOf = (...payloads: readonly string[]): PublishFrame => {
    const builder = new RecordBatchBuilder();
    for (const payload of payloads) {
      const value = Buffer.from(payload);
      builder.appendMqtt(1, 'many/1', value, 0, value.length, { qos: 0, retain: false }, null);
    }
    return create(PublishFrameSchema, {
      ...{ tenant: 't', batch: builder.finishCopy(), count: payloads.length },
    });
  };

  test('N8: is delivered in turns, frame after frame and in order', async () => {
    const longest = await longestTurn(() => {
      intake.receive(frameOf('a1', 'a2'));
      intake.receive(frameOf('a3'));
    });
    expect(longest).toBeLessThanOrEqual(TurnBudget.sliceMs + STEP_MS);
    expect([copies, first, last]).toEqual([3 * RECEIVERS, ['a1', 'a2', 'a3'], ['a1', 'a2', 'a3']]);
    expect(counters).toEqual({ received: 3, lost: 0 });
  });

  test('N9: a frame that contradicts itself is lost and counted, and those behind it are delivered', async () => {
    const broken = frameOf('b1', 'b2');
    // The last record ends in the middle.
    const cut = Buffer.from(broken.batch).subarray(0, broken.batch.length - 4);
    cut.writeInt32BE(cut.length - 12, 8);
    await longestTurn(() => {
      intake.receive({ ...broken, batch: cut });
      intake.receive({ ...broken, batch: Buffer.alloc(3) });
      intake.receive(frameOf('b3'));
    });
    expect([counters.received, counters.lost]).toEqual([2, 3]);
    expect(last).toEqual(['b1', 'b3']);
  });

  test('I8: frames over the bound of those that wait are lost, and counted', async () => {
    const large = { ...frameOf('c1'), batch: Buffer.alloc(20 * 1024 * 1024), count: 7 };
    intake.receive(frameOf('c0'));
    expect(timers.pending).toBeGreaterThan(0);
    intake.receive(large);
    intake.receive(large);
    expect(counters.lost).toBe(7);
    await longestTurn(() => undefined);
    // The other one is no batch.
    expect([counters.received, counters.lost]).toEqual([1, 14]);
  });

  test('nothing is delivered once it is closed', async () => {
    intake.receive(frameOf('d1', 'd2'));
    intake.close();
    const before = copies;
    await longestTurn(() => intake.receive(frameOf('d3')));
    expect(copies).toBe(before);
  });
});

describe('output of very many connections', () => {
  const COUNT = 20_000;
  let written: number[];
  let work: number;
  let flusher: OutputFlusher;

  beforeEach(() => {
    written = [];
    work = 0;
    flusher = new OutputFlusher({
      clock: { monotonicMs: () => work },
      timers,
      failed: (thrown) => {
        throw thrown;
      },
    });
  });

  const outputOf = (id: number) => ({
    flush: () => {
      work += 0.01;
      written.push(id);
    },
    destroy: () => undefined,
  });

  test('N8: is written in turns, each once and in order', async () => {
    for (let id = 0; id < COUNT; id++) flusher.add(outputOf(id));
    let longest = 0;
    while (timers.pending > 0) {
      const before = work;
      await timers.step();
      longest = Math.max(longest, work - before);
    }
    expect(longest).toBeLessThanOrEqual(TurnBudget.sliceMs + 32 * 0.01);
    expect(written).toEqual(Array.from({ length: COUNT }, (_, id) => id));
  });

  test('all of it at once before the process ends', async () => {
    for (let id = 0; id < COUNT; id++) flusher.add(outputOf(id));
    await timers.step();
    flusher.flush();
    expect(written).toHaveLength(COUNT);
    while (await timers.step());
    expect(written).toHaveLength(COUNT);
  });
});
