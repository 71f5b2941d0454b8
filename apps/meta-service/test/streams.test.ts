import {
  AddShardsRequestSchema,
  AlterIsrRequestSchema,
  AlterStreamConfigRequestSchema,
  CreateStreamRequestSchema,
  DeleteStreamRequestSchema,
  PutDynamicConfigRequestSchema,
  type AlterIsrResponse,
  type CreateStreamResponse,
  type Node,
  type Stream,
} from '@robustmq/rpc';
import { CONTEXT, failing, message, replicate, TestMeta } from './support/test-meta.ts';

describe('streams', () => {
  let world: TestMeta;
  let journal: Node;
  beforeEach(async () => {
    world = await TestMeta.open();
    journal = await world.journal();
  });
  afterEach(() => world.remove());

  const create = async (init: object): Promise<CreateStreamResponse> =>
    structuredClone(
      (await world.cluster.createStream(
        message(CreateStreamRequestSchema, { tenant: 'default', name: 's', ...init }),
        CONTEXT,
      )) as CreateStreamResponse,
    );
  const remove = (name: string, streamId = 0) =>
    world.cluster.deleteStream(
      message(DeleteStreamRequestSchema, { tenant: 'default', name, streamId }),
      CONTEXT,
    );

  test('the first journal-server brings the built-in stream, which nobody deletes or makes again', async () => {
    const [mqtt] = [...world.meta.state.streams.values()];
    expect(mqtt).toMatchObject({ name: 'mqtt', tenant: 'default', internal: true, mqttFilter: '' });
    expect(mqtt!.shards.length).toBe(2);
    await world.journal('journal-2');
    expect(world.meta.state.streams.size).toBe(1);
    await expect(remove('mqtt')).rejects.toEqual(failing('permission_denied'));
    await expect(create({ name: 'mqtt' })).rejects.toEqual(failing('already_exists'));
  });

  test.each([
    ['name', { name: '' }, 'invalid_argument'],
    ['name', { name: '..' }, 'invalid_argument'],
    ['name', { name: 'a/b' }, 'invalid_argument'],
    ['name', { name: 'x'.repeat(250) }, 'invalid_argument'],
    ['tenant', { tenant: 'a b' }, 'invalid_argument'],
    ['shards', { shards: 100_000 }, 'invalid_argument'],
    ['replication (R1: nobody would follow)', { replicationFactor: 2 }, 'invalid_argument'],
    ['min ISR (R1: above the copies)', { config: { 'min.insync.replicas': '2' } }, 'invalid_argument'],
    ['unknown config', { config: { 'flush.ms': '1' } }, 'invalid_argument'],
    ['config of Object', { config: { constructor: '1' } }, 'invalid_argument'],
    ['bad value', { config: { 'retention.ms': 'soon' } }, 'invalid_argument'],
    ['policy that is not enforced', { config: { 'cleanup.policy': 'compact' } }, 'invalid_argument'],
    ['filter', { config: { 'mqtt.filter': 'a/#/b' } }, 'invalid_argument'],
    ['filter (I8: too long)', { config: { 'mqtt.filter': 'f'.repeat(1_025) } }, 'invalid_argument'],
    ['filter in $', { config: { 'mqtt.filter': '$SYS/x' } }, 'invalid_argument'],
    ['too many MQTT shards', { shards: 255, config: { 'mqtt.filter': 'f' } }, 'quota_exceeded'],
  ])('refuses a bad %s', async (_what, init, code) => {
    const before = await world.dump();
    await expect(create(init)).rejects.toEqual(failing(code));
    expect(await world.dump()).toEqual(before);
  });

  test.each([
    ['name', { name: 'a/b' }],
    ['shards', { shards: 100_000 }],
    ['replication_factor', { replicationFactor: 2 }],
    ['config', { config: { 'min.insync.replicas': '2' } }],
    ['config', { config: { 'retention.ms': 'soon' } }],
    ['config', { config: { 'mqtt.filter': 'a/#/b' } }],
    ['config', { config: { 'mqtt.filter': '$SYS/x' } }],
  ])('says that it is the %s that it refuses, for edges with a code for that', async (field, init) => {
    await expect(create(init)).rejects.toMatchObject({ details: { field } });
  });

  test('names the configuration that it refuses', async () => {
    await expect(create({ config: { 'flush.ms': '1' } })).rejects.toThrow('flush.ms');
  });

  test('validate only changes nothing', async () => {
    const before = await world.dump();
    const { stream } = await create({ validateOnly: true, shards: 3 });
    expect(stream!.shards.length).toBe(3);
    expect(await world.dump()).toEqual(before);
  });

  test('X4: a stream id is never used again, also over a restart', async () => {
    const first = (await create({})).stream!;
    await remove('s');
    world = await world.restart();
    const second = (await create({})).stream!;
    expect(second.streamId).toBeGreaterThan(first.streamId);
    expect(second.topicId).not.toEqual(first.topicId);
    await expect(remove('s', first.streamId)).rejects.toEqual(failing('not_found'));
    await remove('s', second.streamId);
  });

  // O1: filters that overlap without containment are refused by name; most specific wins otherwise.
  test.each([
    ['a/+', '+/b', 'conflict'],
    ['a/b', 'a/b', 'conflict'],
    ['a/#', 'a/b', 'fine'],
    ['a/b', '+/+', 'fine'],
    ['a', 'b', 'fine'],
    ['a/+/c', 'a/b/#', 'conflict'],
  ])('O1: %s and %s', async (one, two, expected) => {
    await create({ name: 'one', config: { 'mqtt.filter': one } });
    const second = create({ name: 'two', config: { 'mqtt.filter': two } });
    if (expected === 'fine') await second;
    else await expect(second).rejects.toThrow(/one/);
  });

  test('O1: tenants do not meet', async () => {
    await create({ config: { 'mqtt.filter': 'a' } });
    await create({ tenant: 'other', config: { 'mqtt.filter': 'a' } });
  });

  test.each([
    ['orders', 'orders'],
    ['__state', ''],
    ['a.b', 'a.b'],
  ])('O1: by default name, topic %s owns %j; the dynamic setting goes over it', async (name, filter) => {
    await world.remove();
    world = await TestMeta.open({ mqttFilter: 'name' });
    await world.journal();
    expect((await world.createStream(name)).mqttFilter).toBe(filter);
    expect((await world.createStream('explicit', { 'mqtt.filter': 'x/#' })).mqttFilter).toBe('x/#');
    const entries = [{ key: 'streams.default.mqtt.filter', value: 'none' }];
    await world.cluster.putDynamicConfig(message(PutDynamicConfigRequestSchema, { entries }), CONTEXT);
    expect((await world.createStream('later')).mqttFilter).toBe('');
  });

  test('O1: a default owns nothing rather than making a creation fail', async () => {
    await world.remove();
    world = await TestMeta.open({ mqttFilter: 'name' });
    await world.journal();
    await world.createStream('a', { 'mqtt.filter': 'orders' });
    expect((await world.createStream('orders')).mqttFilter).toBe('');
    expect((await world.createStream('large', {}, 300)).mqttFilter).toBe('');
    expect((await world.createStream('small')).mqttFilter).toBe('small');
  });

  test('a replay does not depend on the settings of the process that replays', async () => {
    await world.remove();
    world = await TestMeta.open({ mqttFilter: 'name' });
    await world.journal();
    await world.createStream('orders');
    const rows = await world.dump();
    world = await world.restart('lost', { mqttFilter: 'none' });
    expect(await world.dump()).toEqual(rows);
  });

  test('dynamic settings are a closed list', async () => {
    for (const entry of [
      { key: 'no.such', value: '1' },
      { key: 'streams.default.partitions', value: '0' },
      { key: 'toString', value: '1' },
    ]) {
      const request = message(PutDynamicConfigRequestSchema, { entries: [entry] });
      await expect(world.cluster.putDynamicConfig(request, CONTEXT)).rejects.toEqual(
        failing('invalid_argument'),
      );
    }
  });

  test('configuration: set, removed, fixed', async () => {
    const { streamId } = (await create({ config: { 'retention.ms': '5', 'mqtt.filter': 'f' } })).stream!;
    const alter = async (init: object): Promise<Stream> => {
      const request = message(AlterStreamConfigRequestSchema, { streamId, ...init });
      return (await world.cluster.alterStreamConfig(request, CONTEXT)).stream as Stream;
    };
    expect((await alter({ set: { 'segment.ms': '9' }, remove: ['retention.ms'] })).config).toEqual({
      'segment.ms': '9',
      'mqtt.filter': 'f',
    });
    await expect(alter({ set: { 'mqtt.filter': 'g' } })).rejects.toThrow('mqtt.filter');
    await expect(alter({ set: { 'min.insync.replicas': '2' } })).rejects.toMatchObject({
      code: 'invalid_argument',
      details: { field: 'config' },
    });
    expect((await alter({ set: { 'min.insync.replicas': '1' } })).config).toMatchObject({
      'min.insync.replicas': '1',
    });
    await expect(alter({ remove: ['mqtt.filter'] })).rejects.toThrow('mqtt.filter');
    await expect(alter({ streamId: 99 })).rejects.toEqual(failing('not_found'));
  });

  test('O4: added shards do not change where MQTT topics hash to', async () => {
    const { streamId } = (await create({ shards: 2 })).stream!;
    const add = async (totalShards: number, validateOnly = false) =>
      world.cluster.addShards(
        message(AddShardsRequestSchema, { streamId, totalShards, validateOnly }),
        CONTEXT,
      );
    await add(9, true);
    const { stream } = await add(4);
    expect([(stream as Stream).shards.length, (stream as Stream).shardsAtCreation]).toEqual([4, 2]);
    await expect(add(4)).rejects.toEqual(failing('invalid_argument'));
  });

  describe('R2: the ISR changes by compare-and-set', () => {
    let other: Node;
    let stream: Stream;
    beforeEach(async () => {
      other = await world.journal('journal-2');
      await create({});
      stream = structuredClone(replicate(world.meta.state, 's', [journal, other]));
    });

    const alter = async (over: object = {}) => {
      const { leader, leaderEpoch, isrVersion } = stream.shards[0]!;
      const node = [journal, other].find(({ identity }) => identity!.nodeId === leader)!;
      const request = message(AlterIsrRequestSchema, {
        node: node.identity!,
        shard: { streamId: stream.streamId, shard: 0 },
        leaderEpoch,
        isrVersion,
        members: [{ nodeId: leader, incarnation: node.identity!.incarnation }],
        ...over,
      });
      return (await world.cluster.alterIsr(request, CONTEXT)) as AlterIsrResponse;
    };

    test('and raises its version', async () => {
      const { leader, isrVersion } = stream.shards[0]!;
      expect(await alter()).toMatchObject({
        members: [{ nodeId: leader }],
        isrVersion: isrVersion + 1,
      });
      await expect(alter()).rejects.toEqual(failing('conflict'));
    });

    test.each<[string, object, string]>([
      ['another leader epoch', { leaderEpoch: 7 }, 'fenced'],
      ['an older version', { isrVersion: 0 }, 'conflict'],
      ['a follower that restarted', { members: [{ nodeId: 'journal-2', incarnation: 99n }] }, 'stale_epoch'],
      ['somebody without a copy', { members: [{ nodeId: 'journal-9', incarnation: 1n }] }, 'stale_epoch'],
      [
        'an older version before its members',
        { isrVersion: 0, members: [{ nodeId: 'journal-2', incarnation: 99n }] },
        'conflict',
      ],
      ['no such shard', { shard: { streamId: 99, shard: 0 } }, 'not_found'],
    ])('refuses %s', async (_name, over, code) => {
      await expect(alter(over)).rejects.toEqual(failing(code));
    });

    /** The run of each that proposes or is proposed. */
    const current = ({ identity }: Node) => ({
      nodeId: identity!.nodeId,
      incarnation: identity!.incarnation,
    });

    test('refuses members whose run has ended, beside a live one and alone', async () => {
      const follower = stream.shards[0]!.leader === 'journal-1' ? other : journal;
      const leader = follower === other ? journal : other;
      await world.meta.endNodes([follower.identity!]);
      for (const members of [[leader, follower], [follower]])
        await expect(alter({ members: members.map(current) })).rejects.toEqual(failing('stale_epoch'));
      await alter({ members: [current(leader)] });
    });

    test('refuses a proposal all of whose members have ended, its leader too', async () => {
      await world.meta.endNodes([journal.identity!, other.identity!]);
      await expect(alter({ members: [current(journal), current(other)] })).rejects.toEqual(failing('fenced'));
      expect(world.meta.state.streams.get(stream.streamId)!.shards[0]!.isrMembers).toHaveLength(2);
    });

    test('R1: refuses a member that is named twice, as if it were two copies', async () => {
      const leader = stream.shards[0]!.leader === 'journal-1' ? journal : other;
      await expect(alter({ members: [current(leader), current(leader)] })).rejects.toEqual(
        failing('invalid_argument'),
      );
    });
  });
});
