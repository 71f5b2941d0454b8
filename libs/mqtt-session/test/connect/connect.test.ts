// CONNECT and CONNACK (sections 3.1, 3.2), a row per normative statement.

import { BrokerError } from '@robustmq/errors';
import {
  encodePacket,
  REASON,
  type ConnectPacket,
  type Packet,
  type ProtocolVersion,
} from '@robustmq/mqtt-codec';
import type { SessionPolicy } from '../../src/connect/policy.ts';
import { Fixture } from '../connection-fixture.ts';

const will = { topic: 'will', payload: Buffer.from('gone'), qos: 0 as const, retain: false };

interface Refusal {
  readonly anchor: string;
  readonly version: ProtocolVersion;
  readonly connect: Partial<ConnectPacket>;
  readonly code: number;
}

const refusals: Refusal[] = [
  { anchor: 'wills come later', version: 5, connect: { will }, code: 0x83 },
  { anchor: 'wills come later', version: 4, connect: { will }, code: 3 },
  { anchor: 'wills come later', version: 3, connect: { will }, code: 3 },
  {
    anchor: '[MQTT-3.1.3-8] of 3.1.1: empty id',
    version: 4,
    connect: { clientId: '', clean: false },
    code: 2,
  },
  { anchor: '3.1 has no empty ids', version: 3, connect: { clientId: '' }, code: 2 },
  { anchor: '[MQTT-3.1.3-8]', version: 5, connect: { clientId: 'x'.repeat(1025) }, code: 0x85 },
  {
    anchor: '[MQTT-3.1.2-24]: a client that takes no CONNACK that accepts it',
    version: 5,
    connect: { properties: { maximumPacketSize: 20 } },
    code: 0x95,
  },
  {
    anchor: '[MQTT-4.12.0-1]: unknown method',
    version: 5,
    connect: { properties: { authenticationMethod: 'SCRAM' } },
    code: 0x8c,
  },
];

test.each(refusals)('$anchor, level $version: refused with $code', ({ version, connect, code }) => {
  const fixture = new Fixture();
  fixture.connect(version, connect);
  const { connection, sink } = fixture;
  const [connack, ...others] = sink.sent();
  expect(others).toEqual([]);
  expect(connack).toMatchObject({
    cmd: 'connack',
    sessionPresent: false, // [MQTT-3.2.2-6]
    [version === 5 ? 'reasonCode' : 'returnCode']: code,
  });
  expect(encodePacket(connack as unknown as Packet, version)).not.toBeNull();
  expect(sink.count('open')).toBe(0);
  expect(sink.end).toMatchObject({ isByClient: false, sessionExpiryIntervalS: 0 });
  expect(connection.isClosed).toBe(true);
});

interface Agreement {
  readonly anchor: string;
  readonly version: ProtocolVersion;
  readonly connect: Partial<ConnectPacket>;
  readonly policy?: Partial<SessionPolicy>;
  readonly terms?: Record<string, unknown>;
  readonly connack?: Record<string, unknown>;
}

const agreements: Agreement[] = [
  {
    anchor: '[MQTT-3.2.2-9] 3.2.2.3.5: what is not supported is announced',
    version: 5,
    connect: {},
    connack: { maximumQoS: 1, retainAvailable: false, sharedSubscriptionAvailable: false },
  },
  {
    anchor: '[MQTT-3.2.2-21]: server keep alive',
    version: 5,
    connect: { keepalive: 600 },
    policy: { keepAliveMaximumS: 60 },
    terms: { keepAliveS: 60 },
    connack: { serverKeepAlive: 60 },
  },
  {
    anchor: 'no keep alive is bounded as well',
    version: 5,
    connect: { keepalive: 0 },
    policy: { keepAliveMaximumS: 60 },
    terms: { keepAliveS: 60 },
    connack: { serverKeepAlive: 60 },
  },
  {
    anchor: 'a keep alive within the bound is the client’s',
    version: 5,
    connect: { keepalive: 30 },
    policy: { keepAliveMaximumS: 60 },
    terms: { keepAliveS: 30 },
    connack: { serverKeepAlive: undefined },
  },
  {
    anchor: '3.x can not be told another keep alive',
    version: 4,
    connect: { keepalive: 600 },
    policy: { keepAliveMaximumS: 60 },
    terms: { keepAliveS: 600 },
  },
  {
    anchor: '[MQTT-3.1.3-6] [MQTT-3.2.2-16]: assigned client identifier',
    version: 5,
    connect: { clientId: '' },
    terms: { clientId: 'assigned', isClientIdAssigned: true },
    connack: { assignedClientIdentifier: 'assigned' },
  },
  {
    anchor: '[MQTT-3.1.3-6] of 3.1.1',
    version: 4,
    connect: { clientId: '' },
    terms: { clientId: 'assigned' },
  },
  {
    anchor: 'an id longer than the 23 characters of 3.1',
    version: 3,
    connect: { clientId: 'x'.repeat(40) },
    terms: { clientId: 'x'.repeat(40) },
  },
  {
    anchor: 'session expiry as asked',
    version: 5,
    connect: { properties: { sessionExpiryInterval: 90 } },
    terms: { sessionExpiryIntervalS: 90 },
    connack: { sessionExpiryInterval: undefined },
  },
  {
    anchor: '3.2.2.3.2: session expiry is bounded, and said so',
    version: 5,
    connect: { properties: { sessionExpiryInterval: 0xffff_ffff } },
    policy: { sessionExpiryMaximumS: 3600 },
    terms: { sessionExpiryIntervalS: 3600 },
    connack: { sessionExpiryInterval: 3600 },
  },
  {
    anchor: 'absent session expiry is 0',
    version: 5,
    connect: { clean: false },
    terms: { sessionExpiryIntervalS: 0, cleanStart: false },
  },
  {
    anchor: '[MQTT-3.1.2-6] of 3.1.1: clean session ends with the connection',
    version: 4,
    connect: { clean: true },
    terms: { sessionExpiryIntervalS: 0, cleanStart: true },
  },
  {
    anchor: '[MQTT-3.1.2-4] of 3.1.1: session is kept as long as the policy has it',
    version: 4,
    connect: { clean: false },
    policy: { sessionExpiryMaximumS: 777 },
    terms: { sessionExpiryIntervalS: 777 },
  },
  {
    anchor: '3.1.2.11.3: receive maximum of the client, within ours',
    version: 5,
    connect: { properties: { receiveMaximum: 3 } },
    terms: { receiveMaximum: 3 },
  },
  {
    anchor: 'receive maximum that is larger than ours',
    version: 5,
    connect: {},
    policy: { sendWindowMaximum: 9 },
    terms: { receiveMaximum: 9 },
  },
  {
    anchor: 'limits towards us are announced',
    version: 5,
    connect: {},
    policy: { receiveMaximum: 7, maximumPacketBytes: 5000, topicAliasMaximum: 2 },
    connack: { receiveMaximum: 7, maximumPacketSize: 5000, topicAliasMaximum: 2 },
  },
  {
    anchor: '3.1.2.11.4, 3.1.2.11.5: packet size and aliases of the client',
    version: 5,
    connect: { properties: { maximumPacketSize: 100, topicAliasMaximum: 4 } },
    terms: { maximumPacketBytes: 100, topicAliasMaximum: 4 },
  },
  {
    anchor: 'a small Maximum Packet Size has room for an assigned client identifier of 23 bytes',
    version: 5,
    connect: { clientId: '', properties: { maximumPacketSize: 64 } },
    terms: { maximumPacketBytes: 64 },
    connack: { assignedClientIdentifier: 'assigned' },
  },
  {
    anchor: '[MQTT-3.1.2-28]: no response information unless asked for',
    version: 5,
    connect: {},
    policy: { responseTopicPrefix: 'reply' },
    connack: { responseInformation: undefined },
  },
  {
    anchor: '3.2.2.3.15: response information',
    version: 5,
    connect: { properties: { requestResponseInformation: true } },
    policy: { responseTopicPrefix: 'reply' },
    connack: { responseInformation: 'reply/client' },
  },
  {
    anchor: '3.1.2.11.7: problem information is wanted by default',
    version: 5,
    connect: {},
    terms: { requestProblemInformation: true },
  },
  {
    anchor: '[MQTT-3.1.2-29]',
    version: 5,
    connect: { properties: { requestProblemInformation: false } },
    terms: { requestProblemInformation: false },
  },
];

test.each(agreements)('$anchor (level $version)', ({ version, connect, policy, terms, connack }) => {
  const fixture = new Fixture(policy);
  fixture.connect(version, connect);
  const [open] = fixture.sink.calls;
  expect(open?.call).toBe('open');
  expect(fixture.connection.terms).toMatchObject({ version, ...terms });
  fixture.connection.accept(true, 1000);
  const [sent] = fixture.sink.sent();
  expect(sent).toMatchObject({ cmd: 'connack', sessionPresent: version !== 3 });
  expect(encodePacket(sent as unknown as Packet, version)).not.toBeNull();
  const properties = (sent as { properties?: Record<string, unknown> }).properties ?? {};
  for (const [name, value] of Object.entries(connack ?? {})) expect(properties[name]).toBe(value);
  expect(fixture.connection.isClosed).toBe(false);
});

test('[MQTT-3.2.2-2] [MQTT-3.2.2-3]: session present says what was found; 3.1 has no such bit', () => {
  for (const version of [3, 4, 5] as const) {
    for (const present of [false, true]) {
      const fixture = new Fixture();
      fixture.connect(version);
      fixture.connection.accept(present, 0);
      expect(fixture.sink.sent()[0]).toMatchObject({ sessionPresent: present && version !== 3 });
    }
  }
});

test.each([
  [5, REASON.badUserNameOrPassword, { reasonCode: 0x86 }],
  [5, REASON.notAuthorized, { reasonCode: 0x87 }],
  [5, REASON.sessionTakenOver, { reasonCode: 0x88 }], // no CONNACK may carry 0x8E
  [4, REASON.badUserNameOrPassword, { returnCode: 4 }],
  [4, REASON.notAuthorized, { returnCode: 5 }],
  [3, REASON.serverUnavailable, { returnCode: 3 }],
] as const)('[MQTT-3.1.4-2] level %d refused for %d answers %j and closes', (version, reason, answer) => {
  const fixture = new Fixture();
  fixture.connect(version);
  fixture.connection.refuse(reason, version === 5 ? 'why' : undefined);
  expect(fixture.sink.sent()[0]).toMatchObject({ cmd: 'connack', sessionPresent: false, ...answer });
  expect(fixture.sink.end).toMatchObject({ reasonCode: reason, isByClient: false });
  fixture.connection.accept(true, 0);
  expect(fixture.sink.count('send')).toBe(1);
});

test.each([
  [6, { reasonCode: 0x84 }, 5],
  [0x84, { returnCode: 1 }, 4],
  [2, { returnCode: 1 }, 4],
])('[MQTT-3.1.2-2]: level %d is answered %j', (protocolLevel, answer, version) => {
  const { connection, sink } = new Fixture();
  connection.failed(
    new BrokerError('unsupported', 'level', { details: { protocolLevel, reasonCode: 0x84 } }),
  );
  expect(sink.calls[0]).toMatchObject({ call: 'send', version, packet: { cmd: 'connack', ...answer } });
  expect(sink.end).toBeDefined();
});

test('[MQTT-3.1.4-1]: what is no CONNECT closes without an answer', () => {
  const { connection, sink } = new Fixture();
  connection.failed(new BrokerError('malformed', 'first packet', { details: { reasonCode: 0x81 } }));
  expect(sink.sent()).toEqual([]);
  expect(sink.end).toMatchObject({ reasonCode: 0x81 });
});

test('4.13.1: a malformed CONNECT of MQTT 5 is answered with its reason', () => {
  for (const reasonCode of [0x81, 0x82]) {
    const { connection, sink } = new Fixture();
    connection.failed(new BrokerError('malformed', 'field', { details: { reasonCode, protocolLevel: 5 } }));
    expect(sink.sent()).toEqual([{ cmd: 'connack', reasonCode, sessionPresent: false }]);
    expect(sink.end).toMatchObject({ reasonCode });
  }
});

test('[MQTT-3.1.0-2]: a second CONNECT ends the connection', () => {
  const fixture = new Fixture();
  fixture.connect(5);
  fixture.connection.accept(false, 0);
  fixture.connect(5);
  expect(fixture.sink.sent().at(-1)).toMatchObject({ cmd: 'disconnect', reasonCode: REASON.protocolError });
  expect(fixture.sink.end).toBeDefined();
});

test('a packet between CONNECT and CONNACK is refused in the words of CONNACK', () => {
  for (const send of [
    (fixture: Fixture) => fixture.connection.pingreq(),
    (fixture: Fixture) => fixture.publish({ topic: 'a' }),
    (fixture: Fixture) => fixture.connection.ack(4, 1, 0),
    (fixture: Fixture) => fixture.subscribe([{ topic: 'a', qos: 0 }]),
  ]) {
    const fixture = new Fixture();
    fixture.connect(5);
    send(fixture);
    expect(fixture.sink.sent()).toEqual([{ cmd: 'connack', reasonCode: 0x82, sessionPresent: false }]);
    expect(fixture.sink.end).toBeDefined();
  }
});

test('user properties of CONNACK pass through', () => {
  const fixture = new Fixture();
  fixture.connect(5);
  fixture.connection.accept(false, 0, { region: ['a', 'b'] });
  expect(fixture.sink.sent()[0]).toMatchObject({ properties: { userProperties: { region: ['a', 'b'] } } });
});

test('a connection without CONNECT, or whose session does not open, ends in time (I8)', () => {
  const silent = new Fixture({ connectTimeoutMs: 500 });
  expect(silent.connection.deadlineMs).toBe(500);
  silent.connection.received(400);
  silent.connection.expire(499);
  expect(silent.connection.isClosed).toBe(false);
  silent.connection.expire(500);
  expect(silent.sink.calls).toMatchObject([{ call: 'close' }]);

  const waiting = new Fixture({ connectTimeoutMs: 500 });
  waiting.connect(4);
  waiting.connection.expire(500);
  expect(waiting.sink.sent()).toEqual([{ cmd: 'connack', returnCode: 3, sessionPresent: false }]);
  expect(waiting.connection.isClosed).toBe(true);
});

test.each([
  ['a will', { will }, 2],
  ['an unknown method', { properties: { authenticationMethod: 'SCRAM', maximumPacketSize: 2 } }, 2],
  ['what accepts it being too large', {}, 4],
] as const)(
  '[MQTT-3.1.2-24]: a CONNECT refused for %s says how large its refusal may be',
  (_why, fields, size) => {
    const fixture = new Fixture();
    fixture.connect(5, {
      ...fields,
      properties: { maximumPacketSize: size, ...('properties' in fields ? fields.properties : {}) },
    });
    const [connack] = fixture.sink.sent();
    expect(fixture.connection.maximumPacketBytes).toBe(size);
    expect(encodePacket(connack as unknown as Packet, 5, fixture.connection.maximumPacketBytes)).toBeNull();
    expect(fixture.connection.isClosed).toBe(true);
  },
);
