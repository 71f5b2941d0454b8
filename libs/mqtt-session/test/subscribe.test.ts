// SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK (sections 3.8 to 3.11), a row per normative statement.

import { REASON, type ProtocolVersion, type SubscribePacket } from '@robustmq/mqtt-codec';
import { connected } from './connection-fixture.ts';

interface Row {
  readonly anchor: string;
  readonly version: ProtocolVersion;
  readonly asked: SubscribePacket['subscriptions'];
  readonly granted: number[];
}

const deep = new Array<string>(129).fill('a').join('/');

const rows: Row[] = [
  {
    anchor: '[MQTT-3.8.4-5]: in order',
    version: 5,
    asked: [
      { topic: 'a', qos: 0 },
      { topic: '#', qos: 1 },
    ],
    granted: [0, 1],
  },
  { anchor: '[MQTT-3.8.4-7]: QoS 1 at most', version: 5, asked: [{ topic: 'a', qos: 2 }], granted: [1] },
  { anchor: '[MQTT-3.8.4-7]: QoS 1 at most', version: 4, asked: [{ topic: 'a', qos: 2 }], granted: [1] },
  {
    anchor: 'levels are bounded, for the filter that has too many',
    version: 5,
    asked: [
      { topic: deep, qos: 0 },
      { topic: 'b', qos: 1 },
    ],
    granted: [0x8f, 1],
  },
  { anchor: 'levels are bounded', version: 4, asked: [{ topic: deep, qos: 0 }], granted: [0x80] },
  {
    anchor: 'no shared subscriptions yet',
    version: 5,
    asked: [{ topic: '$share/g/a', qos: 1 }],
    granted: [0x9e],
  },
  {
    anchor: 'no shared subscriptions yet',
    version: 4,
    asked: [{ topic: '$share/g/a', qos: 1 }],
    granted: [0x80],
  },
];

test.each(rows)('$anchor (level $version)', ({ version, asked, granted }) => {
  const fixture = connected(version);
  fixture.subscribe(asked, undefined, 77);
  fixture.connection.subscribed(fixture.sink.subscribes[0]!);
  // [MQTT-3.8.4-1] [MQTT-3.8.4-2]: the identifier of the SUBSCRIBE; [MQTT-3.8.4-6] [MQTT-3.9.3-1]: a code per filter in their order.
  expect(fixture.sink.sent()).toEqual([{ cmd: 'suback', messageId: 77, granted }]);
});

const notFilters: readonly (readonly [anchor: string, filter: string, reasonCode: number])[] = [
  ['[MQTT-4.7.1-1]: # behind a character', 'a#', 0x8f],
  ['[MQTT-4.7.1-1]: # before a level', '#/a', 0x8f],
  ['[MQTT-4.7.1-1]: # between levels', 'a/#/b', 0x8f],
  ['[MQTT-4.7.1-2]: + within a level', 'a+/b', 0x8f],
  ['[MQTT-4.7.3-1]: empty', '', 0x82],
  ['[MQTT-4.8.2-1]: empty share name', '$share//a', 0x8f],
  ['[MQTT-4.8.2-1]: share without a filter', '$share/g', 0x8f],
  ['[MQTT-4.8.2-2]: wildcard in the share name', '$share/+/a', 0x8f],
  ['[MQTT-4.8.2-2]: share of what is no filter', '$share/g/a#', 0x8f],
];

describe.each(notFilters)('%s ends the connection', (_anchor, topic, reasonCode) => {
  test.each([5, 4, 3] as const)('in SUBSCRIBE, level %d', (version) => {
    const fixture = connected(version);
    fixture.subscribe([
      { topic: 'good', qos: 0 },
      { topic, qos: 0 },
    ]);
    // Nothing of a packet that is malformed is served, and 3.x is told nothing [MQTT-4.8.0-1].
    expect(fixture.sink.subscribes).toEqual([]);
    expect(fixture.sink.sent()).toEqual(version === 5 ? [{ cmd: 'disconnect', reasonCode }] : []);
    expect(fixture.sink.end).toMatchObject({ reasonCode, isByClient: false });
  });

  test('in UNSUBSCRIBE', () => {
    if (topic.startsWith('$share')) return; // no session has one yet: nothing to remove, nothing to judge
    const fixture = connected(5);
    fixture.connection.packet({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['good', topic] });
    expect(fixture.sink.unsubscribes).toEqual([]);
    expect(fixture.sink.sent()).toEqual([{ cmd: 'disconnect', reasonCode }]);
  });
});

test.each([3, 4] as const)(
  'a bridge of level %d gets nothing back of what it sent, and retain as it was published',
  (version) => {
    const fixture = connected(version, { bridgeMode: true });
    fixture.subscribe([
      { topic: 'a', qos: 1 },
      { topic: '#', qos: 0 },
    ]);
    expect(fixture.sink.subscribes[0]!.entries).toMatchObject([
      { filter: 'a', noLocal: true, retainAsPublished: true, reasonCode: 1 },
      { filter: '#', noLocal: true, retainAsPublished: true, reasonCode: 0 },
    ]);
  },
);

test('subscription options of MQTT 5 reach whoever serves the request', () => {
  const fixture = connected(5);
  fixture.subscribe([{ topic: 'a', qos: 2, nl: true, rap: true, rh: 2 }], { subscriptionIdentifier: 12 });
  expect(fixture.sink.subscribes[0]!.entries).toEqual([
    {
      filter: 'a',
      qos: 1,
      noLocal: true,
      retainAsPublished: true,
      retainHandling: 2,
      subscriptionIdentifier: 12,
      reasonCode: 1,
    },
  ]);
});

test('3.x has no options, whatever a packet seems to carry', () => {
  const fixture = connected(4);
  fixture.subscribe([{ topic: 'a', qos: 1, nl: true, rap: true, rh: 2 }]);
  expect(fixture.sink.subscribes[0]!.entries[0]).toMatchObject({
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    subscriptionIdentifier: 0,
  });
});

test('[MQTT-3.8.3-4]: No Local on a shared subscription is a protocol error', () => {
  const fixture = connected(5);
  fixture.subscribe([{ topic: '$share/g/a', qos: 0, nl: true }]);
  expect(fixture.sink.sent()).toEqual([{ cmd: 'disconnect', reasonCode: 0x82 }]);
});

test('who serves the request may refuse an entry', () => {
  const fixture = connected(5);
  fixture.subscribe([
    { topic: 'secret', qos: 1 },
    { topic: 'open', qos: 1 },
  ]);
  const request = fixture.sink.subscribes[0]!;
  request.entries[0]!.reasonCode = REASON.notAuthorized;
  fixture.connection.subscribed(request);
  expect(fixture.sink.sent()).toEqual([{ cmd: 'suback', messageId: 1, granted: [0x87, 1] }]);
});

test('subscriptions of a session are bounded; replacing one is free [MQTT-3.8.4-3] (I8)', () => {
  const fixture = connected(5, {}, { maximumSubscriptions: 3 });
  for (const filter of ['held', 'other']) fixture.connection.subscriptions.set(filter, null);
  fixture.subscribe([
    { topic: 'new', qos: 0 },
    { topic: 'new', qos: 1 },
    { topic: 'more', qos: 0 },
    { topic: 'held', qos: 0 },
  ]);
  expect(fixture.sink.subscribes[0]!.entries.map((entry) => entry.reasonCode)).toEqual([0, 1, 0x97, 0]);
});

test('so are the characters of their filters: the longest, as many as may be, would take gigabytes (I8)', () => {
  const fixture = connected(5, {}, { maximumFilterChars: 10 });
  fixture.connection.subscriptions.set('held', null);
  fixture.subscribe([
    { topic: 'seven/7', qos: 0 },
    { topic: 'six/66', qos: 1 },
    { topic: 'six/66', qos: 0 },
    { topic: 'x', qos: 0 },
    { topic: 'held', qos: 1 },
  ]);
  expect(fixture.sink.subscribes[0]!.entries.map((entry) => entry.reasonCode)).toEqual([0x97, 1, 0, 0x97, 1]);
});

describe('requests without an answer are bounded (I8)', () => {
  test('SUBSCRIBE: SUBACK with Quota exceeded, and others again once some are answered', () => {
    const fixture = connected(5, {}, { maximumPendingRequests: 1 });
    fixture.subscribe([{ topic: 'a', qos: 0 }], undefined, 1);
    fixture.subscribe([{ topic: 'b', qos: 0 }], undefined, 2);
    expect(fixture.sink.sent()).toEqual([{ cmd: 'suback', messageId: 2, granted: [0x97] }]);
    fixture.connection.subscribed(fixture.sink.subscribes[0]!);
    fixture.subscribe([{ topic: 'c', qos: 0 }], undefined, 3);
    expect(fixture.sink.subscribes).toHaveLength(2);
  });

  test('UNSUBSCRIBE: the connection ends', () => {
    const fixture = connected(5, {}, { maximumPendingRequests: 1 });
    fixture.connection.packet({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['a'] });
    fixture.connection.packet({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['a'] });
    expect(fixture.sink.sent()).toEqual([{ cmd: 'disconnect', reasonCode: 0x97 }]);
  });
});

test.each([
  [5, [0, 0x11, 0x8f]],
  [4, []],
] as const)('[MQTT-3.10.4-4] [MQTT-3.11.3-1]: UNSUBACK of level %d has the codes %j', (version, granted) => {
  const fixture = connected(version);
  fixture.connection.packet({ cmd: 'unsubscribe', messageId: 9, unsubscriptions: ['a', 'b', deep] });
  const request = fixture.sink.unsubscribes[0]!;
  request.entries[1]!.reasonCode = REASON.noSubscriptionExisted;
  fixture.connection.unsubscribed(request);
  expect(fixture.sink.sent()).toEqual([{ cmd: 'unsuback', messageId: 9, granted }]);
});

test('an answer after the end is of no interest', () => {
  const fixture = connected(5);
  fixture.subscribe([{ topic: 'a', qos: 0 }]);
  fixture.connection.packet({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['a'] });
  fixture.connection.connectionLost();
  fixture.connection.subscribed(fixture.sink.subscribes[0]!);
  fixture.connection.unsubscribed(fixture.sink.unsubscribes[0]!);
  expect(fixture.sink.sent()).toEqual([]);
});
