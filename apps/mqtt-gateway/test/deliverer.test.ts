// Copies for the receivers of one message: their order, what goes again and what is dropped (I3, I5, S3, X3).

import { OutboundTopicAliases } from '@robustmq/mqtt-session';
import fc from 'fast-check';
import { Deliverer, newDeliveryCounters } from '../src/delivery/deliverer.ts';
import { ShardTail } from '../src/delivery/shard-tail.ts';
import { TopicRoutes } from '../src/delivery/topic-route.ts';
import { newFlusher } from './work-ports.ts';
import { FakeSession, inherited, message, stream, subscription } from './fake-session.ts';

const topicOf = fc
  .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'));

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
