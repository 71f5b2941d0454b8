// The judge of the simulated worlds is judged first: what a system may do is no fault, and each planted one is found (I3, S3).
import { Ledger, sendingOf } from './ledger.ts';
import { checkOrder } from './log-check.ts';

const NAME = 'sub';
const TOPIC = 't/1';

/** A ledger of one subscriber to everything, and what happens to it in order. */
function ledgerOf(topic = TOPIC) {
  const ledger = new Ledger();
  ledger.subscriber(NAME, () => true);
  let nowMs = 0;
  const world = {
    ledger,
    sent: (...payloads: string[]) => {
      nowMs++;
      for (const payload of payloads) ledger.published(sendingOf(payload), topic, nowMs);
      return world;
    },
    acknowledged: (payload: string) => {
      ledger.acknowledged(sendingOf(payload), ++nowMs);
      return world;
    },
    subscribed: () => {
      ledger.granted(NAME, ++nowMs);
      return world;
    },
    gets: (...payloads: string[]) => {
      for (const payload of payloads) ledger.delivered(NAME, payload, topic, false, 1);
      return world;
    },
  };
  return world;
}

describe('I3: the messages of a publisher on a topic come in order', () => {
  test('in order, with repeats that were appended again', () => {
    const world = ledgerOf().subscribed().sent('p:1#1', 'p:2#1').sent('p:1#2', 'p:2#2');
    world.gets('p:1#1', 'p:2#1', 'p:1#2', 'p:2#2');
    expect(world.ledger.deliveries).toBe(4);
  });

  test('out of order is found', () => {
    const world = ledgerOf().subscribed().sent('p:1#1', 'p:2#1').gets('p:2#1');
    expect(() => world.gets('p:1#1')).toThrow('I3: sub got p:1#1 of t/1 for the first time after 2');
  });

  test('a repeat that comes for the first time behind the next message is found if all was sent after SUBACK', () => {
    const world = ledgerOf().subscribed().sent('p:1#1', 'p:2#1').sent('p:1#2', 'p:2#2').gets('p:2#1');
    expect(() => world.gets('p:1#2')).toThrow('I3: ');
  });

  test('of a topic whose owner changed nothing is expected (O2)', () => {
    const world = ledgerOf('orders/1').subscribed().sent('p:1#1', 'p:2#1').gets('p:2#1', 'p:1#1');
    expect(world.ledger.deliveries).toBe(2);
  });
});

describe('a subscription that begins between two messages', () => {
  test('gets the repeat of the first behind the second, though no copy of it was acknowledged before', () => {
    const world = ledgerOf().sent('p:1#1', 'p:2#1').gets('p:2#1').subscribed();
    world.sent('p:1#2', 'p:2#2').gets('p:1#2', 'p:2#2');
    expect(world.ledger.deliveries).toBe(3);
  });

  test('gets that repeat before SUBACK as well', () => {
    const world = ledgerOf().sent('p:1#1', 'p:2#1').gets('p:2#1');
    world.sent('p:1#2', 'p:2#2').gets('p:1#2').subscribed();
    expect(world.ledger.deliveries).toBe(2);
  });

  test('gets a late repeat of what was acknowledged before, behind what was sent since', () => {
    const world = ledgerOf().sent('p:1#1').sent('p:1#2').acknowledged('p:1#2').subscribed();
    world.sent('p:2#1').gets('p:2#1', 'p:1#1');
    expect(world.ledger.deliveries).toBe(2);
  });

  test('expects order of what was sent once, and of what comes behind such a repeat', () => {
    const once = ledgerOf().sent('p:1#1', 'p:2#1').subscribed().gets('p:2#1');
    expect(() => once.gets('p:1#1')).toThrow('I3: ');
    const later = ledgerOf().sent('p:1#1', 'p:2#1').gets('p:2#1').subscribed();
    later.sent('p:1#2', 'p:2#2').sent('p:3#1', 'p:4#1').gets('p:1#2', 'p:4#1');
    expect(() => later.gets('p:3#1')).toThrow('I3: sub got p:3#1 of t/1 for the first time after 4');
  });
});

describe('I3: the log has the messages of a publisher on a topic in order', () => {
  const topics = new Map([
    ['p:1', TOPIC],
    ['p:2', TOPIC],
    ['p:3', 't/2'],
    ['q:1', TOPIC],
    ['p:8', 'orders/1'],
    ['p:9', 'orders/1'],
  ]);
  const check = (...values: string[]) =>
    checkOrder(
      'default',
      values.map((value) => ({ value })),
      topics,
    );

  test.each([
    ['repeats behind the first copies', ['p:1#1', 'p:2#1', 'p:1#2', 'p:2#2']],
    ['other topics and publishers between', ['p:3#1', 'q:1#1', 'p:1#1', 'p:2#1']],
    ['another owner of the topic (O2)', ['p:9#1', 'p:8#1']],
    ['records that no MQTT client published', ['kept@3:2#1', 'kept@3:1#1']],
  ])('%s', (_name, values) => {
    expect(() => check(...values)).not.toThrow();
  });

  test.each([
    ['out of order', ['p:2#1', 'p:1#1'], 'I3: p:1#1 of t/1 is in default for the first time after 2'],
    ['a lost first copy', ['p:2#1', 'p:1#2', 'p:2#2'], 'I3: p:1#2 of t/1 is in default'],
    ['the same sending again', ['p:1#1', 'p:1#1'], 'I3: p:1#1 is in default twice'],
  ])('is found: %s', (_name, values, message) => {
    expect(() => check(...values)).toThrow(message);
  });
});
