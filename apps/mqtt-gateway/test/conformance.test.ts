// Normative statements of MQTT 5 and 3.1.1 that only a whole gateway can hold, over real sockets. The list of who holds
// what is libs/mqtt-session/test/normative-statements.test.ts.

import { generate, type IPublishPacket, type Packet } from 'mqtt-packet';
import { RawClient, start, until, type Running } from './running-gateway.ts';

const durable = { clean: false, properties: { sessionExpiryInterval: 600 } };

let running: Running;
const clients: RawClient[] = [];

const client = (version: 3 | 4 | 5 = 5): RawClient => {
  const made = new RawClient(running.port, version);
  clients.push(made);
  return made;
};

const connected = async (id: string, fields: Record<string, unknown> = {}, version: 3 | 4 | 5 = 5) => {
  const made = client(version);
  await made.connect(id, fields);
  return made;
};

const publishes = (device: RawClient): IPublishPacket[] =>
  device.received.filter((packet) => packet.cmd === 'publish');

/** Bytes in one write, as a client sends that waits for nothing. */
const sendAtOnce = (device: RawClient, version: 4 | 5, packets: readonly Packet[]): void =>
  void device.socket.write(
    Buffer.concat(packets.map((packet) => generate(packet, { protocolVersion: version }))),
  );

const connectPacket = (clientId: string, version: 4 | 5, fields: object = {}): Packet => ({
  cmd: 'connect',
  protocolId: 'MQTT',
  protocolVersion: version,
  clientId,
  clean: true,
  keepalive: 0,
  ...fields,
});

const publishPacket = (topic: string, payload: string, qos: 0 | 1, messageId = 1): Packet => ({
  cmd: 'publish',
  topic,
  payload,
  qos,
  messageId,
  dup: false,
  retain: false,
});

beforeAll(async () => {
  running = await start();
});
afterEach(() => {
  for (const each of clients.splice(0)) each.close();
});
afterAll(() => running.stop());

test('[MQTT-3.2.0-1] [MQTT-3.2.0-2]: CONNACK is first and only, also for a client that does not wait for it', async () => {
  for (const version of [4, 5] as const) {
    const hasty = client(version);
    sendAtOnce(hasty, version, [
      connectPacket(`hasty-${version}`, version),
      publishPacket('hasty', 'x', 1),
      { cmd: 'pingreq' },
    ]);
    await hasty.take('puback').catch(() => undefined);
    const kinds = hasty.received.map(({ cmd }) => cmd);
    expect(kinds[0]).toBe('connack');
    expect(kinds.filter((cmd) => cmd === 'connack')).toHaveLength(1);
  }
});

test('[MQTT-3.1.4-6]: nothing behind a CONNECT that is refused is served', async () => {
  const before = running.journal.records(1).length;
  const will = { will: { topic: 't', payload: Buffer.from('w'), qos: 0, retain: false } };
  const refused = client(5);
  sendAtOnce(refused, 5, [connectPacket('refused', 5, will), publishPacket('t', 'x', 1)]);
  expect((await refused.take('connack')).reasonCode).toBe(0x83);
  await until(() => refused.isClosed);
  expect(refused.received).toEqual([]);
  expect(running.journal.records(1)).toHaveLength(before);
});

test('[MQTT-3.1.2-4] [MQTT-3.1.2-5] [MQTT-3.1.2-6] [MQTT-3.1.2-23]: a session is kept, resumed and dropped as asked', async () => {
  const present: boolean[] = [];
  const visit = async (fields: object, version: 4 | 5 = 5): Promise<void> => {
    const device = client(version);
    present.push((await device.connect('visitor', { ...fields })).sessionPresent);
    const releases = running.meta.calls.filter((call) => call === 'release visitor').length;
    device.send({ cmd: 'disconnect' });
    await until(() => running.meta.calls.filter((call) => call === 'release visitor').length > releases);
  };
  await visit(durable); // nothing there
  await visit(durable); // there
  await visit({ ...durable, clean: true }); // dropped, and begun again
  await visit({ clean: false }); // there, and ends with this connection
  await visit(durable); // gone
  await visit({ clean: false }, 4); // 3.1.1 without Clean Session
  await visit({ clean: true }, 4); // drops it
  await visit(durable);
  expect(present).toEqual([false, true, false, true, false, true, false, false]);
});

test('3.14.2.2.2: DISCONNECT may end a session that was to be kept', async () => {
  const device = await connected('ending', durable);
  device.send({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 0 } });
  await until(() => running.meta.calls.includes('release ending'));
  expect(running.meta.sessions.has('ending')).toBe(false);
});

test('[MQTT-2.2.1-5] [MQTT-2.2.1-6]: every acknowledgement has the identifier of what it acknowledges', async () => {
  const device = await connected('ids');
  device.send({ cmd: 'subscribe', messageId: 65_535, subscriptions: [{ topic: 'ids', qos: 0 }] });
  expect((await device.take('suback')).messageId).toBe(65_535);
  device.publish('ids/x', 'x', 1, 12_345);
  expect((await device.take('puback')).messageId).toBe(12_345);
  device.send({ cmd: 'unsubscribe', messageId: 256, unsubscriptions: ['ids'] });
  expect((await device.take('unsuback')).messageId).toBe(256);
});

test.each([
  ['[MQTT-1.5.4-3]: a byte order mark is a character', '\ufeffbom', '\ufeffbom', true],
  ['[MQTT-1.5.4-3]: and is not skipped', 'bom', '\ufeffbom', false],
  ['[MQTT-4.7.3-4]: nothing is normalised', 'caf\u00e9', 'cafe\u0301', false],
  ['4.7.3: case matters', 'ACCOUNTS', 'accounts', false],
  ['4.7.3: a leading slash matters', 'finance', '/finance', false],
  ['4.7.3: a trailing slash matters', 'finance', 'finance/', false],
  ['4.7.3: spaces belong to the name', 'Accounts payable', 'Accounts payable', true],
  ['4.7.1.3: + matches an empty level', '+/+', '/finance2', true],
  ['4.7.1.3: + is one level', 'level/+', 'level/1/2', false],
  ['4.7.1.2: # matches the parent', 'sport/tennis/#', 'sport/tennis', true],
  ['4.7.1.2: # matches every level below', 'sport/tennis/#', 'sport/tennis/player1/ranking', true],
  ['[MQTT-4.7.2-1]: # leaves out $', '#', '$dollar/a', false],
  ['[MQTT-4.7.2-1]: + leaves out $', '+/a', '$dollar/a', false],
  ['4.7.2: $ by name', '$dollar/#', '$dollar/a', true],
  ['astral plane', '\u{1f600}/+', '\u{1f600}/\u{10ffff}', true],
])('[MQTT-3.3.2-3] [MQTT-4.7.3-3] %s', async (_name, filter, topic, isMatch) => {
  for (const version of [4, 5] as const) {
    const device = await connected(`match-${version}`, {}, version);
    await device.subscribe(filter, 1);
    device.publish(topic, 'one', 1, 1);
    device.publish(topic, 'zero', 0);
    await device.take('puback');
    device.send({ cmd: 'pingreq' });
    await device.take('pingresp');
    if (isMatch) await until(() => device.payloads().length === 2);
    const topics = publishes(device).map((packet) => packet.topic);
    expect(topics).toEqual(isMatch ? [topic, topic] : []);
    device.close();
  }
});

test('[MQTT-3.1.2-25]: what is larger than the client takes counts as sent, and the next message comes', async () => {
  const device = await connected('small', { properties: { maximumPacketSize: 60 } });
  await device.subscribe('small', 1);
  const publisher = await connected('big');
  const dropped = running.gateway.serving!.deliveryCounters.droppedTooLarge;
  for (const qos of [0, 1] as const) {
    publisher.publish('small', 'x'.repeat(80), qos, 1);
    publisher.publish('small', `fits${qos}`, qos, 2);
  }
  await until(() => device.payloads().length === 2);
  expect(device.payloads().sort()).toEqual(['fits0', 'fits1']);
  expect(running.gateway.serving!.deliveryCounters.droppedTooLarge - dropped).toBe(2);
  expect(running.gateway.serving!.directory.get('default', 'small')!.machine.ledger.window.size).toBe(1);
});

test('[MQTT-3.3.1-3]: DUP of the publisher says nothing to the subscriber; a repeat is served like the first', async () => {
  const device = await connected('dup');
  await device.subscribe('dup', 1);
  device.publish('dup', 'x', 1, 9);
  device.publish('dup', 'x', 1, 9, { dup: true });
  await until(() => publishes(device).length === 2);
  expect(publishes(device).map(({ dup }) => dup)).toEqual([false, false]);
  expect([(await device.take('puback')).messageId, (await device.take('puback')).messageId]).toEqual([9, 9]);
});

test('[MQTT-3.3.2-7]: aliases end with their connection', async () => {
  const first = await connected('alias');
  first.publish('alias/topic', 'x', 1, 1, { properties: { topicAlias: 1 } });
  await first.take('puback');
  first.close();
  const second = await connected('alias');
  second.publish('', 'x', 1, 1, { properties: { topicAlias: 1 } });
  expect((await second.take('disconnect')).reasonCode).toBe(0x82);
});

test('[MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.8.3-3]: overlapping subscriptions, one of them No Local', async () => {
  const device = await connected('overlap');
  const subscribe = (filter: string, qos: 0 | 1, id: number, nl = false): Promise<number> =>
    device.subscribe(filter, qos, { nl, properties: { subscriptionIdentifier: id } });
  await subscribe('over/#', 0, 1);
  await subscribe('over/+', 1, 268_435_455);
  await subscribe('over/lap', 1, 3, true);
  device.publish('over/lap', 'own', 1, 1);
  (await connected('another')).publish('over/lap', 'other', 1, 1);
  await until(() => publishes(device).length === 2);
  const seen = publishes(device).map(({ payload, qos, properties }) => [
    payload.toString(),
    qos,
    [properties?.subscriptionIdentifier].flat().sort(),
  ]);
  expect(seen).toEqual(
    expect.arrayContaining([
      ['own', 1, [1, 268_435_455]],
      ['other', 1, [1, 268_435_455, 3]],
    ]),
  );
});

test('[MQTT-3.8.4-3]: the last SUBSCRIBE of a filter holds, with its identifier and QoS', async () => {
  const device = await connected('replace');
  await device.subscribe('replace', 1, { properties: { subscriptionIdentifier: 7 } });
  await device.subscribe('replace', 0, {});
  device.publish('replace', 'x', 1, 1);
  await until(() => publishes(device).length === 1);
  expect(publishes(device)[0]).toMatchObject({ qos: 0 });
  expect(publishes(device)[0]!.properties?.subscriptionIdentifier).toBeUndefined();
});

test('[MQTT-3.10.4-1] [MQTT-3.10.4-2]: UNSUBSCRIBE compares character by character, and ends that filter only', async () => {
  const device = await connected('unsub');
  await device.subscribe('un/+', 1);
  await device.subscribe('un/1', 0);
  device.send({ cmd: 'unsubscribe', messageId: 4, unsubscriptions: ['un/#', 'un/+', 'UN/1'] });
  expect((await device.take('unsuback')).granted).toEqual([0x11, 0, 0x11]);
  device.publish('un/1', 'kept', 1, 1);
  device.publish('un/2', 'ended', 1, 2);
  await until(() => publishes(device).length === 1);
  await device.take('puback');
  await device.take('puback');
  expect(publishes(device)).toMatchObject([{ topic: 'un/1', qos: 0 }]);
});

test('[MQTT-3.10.4-3]: what was begun to be delivered is completed after UNSUBSCRIBE', async () => {
  const device = await connected('complete', { properties: { receiveMaximum: 1 } });
  await device.subscribe('complete', 1);
  device.publish('complete', 'x', 1, 1);
  const message = await device.take('publish');
  device.send({ cmd: 'unsubscribe', messageId: 4, unsubscriptions: ['complete'] });
  await device.take('unsuback');
  device.send({ cmd: 'puback', messageId: message.messageId!, reasonCode: 0 });
  await device.subscribe('complete', 1);
  device.publish('complete', 'y', 1, 2);
  expect((await device.take('publish')).payload.toString()).toBe('y');
});

test('[MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3]: a full window holds QoS 1 only, not QoS 0 nor other packets', async () => {
  const device = await connected('window', { properties: { receiveMaximum: 1 } });
  await device.subscribe('window/#', 1);
  device.publish('window/1', 'first', 1, 1);
  device.publish('window/1', 'second', 1, 2);
  await until(() => device.payloads().length === 1);
  device.publish('window/0', 'zero', 0);
  device.send({ cmd: 'pingreq' });
  await device.take('pingresp');
  await until(() => device.payloads().includes('zero'));
  expect(device.payloads()).toEqual(['first', 'zero']);
  device.send({ cmd: 'puback', messageId: publishes(device)[0]!.messageId!, reasonCode: 0x87 });
  await until(() => device.payloads().length === 3);
});

test('[MQTT-3.12.4-1] [MQTT-3.1.2-22]: silence beyond 1.5 times the Keep Alive ends the connection, PINGREQ prevents it', async () => {
  const silent = await connected('silent', { keepalive: 1 });
  const lively = await connected('lively', { keepalive: 1 }, 4);
  const beat = setInterval(() => lively.send({ cmd: 'pingreq' }), 300);
  expect((await silent.take('disconnect')).reasonCode).toBe(0x8d);
  await until(() => silent.isClosed);
  clearInterval(beat);
  expect(lively.isClosed).toBe(false);
});

test('[MQTT-3.1.3-5]: every letter and digit in a client id of 23 bytes, in every version', async () => {
  for (const version of [3, 4, 5] as const) {
    for (const id of ['0123456789abcdefghijklm', 'nopqrstuvwxyzABCDEFGHIJ', 'KLMNOPQRSTUVWXYZ']) {
      const device = client(version);
      const connack = await device.connect(id);
      expect(version === 5 ? connack.reasonCode : connack.returnCode).toBe(0);
    }
  }
});

test('4.13.1: a malformed CONNECT of MQTT 5 is answered; of 3.1.1 it is not', async () => {
  const receiveMaximumZero = generate(connectPacket('zero', 5, { properties: { receiveMaximum: 7 } }), {
    protocolVersion: 5,
  });
  receiveMaximumZero[receiveMaximumZero.indexOf(0x21) + 2] = 0;
  const five = client(5);
  five.socket.write(receiveMaximumZero);
  expect((await five.take('connack')).reasonCode).toBe(0x82);
  await until(() => five.isClosed);
  const reserved = generate(connectPacket('reserved', 4));
  reserved[9]! |= 1;
  const four = client(4);
  four.socket.write(reserved);
  await until(() => four.isClosed);
  expect(four.received).toEqual([]);
});

test('4.12: AUTH is refused, in CONNECT by 0x8C and afterwards by 0x82', async () => {
  const method = { properties: { authenticationMethod: 'SCRAM-SHA-1' } };
  expect((await client(5).connect('auth', method)).reasonCode).toBe(0x8c);
  const device = await connected('auth2');
  device.send({ cmd: 'auth', reasonCode: 0x19, properties: { authenticationMethod: 'x' } });
  expect((await device.take('disconnect')).reasonCode).toBe(0x82);
});
