// A connected client: a row per normative statement.

import { BrokerError } from '@robustmq/errors';
import { PACKET_TYPE, PublishView, REASON, type ProtocolVersion } from '@robustmq/mqtt-codec';
import { connected, type Fixture } from './connection-fixture.ts';

const versions = [3, 4, 5] as ProtocolVersion[];

describe('PUBLISH from the client', () => {
  test('[MQTT-3.3.4-1]: QoS 1 is acknowledged when its append is committed, not before (I1)', () => {
    const { sink, publish } = bound(connected(5));
    publish({ topic: 'a', qos: 1, packetId: 7 });
    expect(sink.sent()).toEqual([]);
    sink.pending[0]!.settle(REASON.success);
    expect(sink.sent()).toEqual([{ cmd: 'puback', messageId: 7, reasonCode: 0 }]);
  });

  test('[MQTT-4.6.0-2]: acknowledgements leave in the order of the publishes (S5)', () => {
    const { sink, publish, connection } = bound(connected(4));
    for (const packetId of [5, 3, 9]) publish({ topic: 'a', qos: 1, packetId });
    sink.pending[2]!.settle(REASON.success);
    sink.pending[1]!.settle(REASON.success);
    expect(sink.sent()).toEqual([]);
    expect(connection.unacknowledgedCount).toBe(3);
    sink.pending[0]!.settle(REASON.success);
    expect(sink.sent().map((packet) => packet['messageId'])).toEqual([5, 3, 9]);
    sink.pending[0]!.settle(REASON.success);
    expect(sink.sent()).toHaveLength(3);
  });

  test.each([
    [5, REASON.qosNotSupported],
    [4, undefined],
    [3, undefined],
  ] as const)('[MQTT-3.2.2-11]: QoS 2 ends a connection of level %d', (version, reasonCode) => {
    const { sink, publish } = bound(connected(version));
    publish({ topic: 'a', qos: 2 });
    expect(sink.sent()).toEqual(reasonCode === undefined ? [] : [{ cmd: 'disconnect', reasonCode }]);
    expect(sink.end).toMatchObject({ reasonCode: 0x9b, isByClient: false });
    expect(sink.count('publish')).toBe(0);
  });

  test('[MQTT-3.2.2-14]: a retained publish ends an MQTT 5 connection; 3.x was not told, so it passes', () => {
    const five = bound(connected(5));
    five.publish({ topic: 'a', retain: true });
    expect(five.sink.sent()).toEqual([{ cmd: 'disconnect', reasonCode: 0x9a }]);
    const four = bound(connected(4));
    four.publish({ topic: 'a', retain: true });
    expect(four.sink.count('publish')).toBe(1);
  });

  test('[MQTT-3.3.2-12]: a topic alias stands for the topic that set it', () => {
    const { sink, publish } = bound(connected(5, {}, { topicAliasMaximum: 2 }));
    publish({ topic: 'first', topicAlias: 1 });
    publish({ topicAlias: 1 });
    publish({ topic: 'second', topicAlias: 1 });
    publish({ topicAlias: 1 });
    expect(sink.calls.map((call) => call.call === 'publish' && call.topic)).toEqual([
      'first',
      'first',
      'second',
      'second',
    ]);
  });

  test.each([
    ['[MQTT-3.3.2-9]: above the maximum', { topic: 'a', topicAlias: 3 }, 0x94],
    ['3.3.2.3.4: never set', { topicAlias: 2 }, 0x82],
  ])('topic alias %s', (_name, fields, reasonCode) => {
    const { sink, publish } = bound(connected(5, {}, { topicAliasMaximum: 2 }));
    publish(fields);
    expect(sink.sent()).toEqual([{ cmd: 'disconnect', reasonCode }]);
    expect(sink.count('publish')).toBe(0);
  });

  test('I8: aliases that there is no memory for end the connection with 0x97, one that shrinks gives back', () => {
    const fixture = connected(5, {}, { topicAliasMaximum: 2 });
    const { sink, publish } = bound(fixture);
    // Two characters of memory for one of a topic, and the list.
    fixture.sink.maxAliasBytes = 3 * 8 + 2 * 10;
    publish({ topic: 'long topic', topicAlias: 1 });
    expect(sink.aliasBytes).toBe(fixture.sink.maxAliasBytes);
    publish({ topic: 'short', topicAlias: 1 });
    publish({ topic: 'other', topicAlias: 2 });
    publish({ topic: 'other', topicAlias: 2 });
    publish({ topicAlias: 2 });
    expect(sink.aliasBytes).toBe(fixture.sink.maxAliasBytes);
    expect(sink.count('publish')).toBe(5);
    publish({ topic: 'longer', topicAlias: 2 });
    expect(sink.count('publish')).toBe(5);
    expect(sink.sent()).toEqual([{ cmd: 'disconnect', reasonCode: 0x97 }]);
    expect(sink.end).toMatchObject({ reasonCode: 0x97, isByClient: false });
  });

  test('[MQTT-3.3.4-7] [MQTT-3.3.4-8]: more than Receive Maximum unacknowledged ends the connection', () => {
    const { sink, publish } = bound(connected(5, {}, { receiveMaximum: 2 }));
    publish({ topic: 'a', qos: 1, packetId: 1 });
    publish({ topic: 'a', qos: 1, packetId: 2 });
    publish({ topic: 'a', qos: 0 });
    expect(sink.end).toBeUndefined();
    publish({ topic: 'a', qos: 1, packetId: 3 });
    expect(sink.sent()).toEqual([{ cmd: 'disconnect', reasonCode: 0x93 }]);
  });

  test('3.x knows no Receive Maximum: reading stops at the bound and goes on at half of it (I8)', () => {
    const { sink, publish } = bound(connected(4, {}, { receiveMaximum: 4 }));
    for (let packetId = 1; packetId <= 4; packetId++) publish({ topic: 'a', qos: 1, packetId });
    expect(sink.count('pauseReading')).toBe(1);
    sink.pending[0]!.settle(0);
    expect(sink.count('resumeReading')).toBe(0);
    sink.pending[1]!.settle(0);
    expect(sink.count('resumeReading')).toBe(1);
  });

  test('O5: nobody publishes under $SYS, other $ topics are free', () => {
    const { sink, publish } = bound(connected(5));
    publish({ topic: '$SYS/x', qos: 1, packetId: 4 });
    publish({ topic: '$SYS/x' });
    publish({ topic: '$other' });
    expect(sink.sent()).toEqual([{ cmd: 'puback', messageId: 4, reasonCode: REASON.notAuthorized }]);
    expect(sink.count('publish')).toBe(1);
  });

  test.each([
    [5, REASON.quotaExceeded, 'puback', false],
    [5, REASON.notAuthorized, 'puback', false],
    [4, REASON.notAuthorized, 'puback', false], // [MQTT-3.3.5-2] of 3.1.1
    [4, REASON.quotaExceeded, undefined, true],
    [3, REASON.implementationSpecificError, undefined, true],
  ] as const)(
    '[MQTT-3.3.5-2]: level %d, outcome %d: sends %s, closes %s',
    (version, reason, sent, closes) => {
      const { sink, publish } = bound(connected(version));
      publish({ topic: 'a', qos: 1, packetId: 1 });
      publish({ topic: 'a', qos: 1, packetId: 2 });
      sink.pending[1]!.settle(0);
      sink.pending[0]!.settle(reason);
      expect(sink.sent()[0]?.['cmd']).toBe(sent);
      // A failed publish is never acknowledged, nor anything behind it.
      expect(sink.sent()).toHaveLength(closes ? 0 : 2);
      expect(sink.end !== undefined).toBe(closes);
    },
  );

  test('an outcome after the end is of no interest', () => {
    const { sink, publish, connection } = bound(connected(5));
    publish({ topic: 'a', qos: 1, packetId: 1 });
    connection.connectionLost();
    const count = sink.calls.length;
    sink.pending[0]!.settle(0);
    publish({ topic: 'a' });
    connection.pingreq();
    connection.connectionLost();
    expect(sink.calls).toHaveLength(count);
  });
});

describe('messages to the client', () => {
  const log = { key: 7 };

  test('[MQTT-3.3.4-9]: no more in flight than the client’s Receive Maximum', () => {
    const { connection, sink } = connected(5, { properties: { receiveMaximum: 2 } });
    const { window } = connection.ledger;
    expect([window.take(log, 10), window.take(log, 11), window.take(log, 12)]).toEqual([1, 2, 0]);
    connection.ack(4, 2, 0);
    expect(sink.calls).toEqual([{ call: 'acknowledged', packetId: 2 }]);
    expect(window.take(log, 12)).toBe(3);
    expect(window.lowestOffset(log)).toBe(10);
  });

  test('an acknowledgement of nothing is ignored', () => {
    const { connection, sink } = connected(4);
    connection.ack(4, 99, 0);
    expect(sink.calls).toEqual([]);
  });

  test.each([
    [5, { cmd: 'pubcomp', messageId: 9, reasonCode: 0x92 }],
    [4, { cmd: 'pubcomp', messageId: 9, reasonCode: 0 }],
  ] as const)('3.7.2.1: PUBREL of something unknown, level %d', (version, packet) => {
    const { connection, sink } = connected(version);
    connection.ack(6, 9, 0);
    expect(sink.sent()).toEqual([packet]);
  });

  test.each(versions)('3.6.2.1: PUBREC of something unknown is answered, level %d', (version) => {
    const { connection, sink } = connected(version);
    connection.ack(PACKET_TYPE.pubrec, 9, 0);
    expect(sink.sent()).toEqual([{ cmd: 'pubrel', messageId: 9, reasonCode: 0x92 }]);
    connection.ack(PACKET_TYPE.pubcomp, 9, version === 5 ? 0x92 : 0);
    expect(sink.sent()).toHaveLength(1);
    expect(sink.end).toBeUndefined();
  });

  test('4.3.3: PUBREC of something unknown that tells of an error ends the exchange', () => {
    const { connection, sink } = connected(5);
    connection.ack(PACKET_TYPE.pubrec, 9, 0x80);
    expect(sink.calls).toEqual([]);
  });

  test.each([PACKET_TYPE.pubrec, PACKET_TYPE.pubcomp] as const)(
    'an acknowledgement of type %d for a QoS 1 message is an error of the client',
    (type) => {
      const { connection, sink } = connected(5);
      const packetId = connection.ledger.window.take({ key: 1 }, 0);
      connection.ack(type, packetId, 0);
      expect(sink.sent()).toEqual([{ cmd: 'disconnect', reasonCode: 0x82 }]);
    },
  );

  test('aliases towards the client are as many as it allows [MQTT-3.1.2-26]', () => {
    const { connection } = connected(5, { properties: { topicAliasMaximum: 1 } });
    expect(connection.outboundAliases.assign('a')).toBe(1);
    expect(connection.outboundAliases.assign('b')).toBe(0);
    expect(connected(4).connection.outboundAliases.assign('a')).toBe(0);
  });

  test('I8: without memory the client gets no alias, and the topics as they are', () => {
    const { connection, sink } = connected(
      5,
      { properties: { topicAliasMaximum: 9 } },
      { topicAliasMaximum: 9 },
    );
    const aliases = connection.outboundAliases;
    sink.maxAliasBytes = 3 * (8 + 2);
    expect([aliases.assign('a'), aliases.assign('b'), aliases.known('b')]).toEqual([1, 2, 2]);
    // Sent once with the alias, which then means the next topic.
    expect([aliases.assign('too long'), aliases.known('too long'), aliases.next]).toEqual([3, 0, 3]);
    expect([aliases.assign('c'), aliases.known('c'), aliases.next]).toEqual([3, 3, 0]);
    expect(aliases.assign('d')).toBe(0);
    expect(sink.aliasBytes).toBe(sink.maxAliasBytes);
  });
});

describe('keep alive', () => {
  test.each(versions)('[MQTT-3.1.2-22]: one and a half times without a packet ends level %d', (version) => {
    const { connection, sink } = connected(version, { keepalive: 10 });
    expect(connection.deadlineMs).toBe(15_000);
    connection.pingreq();
    connection.received(2_000);
    sink.calls.length = 0;
    // Bytes of a packet that is never whole.
    connection.received(9_000);
    connection.expire(16_999);
    expect(sink.end).toBeUndefined();
    connection.expire(17_000);
    expect(sink.sent()).toEqual(version === 5 ? [{ cmd: 'disconnect', reasonCode: 0x8d }] : []);
    expect(sink.end).toMatchObject({ reasonCode: 0x8d });
    connection.expire(99_000);
    expect(sink.count('close')).toBe(1);
  });

  test('N7: a server that did not read holds nothing against the client', () => {
    const { connection } = connected(5, { keepalive: 10 });
    connection.heldBack(14_000);
    expect(connection.deadlineMs).toBe(29_000);
  });

  test('none of it means for ever', () => {
    const { connection } = connected(4, { keepalive: 0 });
    connection.received(5);
    expect(connection.deadlineMs).toBe(Number.POSITIVE_INFINITY);
  });

  test('[MQTT-3.12.4-1]: PINGREQ is answered', () => {
    const { connection, sink } = connected(4);
    connection.pingreq();
    expect(sink.sent()).toEqual([{ cmd: 'pingresp' }]);
  });
});

describe('the end', () => {
  test('3.14.4: DISCONNECT closes; nothing is sent', () => {
    const { connection, sink } = connected(4, { clean: false });
    connection.packet({ cmd: 'disconnect' });
    expect(sink.calls).toEqual([
      { call: 'close', end: { reasonCode: 0, isByClient: true, sessionExpiryIntervalS: 604_800 } },
    ]);
  });

  test.each([
    ['lower', 100, 5, 5],
    ['zero', 100, 0, 0],
    ['beyond our bound', 100, 0xffff_ffff, 604_800],
  ])('3.14.2.2.2: DISCONNECT changes the expiry, %s', (_name, before, asked, expected) => {
    const { connection, sink } = connected(5, { properties: { sessionExpiryInterval: before } });
    connection.packet({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: asked } });
    expect(sink.end).toMatchObject({ sessionExpiryIntervalS: expected });
  });

  test('3.14.2.2.2: a session that was to end can not be kept', () => {
    const { connection, sink } = connected(5);
    connection.packet({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 1 } });
    expect(sink.sent()).toEqual([{ cmd: 'disconnect', reasonCode: 0x82 }]);
    expect(sink.end).toMatchObject({ isByClient: false, sessionExpiryIntervalS: 0 });
  });

  test.each([
    [5, [{ cmd: 'disconnect', reasonCode: 0x8e }]],
    [4, []],
  ] as const)('[MQTT-3.1.4-3]: takeover of level %d', (version, sent) => {
    const { connection, sink } = connected(version);
    connection.disconnect(REASON.sessionTakenOver);
    expect(sink.sent()).toEqual(sent);
    expect(sink.end).toMatchObject({ reasonCode: 0x8e });
  });

  test('Server moved names the other server', () => {
    const { connection, sink } = connected(5);
    connection.disconnect(REASON.serverMoved, { serverReference: 'other:1883' });
    expect(sink.sent()).toEqual([
      { cmd: 'disconnect', reasonCode: 0x9d, properties: { serverReference: 'other:1883' } },
    ]);
  });

  test('[MQTT-4.13.1-1]: an error of the codec says why in MQTT 5 and closes in 3.x', () => {
    const error = new BrokerError('too_large', 'x', { details: { reasonCode: 0x95 } });
    const five = connected(5);
    five.connection.failed(error);
    five.connection.failed(error);
    expect(five.sink.sent()).toEqual([{ cmd: 'disconnect', reasonCode: 0x95 }]);
    const four = connected(4);
    four.connection.failed(error);
    expect(four.sink.calls).toMatchObject([{ call: 'close' }]);
  });

  test('[MQTT-4.12.0-7]: AUTH without a method is a protocol error', () => {
    const { connection, sink } = connected(5);
    connection.packet({ cmd: 'auth', reasonCode: 0x19 });
    expect(sink.sent()).toEqual([{ cmd: 'disconnect', reasonCode: 0x82 }]);
    connection.packet({ cmd: 'auth', reasonCode: 0x19 });
    expect(sink.count('close')).toBe(1);
  });
});

/** The fixture's parts, with `publish` free to be taken out of it. */
function bound(fixture: Fixture) {
  const { sink, connection } = fixture;
  return {
    sink,
    connection,
    publish: (...fields: Parameters<Fixture['publish']>) => fixture.publish(...fields),
  };
}

describe('a topic with more levels than are served', () => {
  test.each([
    ['QoS 1 of MQTT 5 is told so', 5, 1, 0, [{ cmd: 'puback', messageId: 1, reasonCode: 0x90 }], undefined],
    ['QoS 0 of MQTT 5 has no other answer', 5, 0, 0, [{ cmd: 'disconnect', reasonCode: 0x90 }], 0x90],
    ['an alias of it would hide it', 5, 1, 1, [{ cmd: 'disconnect', reasonCode: 0x90 }], 0x90],
    ['3.1.1 has no code for it', 4, 1, 0, [], 0x90],
    ['3.1.1 at QoS 0', 4, 0, 0, [], 0x90],
  ] as const)('%s', (_what, version, qos, topicAlias, sent, end) => {
    const { connection, sink } = connected(version);
    const view = new PublishView();
    view.clearProperties(0);
    Object.assign(view, { topic: 'a/b', qos, packetId: qos, topicAlias, isTopicTooDeep: true });
    connection.publish(view);
    expect(sink.sent()).toEqual(sent);
    expect(sink.count('publish')).toBe(0);
    expect(sink.end?.reasonCode).toBe(end);
  });
});
