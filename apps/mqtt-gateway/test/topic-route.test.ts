// Who receives a topic: what the reference matcher says, within bounds (I8, N8).

import { matchesFilter } from '@robustmq/mqtt-topics/testing';
import fc from 'fast-check';
import { type Subscription } from '../src/delivery/subscription.ts';
import { TopicRoutes } from '../src/delivery/topic-route.ts';
import { newFlusher } from './work-ports.ts';
import { FakeSession, stream, subscription } from './fake-session.ts';

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
