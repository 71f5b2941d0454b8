// What a session brings along when it is resumed: in-flight messages, places in the log, and subscriptions that are made
// before it reads again (rules S3, X3, X4).

import type { Gateway } from '../src/gateway.ts';
import { acknowledge, DURABLE, DurableClients, publishes } from './durable-clients.ts';
import { until, type Running } from './running-gateway.ts';

let running: Running;
let devices: DurableClients;

beforeEach(async () => {
  devices = await DurableClients.start();
  ({ running } = devices);
});

afterEach(() => devices.stop());

test('[MQTT-3.3.4-9]: what was in flight is sent again within the Receive Maximum of the new connection', async () => {
  const first = devices.client();
  await first.connect('dev', DURABLE);
  await first.subscribe('d/#', 1);
  await devices.publishAll(['a', 'b', 'c', 'd', 'e']);
  await until(() => first.payloads().length === 5);
  await devices.leave(first);

  const second = devices.client();
  await second.connect('dev', {
    clean: false,
    properties: { sessionExpiryInterval: 600, receiveMaximum: 2 },
  });
  await until(() => second.payloads().length === 2);
  second.send({ cmd: 'pingreq' });
  await second.take('pingresp');
  expect(second.payloads()).toEqual(['a', 'b']);
  for (let index = 0; index < 5; index++) {
    await until(() => publishes(second).length > index);
    expect(publishes(second).length - index).toBeLessThanOrEqual(2);
    acknowledge(second, publishes(second)[index]!);
  }
  expect(second.payloads()).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(publishes(second).map(({ dup }) => dup)).toEqual([true, true, true, true, true]);
  await devices.publishAll(['live']);
  await until(() => second.payloads().length === 6);
});

test('S3: what the client acknowledged behind a message in flight does not come again', async () => {
  const first = devices.client();
  await first.connect('dev', DURABLE);
  await first.subscribe('d/#', 1);
  await devices.publishAll(['a', 'b', 'c']);
  await until(() => first.payloads().length === 3);
  const session = running.gateway.serving!.directory.get('default', 'dev')!;
  acknowledge(first, publishes(first)[1]!);
  acknowledge(first, publishes(first)[2]!);
  await until(() => session.machine.ledger.window.size === 1);
  await devices.leave(first);

  const second = devices.client();
  await second.connect('dev', DURABLE);
  await until(() => second.payloads().length === 1);
  await devices.publishAll(['later']);
  await until(() => second.payloads().includes('later'));
  expect(second.payloads()).toEqual(['a', 'later']);
});

test('4.3.1: a QoS 0 copy that lies behind a message in flight does not come again', async () => {
  running.meta.addStream({ name: 'd/1', mqttFilter: 'd/1' });
  await until(() => running.meta.acknowledgedEpoch === 2n);
  const first = devices.client();
  await first.connect('dev', DURABLE);
  await first.subscribe('d/#', 1);
  await devices.publishAll(['a']);
  first.publish('d/1', 'zero', 0);
  await until(() => first.payloads().length === 2);
  await devices.leave(first);

  const second = devices.client();
  await second.connect('dev', DURABLE);
  await devices.publishAll(['later']);
  await until(() => second.payloads().includes('later'));
  expect(second.payloads()).toEqual(['a', 'later']);
});

test('[MQTT-3.10.4-3], N6: what is in flight goes again under its identifier, though its subscription is gone', async () => {
  const first = devices.client();
  await first.connect('dev', DURABLE);
  await first.subscribe('gone', 1);
  await devices.publishAll(['x'], 'gone');
  await until(() => first.payloads().length === 1);
  first.send({ cmd: 'unsubscribe', messageId: 5, unsubscriptions: ['gone'] });
  await first.take('unsuback');
  await devices.leave(first);

  // No subscription is left, and no journal has to be asked for filters.
  const second = devices.client();
  expect((await second.connect('dev', DURABLE)).sessionPresent).toBe(true);
  await until(() => second.payloads().length === 1);
  const [again] = publishes(second);
  expect(again).toMatchObject({ dup: true, qos: 1, messageId: publishes(first)[0]!.messageId });
  acknowledge(second, again!);
  await second.subscribe('gone', 1);
  await devices.publishAll(['later'], 'gone');
  await until(() => second.payloads().length === 2);
  expect(second.payloads()).toEqual(['x', 'later']);
});

test('N6: what is in flight goes again at its own QoS, whatever a later SUBSCRIBE was granted', async () => {
  const first = devices.client();
  await first.connect('dev', DURABLE);
  await first.subscribe('d/#', 1);
  await devices.publishAll(['a']);
  await until(() => first.payloads().length === 1);
  await first.subscribe('d/#', 0);
  await devices.leave(first);
  const second = devices.client();
  await second.connect('dev', DURABLE);
  await until(() => second.payloads().length === 1);
  expect(publishes(second)[0]).toMatchObject({ dup: true, qos: 1 });
});

test('[MQTT-4.4.0-1]: what is in flight goes again though its expiry has passed meanwhile', async () => {
  const first = devices.client();
  await first.connect('dev', DURABLE);
  await first.subscribe('d/#', 1);
  const publisher = devices.client();
  await publisher.connect('expiring');
  publisher.publish('d/1', 'short', 1, 1, { properties: { messageExpiryInterval: 1 } });
  await until(() => first.payloads().length === 1);
  await devices.leave(first);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  const second = devices.client();
  await second.connect('dev', DURABLE);
  await until(() => second.payloads().length === 1);
  expect(publishes(second)[0]).toMatchObject({ dup: true, properties: { messageExpiryInterval: 1 } });
});

test('S6: QoS 0 right behind CONNACK with Session Present is not lost', async () => {
  const first = devices.client();
  await first.connect('dev', DURABLE);
  await first.subscribe('q/#', 0);
  await devices.leave(first);
  const publisher = devices.client();
  await publisher.connect('fast');
  for (let round = 0; round < 5; round++) {
    const device = devices.client();
    await device.connect('dev', DURABLE);
    publisher.publish('q/1', `${round}`, 0);
    await until(() => device.payloads().length === 1);
    await devices.leave(device);
  }
});

test('X4: cursors are stored of shards that had something for the session, and only where they moved', async () => {
  running.meta.addStream({ name: 'other', mqttFilter: 'other/#', shards: 4 });
  await until(() => running.meta.acknowledgedEpoch === 2n);
  const first = devices.client();
  await first.connect('dev', DURABLE);
  await first.subscribe('#', 1);
  await devices.publishAll(['a']);
  await until(() => first.payloads().length === 1);
  acknowledge(first, publishes(first)[0]!);
  await until(() => running.meta.calls.includes('commit dev'));
  await devices.leave(first);
  expect(running.meta.sessions.get('dev')!.cursors).toHaveLength(1);
});

test('a client that leaves before its session reads again loses neither places nor identifiers', async () => {
  const first = devices.client();
  await first.connect('dev', DURABLE);
  await first.subscribe('d/#', 1);
  await devices.publishAll(['a', 'b']);
  await until(() => first.payloads().length === 2);
  const [a] = publishes(first);
  await devices.leave(first);
  const { outbound } = running.meta.sessions.get('dev')!;

  running.journal.ignoreFilters = true;
  const hasty = devices.client();
  expect((await hasty.connect('dev', DURABLE)).sessionPresent).toBe(true);
  await devices.leave(hasty);
  running.journal.ignoreFilters = false;
  expect(running.meta.sessions.get('dev')!.outbound).toEqual(outbound);

  const second = devices.client();
  await second.connect('dev', DURABLE);
  await until(() => second.payloads().length === 2);
  expect(publishes(second)[0]).toMatchObject({ messageId: a!.messageId, dup: true });
});

test('X3: a subscription made before a resumed session reads gets nothing from before its SUBACK, and nothing twice', async () => {
  const watcher = devices.client();
  await watcher.connect('watcher');
  await watcher.subscribe('new', 1);
  const first = devices.client();
  await first.connect('dev', DURABLE);
  await first.subscribe('d/#', 1);
  await devices.leave(first);
  await devices.publishAll(['old'], 'new');
  await devices.publishAll(['missed']);

  running.journal.ignoreFilters = true;
  const second = devices.client();
  expect((await second.connect('dev', DURABLE)).sessionPresent).toBe(true);
  // Another client has this filter already, so the tails match it at once.
  const granted = second.subscribe('new', 1);
  await until(() => second.received.length >= 0 && running.gateway.serving!.registry.size === 2);
  await devices.publishAll(['during'], 'new');
  running.journal.ignoreFilters = false;
  running.journal.breakStreams();
  expect(await granted).toBe(1);
  await devices.publishAll(['after'], 'new');
  await until(() => second.payloads().includes('after'));
  const own = second.payloads();
  expect(own.filter((payload) => payload !== 'during')).toEqual(['missed', 'after']);
  expect(own.filter((payload) => payload === 'during').length).toBeLessThanOrEqual(1);
});

test('a SUBSCRIBE that the journals keep waiting does not keep the client from its PINGRESP', async () => {
  const first = devices.client();
  await first.connect('dev', DURABLE);
  await first.subscribe('d/#', 1);
  await devices.leave(first);
  const other = await devices.secondGateway('--journal.filterTimeout=30s');
  running.journal.ignoreFilters = true;
  const second = devices.client(other);
  await second.connect('dev', DURABLE);
  const granted = second.subscribe('d/#', 0);
  second.send({ cmd: 'pingreq' });
  await second.take('pingresp');
  expect(second.received).toEqual([]);
  running.journal.ignoreFilters = false;
  running.journal.breakStreams();
  expect(await granted).toBe(0);
});

test('X3: a filter twice in one SUBSCRIBE keeps its start vector', async () => {
  const device = devices.client();
  await device.connect('dev', DURABLE);
  device.send({
    cmd: 'subscribe',
    messageId: 3,
    subscriptions: [
      { topic: 'd/#', qos: 0, nl: false, rap: false, rh: 0 },
      { topic: 'd/#', qos: 1, nl: false, rap: false, rh: 0 },
    ],
  });
  expect((await device.take('suback')).granted).toEqual([0, 1]);
  const { subscriptions, starts } = running.meta.sessions.get('dev')!;
  expect(subscriptions).toMatchObject([{ filter: 'd/#', options: 1, start: starts[0]!.id }]);
  expect(starts[0]!.positions.length).toBeGreaterThan(0);
});

test('cursors move with QoS 0 copies as well, so that a crash does not repeat them all', async () => {
  running.meta.addStream({ name: 'd/1', mqttFilter: 'd/1' });
  await until(() => running.meta.acknowledgedEpoch === 2n);
  const device = devices.client();
  await device.connect('dev', DURABLE);
  await device.subscribe('d/#', 0);
  await devices.publishAll(['a', 'b']);
  await until(() => device.payloads().length === 2);
  await until(() => running.meta.calls.includes('commit dev'));
  expect(running.meta.sessions.get('dev')?.cursors.map(({ position }) => position?.offset)).toContain(2n);
});

describe('between two gateways', () => {
  let other: Gateway;

  beforeEach(async () => {
    other = await devices.secondInMesh();
  });

  test('S1, S3: a takeover hands over cursors and what is in flight: nothing acknowledged comes again', async () => {
    const first = devices.client();
    await first.connect('dev', DURABLE);
    await first.subscribe('d/#', 1);
    await devices.publishAll(['a', 'b', 'c']);
    await until(() => first.payloads().length === 3);
    acknowledge(first, publishes(first)[0]!);
    const machine = running.gateway.serving!.directory.get('default', 'dev')!.machine;
    await until(() => machine.ledger.window.size === 2);
    const { identity } = running.gateway.serving!.registration;
    running.meta.previousOwner = { nodeId: identity.nodeId, incarnation: identity.incarnation };

    const second = devices.client(other);
    expect((await second.connect('dev', DURABLE)).sessionPresent).toBe(true);
    expect((await first.take('disconnect')).reasonCode).toBe(0x8e);
    await until(() => second.payloads().length === 2);
    running.meta.previousOwner = undefined;
    await devices.publishAll(['later']);
    await until(() => second.payloads().includes('later'));
    expect(second.payloads()).toEqual(['b', 'c', 'later']);
    expect(publishes(second).map(({ dup }) => dup)).toEqual([true, true, false]);
    expect(publishes(second)[0]!.messageId).toBe(publishes(first)[1]!.messageId);
  });

  test('an earlier incarnation of this gateway, or of another one, is no owner to wait for', async () => {
    for (const { nodeId, incarnation } of [
      running.gateway.serving!.registration.identity,
      other.serving!.registration.identity,
    ]) {
      running.meta.previousOwner = { nodeId, incarnation: incarnation - 1n };
      const device = devices.client();
      expect((await device.connect(`dev-${nodeId}`, DURABLE)).reasonCode).toBe(0);
      running.meta.previousOwner = undefined;
    }
  });
});

test('a CONNECT that came to nothing leaves no doubt about what was sent to the one behind it', async () => {
  const device = devices.client();
  await device.connect('dev', DURABLE);
  await device.subscribe('d/#', 0);
  await devices.leave(device);
  await devices.publishAll(['a', 'b']);
  const hasty = devices.client();
  let answer = (): void => undefined;
  running.meta.opensHeld = new Promise((resolve) => (answer = resolve));
  hasty.send(hasty.connectPacket('dev', DURABLE));
  const opens = (): number => running.meta.calls.filter((call) => call === 'open dev').length;
  await until(() => opens() === 2);
  hasty.close();
  const { directory } = running.gateway.serving!;
  await until(() => directory.get('default', 'dev') === undefined, 'the first is gone');
  const next = devices.client();
  next.send(next.connectPacket('dev', DURABLE));
  await until(() => directory.get('default', 'dev') !== undefined, 'the second waits');
  running.meta.opensHeld = undefined;
  answer();
  expect((await next.take('connack')).sessionPresent).toBe(true);
  await until(() => next.payloads().length === 2, 'what was never sent arrives');
  expect(next.payloads()).toEqual(['a', 'b']);
});

test('what is owed of a stream that was deleted meanwhile does not keep the window', async () => {
  const orders = running.meta.addStream({ name: 'orders', mqttFilter: 'orders/#' });
  await until(() => running.meta.acknowledgedEpoch === 2n, 'the new owner');
  const terms = { ...DURABLE, properties: { ...DURABLE.properties, receiveMaximum: 1 } };
  const device = devices.client();
  await device.connect('dev', terms);
  await device.subscribe('#', 1);
  await devices.publishAll(['owed'], 'orders/1');
  await device.take('publish');
  await devices.leave(device);
  running.meta.deleteStream(orders.streamId);
  await until(() => running.gateway.meta.view.ownershipEpoch === 3, 'the deletion');
  const next = devices.client();
  await next.connect('dev', terms);
  await devices.publishAll(['new']);
  await until(() => next.payloads().includes('new'), 'what is not of the stream arrives');
});

test('N7: what is owed of a stream that is deleted while it is read does not keep the window', async () => {
  const orders = running.meta.addStream({ name: 'orders', mqttFilter: 'orders/#' });
  await until(() => running.meta.acknowledgedEpoch === 2n, 'the new owner');
  const terms = { ...DURABLE, properties: { ...DURABLE.properties, receiveMaximum: 1 } };
  const device = devices.client();
  await device.connect('dev', terms);
  await device.subscribe('#', 1);
  await devices.publishAll(['owed'], 'orders/1');
  await device.take('publish');
  await devices.leave(device);
  running.journal.holdReads = true;
  const next = devices.client();
  await next.connect('dev', terms);
  await until(() => running.journal.heldReads.length === 1, 'the read of what is owed');
  await devices.publishAll(['new']);
  running.meta.deleteStream(orders.streamId);
  await until(() => next.payloads().includes('new'), 'what is not of the stream arrives');
});
