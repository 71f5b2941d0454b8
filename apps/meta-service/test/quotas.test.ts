import {
  AddShardsRequestSchema,
  CreateStreamRequestSchema,
  PutDynamicConfigRequestSchema,
} from '@robustmq/rpc';
import { CONTEXT, failing, message, TestMeta } from './support/test-meta.ts';

describe('quotas of a tenant (I8, I10)', () => {
  let world: TestMeta;
  beforeEach(async () => {
    // 100 streams and 1,500 shards a tenant, two of them taken by the built-in stream.
    world = await TestMeta.open();
    await world.journal();
  });
  afterEach(() => world.remove());

  const make = (name: string, shards: number, over: object = {}) =>
    world.cluster.createStream(
      message(CreateStreamRequestSchema, { tenant: 'default', name, shards, ...over }),
      CONTEXT,
    );

  test('shards over all streams, also those added later', async () => {
    await make('a', 1_000);
    await expect(make('b', 499)).rejects.toMatchObject({
      code: 'quota_exceeded',
      details: { quota: 'shards' },
    });
    await make('b', 498);
    const streamId = world.meta.state.streamByName('default', 'b')!.streamId;
    const add = message(AddShardsRequestSchema, { streamId, totalShards: 499 });
    await expect(world.cluster.addShards(add, CONTEXT)).rejects.toEqual(failing('quota_exceeded'));
    await make('c', 500, { tenant: 'other' });
  });

  test('streams', async () => {
    for (let i = 1; i < 100; i++) await make(`s${i}`, 1);
    await expect(make('one-more', 1)).rejects.toMatchObject({ details: { quota: 'streams' } });
    await expect(make('one-more', 1, { validateOnly: true })).rejects.toEqual(failing('quota_exceeded'));
  });

  test('the rate holds before anything is logged; validating costs nothing', async () => {
    await make('a', 1_000);
    const deleted = { tenant: 'default', name: 'a', $typeName: 'robustmq.meta.v1.DeleteStreamRequest' };
    await world.cluster.deleteStream({ ...deleted, streamId: 0 } as never, CONTEXT);
    await make('b', 1_000);
    const before = await world.dump();
    await expect(make('c', 50)).rejects.toMatchObject({ details: { quota: 'rate', retryAfterMs: 500 } });
    await make('c', 50, { validateOnly: true });
    expect(await world.dump()).toEqual(before);
    world.clock.advance(500);
    await make('c', 50);
  });

  test('the rate counts as many shards as a creation makes that names no number', async () => {
    const entries = [{ key: 'streams.default.partitions', value: '700' }];
    await world.cluster.putDynamicConfig(message(PutDynamicConfigRequestSchema, { entries }), CONTEXT);
    expect((await make('a', 0)).stream?.shards).toHaveLength(700);
    await make('b', 0);
    const details = { quota: 'rate', retryAfterMs: 1_000 };
    await expect(make('c', 700)).rejects.toMatchObject({ details });
    await expect(make('c', 0)).rejects.toMatchObject({ details });
  });
});
