// What a coordinator writes: the rows that changed, and all of them when it does not know what is there.
import { Random } from '@robustmq/testkit';
import { StoredRows } from '../src/index.ts';
import type { GroupRecord } from '../src/types.ts';
import { Harness } from './harness.ts';
import { RowStore, slicesOf } from './row-store.ts';

const records = (h: Harness): GroupRecord[] => h.records.map(({ record }) => record);
const ids = (rows: readonly { readonly memberId: string }[]): string[] =>
  rows.map(({ memberId }) => memberId);

test('a rebalance writes the targets that changed, and no member that said nothing new', () => {
  const h = new Harness();
  const rows = new StoredRows();
  const members = h.stable(3);
  const first = records(h).at(-1)!;
  expect(rows.changesTo(first)).toMatchObject({ replace: false, gone: [] });
  rows.became(first);
  const target = { memberId: members[1]!, assignment: Buffer.from('other') };
  const targets = first.targets.map((row) => (row.memberId === target.memberId ? target : row));
  const changes = rows.changesTo({ ...first, targets });
  expect([changes.members, changes.targets, changes.gone]).toEqual([[], [target], []]);
});

test('a member that left goes with its rows, one that came gets them', () => {
  const h = new Harness();
  const rows = new StoredRows();
  const [leader = '', follower = ''] = h.stable(2);
  rows.became(records(h).at(-1)!);
  h.group.leave({ memberId: follower, groupInstanceId: null }, h.nowMs);
  const newcomer = h.join();
  h.finish([h.join({ memberId: leader }), newcomer]);
  const changes = rows.changesTo(records(h).at(-1)!);
  const memberId = h.joins.get(newcomer)!.memberId;
  expect([ids(changes.members), ids(changes.targets), changes.gone]).toEqual([
    [memberId],
    [memberId],
    [follower],
  ]);
});

test('a member without an assignment needs no target, one that lost it does', () => {
  const h = new Harness();
  h.stable(1);
  const full = records(h).at(-1)!;
  const empty = { ...full, targets: full.targets.map((row) => ({ ...row, assignment: Buffer.alloc(0) })) };
  const rows = new StoredRows();
  expect(rows.changesTo(empty).targets).toEqual([]);
  rows.became(full);
  expect(rows.changesTo(empty).targets).toEqual(empty.targets);
});

test.each([
  ['a write that failed', (rows: StoredRows, record: GroupRecord) => void rows.changesTo(record)],
  ['nothing', () => undefined],
])('what is known after half a change and %s: all rows are replaced', (_name, before) => {
  const h = new Harness();
  h.stable(2);
  const record = records(h).at(-1)!;
  const rows = new StoredRows({ ...record, isComplete: false });
  before(rows, record);
  const changes = rows.changesTo(record);
  expect(changes).toMatchObject({
    replace: true,
    gone: [],
    members: record.members,
    targets: record.targets,
  });
});

test('a position is a row of its own kind: a static member that came back is last', () => {
  const h = new Harness();
  h.stable(2, { groupInstanceId: null });
  const stay = h.join({ groupInstanceId: 'i' });
  h.finish([
    ...h.group
      .describe()
      .members.filter(({ groupInstanceId }) => groupInstanceId === null)
      .map(({ memberId }) => h.join({ memberId })),
    stay,
  ]);
  h.join({ groupInstanceId: 'i' });
  const positions = records(h)
    .at(-1)!
    .members.map(({ position }) => position);
  expect(positions).toEqual([...positions].sort((a, b) => a - b));
  expect(new Set(positions).size).toBe(3);
});

test('whatever changes, the rows are those of the last record (model, from seeds)', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = new Random(seed);
    const store = new RowStore();
    let rows = new StoredRows();
    let last: GroupRecord | undefined;
    for (let step = 0; step < 20; step += 1) {
      const record = randomRecord(random, step);
      const slices = slicesOf(rows.changesTo(record), random);
      const done = random.fraction() < 0.8 ? slices.length : random.below(slices.length);
      for (const slice of slices.slice(0, done)) store.apply(slice);
      if (done === slices.length) {
        rows.became(record);
        last = record;
        expect([seed, contentOf(store.read())]).toEqual([seed, contentOf({ ...record, isComplete: true })]);
      }
      // Another coordinator, which knows what it reads.
      if (random.fraction() < 0.2) rows = new StoredRows(store.read());
    }
    expect(last).toBeDefined();
  }
});

function randomRecord(random: Random, generationId: number): GroupRecord {
  const memberIds = ['a', 'b', 'c', 'd', 'e'].filter(() => random.fraction() < 0.6);
  const head = {
    state: 'Stable',
    protocolType: 'consumer',
    generationId,
    protocolName: 'p',
    leaderId: null,
  } as const;
  return {
    head,
    members: memberIds.map((memberId, position) => ({
      memberId,
      groupInstanceId: random.fraction() < 0.5 ? 'i' : null,
      clientId: random.pick(['x', 'y']),
      clientHost: random.pick(['h', 'g']),
      sessionTimeoutMs: random.below(2),
      rebalanceTimeoutMs: random.below(2),
      position,
      protocols: [{ name: 'p', metadata: Buffer.from([random.below(2)]) }],
    })),
    targets: memberIds.map((memberId) => ({
      memberId,
      assignment: Buffer.alloc(random.below(3), random.below(2)),
    })),
  };
}

/** Rows by member; an empty target is none. */
function contentOf(stored: ReturnType<RowStore['read']>): unknown {
  const byId = <R extends { readonly memberId: string }>(rows: readonly R[] = []): R[] =>
    [...rows].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  return {
    head: stored?.head,
    isComplete: stored?.isComplete,
    members: byId(stored?.members),
    targets: byId(stored?.targets).filter(({ assignment }) => assignment.length > 0),
  };
}
