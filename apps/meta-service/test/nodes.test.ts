import {
  AllocateProducerIdsRequestSchema,
  ClaimLeadershipRequestSchema,
  DeleteUserRequestSchema,
  PutUserRequestSchema,
  ReleaseNodeRequestSchema,
  RegisterNodeRequestSchema,
  RenewLeaseRequestSchema,
  ServiceKind,
  type AllocateProducerIdsResponse,
  type Node,
  type Shard,
} from '@robustmq/rpc';
import { CONTEXT, failing, message, replicate, TestMeta } from './support/test-meta.ts';
import { USER } from './support/users.ts';

describe('nodes', () => {
  let world: TestMeta;
  beforeEach(async () => (world = await TestMeta.open()));
  afterEach(() => world.remove());

  const claim = (node: Node, shards: { streamId: number; shard: number }[] = []) =>
    world.cluster.claimLeadership(
      message(ClaimLeadershipRequestSchema, { node: node.identity!, shards }),
      CONTEXT,
    );
  const shard = (name = 'mqtt'): Shard => world.meta.state.streamByName('default', name)!.shards[0]!;

  test('every registration is a higher incarnation, over restarts and over nodes', async () => {
    const seen: bigint[] = [];
    for (let i = 0; i < 3; i++) {
      seen.push((await world.gateway('mqtt-1')).incarnation, (await world.gateway('mqtt-2')).incarnation);
      world = await world.restart(i === 1 ? 'lost' : 'kept');
    }
    expect(seen).toEqual([...seen].sort((a, b) => Number(a - b)));
    expect(new Set(seen).size).toBe(6);
  });

  test('a number is small, per kind, and stays with its node', async () => {
    const number = async (nodeId: string, kind: ServiceKind) => (await world.register(nodeId, kind)).number;
    expect(await number('kafka-a', ServiceKind.KAFKA_GATEWAY)).toBe(1);
    expect(await number('mqtt-a', ServiceKind.MQTT_GATEWAY)).toBe(1);
    expect(await number('kafka-b', ServiceKind.KAFKA_GATEWAY)).toBe(2);
    expect(await number('kafka-a', ServiceKind.KAFKA_GATEWAY)).toBe(1);
  });

  test('R6, O7: each mqtt-gateway incarnation has producer ids of its own, apart from those of clients', async () => {
    const one = await world.register('mqtt-1', ServiceKind.MQTT_GATEWAY);
    const two = await world.register('mqtt-1', ServiceKind.MQTT_GATEWAY);
    expect(one.producerIdBase).toBeGreaterThanOrEqual(1n << 40n);
    expect(two.producerIdBase).toBe(one.producerIdBase + BigInt(one.producerIdCount));
    const allocate = async (count: number) =>
      (await world.cluster.allocateProducerIds(
        message(AllocateProducerIdsRequestSchema, { count }),
        CONTEXT,
      )) as AllocateProducerIdsResponse;
    const first = await allocate(10);
    expect((await allocate(1)).base).toBe(first.base + 10n);
    expect(first.base).toBeLessThan(1n << 40n);
    for (const count of [0, -1, 1e9])
      await expect(allocate(count)).rejects.toEqual(failing('invalid_argument'));
  });

  test.each([
    ['', ServiceKind.JOURNAL, 'd', 'invalid_argument'],
    ['a/b', ServiceKind.JOURNAL, 'd', 'invalid_argument'],
    ['j', ServiceKind.JOURNAL, '', 'invalid_argument'],
    ['x', ServiceKind.UNSPECIFIED, '', 'invalid_argument'],
    ['taken', ServiceKind.JOURNAL, 'd', 'conflict'],
  ])('refuses to register %j as %d with directory %j', async (nodeId, kind, directoryId, code) => {
    await world.gateway('taken');
    await expect(world.register(nodeId, kind, directoryId)).rejects.toEqual(failing(code));
    expect((await world.gateway('taken')).incarnation).toBe(2n);
  });

  describe('leases (F1)', () => {
    const renew = (node: Node) =>
      world.cluster.renewLease(message(RenewLeaseRequestSchema, { node: node.identity! }), CONTEXT);
    const live = (nodeId: string) => world.meta.state.nodes.get(nodeId)?.live;
    /** Time passes as it does for a process that looks at its leases every 100 ms. */
    const pass = async (durationMs: number): Promise<void> => {
      for (let left = durationMs; left > 0; left -= 100) {
        world.clock.advance(100);
        await world.meta.endExpiredLeases();
      }
    };

    test('end 1.5 s after the last renewal, and the end is final', async () => {
      const node = await world.register('mqtt-1', ServiceKind.MQTT_GATEWAY);
      await pass(1_400);
      await renew(node);
      await pass(1_400);
      expect(live('mqtt-1')).toBe(true);
      await pass(200);
      expect(live('mqtt-1')).toBe(false);
      expect(() => renew(node)).toThrow(expect.objectContaining({ code: 'fenced' }));
    });

    test('are whole again after a restart', async () => {
      await world.register('mqtt-1', ServiceKind.MQTT_GATEWAY);
      await pass(1_400);
      world = await world.restart('lost');
      await pass(1_400);
      expect(live('mqtt-1')).toBe(true);
      await pass(200);
      expect(live('mqtt-1')).toBe(false);
    });

    test('do not end because meta-service itself stood still', async () => {
      await world.register('mqtt-1', ServiceKind.MQTT_GATEWAY);
      await pass(200);
      world.clock.advance(60_000);
      await world.meta.endExpiredLeases();
      await pass(1_000);
      expect(live('mqtt-1')).toBe(true);
      await pass(600);
      expect(live('mqtt-1')).toBe(false);
    });

    test('a release ends one at once; that of an earlier incarnation does nothing', async () => {
      const first = await world.register('mqtt-1', ServiceKind.MQTT_GATEWAY);
      const second = await world.register('mqtt-1', ServiceKind.MQTT_GATEWAY);
      const release = (node: Node) =>
        world.cluster.releaseNode(message(ReleaseNodeRequestSchema, { node: node.identity! }), CONTEXT);
      await expect(release(first)).rejects.toEqual(failing('fenced'));
      expect(live('mqtt-1')).toBe(true);
      await release(second);
      expect(live('mqtt-1')).toBe(false);
    });

    test('rows of ended nodes go after an hour, those of journal-servers stay', async () => {
      await world.journal();
      await world.gateway('mqtt-1');
      await pass(2_000);
      world.clock.advance(3_700_000);
      const other = await world.gateway('mqtt-2');
      await world.meta.endNodes([other]);
      expect([...world.meta.state.nodes.keys()].sort()).toEqual(['journal-1', 'mqtt-2']);
    });

    test('F1: the hour counts from the end, not from the registration', async () => {
      const old = await world.gateway('mqtt-1');
      const other = await world.gateway('mqtt-2');
      world.clock.advance(7_200_000);
      await world.meta.endNodes([old]);
      await world.meta.endNodes([other]);
      expect(live('mqtt-1')).toBe(false);
      world.clock.advance(3_700_000);
      await world.meta.endNodes([await world.gateway('mqtt-3')]);
      expect(world.meta.state.nodes.has('mqtt-1')).toBe(false);
    });

    test('M2: a repeat of a registration is answered with the incarnation that it began', async () => {
      const register = (nonce: string) =>
        world.meta.register(
          message(RegisterNodeRequestSchema, {
            nodeId: 'mqtt-1',
            kind: ServiceKind.MQTT_GATEWAY,
            nonce: Buffer.from(nonce),
          }),
        );
      const first = await register('a');
      const before = await world.dump();
      expect((await register('a')).node!.identity).toEqual(first.node!.identity);
      expect(await world.dump()).toEqual(before);
      const second = await register('b');
      expect(second.node!.identity!.incarnation).toBeGreaterThan(first.node!.identity!.incarnation);
      await world.meta.endNodes([second.node!.identity!]);
      const third = await register('b');
      expect(third.node!.identity!.incarnation).toBeGreaterThan(second.node!.identity!.incarnation);
      await expect(register('x'.repeat(33))).rejects.toEqual(failing('invalid_argument'));
    });

    test('the number of a broker is kept for it', async () => {
      const broker = (nodeId: string) => world.register(nodeId, ServiceKind.KAFKA_GATEWAY);
      const first = await broker('kafka-1');
      await broker('kafka-2');
      await world.meta.endNodes([first.identity!]);
      world.clock.advance(7_200_000);
      await world.meta.endNodes([await world.gateway('mqtt-1')]);
      expect((await broker('kafka-1')).number).toBe(first.number);
    });

    test.each([
      ['texts', { zone: 'z'.repeat(257) }],
      ['endpoints', { endpoints: Object.fromEntries([...Array(17).keys()].map((i) => [`e${i}`, 'h:1'])) }],
    ])('I8: what a node says of itself is bounded: %s', async (_what, over) => {
      const request = { nodeId: 'n', kind: ServiceKind.ADMIN_API, ...over };
      await expect(world.meta.register(message(RegisterNodeRequestSchema, request))).rejects.toEqual(
        failing('invalid_argument'),
      );
    });
  });

  describe('leaderships (R3, R5)', () => {
    test('a restarted journal-server leads again under a new epoch only', async () => {
      const first = await world.journal();
      const before = shard();
      expect([before.leader, before.leaderIncarnation]).toEqual(['journal-1', first.identity!.incarnation]);
      const { leaderEpoch } = before;
      const second = await world.journal();
      expect(shard().leader).toBe('');
      await expect(claim(first)).rejects.toEqual(failing('fenced'));
      await claim(second);
      expect(shard()).toMatchObject({
        leader: 'journal-1',
        leaderEpoch: leaderEpoch + 1,
        leaderIncarnation: second.identity!.incarnation,
      });
    });

    test('claiming all is harmless twice; naming a shard gives a new epoch each time', async () => {
      const node = await world.journal();
      await claim(node);
      await claim(node);
      const { leaderEpoch } = shard();
      const { streamId } = world.meta.state.streamByName('default', 'mqtt')!;
      await claim(node, [{ streamId, shard: 0 }]);
      expect(shard().leaderEpoch).toBe(leaderEpoch + 1);
    });

    test('R5: with another directory the last copy is unavailable, not empty, until its directory is back', async () => {
      await world.journal('journal-1', 'disk-a');
      const empty = await world.journal('journal-1', 'disk-b');
      await claim(empty);
      expect(shard()).toMatchObject({ leader: '', isrMembers: [{ nodeId: 'journal-1' }] });
      const back = await world.journal('journal-1', 'disk-a');
      await claim(back);
      expect(shard().leader).toBe('journal-1');
    });

    test('R5: with another directory a replica leaves the ISR and starts anew', async () => {
      const one = await world.journal('journal-1', 'disk-a');
      const two = await world.journal('journal-2', 'disk-x');
      await world.createStream('s');
      replicate(world.meta.state, 's', [one, two]);
      await claim(one);
      await world.journal('journal-1', 'disk-b');
      expect(shard('s').isrMembers.map(({ nodeId }) => nodeId)).toEqual(['journal-2']);
      expect(shard('s').replicas.find(({ nodeId }) => nodeId === 'journal-1')!.directoryId).toBe('disk-b');
    });

    test('R5: with the same directory a replica stays in sync, as the run that it is now', async () => {
      const one = await world.journal('journal-1');
      const two = await world.journal('journal-2');
      await world.createStream('s');
      replicate(world.meta.state, 's', [one, two]);
      const { isrVersion } = shard('s');
      const again = await world.journal('journal-2');
      expect(shard('s').isrMembers.map(({ incarnation }) => incarnation)).toEqual([
        one.identity!.incarnation,
        again.identity!.incarnation,
      ]);
      expect(shard('s').isrVersion).toBeGreaterThan(isrVersion);
    });

    test('another live member of the ISR takes over what an ended leader led', async () => {
      const journals = [await world.journal('journal-1'), await world.journal('journal-2')];
      await world.createStream('s');
      replicate(world.meta.state, 's', journals);
      const { leader, leaderEpoch } = shard('s');
      const ended = world.meta.state.nodes.get(leader)!;
      await world.meta.endNodes([ended.identity!]);
      expect(shard('s').leader).not.toBe(leader);
      expect(shard('s').leader).not.toBe('');
      expect(shard('s').leaderEpoch).toBe(leaderEpoch + 1);
    });
  });

  test('users: created once, replaced, deleted; with every stored form of their password', async () => {
    const put = (over: object = {}, createOnly = false) => {
      const user = { tenant: 'default', name: 'u', ...USER, ...over };
      return world.cluster.putUser(message(PutUserRequestSchema, { user, createOnly }), CONTEXT);
    };
    const remove = () =>
      world.cluster.deleteUser(message(DeleteUserRequestSchema, { tenant: 'default', name: 'u' }), CONTEXT);
    await put({}, true);
    await expect(put({}, true)).rejects.toEqual(failing('already_exists'));
    await put({ superuser: true });
    expect(world.meta.state.users.get('default\0u')!.superuser).toBe(true);
    const row = world.meta.state.users.get('default\0u')!;
    expect([row.scramSha256?.storedKey.length, row.scramSha512?.serverKey.length]).toEqual([32, 64]);
    await expect(put({ passwordHash: 'plain' })).rejects.toEqual(failing('invalid_argument'));
    await expect(put({ scramSha512: undefined })).rejects.toEqual(failing('invalid_argument'));
    await expect(put({ scramSha256: USER.scramSha512 })).rejects.toEqual(failing('invalid_argument'));
    await expect(put({ name: 'a\u0000b' })).rejects.toEqual(failing('invalid_argument'));
    await put({ name: 'another', superuser: true });
    await put({ superuser: false });
    await remove();
    await expect(remove()).rejects.toEqual(failing('not_found'));
  });
});
