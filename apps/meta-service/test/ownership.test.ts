import {
  CreateStreamRequestSchema,
  DeleteStreamRequestSchema,
  type CreateStreamResponse,
  type NodeIdentity,
} from '@robustmq/rpc';
import { CONTEXT, failing, message, TestMeta } from './support/test-meta.ts';

// Rule O2: a new owner is active when each gateway with a live lease routes by it, or its lease has ended.
describe('ownership of MQTT topics (O2)', () => {
  let world: TestMeta;
  let a: NodeIdentity;
  let b: NodeIdentity;
  beforeEach(async () => {
    world = await TestMeta.open();
    await world.journal();
    a = await world.gateway('mqtt-1');
    b = await world.gateway('mqtt-2');
  });
  afterEach(() => world.remove());

  const owned = async (name = 's'): Promise<bigint> =>
    (await world.createStream(name, { 'mqtt.filter': `${name}/#` })).ownershipEpoch;
  const active = (name = 's') => world.meta.state.streamByName('default', name)!.ownershipActive;
  const wait = (signal: AbortSignal) => {
    const config = { 'mqtt.filter': 'w/#' };
    const request = { tenant: 'default', name: 'w', config, waitForOwnership: true };
    return world.cluster.createStream(message(CreateStreamRequestSchema, request), { ...CONTEXT, signal });
  };

  test('a stream without filter is active at once and moves no epoch', async () => {
    const before = world.meta.state.meta.ownershipEpoch;
    await world.createStream('s');
    expect([active(), world.meta.state.meta.ownershipEpoch]).toEqual([true, before]);
  });

  test('all live gateways have to acknowledge', async () => {
    const epoch = await owned();
    expect(active()).toBe(false);
    await world.acknowledge(a, epoch);
    expect(active()).toBe(false);
    await world.acknowledge(b, epoch);
    expect(active()).toBe(true);
  });

  test('a later epoch acknowledges the earlier ones; none that does not exist is taken', async () => {
    await owned('one');
    const epoch = await owned('two');
    await expect(world.acknowledge(a, epoch + 1n)).rejects.toEqual(failing('out_of_range'));
    await world.acknowledge(a, epoch);
    await world.acknowledge(a, epoch - 1n);
    await world.acknowledge(b, epoch);
    expect([active('one'), active('two')]).toEqual([true, true]);
  });

  test('a gateway whose lease ended is not waited for, and cannot acknowledge', async () => {
    const epoch = await owned();
    await world.acknowledge(a, epoch);
    await world.meta.endNodes([b]);
    expect(active()).toBe(true);
    await expect(world.acknowledge(b, epoch)).rejects.toEqual(failing('fenced'));
  });

  test('a gateway that comes meanwhile is waited for; what is active stays so', async () => {
    const first = await owned('first');
    await world.acknowledge(a, first);
    await world.acknowledge(b, first);
    const second = await owned('second');
    const c = await world.gateway('mqtt-3');
    await world.acknowledge(a, second);
    await world.acknowledge(b, second);
    expect([active('first'), active('second')]).toEqual([true, false]);
    await world.acknowledge(c, second);
    expect(active('second')).toBe(true);
  });

  test('without gateways there is nobody to wait for', async () => {
    await world.meta.endNodes([a, b]);
    await owned();
    expect(active()).toBe(true);
  });

  test('a deletion moves the epoch as well', async () => {
    const epoch = await owned();
    await world.cluster.deleteStream(
      message(DeleteStreamRequestSchema, { tenant: 'default', name: 's' }),
      CONTEXT,
    );
    expect(world.meta.state.meta.ownershipEpoch).toBe(epoch + 1n);
  });

  test('CreateStream answers when the stream is active', async () => {
    let answered = false;
    const answer = (async () => {
      const response = (await wait(CONTEXT.signal)) as CreateStreamResponse;
      answered = true;
      return response;
    })();
    while (world.meta.state.streamByName('default', 'w') === undefined) await new Promise(setImmediate);
    const epoch = world.meta.state.meta.ownershipEpoch;
    await world.acknowledge(a, epoch);
    expect(answered).toBe(false);
    await world.acknowledge(b, epoch);
    const { stream, revision } = await answer;
    expect(stream!.ownershipActive).toBe(true);
    // A view that has come to the revision of the answer shows as much.
    expect(revision).toBe(world.meta.state.meta.revision);
  });

  test('and gives up with its caller', async () => {
    const controller = new AbortController();
    const answer = wait(controller.signal);
    controller.abort();
    await expect(answer).rejects.toEqual(failing('deadline_exceeded'));
    expect(world.meta.state.streamByName('default', 'w')).toBeDefined();
  });

  test('survives a restart', async () => {
    const epoch = await owned();
    await world.acknowledge(a, epoch);
    world = await world.restart('lost');
    expect(active()).toBe(false);
    await world.acknowledge(b, epoch);
    expect(active()).toBe(true);
  });
});
