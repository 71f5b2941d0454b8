// Groups that nobody uses go with their offsets (KIP-211), and so do offsets of streams that were deleted.
import {
  CALL_LIMITS,
  ClaimGroupRequestSchema,
  CommitOffsetsRequestSchema,
  DeleteStreamRequestSchema,
  FetchOffsetsRequestSchema,
  ListGroupsRequestSchema,
  LookupGroupsRequestSchema,
  PutGroupRowsRequestSchema,
  ServiceKind,
  type ClaimGroupResponse,
  type GroupSummary,
  type NodeIdentity,
  type OffsetRow,
} from '@robustmq/rpc';
import { RENEW_AFTER_MS } from '../src/data/groups.ts';
import { afterPrefix, allOffsets } from '../src/data/keys.ts';
import { dataFamily } from '../src/families.ts';
import { CONTEXT, message, TestMeta } from './support/test-meta.ts';

const HOUR_MS = 3_600_000;
const RETENTION_MS = 24 * HOUR_MS;
/** After which a group is certainly gone. */
const EXPIRY_MS = RETENTION_MS + RENEW_AFTER_MS;

let world: TestMeta;
let node: NodeIdentity;
beforeEach(async () => {
  world = await TestMeta.open({ offsetsRetentionMs: RETENTION_MS });
  await reconnect();
});
afterEach(() => world.remove());

/** A lease does not last for hours without renewal. */
async function reconnect(): Promise<void> {
  node = (await world.register('kafka-1', ServiceKind.KAFKA_GATEWAY)).identity!;
}

async function pass(durationMs: number): Promise<void> {
  world.clock.advance(durationMs);
  await world.meta.reapGroups();
  await reconnect();
}

const named = (groupId: string) => ({
  node,
  group: { tenant: 't', groupId },
  requestId: world.requestId(node),
});

async function claim(groupId: string): Promise<number> {
  const answer = await world.groups.claimGroup(message(ClaimGroupRequestSchema, named(groupId)), CONTEXT);
  return (answer as ClaimGroupResponse).claim?.coordinatorEpoch ?? -1;
}

async function put(groupId: string, state: string): Promise<void> {
  const init = {
    ...named(groupId),
    coordinatorEpoch: await claim(groupId),
    head: { state },
  };
  await world.groups.putGroupRows(message(PutGroupRowsRequestSchema, init), CONTEXT);
}

async function commit(groupId: string, streamId = 1): Promise<void> {
  const offsets = [{ streamId, shard: 0, offset: 7n, leaderEpoch: 0, metadata: '' }];
  const init = { ...named(groupId), coordinatorEpoch: await claim(groupId), offsets };
  await world.groups.commitOffsets(message(CommitOffsetsRequestSchema, init), CONTEXT);
}

async function groups(): Promise<string[]> {
  const answer = await world.groups.listGroups(message(ListGroupsRequestSchema, { tenant: 't' }), CONTEXT);
  return (answer.groups as GroupSummary[]).map(({ group }) => group?.groupId ?? '');
}

async function offsetsOf(groupId: string): Promise<number[]> {
  const init = { group: { tenant: 't', groupId }, all: true };
  const { offsets } = await world.groups.fetchOffsets(message(FetchOffsetsRequestSchema, init), CONTEXT);
  return (offsets as OffsetRow[]).map(({ streamId }) => streamId);
}

async function isClaimed(groupId: string): Promise<boolean> {
  const init = { groups: [{ tenant: 't', groupId }] };
  const { claims } = await world.groups.lookupGroups(message(LookupGroupsRequestSchema, init), CONTEXT);
  return claims?.[0]?.coordinatorNodeId !== '';
}

test('an empty group goes with its offsets once the retention has passed, one with members stays', async () => {
  await put('empty', 'Stable');
  await commit('empty');
  await put('empty', 'Empty');
  await put('used', 'Stable');
  await commit('used');
  await pass(RETENTION_MS);
  expect(await groups()).toEqual(['empty', 'used']);
  await pass(RENEW_AFTER_MS);
  expect(await groups()).toEqual(['used']);
  expect([await offsetsOf('empty'), await offsetsOf('used'), await isClaimed('empty')]).toEqual([
    [],
    [1],
    false,
  ]);
  await pass(10 * RETENTION_MS);
  expect(await groups()).toEqual(['used']);
});

test('the time counts from when the last member left, not from a later record of the empty group', async () => {
  await put('g', 'Empty');
  await pass(EXPIRY_MS / 2);
  await put('g', 'Empty');
  await pass(EXPIRY_MS / 2);
  expect(await groups()).toEqual([]);
});

test('a member that comes back in time ends the wait', async () => {
  await put('g', 'Empty');
  await pass(RETENTION_MS - HOUR_MS);
  await put('g', 'Stable');
  await pass(EXPIRY_MS);
  expect(await groups()).toEqual(['g']);
  await put('g', 'Empty');
  await pass(EXPIRY_MS - 1);
  expect(await groups()).toEqual(['g']);
  await pass(1);
  expect(await groups()).toEqual([]);
});

test('consumers without a group of their own keep it by committing', async () => {
  await commit('simple');
  for (let hours = 0; hours < 72; hours += 12) {
    await pass(12 * HOUR_MS);
    await commit('simple');
  }
  expect(await groups()).toEqual(['simple']);
  await pass(EXPIRY_MS);
  expect(await groups()).toEqual([]);
  expect(await offsetsOf('simple')).toEqual([]);
});

test('their offsets stay for the whole retention after the last commit, which may renew nothing', async () => {
  await commit('simple');
  world.clock.advance(RENEW_AFTER_MS - 1);
  await commit('simple');
  await pass(RETENTION_MS);
  expect(await offsetsOf('simple')).toEqual([1]);
});

test('a retention of minutes is renewed by commits as well', async () => {
  await world.remove();
  world = await TestMeta.open({ offsetsRetentionMs: 60_000 });
  await reconnect();
  for (let minutes = 0; minutes < 10; minutes += 1) {
    await commit('simple');
    await pass(60_000);
    expect(await offsetsOf('simple')).toEqual([1]);
  }
});

test('a name that was only asked for is forgotten', async () => {
  await claim('console-consumer-1');
  await pass(EXPIRY_MS - 1);
  expect(await isClaimed('console-consumer-1')).toBe(true);
  await pass(1);
  expect(await isClaimed('console-consumer-1')).toBe(false);
});

test('more groups than one step takes go in bounded steps', async () => {
  const names = Array.from({ length: 700 }, (_, n) => `g${n}`);
  for (const name of names) await put(name, 'Empty');
  await pass(EXPIRY_MS);
  for (let runs = 0; runs < 3; runs += 1) await world.meta.reapGroups();
  expect(await groups()).toEqual([]);
});

test('X4: offsets of a deleted stream go, those of others stay', async () => {
  await world.register('journal-1', ServiceKind.JOURNAL, 'd');
  const kept = await world.createStream('kept');
  const deleted = await world.createStream('deleted');
  await put('g', 'Stable');
  for (const { streamId } of [kept, deleted]) await commit('g', streamId);
  await world.meta.reapGroups();
  expect(await offsetsOf('g')).toEqual([kept.streamId, deleted.streamId]);
  const init = {
    requestId: world.requestId(node),
    tenant: 'default',
    name: 'deleted',
    streamId: deleted.streamId,
  };
  await world.cluster.deleteStream(message(DeleteStreamRequestSchema, init), CONTEXT);
  await world.meta.reapGroups();
  expect(await offsetsOf('g')).toEqual([kept.streamId]);
});

test('X4: stray offsets among more than one step looks at go in bounded steps, whatever their metadata says', async () => {
  await world.register('journal-1', ServiceKind.JOURNAL, 'd');
  const deleted = await world.createStream('deleted');
  await put('g', 'Stable');
  const offsets = Array.from({ length: 3_000 }, (_, n) => ({
    ...{ streamId: n % 100 === 0 ? deleted.streamId : 1_000, shard: n },
    ...{ offset: 7n, leaderEpoch: 0, metadata: 'm'.repeat(n % 100) },
  }));
  const coordinatorEpoch = await claim('g');
  for (let at = 0; at < offsets.length; at += CALL_LIMITS.groupOffsets) {
    const init = {
      ...{ ...named('g'), coordinatorEpoch },
      offsets: offsets.slice(at, at + CALL_LIMITS.groupOffsets),
    };
    await world.groups.commitOffsets(message(CommitOffsetsRequestSchema, init), CONTEXT);
  }
  const { streamId } = deleted;
  const request = { requestId: world.requestId(node), tenant: 'default', name: 'deleted', streamId };
  await world.cluster.deleteStream(message(DeleteStreamRequestSchema, request), CONTEXT);
  for (let runs = 0; runs < 4; runs += 1) await world.meta.reapGroups();
  const left = await world.store.scan(dataFamily(world.meta.dataGroupOf('t', 'g')), {
    ...{ from: allOffsets(), until: afterPrefix(allOffsets()), limit: 10_000 },
  });
  expect(left).toHaveLength(2_970);
  expect(await offsetsOf('g')).not.toContain(streamId);
});

test('M1: what is replayed from the log comes to the same groups', async () => {
  await put('empty', 'Empty');
  await put('used', 'Stable');
  world = await world.restart('lost');
  await reconnect();
  await pass(EXPIRY_MS);
  expect(await groups()).toEqual(['used']);
});
