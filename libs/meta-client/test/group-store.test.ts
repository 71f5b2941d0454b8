// Rows of a group on their way to meta and back: bounded commands, whole pages, nothing lost between plain values and messages.
import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import {
  ClaimGroupResponseSchema,
  CommitOffsetsRequestSchema,
  CommitOffsetsResponseSchema,
  DeleteOffsetsResponseSchema,
  FetchOffsetsResponseSchema,
  LookupGroupsResponseSchema,
  CALL_LIMITS,
  PutGroupRowsRequestSchema,
  PutGroupRowsResponseSchema,
  ReadGroupRowsResponseSchema,
  type GroupHead,
  type GroupMember,
  type GroupTarget,
  type CommitOffsetsRequest,
  type PutGroupRowsRequest,
} from '@robustmq/rpc';
import type { GroupMemberRow, GroupRowChanges } from '../src/group-port.ts';
import { GroupStore, type GroupStoreMeta } from '../src/group-store.ts';
import type { Registration } from '../src/meta-client.ts';

/** A meta-service that keeps the rows of one group, and takes what it is sent over the wire's form. */
class MetaOfOneGroup {
  readonly commands: PutGroupRowsRequest[] = [];
  head: GroupHead | undefined;
  readonly members = new Map<string, GroupMember>();
  readonly targets = new Map<string, GroupTarget>();
  granted = true;
  /** Sizes of the other calls, as they came. */
  readonly lookups: number[] = [];
  readonly commits: CommitOffsetsRequest[] = [];
  readonly deletions: number[] = [];
  readonly offsetReads: string[] = [];
  /** Shards that an answer to them has room for. */
  offsetsPerAnswer = Number.POSITIVE_INFINITY;
  /** Commands that are still taken. */
  left = Number.POSITIVE_INFINITY;
  reads = 0;
  /** Rows per page. */
  pageRows = 3;
  #sequence = 0n;

  readonly client = {
    requestId: () => ({ nodeId: 'kafka-1', incarnation: 1n, sequence: ++this.#sequence }),
    persist: <T>(call: () => Promise<T>): Promise<T> => call(),
    groups: {
      claimGroup: () =>
        Promise.resolve(
          create(ClaimGroupResponseSchema, {
            granted: this.granted,
            exists: this.head !== undefined,
            claim: { coordinatorNodeId: 'kafka-1', coordinatorEpoch: 4, live: true },
            ...(this.head && { head: this.head }),
          }),
        ),
      lookupGroups: ({ groups }: { readonly groups: readonly { readonly groupId: string }[] }) => {
        this.lookups.push(groups.length);
        const claims = groups.map(({ groupId }) => ({ coordinatorNodeId: groupId }));
        return Promise.resolve(create(LookupGroupsResponseSchema, { claims }));
      },
      commitOffsets: (request: MessageInitShape<typeof CommitOffsetsRequestSchema>) => {
        this.commits.push(create(CommitOffsetsRequestSchema, request));
        return Promise.resolve(create(CommitOffsetsResponseSchema));
      },
      deleteOffsets: ({ shards }: { readonly shards: readonly unknown[] }) => {
        this.deletions.push(shards.length);
        return Promise.resolve(create(DeleteOffsetsResponseSchema));
      },
      fetchOffsets: ({ shards, all, place }: { shards: unknown[]; all?: boolean; place?: Uint8Array }) => {
        const at = Number(Buffer.from(place ?? []).toString() || '0');
        this.offsetReads.push(all === true ? `page ${at}` : `${shards.length} shards`);
        const offsets = [{ streamId: 1, shard: this.offsetReads.length }];
        const next = all === true && at < 2 ? Buffer.from(String(at + 1)) : new Uint8Array();
        const unread = all === true ? 0 : Math.max(0, shards.length - this.offsetsPerAnswer);
        return Promise.resolve(create(FetchOffsetsResponseSchema, { offsets, next, unread }));
      },
      readGroupRows: ({ place }: { readonly place: Uint8Array }) =>
        Promise.resolve(this.#page(Number(Buffer.from(place).toString() || '0'))),
      putGroupRows: (request: MessageInitShape<typeof PutGroupRowsRequestSchema>) => {
        if (this.commands.length >= this.left) return Promise.reject(new RangeError('away'));
        const bytes = toBinary(PutGroupRowsRequestSchema, create(PutGroupRowsRequestSchema, request));
        this.#apply(fromBinary(PutGroupRowsRequestSchema, bytes));
        return Promise.resolve(create(PutGroupRowsResponseSchema));
      },
    },
  } as unknown as GroupStoreMeta;

  #apply(request: PutGroupRowsRequest): void {
    this.commands.push(request);
    if (request.replace) {
      this.members.clear();
      this.targets.clear();
    }
    for (const memberId of request.gone) {
      this.members.delete(memberId);
      this.targets.delete(memberId);
    }
    for (const row of request.members) this.members.set(row.memberId, row);
    for (const row of request.targets) this.targets.set(row.memberId, row);
    this.head = request.head ?? this.head;
  }

  #page(from: number) {
    this.reads += 1;
    const rows = [...this.members.values(), ...this.targets.values()];
    const page = rows.slice(from, from + this.pageRows);
    const next =
      from + page.length < rows.length ? Buffer.from(String(from + page.length)) : new Uint8Array();
    return create(ReadGroupRowsResponseSchema, {
      members: page.filter((row) => row.$typeName === 'robustmq.meta.v1.GroupMember'),
      targets: page.filter((row) => row.$typeName === 'robustmq.meta.v1.GroupTarget'),
      next,
    });
  }
}

let meta: MetaOfOneGroup;
let store: GroupStore;
beforeEach(() => {
  meta = new MetaOfOneGroup();
  const identity = { nodeId: 'kafka-1', incarnation: 1n, directoryId: '' };
  store = new GroupStore(meta.client, () => ({ identity }) as Registration, 't');
});

const memberRow = (memberId: string, metadataBytes = 1): GroupMemberRow => ({
  memberId,
  groupInstanceId: memberId === 'm0' ? 'rack-1' : null,
  clientId: 'größe',
  clientHost: '/10.0.0.7',
  sessionTimeoutMs: 6_000,
  rebalanceTimeoutMs: 2 ** 31 - 1,
  position: Number(memberId.slice(1)) + 1,
  protocols: [{ name: 'range', metadata: Buffer.alloc(metadataBytes, 7) }],
});

function changesOf(count: number, metadataBytes = 1): GroupRowChanges {
  const members = Array.from({ length: count }, (_, n) => memberRow(`m${n}`, metadataBytes));
  return {
    head: {
      state: 'Stable',
      protocolType: 'consumer',
      generationId: 9,
      protocolName: 'range',
      leaderId: 'm0',
    },
    replace: false,
    members,
    targets: members.map(({ memberId }) => ({ memberId, assignment: Buffer.from(`of ${memberId}`) })),
    gone: [],
  };
}

test('K2: what was put comes back with the next claim, whatever pages it is read in', async () => {
  const { head, members, targets } = changesOf(5);
  await store.putRows('g', 4, changesOf(5));
  expect(meta.commands).toHaveLength(1);
  for (const pageRows of [1, 3, 100]) {
    meta.pageRows = pageRows;
    meta.reads = 0;
    expect(await store.claim('g')).toEqual({
      granted: true,
      exists: true,
      claim: { nodeId: 'kafka-1', coordinatorEpoch: 4, live: true },
      stored: { head, isComplete: true, members, targets },
    });
    expect(meta.reads).toBe(Math.ceil(10 / pageRows));
  }
});

test('an empty group has no protocol and no leader, a new one nothing', async () => {
  expect(await store.claim('g')).toMatchObject({ exists: false, stored: undefined });
  const head = {
    state: 'Empty',
    protocolType: 'consumer',
    generationId: 3,
    protocolName: null,
    leaderId: null,
  };
  await store.putRows('g', 4, { head, replace: true, members: [], targets: [], gone: [] });
  expect((await store.claim('g')).stored).toEqual({ head, isComplete: true, members: [], targets: [] });
});

test('I6: without the claim no row is read', async () => {
  await store.putRows('g', 4, changesOf(2));
  meta.granted = false;
  expect(await store.claim('g')).toMatchObject({ granted: false, stored: undefined });
  expect(meta.reads).toBe(0);
});

test.each([
  ['many rows', 1_000, 1],
  ['large rows', 40, 30_000],
])(
  'N13: %s go in commands that meta takes, each under a request id of its own',
  async (_name, count, metadataBytes) => {
    await store.putRows('g', 4, { ...changesOf(count, metadataBytes), replace: true, gone: ['m0'] });
    expect(meta.commands.length).toBeGreaterThan(2);
    for (const { members, targets, gone } of meta.commands) {
      expect(members.length + targets.length + gone.length).toBeLessThanOrEqual(CALL_LIMITS.groupRows);
    }
    for (const command of meta.commands)
      expect(toBinary(PutGroupRowsRequestSchema, command).length).toBeLessThan(512 * 1024);
    expect(new Set(meta.commands.map(({ requestId }) => requestId?.sequence)).size).toBe(
      meta.commands.length,
    );
    expect(meta.commands.map(({ replace }) => replace).indexOf(true, 1)).toBe(-1);
    expect([meta.members.size, meta.targets.size]).toEqual([count, count]);
    expect((await store.claim('g')).stored?.isComplete).toBe(true);
  },
);

test('N13: more groups than one lookup takes are looked up in several, in the order asked', async () => {
  const ids = Array.from({ length: CALL_LIMITS.groupLookups + 1 }, (_, n) => `g${n}`);
  const claims = await store.lookup(ids);
  expect(claims.map((claim) => claim?.nodeId)).toEqual(ids);
  expect(meta.lookups).toEqual([CALL_LIMITS.groupLookups, 1]);
});

test.each([
  ['many', 1, 2 * CALL_LIMITS.groupOffsets],
  // What a gateway takes of a client at its defaults: every partition with the largest metadata.
  ['large', 4_096, 10_000],
])(
  'N13: %s offsets are committed in commands that meta takes, each once and in order',
  async (_name, size, count) => {
    const offsets = Array.from({ length: count }, (_, shard) => ({
      streamId: 2 ** 31 - 1,
      shard,
      offset: Number.MAX_SAFE_INTEGER,
      leaderEpoch: -1,
      metadata: 'm'.repeat(size),
      committedAtMs: Date.UTC(2100, 0),
    }));
    await store.commitOffsets('g', 4, offsets);
    for (const command of meta.commits) {
      expect(command.offsets.length).toBeLessThanOrEqual(CALL_LIMITS.groupOffsets);
      expect(toBinary(CommitOffsetsRequestSchema, command).length).toBeLessThan(512 * 1024);
    }
    const shards = meta.commits.flatMap((command) => command.offsets.map(({ shard }) => shard));
    expect(shards).toEqual(offsets.map(({ shard }) => shard));
    expect(new Set(meta.commits.map(({ requestId }) => requestId?.sequence)).size).toBe(meta.commits.length);
  },
);

test('N13: metadata is counted in bytes, an offset larger than a command should be goes alone, none makes no command', async () => {
  const row = (shard: number, metadata: string) => ({
    ...{ streamId: 1, shard, offset: 7, leaderEpoch: -1, committedAtMs: 0 },
    metadata,
  });
  await store.commitOffsets('g', 4, []);
  // 100,000 characters of three bytes each.
  await store.commitOffsets('g', 4, [row(0, ''), row(1, '\u4e16'.repeat(100_000)), row(2, ''), row(3, '')]);
  expect(meta.commits.map(({ offsets }) => offsets.map(({ shard }) => shard))).toEqual([[0], [1], [2, 3]]);
});

test('N13: more offsets than one call takes are deleted in several', async () => {
  const shards = Array.from({ length: CALL_LIMITS.groupOffsets + 5 }, (_, shard) => ({ streamId: 1, shard }));
  await store.deleteOffsets('g', 4, shards);
  expect(meta.deletions).toEqual([CALL_LIMITS.groupOffsets, 5]);
});

test('K2: who ends between two commands of a change leaves it marked as half', async () => {
  await store.putRows('g', 4, changesOf(2));
  meta.left = 3;
  await expect(store.putRows('g', 4, { ...changesOf(600), replace: true })).rejects.toThrow('away');
  const { stored } = await store.claim('g');
  expect(stored?.isComplete).toBe(false);
});

test('a row larger than a command should be goes alone', async () => {
  await store.putRows('g', 4, {
    ...changesOf(0),
    members: [memberRow('m1'), memberRow('m2', 400_000), memberRow('m3')],
  });
  expect(meta.commands.map(({ members }) => members.map(({ memberId }) => memberId))).toEqual([
    ['m1'],
    ['m2'],
    ['m3'],
  ]);
});

test('N13: all offsets of a group are read page by page, those of many shards in several calls', async () => {
  expect((await store.fetchOffsets('g', null)).map(({ shard }) => shard)).toEqual([1, 2, 3]);
  expect(meta.offsetReads).toEqual(['page 0', 'page 1', 'page 2']);
  const shards = Array.from({ length: CALL_LIMITS.groupOffsetReads + 1 }, (_, shard) => ({
    streamId: 1,
    shard,
  }));
  expect(await store.fetchOffsets('g', shards)).toHaveLength(2);
  expect(meta.offsetReads.slice(3)).toEqual([`${CALL_LIMITS.groupOffsetReads} shards`, '1 shards']);
});

test('N13: shards that an answer full of metadata left out are asked for again, and no other', async () => {
  const shards = Array.from({ length: CALL_LIMITS.groupOffsetReads + 100 }, (_, shard) => ({
    streamId: 1,
    shard,
  }));
  meta.offsetsPerAnswer = 450;
  expect(await store.fetchOffsets('g', shards)).toHaveLength(3);
  expect(meta.offsetReads).toEqual([`${CALL_LIMITS.groupOffsetReads} shards`, '650 shards', '200 shards']);
});
