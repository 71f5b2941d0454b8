import { OutboundTopicAliases, type ShardLag } from '@robustmq/mqtt-session';
import { matchesFilter } from '@robustmq/mqtt-topics/testing';
import fc from 'fast-check';
import { Deliverer, newDeliveryCounters } from '../src/delivery/deliverer.ts';
import { Message } from '../src/delivery/message.ts';
import { ShardTail, shardKeyOf, type RingBatch } from '../src/delivery/shard-tail.ts';
import type { ReceivingSession } from '../src/delivery/session-ports.ts';
import { Subscription } from '../src/delivery/subscription.ts';
import { TopicRoutes } from '../src/delivery/topic-route.ts';
import type { OutputFlusher } from '../src/transport/output-flusher.ts';
import { SocketOutput, type Transport } from '../src/transport/socket-output.ts';
import { parser, type IPublishPacket } from 'mqtt-packet';
import { newFlusher } from './work-ports.ts';

/** A session that takes `window` messages. */
class FakeSession implements ReceivingSession {
  readonly originId: number;
  readonly isVersion5: boolean;
  readonly maximumPacketBytes: number;
  lag: Map<number, ShardLag> | null = null;
  isRedelivery = false;
  touched = 0;
  maybeSentBelow = 0;
  inQuestionFrom = Infinity;
  readonly aliases: OutboundTopicAliases | null;
  window = Number.POSITIVE_INFINITY;
  readonly admitted: number[] = [];
  readonly inherited: boolean[] = [];
  readonly written: Buffer[] = [];
  readonly output: SocketOutput;

  constructor(
    originId: number,
    flusher: OutputFlusher,
    isVersion5 = false,
    maximumPacketBytes = Infinity,
    aliases: OutboundTopicAliases | null = null,
  ) {
    this.originId = originId;
    this.aliases = aliases;
    this.isVersion5 = isVersion5;
    this.maximumPacketBytes = maximumPacketBytes;
    const written = this.written;
    const transport: Transport = {
      writableLength: 0,
      write: (bytes) => void written.push(Buffer.from(bytes)),
      end: () => undefined,
      destroy: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
    };
    this.output = new SocketOutput(transport, flusher);
  }

  isLiveAt(key: number): boolean {
    return this.lag?.has(key) !== true;
  }

  touch(): void {
    this.touched++;
  }

  mayHaveSent(_tail: unknown, offset: number): boolean {
    return offset < this.maybeSentBelow;
  }

  isInQuestion(_tail: unknown, offset: number): boolean {
    return offset >= this.inQuestionFrom;
  }

  admit(_tail: unknown, offset: number, isInherited: boolean): number {
    if (this.window === 0) return 0;
    this.window--;
    this.inherited.push(isInherited);
    this.admitted.push(offset);
    return this.admitted.length;
  }

  fallBehind(tail: { readonly key: number }, offset: number): void {
    (this.lag ??= new Map()).set(tail.key, { nextOffset: offset, ringFrom: 0 });
  }

  packets(): IPublishPacket[] {
    const found: IPublishPacket[] = [];
    const decoder = parser({ protocolVersion: this.isVersion5 ? 5 : 4 });
    decoder.on('packet', (packet) => found.push(packet as IPublishPacket));
    decoder.parse(Buffer.concat(this.written));
    return found;
  }
}

const stream = {
  streamId: 1,
  name: 'mqtt',
  tenant: 'default',
  mqttFilter: '',
  shardsAtCreation: 3,
  isDefault: true,
  acknowledgeInMemory: false,
  maxBatchBytes: 1_048_588,
};

const subscription = (session: ReceivingSession, filter: string, qos = 1): Subscription => {
  const made = new Subscription(session, filter);
  made.setOptions({
    qos,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    subscriptionIdentifier: 0,
  });
  return made;
};

/** One that the session had before its present connection. */
const inherited = (session: ReceivingSession, filter: string, qos = 1): Subscription => {
  const made = subscription(session, filter, qos);
  made.isInherited = true;
  return made;
};

const message = (topic: string, payload: string, qos: number): Message => {
  const made = new Message();
  made.topic = topic;
  made.payload = Buffer.from(payload);
  made.payloadEnd = made.payload.length;
  made.qos = qos;
  return made;
};

const level = fc.constantFrom('a', 'b', 'c', '+');
const filterOf = fc
  .tuple(fc.array(level, { minLength: 1, maxLength: 3 }), fc.boolean())
  .map(([levels, multi]) => [...levels, ...(multi ? ['#'] : [])].join('/'));
const topicOf = fc
  .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'));

describe('TopicRoutes', () => {
  test('receivers are what the reference matcher says, through every change and eviction', () => {
    const flusher = newFlusher();
    const sessions = [1, 2, 3].map((id) => new FakeSession(id, flusher));
    const step = fc.record({
      kind: fc.constantFrom('add', 'remove', 'ask', 'owners'),
      session: fc.nat({ max: 2 }),
      filter: filterOf,
      topic: topicOf,
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const routes = new TopicRoutes(3, () => stream);
        const held = new Map<string, Subscription>();
        const kept = new Map<string, ReturnType<TopicRoutes['get']>>();
        for (const { kind, session, filter, topic } of steps) {
          const name = `${session} ${filter}`;
          if (kind === 'add' && !held.has(name)) {
            held.set(name, subscription(sessions[session]!, filter));
            routes.add(held.get(name)!);
          } else if (kind === 'remove' && held.has(name)) {
            routes.remove(held.get(name)!);
            held.delete(name);
          } else if (kind === 'owners') {
            routes.changeOwners(() => stream);
          }
          kept.set(topic, routes.get(topic));
          // Also routes that were kept, as the ring keeps them, and evicted meanwhile.
          for (const [each, route] of kept) {
            const wanted = new Set(
              [...held.values()].filter((one) => matchesFilter(one.filter, each)).map((one) => one.session),
            );
            expect(new Set(route.receivers.map((receiver) => receiver.session))).toEqual(wanted);
            expect(route.receivers).toHaveLength(wanted.size);
            for (const one of sessions)
              expect(route.receiverOf(one)?.session).toBe(wanted.has(one) ? one : undefined);
          }
        }
        expect(routes.subscriptionCount).toBe(held.size);
      }),
      { numRuns: 150 },
    );
  });

  test('a session among many receivers is found', () => {
    const flusher = newFlusher();
    const routes = new TopicRoutes(16, () => stream);
    const sessions = Array.from({ length: 30 }, (_, id) => new FakeSession(id, flusher));
    for (const session of sessions) routes.add(subscription(session, 't'));
    expect(routes.get('t').receiverOf(sessions[29]!)?.session).toBe(sessions[29]);
    expect(routes.get('t').shard).toBeLessThan(3);
  });
});

test('N8: a route that left the table is computed once per change, not once per record', () => {
  const flusher = newFlusher();
  const routes = new TopicRoutes(16, () => stream);
  const session = new FakeSession(1, flusher);
  routes.add(subscription(session, 'a/b'));
  const route = routes.get('a/b');
  routes.changeOwners(() => stream);
  const { receivers } = route;
  expect(route.receivers).toBe(receivers);
  const second = subscription(new FakeSession(2, flusher), 'a/b');
  routes.add(second);
  expect(route.receivers).toHaveLength(2);
  routes.remove(second);
  expect(route.receivers).toHaveLength(1);
});

describe('TopicRoutes stay within their bounds, whatever topics and subscriptions clients invent (I8)', () => {
  const receiversOf = (route: ReturnType<TopicRoutes['get']>): unknown[] =>
    route.receivers.map(({ session }) => session);

  test('topics that are too long to be remembered are routed as all others', () => {
    const routes = new TopicRoutes(16, () => stream);
    const topic = `t/${'x'.repeat(300)}`;
    const session = new FakeSession(1, newFlusher());
    const exact = subscription(session, topic);
    routes.add(exact);
    const route = routes.get(topic);
    expect(receiversOf(route)).toEqual([session]);
    expect(routes.get(topic)).not.toBe(route);
    routes.remove(exact);
    expect([route.receivers, routes.get(topic).receivers]).toEqual([[], []]);
  });

  test('the receivers of all topics together are bounded, and every topic keeps its own', () => {
    const flusher = newFlusher();
    const routes = new TopicRoutes(1_000, () => stream, 100);
    const sessions = Array.from({ length: 10 }, (_, id) => new FakeSession(id, flusher));
    for (const session of sessions) routes.add(subscription(session, '#'));
    const overlapping = ['+', 't1/#'].map((filter) => subscription(sessions[0]!, filter));
    for (const each of overlapping) routes.add(each);
    const held = Array.from({ length: 50 }, (_, n) => routes.get(`t${n}`));
    for (const route of [...held, ...held]) {
      expect(new Set(receiversOf(route))).toEqual(new Set(sessions));
      expect(routes.keptMatches).toBeLessThanOrEqual(100);
    }
    const late = new FakeSession(99, flusher);
    routes.add(subscription(late, '#'));
    for (const route of held) expect(receiversOf(route)).toContain(late);
    routes.changeOwners(() => stream);
    expect(routes.keptMatches).toBe(0);
  });
});

describe('Deliverer', () => {
  test('I3: per receiver and shard, offsets ascend and none is skipped, whatever windows do', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ topic: topicOf, window: fc.nat({ max: 3 }), opens: fc.boolean() }), {
          maxLength: 40,
        }),
        (records) => {
          const flusher = newFlusher();
          const routes = new TopicRoutes(100, () => stream);
          const session = new FakeSession(1, flusher);
          session.window = 2;
          routes.add(subscription(session, '#'));
          const deliverer = new Deliverer(1 << 20, newDeliveryCounters());
          const tail = new ShardTail(1, 0, 1, 0);
          records.forEach(({ topic, opens, window }, offset) => {
            if (opens) session.window += window;
            deliverer.begin(message(topic, `${offset}`, 1), 0);
            deliverer.deliver(routes.get(topic), tail, offset);
          });
          const last = session.lag?.get(tail.key)?.nextOffset ?? records.length;
          expect(session.admitted).toEqual(Array.from({ length: last }, (_, offset) => offset));
        },
      ),
    );
  });

  test('4.3.1, I5: a QoS 0 copy that a crashed owner may have sent does not go again, and is counted', () => {
    const flusher = newFlusher();
    const routes = new TopicRoutes(16, () => stream);
    const session = new FakeSession(1, flusher);
    session.maybeSentBelow = 2;
    routes.add(inherited(session, 't', 0));
    const counters = newDeliveryCounters();
    const deliverer = new Deliverer(1 << 20, counters);
    const tail = new ShardTail(1, 0, 1, 0);
    for (const offset of [0, 1, 2]) {
      deliverer.begin(message('t', `${offset}`, 1), 0);
      deliverer.deliver(routes.get('t'), tail, offset);
    }
    flusher.flush();
    expect(session.packets().map(({ payload }) => payload.toString())).toEqual(['2']);
    expect(counters.droppedUncertain).toBe(2);
    expect(session.touched).toBe(3);
  });

  test('S3, I5: a QoS 0 copy of which nobody knows yet whether it was sent waits, and the session with it', () => {
    const flusher = newFlusher();
    const routes = new TopicRoutes(16, () => stream);
    const session = new FakeSession(1, flusher);
    session.maybeSentBelow = Infinity;
    session.inQuestionFrom = 1;
    routes.add(inherited(session, 't', 0));
    const counters = newDeliveryCounters();
    const deliverer = new Deliverer(1 << 20, counters);
    const tail = new ShardTail(1, 0, 1, 0);
    for (const offset of [0, 1, 2]) {
      deliverer.begin(message('t', `${offset}`, 1), 0);
      deliverer.deliver(routes.get('t'), tail, offset);
    }
    flusher.flush();
    expect([session.packets(), counters.droppedUncertain]).toEqual([[], 1]);
    expect(session.lag?.get(tail.key)?.nextOffset).toBe(1);
  });

  test('S3, [MQTT-3.3.1-1]: what only a subscription of this connection matches no owner before has sent', () => {
    const flusher = newFlusher();
    const routes = new TopicRoutes(16, () => stream);
    const session = new FakeSession(1, flusher);
    session.maybeSentBelow = Infinity;
    session.inQuestionFrom = 0;
    const old = inherited(session, 'a/#', 0);
    const made = subscription(session, '+/t', 0);
    old.noLocal = true;
    for (const each of [old, made]) routes.add(each);
    const counters = newDeliveryCounters();
    const deliverer = new Deliverer(1 << 20, counters);
    const tail = new ShardTail(1, 0, 1, 0);
    const deliver = (topic: string, payload: string, originId = 0): void => {
      const one = message(topic, payload, 1);
      one.originId = originId;
      deliverer.begin(one, 0);
      deliverer.deliver(routes.get(topic), tail, 0);
    };
    deliver('b/t', 'new 0');
    // The session's own message: of the two that match only the new one wants it.
    deliver('a/t', 'own 0', 1);
    made.qos = 1;
    deliver('b/t', 'new 1');
    deliver('a/t', 'own 1', 1);
    deliver('a/t', 'both 1');
    flusher.flush();
    expect(session.packets().map(({ payload }) => payload.toString())).toEqual([
      'new 0',
      'own 0',
      'new 1',
      'own 1',
      'both 1',
    ]);
    expect(session.inherited).toEqual([false, false, true]);
    expect([session.lag, counters.droppedUncertain]).toEqual([null, 0]);
    made.qos = 0;
    deliver('a/t', 'both 0');
    expect(session.lag?.get(tail.key)?.nextOffset).toBe(0);
  });

  test('QoS 0 copies of each shape are shared and right for each version', () => {
    const flusher = newFlusher();
    const routes = new TopicRoutes(16, () => stream);
    const sessions = [false, true, false, true].map((five, id) => new FakeSession(id, flusher, five));
    for (const session of sessions) routes.add(subscription(session, 't', 1));
    const counters = newDeliveryCounters();
    const deliverer = new Deliverer(1 << 20, counters);
    for (const payload of ['one', 'two']) {
      deliverer.begin(message('t', payload, 0), 0);
      deliverer.deliver(routes.get('t'), null, 0);
    }
    flusher.flush();
    for (const session of sessions) {
      expect(session.written).toHaveLength(1);
      expect(session.packets().map((packet) => packet.payload.toString())).toEqual(['one', 'two']);
    }
    expect(counters.deliveredQos0).toBe(8);
  });

  test('a Topic Alias is set with the first copy that is sent, and never by one that is dropped', () => {
    const flusher = newFlusher();
    const routes = new TopicRoutes(16, () => stream);
    const session = new FakeSession(
      1,
      flusher,
      true,
      40,
      new OutboundTopicAliases(1, { hasAliasRoom: () => true, takeAliasBytes: () => true }),
    );
    routes.add(subscription(session, '#', 1));
    const deliverer = new Deliverer(1 << 20, newDeliveryCounters());
    const tail = new ShardTail(1, 0, 1, 0);
    const send = (topic: string, payload: string, qos: number): void => {
      deliverer.begin(message(topic, payload, qos), 0);
      deliverer.deliver(routes.get(topic), qos === 0 ? null : tail, 0);
    };
    send('some/topic', 'x'.repeat(40), 0);
    session.window = 0;
    send('some/topic', 'waits', 1);
    session.window = 9;
    session.lag = null;
    // Fits as it is, but not with an alias.
    send('some/topic', 'x'.repeat(24), 0);
    send('some/topic', 'sets', 1);
    send('some/topic', 'uses', 0);
    send('some/topic', 'uses', 1);
    send('other', 'none left', 1);
    flusher.flush();
    const sent = session.packets().map(({ topic, payload, properties }) => ({
      topic,
      payload: payload.toString().slice(0, 9),
      alias: properties?.topicAlias,
    }));
    expect(sent).toEqual([
      { topic: 'some/topic', payload: 'xxxxxxxxx', alias: undefined },
      { topic: 'some/topic', payload: 'sets', alias: 1 },
      { topic: '', payload: 'uses', alias: 1 },
      { topic: '', payload: 'uses', alias: 1 },
      { topic: 'other', payload: 'none left', alias: undefined },
    ]);
  });

  test('what does not fit the client or its output is dropped and counted', () => {
    const flusher = newFlusher();
    const routes = new TopicRoutes(16, () => stream);
    const small = new FakeSession(1, flusher, true, 10);
    const plain = new FakeSession(2, flusher);
    for (const session of [small, plain]) routes.add(subscription(session, 't', 1));
    const counters = newDeliveryCounters();
    const deliverer = new Deliverer(60, counters);
    const tail = new ShardTail(1, 0, 1, 0);
    for (let index = 0; index < 3; index++) {
      deliverer.begin(message('t', 'x'.repeat(20), 0), 0);
      deliverer.deliver(routes.get('t'), null, 0);
    }
    deliverer.begin(message('t', 'x'.repeat(20), 1), 0);
    deliverer.deliver(routes.get('t'), tail, 0);
    expect(counters).toMatchObject({
      droppedTooLarge: 4,
      droppedSlow: 1,
      deliveredQos0: 2,
      deliveredQos1: 1,
    });
  });

  test('an expired message is not delivered; a subscription gets nothing before its start (X3)', () => {
    const flusher = newFlusher();
    const routes = new TopicRoutes(16, () => stream);
    const session = new FakeSession(1, flusher);
    const late = subscription(session, 't', 1);
    const tail = new ShardTail(1, 2, 1, 0);
    late.starts = new Map([[tail.key, { streamId: 1, shard: 2, leaderEpoch: 1, offset: 5 }]]);
    routes.add(late);
    const counters = newDeliveryCounters();
    const deliverer = new Deliverer(1 << 20, counters);
    const old = message('t', 'x', 1);
    old.expiresAtMs = 10;
    expect(deliverer.begin(old, 10)).toBe(false);
    for (let offset = 3; offset < 8; offset++) {
      deliverer.begin(message('t', 'x', 1), 0);
      deliverer.deliver(routes.get('t'), tail, offset);
    }
    expect(session.admitted).toEqual([5, 6, 7]);
    // A second subscription of the session joins them: the earliest start holds.
    routes.add(subscription(session, '+', 1));
    deliverer.begin(message('t', 'x', 1), 0);
    deliverer.deliver(routes.get('t'), tail, 1);
    expect(session.admitted).toEqual([5, 6, 7, 1]);
    expect(counters.droppedExpired).toBe(1);
  });
});

describe('ShardTail', () => {
  const batch = (fromOffset: number, nextOffset: number, sizeBytes: number): RingBatch => ({
    buffer: Buffer.alloc(0),
    batchStart: 0,
    fromOffset,
    nextOffset,
    sizeBytes,
    isTrusted: true,
    recordCount: 0,
    recordStarts: new Int32Array(0),
    offsetDeltas: new Int32Array(0),
    routes: [],
  });

  test('I8: the ring is bounded, keeps its newest batch, and finds the batch of every offset it has', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 50 })), {
          maxLength: 200,
        }),
        (sizes) => {
          const tail = new ShardTail(1, 0, 1, 0);
          for (const [count, bytes] of sizes) {
            const from = tail.nextOffset;
            tail.nextOffset += count;
            tail.push(batch(from, tail.nextOffset, bytes), 100);
            expect(tail.sizeBytes).toBeLessThanOrEqual(100);
            for (let offset = tail.ringStart; offset < tail.nextOffset; offset++) {
              const found = tail.batchAt(offset)!;
              expect(found.fromOffset <= offset && offset < found.nextOffset).toBe(true);
            }
            expect(tail.batchAt(tail.nextOffset)).toBeUndefined();
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  test('a jump of the tail empties the ring', () => {
    const tail = new ShardTail(2, 3, 1, 0);
    tail.nextOffset = 5;
    tail.push(batch(0, 5, 10), 100);
    tail.restartAt(40);
    expect([tail.ringStart, tail.nextOffset, tail.sizeBytes]).toEqual([40, 40, 0]);
    expect(tail.key).toBe(shardKeyOf(2, 3));
  });
});
