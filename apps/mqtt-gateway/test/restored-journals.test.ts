// A journal comes back with an older state than sessions have seen: what their rows say beyond the end of its leader epoch is
// reset to that end (rules X4, I5).

import type { Gateway } from '../src/gateway.ts';
import { acknowledge, DURABLE, DurableClients, publishes } from './durable-clients.ts';
import { until, type Running } from './running-gateway.ts';

let running: Running;
let devices: DurableClients;
/** Starts behind the restore: the tails of the first one have seen what is gone. */
let next: Gateway;

beforeEach(async () => {
  devices = await DurableClients.start();
  ({ running } = devices);
});

afterEach(() => devices.stop());

/** One batch for each payload. */
const publishEach = async (gateway: Gateway, payloads: readonly string[]): Promise<void> => {
  for (const payload of payloads) await devices.publishAll([payload], 'd/1', gateway);
};

/** A session that has been sent three messages, of which the client acknowledged `acknowledged`. */
const served = async (acknowledged: number): Promise<void> => {
  const device = devices.client();
  await device.connect('dev', DURABLE);
  await device.subscribe('d/#', 1);
  await publishEach(running.gateway, ['a', 'b', 'c']);
  await until(() => device.payloads().length === 3);
  const { window } = running.gateway.serving!.directory.get('default', 'dev')!.machine.ledger;
  for (const packet of publishes(device).slice(0, acknowledged)) acknowledge(device, packet);
  await until(() => window.size === 3 - acknowledged);
  await devices.leave(device);
};

/** Only 'a' is left of stream 1. */
const restore = async (): Promise<Gateway> => {
  running.journal.setBack(1, 0, 1);
  next = await devices.secondGateway();
  return next;
};

test('X4, I5: a session that had read beyond the end gets what was appended there since', async () => {
  await served(3);
  const gateway = await restore();
  await publishEach(gateway, ['x', 'y']);
  const device = devices.client(gateway);
  expect((await device.connect('dev', DURABLE)).sessionPresent).toBe(true);
  await until(() => device.payloads().length === 2);
  await publishEach(gateway, ['z']);
  await until(() => device.payloads().length === 3);
  expect(device.payloads()).toEqual(['x', 'y', 'z']);
  expect(gateway.counters.resetPlaces).toBe(1);
});

test('X4, N6: what was in flight and is gone is not owed: its place holds another message now', async () => {
  await served(0);
  const gateway = await restore();
  await publishEach(gateway, ['x', 'y']);
  const device = devices.client(gateway);
  await device.connect('dev', DURABLE);
  await until(() => device.payloads().length === 3);
  expect(publishes(device).map(({ payload, dup }) => [payload.toString(), dup])).toEqual([
    ['a', true],
    ['x', false],
    ['y', false],
  ]);
});

test('X4: a start vector beyond the end is reset as well', async () => {
  await publishEach(running.gateway, ['a', 'b', 'c']);
  const first = devices.client();
  await first.connect('dev', DURABLE);
  await first.subscribe('d/#', 1);
  await devices.leave(first);
  const gateway = await restore();
  await publishEach(gateway, ['x', 'y', 'z']);
  const device = devices.client(gateway);
  await device.connect('dev', DURABLE);
  await until(() => device.payloads().length === 3);
  expect(device.payloads()).toEqual(['x', 'y', 'z']);
});

test('X4: an epoch that is over is asked for once, and a session within it stays where it was', async () => {
  await served(3);
  running.journal.setBack(1, 0, 3);
  next = await devices.secondGateway();
  await publishEach(next, ['x']);
  for (let round = 1; round <= 2; round++) {
    const device = devices.client(next);
    await device.connect('dev', DURABLE);
    await until(() => device.payloads().length === 1);
    expect(device.payloads()).toEqual(['x']);
    device.close();
    await until(() => next.serving!.directory.get('default', 'dev') === undefined, 'gone');
  }
  expect(running.journal.epochQuestions).toEqual(['0/1']);
  expect(next.counters.resetPlaces).toBe(0);
});

test('N5, N7: a leader that does not say holds up its shard alone, and is asked until it does', async () => {
  await served(3);
  running.journal.refusesEpochQuestions = true;
  const gateway = await restore();
  await publishEach(gateway, ['x', 'y']);
  const device = devices.client(gateway);
  await device.connect('dev', DURABLE);
  await until(() => running.journal.epochQuestions.length > 2, 'asked again');
  expect(device.payloads()).toEqual([]);
  running.journal.refusesEpochQuestions = false;
  await until(() => device.payloads().length === 2);
  await publishEach(gateway, ['z']);
  await until(() => device.payloads().length === 3);
  expect(device.payloads()).toEqual(['x', 'y', 'z']);
});

test('X4: a client that leaves before the leader says keeps its rows, epochs included', async () => {
  await served(1);
  const row = (): unknown => {
    const { cursors, outbound } = running.meta.sessions.get('dev')!;
    return [cursors.map(({ position }) => position), outbound.map(({ position }) => position)];
  };
  const before = row();
  running.journal.refusesEpochQuestions = true;
  const gateway = await restore();
  const hasty = devices.client(gateway);
  await hasty.connect('dev', DURABLE);
  await until(() => running.journal.epochQuestions.length > 2, 'asked again');
  await devices.leave(hasty);
  expect(row()).toEqual(before);
  running.journal.refusesEpochQuestions = false;
  await publishEach(gateway, ['x', 'y']);
  const device = devices.client(gateway);
  await device.connect('dev', DURABLE);
  await until(() => device.payloads().length === 2);
  expect(device.payloads()).toEqual(['x', 'y']);
});

test('X4, S3: what was read ahead of a tail that is behind comes from a younger leader, and is not taken back', async () => {
  await served(3);
  // A new leader with the whole log, of which the tail here hears nothing.
  running.journal.setBack(1, 0, 3);
  running.journal.isTailMute = true;
  await publishEach(running.gateway, ['x', 'y']);
  const position = (): unknown => {
    const [cursor] = running.meta.sessions.get('dev')!.cursors;
    return [cursor?.position?.leaderEpoch, cursor?.position?.offset];
  };
  const device = devices.client();
  await device.connect('dev', DURABLE);
  await until(() => device.payloads().length === 2);
  const { window } = running.gateway.serving!.directory.get('default', 'dev')!.machine.ledger;
  for (const packet of publishes(device)) acknowledge(device, packet);
  await until(() => window.size === 0);
  await devices.leave(device);
  expect(position()).toEqual([2, 5n]);
  // Whose tail is still behind what the row says gives it back as it was.
  const idle = devices.client();
  await idle.connect('dev', DURABLE);
  await devices.leave(idle);
  expect(position()).toEqual([2, 5n]);
  running.journal.isTailMute = false;
  next = await devices.secondGateway();
  const moved = devices.client(next);
  await moved.connect('dev', DURABLE);
  await publishEach(next, ['z']);
  await until(() => moved.payloads().includes('z'));
  expect(moved.payloads()).toEqual(['z']);
  expect(next.counters.resetPlaces).toBe(0);
});
