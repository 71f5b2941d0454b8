// Rows of a group against a model (K2): what is written is read back page by page, whatever happens in between, and only the
// holder of the claim writes.
import { create, toBinary } from '@bufbuild/protobuf';
import {
  ClaimGroupRequestSchema,
  DeleteGroupsRequestSchema,
  ExpireGroupsSchema,
  GroupMemberSchema,
  GroupMemberState,
  GroupTargetSchema,
  GroupType,
  CALL_LIMITS,
  PutGroupRowsRequestSchema,
  ReadGroupRowsRequestSchema,
  ServiceKind,
  type ClaimGroupResponse,
  type GroupMember,
  type GroupTarget,
  type NodeIdentity,
  type PutGroupRowsRequest,
} from '@robustmq/rpc';
import { Random } from '@robustmq/testkit';
import { groupKey, groupRows, memberKey, targetKey } from '../src/data/keys.ts';
import { dataFamily } from '../src/families.ts';
import { readGroupRows } from '../src/rpc/group-pages.ts';
import { CONTEXT, failing, message, TestMeta } from './support/test-meta.ts';

const TENANT = 't';
const MEMBERS = ['a', 'b', 'c', 'member-with-a-longer-name', 'é\u0001'];

interface ModelGroup {
  epoch: number;
  readonly members: Map<string, GroupMember>;
  readonly targets: Map<string, GroupTarget>;
}

let world: TestMeta;
let node: NodeIdentity;
beforeEach(async () => {
  world = await TestMeta.open();
  node = (await world.register('kafka-1', ServiceKind.KAFKA_GATEWAY)).identity!;
});
afterEach(() => world.remove());

const named = (groupId: string) => ({
  node,
  group: { tenant: TENANT, groupId },
  requestId: world.requestId(node),
});

async function claim(groupId: string): Promise<ClaimGroupResponse> {
  const request = message(ClaimGroupRequestSchema, named(groupId));
  return (await world.groups.claimGroup(request, CONTEXT)) as ClaimGroupResponse;
}

type Changes = Partial<Pick<PutGroupRowsRequest, 'replace' | 'members' | 'targets' | 'gone'>>;

async function put(groupId: string, coordinatorEpoch: number, changes: Changes): Promise<void> {
  const head = { type: GroupType.CLASSIC, state: 'Stable', protocolType: 'consumer', epoch: 1 };
  const init = { ...named(groupId), coordinatorEpoch, head, ...changes };
  await world.groups.putGroupRows(message(PutGroupRowsRequestSchema, init), CONTEXT);
}

function sourceOf(groupId: string) {
  const family = dataFamily(world.meta.dataGroupOf(TENANT, groupId));
  return { store: world.store, family, budget: world.meta.turnBudget() };
}

/** Everything, in pages of about so many bytes. */
async function read(
  groupId: string,
  pageBytes: number,
): Promise<{ members: GroupMember[]; targets: GroupTarget[]; pages: number }> {
  const found = { members: [] as GroupMember[], targets: [] as GroupTarget[], pages: 0 };
  let place: Uint8Array = new Uint8Array();
  do {
    const page = await readGroupRows(sourceOf(groupId), { tenant: TENANT, groupId }, place, pageBytes);
    found.members.push(...page.members);
    found.targets.push(...page.targets);
    found.pages += 1;
    place = page.next;
  } while (place.length > 0);
  return found;
}

const member = (memberId: string, position = 0): GroupMember =>
  create(GroupMemberSchema, {
    memberId,
    position,
    protocols: [{ name: 'range', metadata: Buffer.from('m') }],
  });
const target = (memberId: string, text: string): GroupTarget =>
  create(GroupTargetSchema, { memberId, assignment: Buffer.from(text) });

function randomChanges(random: Random): Required<Changes> {
  const some = (): string[] => MEMBERS.filter(() => random.chance(0.4));
  return {
    replace: random.chance(0.15),
    gone: random.chance(0.5) ? some() : [],
    members: some().map((memberId) => member(memberId, random.below(100))),
    targets: some().map((memberId) => target(memberId, `shards ${random.below(9)}`)),
  };
}

function change(group: ModelGroup, { replace, gone, members, targets }: Required<Changes>): void {
  if (replace) {
    group.members.clear();
    group.targets.clear();
  }
  for (const memberId of gone) {
    group.members.delete(memberId);
    group.targets.delete(memberId);
  }
  for (const row of members) group.members.set(row.memberId, row);
  for (const row of targets) group.targets.set(row.memberId, row);
}

const texts = (rows: Iterable<GroupMember | GroupTarget>): string[] =>
  [...rows]
    .map((row) =>
      Buffer.from(
        row.$typeName === 'robustmq.meta.v1.GroupMember'
          ? toBinary(GroupMemberSchema, row)
          : toBinary(GroupTargetSchema, row),
      ).toString('latin1'),
    )
    .sort();

test('K2: rows are those of a model, over claims, deletions, repeats and replays', async () => {
  const random = new Random(7);
  const model = new Map<string, ModelGroup>();
  for (let step = 0; step < 300; step += 1) {
    const groupId = random.pick(['g', 'gg', 'g\u0001', 'h']);
    const known = model.get(groupId);
    const dice = random.below(20);
    if (known === undefined || dice < 2) {
      const answer = await claim(groupId);
      const epoch = answer.claim?.coordinatorEpoch ?? -1;
      if (known === undefined) model.set(groupId, { epoch, members: new Map(), targets: new Map() });
      else known.epoch = epoch;
    } else if (dice < 3) {
      const init = { ...named(groupId), coordinatorEpoch: known.epoch };
      await world.groups.deleteGroups(message(DeleteGroupsRequestSchema, init), CONTEXT);
      model.delete(groupId);
    } else if (dice < 5) {
      await expect(put(groupId, known.epoch + 1, randomChanges(random))).rejects.toEqual(
        failing('not_coordinator'),
      );
    } else {
      const changes = randomChanges(random);
      await put(groupId, known.epoch, changes);
      change(known, changes);
    }
    if (step === 150 || step === 250) {
      world = await world.restart('lost');
      node = (await world.register('kafka-1', ServiceKind.KAFKA_GATEWAY)).identity!;
      for (const [name, group] of model) group.epoch = (await claim(name)).claim?.coordinatorEpoch ?? -1;
    }
    const { members, targets } = await read(groupId, random.between(1, 200));
    const now = model.get(groupId);
    expect([step, texts(members), texts(targets)]).toEqual([
      step,
      texts(now?.members.values() ?? []),
      texts(now?.targets.values() ?? []),
    ]);
  }
});

test('I8: a large group is read in bounded pages, over the service as well', async () => {
  const { claim: held } = await claim('g');
  const wide = Buffer.alloc(8_192, 1);
  for (let from = 0; from < 512; from += 64) {
    const members = Array.from({ length: 64 }, (_, i) =>
      create(GroupMemberSchema, { memberId: `m${from + i}`, protocols: [{ name: 'p', metadata: wide }] }),
    );
    await put('g', held!.coordinatorEpoch, { members });
  }
  const first = await world.groups.readGroupRows(
    message(ReadGroupRowsRequestSchema, { group: { tenant: TENANT, groupId: 'g' } }),
    CONTEXT,
  );
  expect(first.members!.length).toBeLessThan(200);
  const { members, pages } = await read('g', 1024 * 1024);
  expect([members.length, pages]).toEqual([512, 4]);
});

test('N13: a command takes so many rows, and one more is refused with nothing changed', async () => {
  const { claim: held } = await claim('g');
  const members = Array.from({ length: CALL_LIMITS.groupRows }, (_, i) => member(`m${i}`));
  await put('g', held!.coordinatorEpoch, { members });
  const targets = [target('m1', 'x')];
  await expect(put('g', held!.coordinatorEpoch, { replace: true, members, targets })).rejects.toEqual(
    failing('too_large'),
  );
  expect((await read('g', 1_000_000)).members).toHaveLength(CALL_LIMITS.groupRows);
  for (const changes of [{ members: [member('')] }, { targets: [target('', 'x')] }, { gone: [''] }])
    await expect(put('g', held!.coordinatorEpoch, changes)).rejects.toEqual(failing('invalid_argument'));
});

test('I10: a page does not begin in another group', async () => {
  await claim('g');
  for (const place of [groupRows(TENANT, 'h'), Buffer.from('g'), groupKey(TENANT, 'g')])
    await expect(readGroupRows(sourceOf('g'), { tenant: TENANT, groupId: 'g' }, place, 1)).rejects.toEqual(
      failing('invalid_argument'),
    );
});

test('KIP-211: an expired group leaves no row', async () => {
  const { claim: held } = await claim('g');
  await put('g', held!.coordinatorEpoch, { members: [member('a')], targets: [target('a', 'x')] });
  const init = { ...named('g'), coordinatorEpoch: held!.coordinatorEpoch, head: { state: 'Empty' } };
  await world.groups.putGroupRows(message(PutGroupRowsRequestSchema, init), CONTEXT);
  const value = create(ExpireGroupsSchema, {
    groups: [{ tenant: TENANT, groupId: 'g' }],
    idleUntilMs: BigInt(Number.MAX_SAFE_INTEGER),
  });
  await world.meta.data(world.meta.dataGroupOf(TENANT, 'g'), { case: 'expireGroups', value });
  expect(await read('g', 1_000)).toMatchObject({ members: [], targets: [] });
});

test('a change without a head leaves it, and says so until the last command of several', async () => {
  const { claim: held } = await claim('g');
  const slice = async (init: object): Promise<void> => {
    const request = { ...named('g'), coordinatorEpoch: held!.coordinatorEpoch, ...init };
    await world.groups.putGroupRows(message(PutGroupRowsRequestSchema, request), CONTEXT);
  };
  await slice({ head: { state: 'Stable', epoch: 5, incomplete: true }, members: [member('a')] });
  await slice({ members: [member('b')] });
  expect((await claim('g')).head).toMatchObject({ state: 'Stable', epoch: 5, incomplete: true });
});

test('the page of the format: keys of rows, and room for groups that the coordinator assigns (KIP-848)', () => {
  expect(memberKey('acme', 'g', 'm-1').toString()).toBe('m\u0000acme\u0000g\u0000m\u0000m-1');
  expect(targetKey('acme', 'g', 'm-1').toString()).toBe('m\u0000acme\u0000g\u0000t\u0000m-1');
  const shards = [{ streamId: 3, shards: [0, 5] }];
  const row = create(GroupMemberSchema, {
    memberId: 'm-1',
    memberEpoch: 4,
    previousEpoch: 3,
    state: GroupMemberState.UNREVOKED,
    subscribedTopics: ['orders'],
    assigned: shards,
    pendingRevocation: shards,
  });
  expect(Buffer.from(toBinary(GroupMemberSchema, member('m-1', 2))).toString('hex')).toBe(
    '0a036d2d31' + '3802' + '420a' + '0a0572616e6765' + '12016d',
  );
  // What a consumer group needs has numbers of its own behind those of a classic one.
  const hex = Buffer.from(toBinary(GroupMemberSchema, row)).toString('hex');
  expect(hex).toBe(
    '0a036d2d31' +
      '52066f7264657273' +
      '6804' +
      '7003' +
      '7802' +
      '8201060803120200' +
      '05' +
      '8a010608031202' +
      '0005',
  );
});
