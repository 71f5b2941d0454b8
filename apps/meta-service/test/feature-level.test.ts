import { RaiseFeatureLevelRequestSchema, RegisterNodeRequestSchema, ServiceKind } from '@robustmq/rpc';
import { CONTEXT, failing, message, TestMeta } from './support/test-meta.ts';

describe('the feature level (N17)', () => {
  let world: TestMeta;
  beforeEach(async () => {
    world = await TestMeta.open();
  });
  afterEach(() => world.remove());

  const register = (nodeId: string, featureLevel: number, kind = ServiceKind.MQTT_GATEWAY) =>
    world.meta.register(message(RegisterNodeRequestSchema, { nodeId, kind, featureLevel }));
  const raise = (level: number) =>
    world.cluster.raiseFeatureLevel(message(RaiseFeatureLevelRequestSchema, { level }), CONTEXT);
  const level = () => world.meta.state.meta.featureLevel;

  test('rises once every live node knows it, and stays over a restart', async () => {
    const { node: old } = await register('g1', 1);
    await register('g2', 2);
    await expect(raise(2)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('g1'),
    });
    expect(level()).toBe(0);
    await world.meta.endNodes([old!.identity!]);
    expect(await raise(2)).toMatchObject({ level: 2 });
    world = await world.restart('lost');
    expect(level()).toBe(2);
  });

  test('never falls; a repeat changes nothing', async () => {
    await register('g1', 3);
    await raise(3);
    const before = await world.dump();
    await raise(3);
    await expect(raise(2)).rejects.toEqual(failing('out_of_range'));
    expect(await world.dump()).toEqual(before);
  });

  test('refuses a node that knows less than is used', async () => {
    await register('g1', 2);
    await raise(2);
    await expect(register('g2', 1)).rejects.toThrow('g2 knows feature level 1, the cluster uses 2');
    await expect(register('g1', 1)).rejects.toEqual(failing('unsupported'));
    expect(world.meta.state.nodes.get('g1')!.live).toBe(true);
    await register('g2', 3);
  });
});
