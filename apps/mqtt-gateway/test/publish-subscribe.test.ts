import { connect as connectTcp } from 'node:net';
import { WebSocket } from 'ws';
import { generate, type IPublishPacket } from 'mqtt-packet';
import { type RawClient, start, until, type Running } from './running-gateway.ts';

describe('a gateway on a scripted cluster', () => {
  let running: Running;

  const client = (version: 3 | 4 | 5 = 4): RawClient => running.client(version);

  beforeEach(async () => {
    running = await start();
  });

  afterEach(() => running.stop());

  test.each([3, 4, 5] as const)('version %i: QoS 0 reaches a subscriber without the log', async (version) => {
    const subscriber = client(version);
    await subscriber.connect('sub');
    expect(await subscriber.subscribe('a/+', 0)).toBe(0);
    const publisher = client(version);
    await publisher.connect('pub');
    publisher.publish('a/b', 'hello', 0);
    await until(() => subscriber.payloads().length === 1);
    expect(subscriber.payloads()).toEqual(['hello']);
    expect(running.journal.records(1)).toEqual([]);
  });

  test.each([3, 4, 5] as const)('version %i: QoS 1 is appended, acknowledged, delivered', async (version) => {
    const subscriber = client(version);
    await subscriber.connect('sub');
    expect(await subscriber.subscribe('a/#', 2)).toBe(1);
    subscriber.publish('a/b', 'self', 1, 5);
    expect((await subscriber.take('puback')).messageId).toBe(5);
    const message = await subscriber.take('publish');
    expect(message.qos).toBe(1);
    expect(message.topic).toBe('a/b');
    expect(running.journal.records(1)).toEqual([{ key: 'a/b', value: 'self' }]);
  });

  test('delivery is at the minimum of both QoS', async () => {
    const zero = client();
    await zero.connect('zero');
    await zero.subscribe('t', 0);
    const one = client();
    await one.connect('one');
    await one.subscribe('t', 1);
    one.publish('t', 'q0', 0);
    one.publish('t', 'q1', 1, 9);
    await until(() => one.payloads().length === 2 && zero.payloads().length === 2);
    const seen = (each: RawClient): number[] =>
      each.received.flatMap((packet) => (packet.cmd === 'publish' ? [packet.qos] : []));
    expect(seen(zero)).toEqual([0, 0]);
    expect(seen(one)).toEqual([0, 1]);
  });

  test('S5: one copy per session with all subscription identifiers at the highest QoS', async () => {
    const subscriber = client(5);
    await subscriber.connect('sub');
    await subscriber.subscribe('a/#', 0, { properties: { subscriptionIdentifier: 7 } });
    await subscriber.subscribe('a/b', 1, { properties: { subscriptionIdentifier: 9 } });
    subscriber.publish('a/b', 'x', 1, 3);
    const message = await subscriber.take('publish');
    expect(message.qos).toBe(1);
    expect([message.properties?.subscriptionIdentifier].flat().sort()).toEqual([7, 9]);
    subscriber.publish('a/b', 'end', 1, 4);
    await until(() => subscriber.payloads().includes('end'));
    expect(subscriber.payloads()).toEqual(['end']);
  });

  test('No Local and Retain As Published', async () => {
    const selfish = client(5);
    await selfish.connect('selfish');
    await selfish.subscribe('t', 1, { nl: true });
    selfish.publish('t', 'mine', 1, 1);
    selfish.publish('t', 'mine0', 0);
    const other = client(5);
    await other.connect('other');
    other.publish('t', 'theirs', 1, 1);
    await until(() => selfish.payloads().length === 1);
    expect(selfish.payloads()).toEqual(['theirs']);
  });

  test('properties pass through unaltered, on both paths', async () => {
    const subscriber = client(5);
    await subscriber.connect('sub');
    await subscriber.subscribe('rr/#', 1);
    const properties = {
      payloadFormatIndicator: true,
      messageExpiryInterval: 60,
      contentType: 'text/plain',
      responseTopic: 'answers/1',
      correlationData: Buffer.from('c1'),
      userProperties: { k: ['v1', 'v2'], traceparent: 'x' },
    };
    const publisher = client(5);
    await publisher.connect('pub');
    for (const qos of [0, 1] as const) publisher.publish('rr/1', `q${qos}`, qos, 2, { properties });
    await until(() => subscriber.payloads().length === 2);
    for (const packet of subscriber.received) {
      if (packet.cmd !== 'publish') continue;
      expect(packet.properties).toMatchObject({
        contentType: 'text/plain',
        responseTopic: 'answers/1',
        correlationData: Buffer.from('c1'),
        userProperties: { k: ['v1', 'v2'], traceparent: 'x' },
      });
      expect(packet.properties?.messageExpiryInterval).toBeGreaterThanOrEqual(59);
    }
  });

  test.each([
    { payloadFormatIndicator: false },
    { payloadFormatIndicator: true },
    { messageExpiryInterval: 60 },
    { contentType: '' },
    { responseTopic: 'answers/1' },
    { correlationData: Buffer.alloc(0) },
    { userProperties: { k: 'v' } },
  ])('[MQTT-3.3.2-4]: a property passes through alone, on both paths: %j', async (properties) => {
    const subscriber = client(5);
    await subscriber.connect('sub');
    await subscriber.subscribe('rr/#', 1);
    const publisher = client(5);
    await publisher.connect('pub');
    for (const qos of [0, 1] as const) publisher.publish('rr/1', `q${qos}`, qos, 2, { properties });
    await until(() => subscriber.payloads().length === 2);
    const publishes = subscriber.received.filter(({ cmd }) => cmd === 'publish');
    for (const { properties: passed } of publishes as IPublishPacket[]) {
      expect(Object.keys(passed ?? {})).toEqual(Object.keys(properties));
      if (!('messageExpiryInterval' in properties)) expect(passed).toEqual(properties);
    }
  });

  test('topic aliases are resolved; one out of range ends the connection', async () => {
    const subscriber = client(5);
    await subscriber.connect('sub');
    await subscriber.subscribe('long/topic', 1);
    const publisher = client(5);
    await publisher.connect('pub');
    publisher.publish('long/topic', 'first', 1, 1, { properties: { topicAlias: 3 } });
    publisher.publish('', 'second', 1, 2, { properties: { topicAlias: 3 } });
    await until(() => subscriber.payloads().length === 2);
    expect(subscriber.payloads()).toEqual(['first', 'second']);
    publisher.publish('x', 'y', 0, 0, { properties: { topicAlias: 60_000 } });
    expect((await publisher.take('disconnect')).reasonCode).toBe(0x94);
  });

  test('[MQTT-3.1.2-27]: the server sets aliases, as many as the client allows', async () => {
    const subscriber = client(5);
    await subscriber.connect('sub', { properties: { topicAliasMaximum: 1 } });
    await subscriber.subscribe('al/#', 1);
    subscriber.publish('al/1', 'a', 0);
    await until(() => subscriber.payloads().length === 1);
    subscriber.publish('al/1', 'b', 1, 2);
    await until(() => subscriber.payloads().length === 2);
    subscriber.publish('al/2', 'c', 0);
    await until(() => subscriber.payloads().length === 3);
    const sent = subscriber.received.flatMap((packet) =>
      packet.cmd === 'publish' ? [[packet.topic, packet.properties?.topicAlias]] : [],
    );
    expect(sent).toEqual([
      ['al/1', 1],
      ['', 1],
      ['al/2', undefined],
    ]);
    expect((await client(5).connect('tiny', { properties: { maximumPacketSize: 20 } })).reasonCode).toBe(
      0x95,
    );
    const assigned = await client(5).connect('', { properties: { maximumPacketSize: 64 } });
    expect(assigned.properties?.assignedClientIdentifier).toMatch(/^auto-[0-9a-f]{18}$/);
  });

  test('UNSUBSCRIBE ends delivery and says what was not subscribed', async () => {
    const subscriber = client(5);
    await subscriber.connect('sub');
    await subscriber.subscribe('t', 1);
    subscriber.send({ cmd: 'unsubscribe', messageId: 8, unsubscriptions: ['t', 'never'] });
    expect((await subscriber.take('unsuback')).granted).toEqual([0, 0x11]);
    subscriber.publish('t', 'x', 1, 3);
    await subscriber.take('puback');
    expect(subscriber.payloads()).toEqual([]);
  });

  test('what this release does not do is refused as announced', async () => {
    const five = client(5);
    const { properties } = await five.connect('five');
    expect(properties).toMatchObject({
      maximumQoS: 1,
      retainAvailable: false,
      sharedSubscriptionAvailable: false,
    });
    expect(await five.subscribe('$share/g/t', 1)).toBe(0x9e);
    five.publish('t', 'x', 2, 3);
    expect((await five.take('disconnect')).reasonCode).toBe(0x9b);
    const retained = client(5);
    await retained.connect('retained');
    retained.publish('t', 'x', 0, 0, { retain: true });
    expect((await retained.take('disconnect')).reasonCode).toBe(0x9a);
    const will = { will: { topic: 't', payload: Buffer.from('w'), qos: 0, retain: false } };
    expect((await client(5).connect('w5', will)).reasonCode).toBe(0x83);
    expect((await client(4).connect('w4', will)).returnCode).toBe(3);
    const four = client(4);
    await four.connect('four');
    four.publish('t', 'x', 2, 3);
    await until(() => four.isClosed);
  });

  test('retain=1 of a 3.x client is delivered, not stored, and warned of once', async () => {
    const subscriber = client();
    await subscriber.connect('sub');
    await subscriber.subscribe('t', 1);
    subscriber.publish('t', 'a', 0, 0, { retain: true });
    subscriber.publish('t', 'b', 1, 4, { retain: true });
    await until(() => subscriber.payloads().length === 2);
    expect(running.log.lines.filter((line) => line.includes('retained'))).toHaveLength(1);
  });

  test('packets sent behind SUBSCRIBE without waiting are served after it', async () => {
    const hasty = client(5);
    await hasty.connect('hasty');
    const subscriptions = [{ topic: 'mine', qos: 1 as const, nl: false, rap: false, rh: 0 }];
    hasty.socket.cork();
    hasty.send({ cmd: 'subscribe', messageId: 1, subscriptions });
    hasty.publish('mine', 'zero', 0);
    hasty.publish('mine', 'one', 1, 2);
    hasty.send({ cmd: 'pingreq' });
    hasty.socket.uncork();
    await until(() => hasty.payloads().length === 2);
    expect(hasty.received[0]!.cmd).toBe('suback');
    expect(hasty.payloads()).toEqual(['zero', 'one']);
    await hasty.take('pingresp');
  });

  test('SUBSCRIBE and UNSUBSCRIBE hold although DISCONNECT follows at once', async () => {
    const durable = { clean: false, properties: { sessionExpiryInterval: 60 } };
    const filters = () => running.meta.sessions.get('hasty')?.subscriptions.map(({ filter }) => filter);
    const hasty = client(5);
    await hasty.connect('hasty', durable);
    const subscriptions = ['a', 'b'].map((topic) => ({
      topic,
      qos: 1 as const,
      nl: false,
      rap: false,
      rh: 0,
    }));
    hasty.send({ cmd: 'subscribe', messageId: 1, subscriptions });
    hasty.send({ cmd: 'disconnect' });
    await until(() => running.meta.calls.includes('release hasty'));
    expect(filters()).toEqual(['a', 'b']);
    running.meta.calls.length = 0;
    const again = client(5);
    await again.connect('hasty', durable);
    again.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['a'] });
    again.send({ cmd: 'disconnect' });
    await until(() => running.meta.calls.includes('release hasty'));
    expect(filters()).toEqual(['b']);
  });

  test('$SYS belongs to the servers', async () => {
    const publisher = client(5);
    await publisher.connect('pub');
    publisher.publish('$SYS/x', 'x', 1, 3);
    expect((await publisher.take('puback')).reasonCode).toBe(0x87);
  });

  test('a session row per CONNECT, released at the end (S1)', async () => {
    const one = client();
    await one.connect('device-1');
    expect(running.meta.sessions.get('device-1')?.connected).toBe(true);
    one.send({ cmd: 'disconnect' });
    await until(() => running.meta.calls.includes('release device-1'));
    expect(running.meta.sessions.has('device-1')).toBe(false);
  });

  test('a second CONNECT of a client id takes over: 0x8E to the first', async () => {
    const first = client(5);
    await first.connect('same');
    const second = client(5);
    await second.connect('same');
    expect((await first.take('disconnect')).reasonCode).toBe(0x8e);
    await until(() => first.isClosed);
    expect(await second.subscribe('t', 1)).toBe(1);
    expect(running.gateway.counters.takenOver).toBe(1);
  });

  test('an assigned client id is told', async () => {
    const anonymous = client(5);
    const { properties } = await anonymous.connect('');
    expect(properties?.assignedClientIdentifier).toMatch(/^auto-/);
  });

  test('PINGREQ is answered; bytes that are no MQTT end only their own connection', async () => {
    const good = client();
    await good.connect('good');
    const bad = connectTcp(running.port, '127.0.0.1');
    bad.on('error', () => undefined);
    const isClosed = new Promise((resolve) => bad.on('close', resolve));
    bad.write('GET / HTTP/1.1\r\n\r\n');
    await isClosed;
    good.send({ cmd: 'pingreq' });
    await good.take('pingresp');
    expect(running.gateway.counters.protocolErrors).toBe(1);
  });

  test('[MQTT-6.0.0-2] [MQTT-6.0.0-4]: over WebSocket packets may span frames and share them', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${running.wsPort}/mqtt`, 'mqtt');
    const received: Buffer[] = [];
    socket.on('message', (data: Buffer) => received.push(data));
    await new Promise((resolve) => socket.on('open', resolve));
    expect(socket.protocol).toBe('mqtt');
    const bytes = Buffer.concat([
      generate({
        cmd: 'connect',
        clientId: 'ws',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clean: true,
        keepalive: 0,
      }),
      generate({ cmd: 'pingreq' }),
    ]);
    socket.send(bytes.subarray(0, 5));
    socket.send(bytes.subarray(5));
    await until(() => Buffer.concat(received).length >= 6);
    expect(Buffer.concat(received)).toEqual(Buffer.from([0x20, 2, 0, 0, 0xd0, 0]));
    socket.terminate();
  });

  test('[MQTT-6.0.0-1]: a text frame ends the connection, and what comes behind it is not read', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${running.wsPort}/mqtt`, 'mqtt');
    await new Promise((resolve) => socket.on('open', resolve));
    const code = new Promise<number>((resolve) => socket.on('close', resolve));
    const connect = {
      cmd: 'connect',
      clientId: 'ws',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: true,
    } as const;
    socket.send(generate({ ...connect, keepalive: 0 }));
    await until(() => running.gateway.counters.connected === 1);
    socket.send('text');
    socket.send(
      generate({ cmd: 'publish', topic: 't', payload: 'x', qos: 1, messageId: 1, dup: false, retain: false }),
    );
    expect(await code).toBe(1003);
    await until(() => running.gateway.counters.open === 0);
    expect(running.journal.records(1)).toEqual([]);
  });

  test('[MQTT-6.0.0-3]: a WebSocket without the sub-protocol is refused', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${running.wsPort}/mqtt`);
    const error = await new Promise<Error>((resolve) => socket.on('error', resolve));
    expect(error.message).toContain('400');
  });
});
