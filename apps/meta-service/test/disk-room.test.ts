// A meta-service whose disk is nearly full (rule L6): what grows is refused by one code, what makes room or keeps the cluster
// going is done, and all is taken again when there is room.
import {
  AlterStreamConfigRequestSchema,
  ClaimGroupRequestSchema,
  CommitOffsetsRequestSchema,
  DeleteGroupsRequestSchema,
  DeleteStreamRequestSchema,
  PutGroupRowsRequestSchema,
  RenewLeaseRequestSchema,
  type ClaimGroupResponse,
  type NodeIdentity,
  type SessionKey,
} from '@robustmq/rpc';
import { CONTEXT, failing, message, TestMeta } from './support/test-meta.ts';

let isFull: boolean;
let world: TestMeta;
let gateway: NodeIdentity;
let key: SessionKey;
beforeEach(async () => {
  isFull = false;
  world = await TestMeta.open({ diskIsFull: () => isFull });
  await world.journal();
  gateway = await world.gateway('mqtt-1');
  await world.createStream('old');
  const { session } = await world.openSession(gateway, { clientId: 'here' });
  key = session!.key!;
  await claim('g');
  await put('g', 'Stable', ['a', 'b']);
  isFull = true;
});
afterEach(() => world.remove());

const named = (groupId: string) => ({
  ...{ node: gateway, requestId: world.requestId(gateway), group: { tenant: 't', groupId } },
});

async function claim(groupId: string): Promise<ClaimGroupResponse> {
  const request = message(ClaimGroupRequestSchema, named(groupId));
  return (await world.groups.claimGroup(request, CONTEXT)) as ClaimGroupResponse;
}

/** A change of a group: these members come, or none. */
async function put(groupId: string, state: string, memberIds: string[] = []): Promise<void> {
  const members = memberIds.map((memberId) => ({ memberId }));
  const init = { ...named(groupId), coordinatorEpoch: 0, head: { state }, members };
  await world.groups.putGroupRows(message(PutGroupRowsRequestSchema, init), CONTEXT);
}

async function commit(groupId: string): Promise<void> {
  const offsets = [{ streamId: 1, shard: 0, offset: 7n, leaderEpoch: 0, metadata: '' }];
  const init = { ...named(groupId), coordinatorEpoch: 0, offsets };
  await world.groups.commitOffsets(message(CommitOffsetsRequestSchema, init), CONTEXT);
}

async function deleteGroup(groupId: string): Promise<void> {
  const init = { ...named(groupId), coordinatorEpoch: 0 };
  await world.groups.deleteGroups(message(DeleteGroupsRequestSchema, init), CONTEXT);
}

const open = async (clientId: string) => (await world.openSession(gateway, { clientId })).failure?.code ?? '';

describe('L6: while the disk is nearly full', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['a stream', () => world.createStream('new')],
    ['a group', () => claim('new')],
    ['members of a group', () => put('g', 'Stable', ['c'])],
    ['offsets', () => commit('g')],
  ])('%s is refused, and taken when there is room', async (_what, ask) => {
    const before = await world.dump();
    await expect(ask()).rejects.toEqual(failing('storage_full'));
    expect(await world.dump()).toEqual(before);
    isFull = false;
    await ask();
  });

  test('a new session is refused, one that is there is opened, each of a batch for itself', async () => {
    const answers = await world.openSessions(gateway, [
      { tenant: 't', clientId: 'new', expiryIntervalS: 60 },
      { tenant: 't', clientId: 'here', expiryIntervalS: 60 },
    ]);
    expect(answers.map(({ failure }) => failure?.code ?? '')).toEqual(['storage_full', '']);
    expect(answers[1]).toMatchObject({ sessionPresent: true });
    isFull = false;
    expect(await open('new')).toBe('');
  });

  test('a session gets no more rows, but moves on and gives its rows up', async () => {
    isFull = false;
    const subscribe = { putStarts: [{ id: 1 }], putSubscriptions: [{ filter: 'f', start: 1 }] };
    const outbound = { putOutbound: [{ packetId: 1 }] };
    expect(await world.update(gateway, { key, change: 1n, ...subscribe, ...outbound })).toBe('');
    isFull = true;
    const before = await world.rowsOf(key);
    const more = { putOutbound: [{ packetId: 2 }] };
    expect(await world.update(gateway, { key, change: 2n, ...more })).toBe('storage_full');
    expect(await world.rowsOf(key)).toEqual(before);
    const moved = { putCursors: [{ position: { streamId: 1, shard: 0, offset: 5n } }], removeOutbound: [1] };
    expect(await world.update(gateway, { key, change: 2n, ...moved })).toBe('');
    expect(
      await world.update(gateway, { key, change: 3n, removeSubscriptions: ['f'], removeStarts: [1] }),
    ).toBe('');
    const { cursors, outbound: left, subscriptions } = await world.rowsOf(key);
    expect([cursors.length, left.length, subscriptions.length]).toEqual([1, 0, 0]);
    await world.release(gateway, key, 0);
    expect(await world.headOf(key)).toBeUndefined();
  });

  test('what makes room is done: streams and groups are deleted, members leave, a retention is shortened', async () => {
    const { streamId } = world.meta.state.streamByName('default', 'old')!;
    const shorter = message(AlterStreamConfigRequestSchema, { streamId, set: { 'retention.ms': '1000' } });
    await world.cluster.alterStreamConfig(shorter, CONTEXT);
    const deletion = message(DeleteStreamRequestSchema, { tenant: 'default', name: 'old' });
    await world.cluster.deleteStream(deletion, CONTEXT);
    expect(world.meta.state.streamByName('default', 'old')).toBeUndefined();
    await put('g', 'Empty');
    await deleteGroup('g');
    expect((await world.dump()).filter((row) => /^\S+ [gm]\0/.test(row))).toEqual([]);
  });

  test('the cluster goes on: leases are renewed, processes come and end, groups and sessions pass on', async () => {
    const renewal = message(RenewLeaseRequestSchema, { node: gateway });
    expect(await world.cluster.renewLease(renewal, CONTEXT)).toMatchObject({ diskFull: true });
    await world.journal();
    await world.meta.endNodes([gateway]);
    await world.meta.reapSessions();
    expect(await world.headOf(key)).toMatchObject({ connected: false });
    gateway = await world.gateway('mqtt-1');
    expect(await claim('g')).toMatchObject({ granted: true, claim: { coordinatorEpoch: 1 } });
    expect(await open('here')).toBe('');
  });

  test('M1: what was refused is refused in a replay as well, though there is room by then', async () => {
    expect([await open('new'), await open('here')]).toEqual(['storage_full', '']);
    const before = await world.dump();
    isFull = false;
    world = await world.restart('lost');
    expect(await world.dump()).toEqual(before);
  });
});
