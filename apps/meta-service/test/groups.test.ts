import {
  CALL_LIMITS,
  ClaimGroupRequestSchema,
  CommitOffsetsRequestSchema,
  DeleteGroupsRequestSchema,
  DeleteOffsetsRequestSchema,
  FetchOffsetsRequestSchema,
  ListGroupsRequestSchema,
  LookupGroupsRequestSchema,
  PutGroupRowsRequestSchema,
  ServiceKind,
  type ClaimGroupResponse,
  type GroupClaim,
  type GroupSummary,
  type NodeIdentity,
  type OffsetRow,
} from '@robustmq/rpc';
import { ROWS_PER_READ } from '../src/rpc/group-claims.ts';
import { CONTEXT, failing, message, TestMeta } from './support/test-meta.ts';

describe('consumer groups (K2)', () => {
  let world: TestMeta;
  let a: NodeIdentity;
  let b: NodeIdentity;
  beforeEach(async () => {
    world = await TestMeta.open();
    a = (await world.register('kafka-1', ServiceKind.KAFKA_GATEWAY)).identity!;
    b = (await world.register('kafka-2', ServiceKind.KAFKA_GATEWAY)).identity!;
  });
  afterEach(() => world.remove());

  const group = (groupId: string) => ({ tenant: 't', groupId });
  const claim = async (node: NodeIdentity, groupId = 'g') => {
    const request = message(ClaimGroupRequestSchema, {
      node,
      group: group(groupId),
      requestId: world.requestId(node),
    });
    return (await world.groups.claimGroup(request, CONTEXT)) as ClaimGroupResponse;
  };
  const lookup = async (groupId = 'g'): Promise<GroupClaim> => {
    const request = message(LookupGroupsRequestSchema, { groups: [group(groupId)] });
    return (await world.groups.lookupGroups(request, CONTEXT)).claims![0] as GroupClaim;
  };
  const commit = (node: NodeIdentity, coordinatorEpoch: number, offset: bigint, groupId = 'g', shard = 0) => {
    const offsets = [{ streamId: 1, shard, offset, leaderEpoch: 2, metadata: 'm' }];
    const init = { node, coordinatorEpoch, group: group(groupId), requestId: world.requestId(node), offsets };
    return world.groups.commitOffsets(message(CommitOffsetsRequestSchema, init), CONTEXT);
  };
  const fetch = async (groupId = 'g', shards?: { streamId: number; shard: number }[]) => {
    const init = { group: group(groupId), all: shards === undefined, shards: shards ?? [] };
    const { offsets } = await world.groups.fetchOffsets(message(FetchOffsetsRequestSchema, init), CONTEXT);
    return (offsets as OffsetRow[]).map(({ shard, offset }) => `${shard}:${offset}`);
  };
  const put = (node: NodeIdentity, coordinatorEpoch: number, epoch: number, groupId = 'g') => {
    const head = { state: 'Stable', protocolType: 'consumer', epoch };
    const init = { node, coordinatorEpoch, group: group(groupId), head };
    return world.groups.putGroupRows(message(PutGroupRowsRequestSchema, init), CONTEXT);
  };
  const list = async (init: object = {}) => {
    const request = message(ListGroupsRequestSchema, { tenant: 't', ...init });
    const page = await world.groups.listGroups(request, CONTEXT);
    return { ids: (page.groups as GroupSummary[]).map((row) => row.group!.groupId), more: page.more };
  };

  test('a claim holds while its incarnation lives, and its end raises the epoch', async () => {
    expect(await lookup()).toMatchObject({ coordinatorNodeId: '', live: false });
    expect(await claim(a)).toMatchObject({ granted: true, exists: false, claim: { coordinatorEpoch: 0 } });
    expect(await claim(b)).toMatchObject({
      granted: false,
      claim: { coordinatorNodeId: 'kafka-1', coordinatorEpoch: 0, live: true },
    });
    await world.meta.endNodes([a]);
    expect(await lookup()).toMatchObject({ coordinatorNodeId: 'kafka-1', live: false });
    expect(await claim(b)).toMatchObject({ granted: true, claim: { coordinatorEpoch: 1, live: true } });
    await expect(claim(a)).rejects.toEqual(failing('fenced'));
  });

  test('one id that no group can have fails none of the others that are looked up with it', async () => {
    await claim(a);
    await claim(a, '');
    const groups = ['g', 'with\0NUL', ''].map(group);
    const { claims } = await world.groups.lookupGroups(
      message(LookupGroupsRequestSchema, { groups }),
      CONTEXT,
    );
    expect(claims!.map(({ coordinatorNodeId }) => coordinatorNodeId)).toEqual(['kafka-1', '', 'kafka-1']);
  });

  test('N8: claims of hundreds of groups are read a few rows at a time, and in turns', async () => {
    const ids = Array.from({ length: CALL_LIMITS.groupLookups }, (_, n) => `g${n}`);
    const claimed = [0, ROWS_PER_READ - 1, ROWS_PER_READ, ids.length - 1];
    for (const at of claimed) await claim(a, `g${at}`);
    const { store, lookups } = world.meta;
    const getMany = store.getMany.bind(store);
    const sizes: number[] = [];
    jest.spyOn(store, 'getMany').mockImplementation((family, keys) => {
      sizes.push(keys.length);
      world.clock.advance(2);
      return getMany(family, keys);
    });
    const yields = jest.spyOn(lookups, 'yield');
    const { claims } = await world.groups.lookupGroups(
      message(LookupGroupsRequestSchema, { groups: ids.map(group) }),
      CONTEXT,
    );
    expect(claims!.map((each) => each.group?.groupId)).toEqual(ids);
    expect(claims!.flatMap(({ live }, at) => (live === true ? [at] : []))).toEqual(claimed);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(ROWS_PER_READ);
    expect(yields.mock.calls.length).toBeGreaterThanOrEqual(2);
  });

  test('offsets come in pages, whole, and none of another group (I8, N13)', async () => {
    await claim(a);
    await claim(a, 'g2');
    await commit(a, 0, 7n, 'g2', 3);
    const metadata = 'm'.repeat(4_000);
    const COUNT = 700;
    const SLICE = 100;
    for (let from = 0; from < COUNT; from += SLICE) {
      const offsets = Array.from({ length: SLICE }, (_, i) => ({
        streamId: 1,
        shard: from + i,
        offset: 1n,
        leaderEpoch: 2,
        metadata,
      }));
      const init = {
        node: a,
        coordinatorEpoch: 0,
        group: group('g'),
        requestId: world.requestId(a),
        offsets,
      };
      await world.groups.commitOffsets(message(CommitOffsetsRequestSchema, init), CONTEXT);
    }
    const shards: number[] = [];
    let pages = 0;
    let place = new Uint8Array();
    do {
      const request = message(FetchOffsetsRequestSchema, { group: group('g'), all: true, place });
      const page = await world.groups.fetchOffsets(request, CONTEXT);
      shards.push(...page.offsets!.map((row) => row.shard!));
      place = page.next as typeof place;
      pages++;
    } while (place.length > 0);
    expect([shards.length, new Set(shards).size]).toEqual([COUNT, COUNT]);
    expect(pages).toBeGreaterThan(2);
    const stray = message(FetchOffsetsRequestSchema, {
      group: group('g2'),
      all: true,
      place: Buffer.from('x'),
    });
    await expect(Promise.resolve(world.groups.fetchOffsets(stray, CONTEXT))).rejects.toEqual(
      failing('invalid_argument'),
    );
  });

  test('N13: offsets with the largest metadata are read by shard in answers that fit a message, each once', async () => {
    await claim(a);
    const metadata = 'm'.repeat(64 * 1024);
    const refs = Array.from({ length: 100 }, (_, shard) => ({ streamId: 1, shard }));
    for (const ref of refs.filter(({ shard }) => shard % 4 !== 0)) {
      const offsets = [{ ...ref, offset: 1n, leaderEpoch: 2, metadata }];
      const init = {
        node: a,
        coordinatorEpoch: 0,
        group: group('g'),
        requestId: world.requestId(a),
        offsets,
      };
      await world.groups.commitOffsets(message(CommitOffsetsRequestSchema, init), CONTEXT);
    }
    const read: number[] = [];
    let answers = 0;
    for (let from = 0; from < refs.length; answers++) {
      const init = { group: group('g'), shards: refs.slice(from) };
      const { offsets = [], unread = 0 } = await world.groups.fetchOffsets(
        message(FetchOffsetsRequestSchema, init),
        CONTEXT,
      );
      expect(offsets.length).toBeLessThanOrEqual(17);
      for (const { shard = -1 } of offsets) read.push(shard);
      from = refs.length - unread;
    }
    expect(read).toEqual(refs.map(({ shard }) => shard).filter((shard) => shard % 4 !== 0));
    expect(answers).toBeGreaterThan(4);
  });

  test('N13: one call takes as many offsets as its limit says and no more', async () => {
    await claim(a);
    const claimed = { node: a, coordinatorEpoch: 0, group: group('g') };
    const shardsOf = (count: number) => Array.from({ length: count }, (_, shard) => ({ streamId: 1, shard }));
    const commitMany = (count: number) => {
      const offsets = shardsOf(count).map((ref) => ({ ...ref, offset: 1n, leaderEpoch: 2, metadata: '' }));
      const init = { ...claimed, requestId: world.requestId(a), offsets };
      return Promise.resolve(world.groups.commitOffsets(message(CommitOffsetsRequestSchema, init), CONTEXT));
    };
    const deleteMany = (count: number) => {
      const init = { ...claimed, requestId: world.requestId(a), shards: shardsOf(count) };
      return Promise.resolve(world.groups.deleteOffsets(message(DeleteOffsetsRequestSchema, init), CONTEXT));
    };
    const { groupOffsets, groupOffsetReads } = CALL_LIMITS;
    await expect(commitMany(groupOffsets + 1)).rejects.toEqual(failing('too_large'));
    await commitMany(groupOffsets);
    expect(await fetch('g', shardsOf(groupOffsetReads))).toHaveLength(groupOffsetReads);
    await expect(fetch('g', shardsOf(groupOffsetReads + 1))).rejects.toEqual(failing('too_large'));
    await expect(deleteMany(groupOffsets + 1)).rejects.toEqual(failing('too_large'));
    await deleteMany(groupOffsets);
    expect(await fetch()).toEqual([]);
  });

  test('two that claim at once get one coordinator (I6)', async () => {
    const answers = await Promise.all([claim(a), claim(b)]);
    expect(answers.filter(({ granted }) => granted).length).toBe(1);
    const holder = answers.find(({ granted }) => granted)!.claim!.coordinatorNodeId;
    expect(answers.map((answer) => answer.claim!.coordinatorNodeId)).toEqual([holder, holder]);
  });

  test('only the current claim writes', async () => {
    await claim(a);
    await commit(a, 0, 5n);
    await world.meta.endNodes([a]);
    await claim(b);
    await expect(commit(b, 0, 9n)).rejects.toEqual(failing('not_coordinator'));
    await expect(put(b, 0, 7)).rejects.toEqual(failing('not_coordinator'));
    await expect(commit(a, 0, 9n)).rejects.toEqual(failing('fenced'));
    await expect(commit(b, 1, 1n, 'never claimed')).rejects.toEqual(failing('not_coordinator'));
    expect(await fetch()).toEqual(['0:5']);
  });

  test('a deleted group forgets offsets and head, and its old coordinator stays fenced', async () => {
    await claim(a);
    await commit(a, 0, 5n);
    await put(a, 0, 7);
    const init = { node: a, group: group('g'), coordinatorEpoch: 0 };
    await world.groups.deleteGroups(message(DeleteGroupsRequestSchema, init), CONTEXT);
    expect(await fetch()).toEqual([]);
    expect(await claim(b)).toMatchObject({ granted: true, exists: false, claim: { coordinatorEpoch: 0 } });
    await expect(commit(a, 0, 9n)).rejects.toEqual(failing('not_coordinator'));
  });

  test('the head comes back with the claim', async () => {
    expect((await claim(a)).head).toBeUndefined();
    await put(a, 0, 7);
    await world.meta.endNodes([a]);
    expect(await claim(b)).toMatchObject({ exists: true, head: { state: 'Stable', epoch: 7 } });
  });

  test('offsets: all, some, deleted ones', async () => {
    await claim(a);
    for (const shard of [0, 1, 2]) await commit(a, 0, BigInt(shard * 10), 'g', shard);
    await commit(a, 0, 11n, 'g', 1);
    expect(await fetch()).toEqual(['0:0', '1:11', '2:20']);
    expect(
      await fetch('g', [
        { streamId: 1, shard: 2 },
        { streamId: 7, shard: 0 },
      ]),
    ).toEqual(['2:20']);
    const shards = [{ streamId: 1, shard: 0 }];
    const init = { node: a, group: group('g'), coordinatorEpoch: 0, shards };
    await world.groups.deleteOffsets(message(DeleteOffsetsRequestSchema, init), CONTEXT);
    expect(await fetch()).toEqual(['1:11', '2:20']);
    expect(await fetch('gg')).toEqual([]);
  });

  test('lists groups that exist, in pages; one that was only asked for does not', async () => {
    for (const groupId of ['a', 'b', 'c', 'd']) await claim(a, groupId);
    for (const groupId of ['a', 'b', 'd']) await commit(a, 0, 1n, groupId);
    expect(await list()).toEqual({ ids: ['a', 'b', 'd'], more: false });
    expect(await list({ limit: 2 })).toEqual({ ids: ['a', 'b'], more: true });
    expect(await list({ limit: 2, afterGroupId: 'b' })).toEqual({ ids: ['d'], more: false });
    expect(await list({ tenant: 'other' })).toEqual({ ids: [], more: false });
  });

  test('refuses a group id that could name other rows (I10)', async () => {
    for (const groupId of ['g\0x', '\0'])
      await expect(claim(a, groupId)).rejects.toEqual(failing('invalid_argument'));
  });
});
