// A session whose last owner ended without saying what it had sent: what may have been sent, what waits to hear whether it
// was, and until when (rules S3, N7).

import type { Gateway } from '../src/gateway.ts';
import { acknowledge, DURABLE, DurableClients, publishes } from './durable-clients.ts';
import { until, type RawClient, type Running } from './running-gateway.ts';

let running: Running;
let devices: DurableClients;

beforeEach(async () => {
  devices = await DurableClients.start();
  ({ running } = devices);
});

afterEach(() => devices.stop());

test('4.3.1: after a crash of its owner QoS 0 copies do not come again from the backlog, and are counted', async () => {
  running.meta.addStream({ name: 'd/1', mqttFilter: 'd/1' });
  await until(() => running.meta.acknowledgedEpoch === 2n);
  // Makes the shard known to the journal of these tests.
  await devices.publishAll(['first']);
  const first = devices.client();
  await first.connect('dev', DURABLE);
  await first.subscribe('d/#', 0);
  await devices.leave(first);
  await devices.publishAll(['maybe']);
  running.meta.sessions.get('dev')!.deliveryUncertain = true;
  const second = devices.client();
  await second.connect('dev', DURABLE);
  await devices.publishAll(['live']);
  await until(() => second.payloads().length === 1);
  expect(second.payloads()).toEqual(['live']);
  expect(running.gateway.serving!.deliveryCounters.droppedUncertain).toBe(1);
});

test('N7, 4.3.1: QoS 0 that waits to hear how far its shard is goes no more once nobody has said, and QoS 1 behind it with DUP', async () => {
  running.meta.addStream({ name: 'd/1', mqttFilter: 'd/1' });
  await until(() => running.meta.acknowledgedEpoch === 2n);
  await devices.publishAll(['first']);
  const first = devices.client();
  await first.connect('dev', DURABLE);
  await first.subscribe('d/#', 1);
  await devices.leave(first);
  running.meta.sessions.get('dev')!.deliveryUncertain = true;
  running.journal.hasNoMarks = true;
  const second = devices.client();
  await second.connect('dev', DURABLE);
  const session = running.gateway.serving!.directory.get('default', 'dev')!.session!;
  await until(() => session.isUnconfirmed, 'it asks');
  second.publish('d/1', 'maybe', 0);
  await until(() => !session.outbound.isLive, 'it is held');
  await devices.publishAll(['behind']);
  expect(second.payloads()).toEqual([]);
  session.unanswered();
  await until(() => second.payloads().length === 1, 'what is durable arrives');
  expect(publishes(second)[0]).toMatchObject({ dup: true });
  expect(second.payloads()).toEqual(['behind']);
  expect(running.gateway.serving!.deliveryCounters.droppedUncertain).toBe(1);
  // The leader is asked on.
  running.journal.hasNoMarks = false;
  await until(() => !session.isUnconfirmed, 'it has spoken');
  second.publish('d/1', 'new', 0);
  await until(() => second.payloads().length === 2, 'what came since is new');
});

describe('S3: of a session in doubt', () => {
  let device: RawClient;

  /** It comes back with `d/#` behind a crash, and no leader says how far its shard is. */
  beforeEach(async () => {
    await devices.publishAll(['first']);
    const first = devices.client();
    await first.connect('dev', DURABLE);
    await first.subscribe('d/#', 1);
    await devices.leave(first);
    running.meta.sessions.get('dev')!.deliveryUncertain = true;
    running.journal.hasNoMarks = true;
    device = devices.client();
    await device.connect('dev', DURABLE);
    const session = running.gateway.serving!.directory.get('default', 'dev')!.session!;
    await until(() => session.isUnconfirmed, 'it asks');
  });

  const dups = (): Record<string, boolean> =>
    Object.fromEntries(publishes(device).map(({ payload, dup }) => [payload.toString(), dup]));

  test('[MQTT-3.3.1-1]: what it subscribes to on this connection was not sent before', async () => {
    await device.subscribe('n/1', 1);
    await devices.publishAll(['new'], 'n/1');
    await until(() => device.payloads().length === 1);
    await devices.publishAll(['maybe']);
    await until(() => device.payloads().length === 2);
    expect(dups()).toEqual({ new: false, maybe: true });
  });

  test('4.3.1: QoS 0 of such a subscription is neither held nor dropped', async () => {
    running.meta.addStream({ name: 'n/1', mqttFilter: 'n/1' });
    await until(() => running.meta.acknowledgedEpoch === 2n);
    await device.subscribe('n/1', 0);
    device.publish('n/1', 'new', 0);
    await until(() => device.payloads().length === 1);
    expect(running.gateway.serving!.deliveryCounters.droppedUncertain).toBe(0);
  });

  test('a subscription that takes the place of one it had before is no other', async () => {
    await device.subscribe('+/1', 1);
    device.send({ cmd: 'unsubscribe', messageId: 5, unsubscriptions: ['d/#'] });
    await device.take('unsuback');
    await devices.publishAll(['maybe']);
    await until(() => device.payloads().length === 1);
    await device.subscribe('d/1', 1);
    await devices.publishAll(['maybe as well']);
    await until(() => device.payloads().length === 2);
    expect(dups()).toEqual({ maybe: true, 'maybe as well': true });
  });
});

test('S3, [MQTT-3.3.1-1]: after a crash of its owner a session gets its backlog with new identifiers and DUP', async () => {
  const first = devices.client();
  await first.connect('dev', DURABLE);
  await first.subscribe('d/#', 1);
  await devices.publishAll(['a', 'b']);
  await until(() => first.payloads().length === 2);
  await devices.leave(first);
  // As meta leaves the row when the lease of its owner ends.
  const row = running.meta.sessions.get('dev')!;
  row.deliveryUncertain = true;
  row.outbound = [];
  for (const cursor of row.cursors) cursor.sentBelow = 0n;

  const second = devices.client();
  await second.connect('dev', DURABLE);
  await until(() => second.payloads().length === 2);
  await devices.publishAll(['live']);
  await until(() => second.payloads().length === 3);
  expect(publishes(second).map(({ dup }) => dup)).toEqual([true, true, false]);
  for (const packet of publishes(second)) acknowledge(second, packet);
  await devices.leave(second);
  await devices.publishAll(['offline']);
  const third = devices.client();
  await third.connect('dev', DURABLE);
  await until(() => third.payloads().includes('offline'));
  expect(publishes(third).find(({ payload }) => payload.toString() === 'offline')!.dup).toBe(false);
});

describe('N7, S3: a stream that was deleted keeps no session in doubt', () => {
  let streamId: number;
  const outbound = () => running.gateway.serving!.directory.get('default', 'dev')?.session?.outbound;

  /** A session with a place in the stream, whose owner crashed. */
  const crashed = async (): Promise<void> => {
    ({ streamId } = running.meta.addStream({ name: 'orders', mqttFilter: 'orders/#', shards: 2 }));
    await until(() => running.meta.acknowledgedEpoch === 2n, 'the new owner');
    const device = devices.client();
    await device.connect('dev', DURABLE);
    await device.subscribe('#', 1);
    await devices.publishAll(['order'], 'orders/1');
    acknowledge(device, await device.take('publish'));
    await until(() => running.meta.calls.includes('commit dev'), 'its cursor');
    await devices.leave(device);
    running.meta.sessions.get('dev')!.deliveryUncertain = true;
    for (const shard of [0, 1]) running.journal.notLed.add(`${streamId}/${shard}`);
  };

  const deleted = async (gateway: Gateway): Promise<void> => {
    running.meta.deleteStream(streamId);
    await until(() => gateway.meta.view.ownershipEpoch === 3, 'the deletion');
  };

  test('one that comes back behind the deletion waits for none of its shards, and the next owner doubts nothing', async () => {
    await crashed();
    await deleted(running.gateway);
    const device = devices.client();
    await device.connect('dev', DURABLE);
    await until(() => outbound()?.isUncertain === false, 'no doubt is left');
    await devices.leave(device);
    expect(running.meta.sessions.get('dev')!.deliveryUncertain).toBe(false);
    await devices.publishAll(['offline']);
    const next = devices.client();
    await next.connect('dev', DURABLE);
    await until(() => publishes(next).length === 1, 'its backlog');
    expect(publishes(next)[0]!.dup).toBe(false);
  });

  test('one that waits for shards whose tails were never known hears of it', async () => {
    await crashed();
    // Its tails begin with what the leaders say, which is nothing.
    const gateway = await devices.secondGateway();
    await devices.client(gateway).connect('dev', DURABLE);
    const waiting = () => gateway.serving!.directory.get('default', 'dev')?.session?.outbound;
    await until(() => waiting()?.isResuming === false, 'it reads');
    expect([waiting()!.isUncertain, waiting()!.isLive]).toEqual([true, false]);
    await deleted(gateway);
    await until(() => waiting()?.isUncertain === false, 'no doubt is left');
    // Its cursor stays, for an owner that has not heard of the deletion.
    expect([
      waiting()!.isLive,
      waiting()!
        .cursors()
        .map(({ offset }) => offset),
    ]).toEqual([true, [1]]);
  });
});
