import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { ServiceKind, WatchClusterResponseSchema, type ClusterChangeSchema } from '@robustmq/rpc';
import { ClusterView } from '../src/cluster-view.ts';
import type { ViewChange } from '../src/model.ts';

type Row = MessageInitShape<typeof ClusterChangeSchema>;

const node = (nodeId: string, incarnation: bigint, over: object = {}): Row => ({
  change: {
    case: 'node',
    value: { identity: { nodeId, incarnation }, kind: ServiceKind.JOURNAL, live: true, ...over },
  },
});
const stream = (streamId: number, name: string, over: object = {}): Row => ({
  change: {
    case: 'stream',
    value: {
      streamId,
      tenant: 'default',
      name,
      topicId: Buffer.from(String(streamId).padStart(16, '0')),
      shards: [
        {
          shard: 0,
          leader: 'j1',
          leaderEpoch: 3,
          leaderIncarnation: 7n,
          isrMembers: [{ nodeId: 'j1', incarnation: 7n }],
          replicas: [{ nodeId: 'j1' }],
        },
      ],
      ...over,
    },
  },
});
const user = (name: string): Row => ({
  change: { case: 'user', value: { tenant: 'default', name, superuser: true } },
});
const config = (key: string, value: string): Row => ({ change: { case: 'config', value: { key, value } } });

const message = (revision: number, changes: Row[], over: object = {}) =>
  create(WatchClusterResponseSchema, { revision: BigInt(revision), clusterId: 'c', changes, ...over });
const snapshot = (revision: number, changes: Row[], over: object = {}) =>
  message(revision, changes, { snapshot: true, snapshotComplete: true, ...over });

const summary = (changes: readonly ViewChange[]): string[] =>
  changes.map((change) => {
    if (change.kind === 'node' || change.kind === 'nodeDeleted')
      return `${change.kind} ${change.node.nodeId}`;
    if (change.kind === 'stream' || change.kind === 'streamDeleted')
      return `${change.kind} ${change.stream.name}`;
    if (change.kind === 'user' || change.kind === 'userDeleted') return `${change.kind} ${change.user.name}`;
    if (change.kind === 'config') return `config ${change.key}=${change.value}`;
    return change.kind === 'featureLevel' ? `level ${change.featureLevel}` : `epoch ${change.ownershipEpoch}`;
  });

let view: ClusterView;
let seen: string[];
beforeEach(() => {
  view = new ClusterView();
  seen = [];
  view.onChange((changes, revision) => seen.push(`@${revision} ${summary(changes).join(', ')}`));
});

it('is not ready before the whole first snapshot', () => {
  view.apply(message(5, [node('j1', 7n)], { snapshot: true }));
  expect([view.ready, view.revision, view.nodes.size]).toEqual([false, 0, 0]);
  view.apply(message(5, [stream(1, 'a')], { snapshot: true, snapshotComplete: true }));
  expect([view.ready, view.revision, view.clusterId]).toEqual([true, 5, 'c']);
  expect(seen).toEqual(['@5 node j1, stream a']);
});

it('finds streams by name, id and topic id, and their leader', () => {
  view.apply(snapshot(5, [node('j1', 7n), stream(1, 'a')]));
  const found = view.streamByName('default', 'a');
  expect(found).toBe(view.streams.get(1));
  expect(view.streamByTopicId('30303030-3030-3030-3030-303030303031')).toBe(found);
  expect(view.streamByName('other', 'a')).toBeUndefined();
  expect(view.leaderOf(1, 0)?.nodeId).toBe('j1');
  expect(view.leaderOf(1, 1)).toBeUndefined();
  expect(view.liveNodes(ServiceKind.JOURNAL)).toHaveLength(1);
  expect(view.liveNodes(ServiceKind.META)).toHaveLength(0);
});

it.each([
  ['R3: a restarted leader, until it has a new epoch', node('j1', 8n)],
  ['F1: a leader whose lease has ended', node('j1', 7n, { live: false })],
  ['nobody', stream(1, 'a', { shards: [{ shard: 0, leader: '' }] })],
])('does not name as leader %s', (_name, row) => {
  view.apply(snapshot(5, [node('j1', 7n), stream(1, 'a')]));
  view.apply(message(6, [row]));
  expect(view.leaderOf(1, 0)).toBeUndefined();
});

it('applies each revision once, in order', () => {
  view.apply(snapshot(5, []));
  view.apply(message(6, [config('k', 'v'), { change: { case: 'ownershipEpoch', value: 4n } }]));
  view.apply(message(6, [config('k', 'other')]));
  view.apply(message(7, [config('k', '')]));
  expect(seen.slice(1)).toEqual(['@6 config k=v, epoch 4', '@7 config k=undefined']);
  expect([view.config.size, view.ownershipEpoch]).toEqual([0, 4]);
});

it('N17: knows what the whole cluster may use', () => {
  view.apply(snapshot(5, [{ change: { case: 'featureLevel', value: 3 } }]));
  view.apply(message(6, [{ change: { case: 'featureLevel', value: 4 } }]));
  expect([view.featureLevel, seen]).toEqual([4, ['@5 level 3', '@6 level 4']]);
});

it('keeps a name that a younger stream has taken', () => {
  view.apply(snapshot(5, [stream(1, 'a')]));
  view.apply(message(6, [stream(2, 'a')]));
  view.apply(message(7, [{ change: { case: 'deletedStreamId', value: 1 } }]));
  expect(view.streamByName('default', 'a')?.streamId).toBe(2);
  expect(view.streams.has(1)).toBe(false);
});

it('applies deletions, and ignores those of what it never had', () => {
  view.apply(snapshot(5, [node('j1', 7n), user('u'), stream(1, 'a')]));
  view.apply(
    message(6, [
      { change: { case: 'deletedNodeId', value: 'j1' } },
      { change: { case: 'deletedUser', value: { tenant: 'default', name: 'u' } } },
      { change: { case: 'deletedStreamId', value: 1 } },
      { change: { case: 'deletedNodeId', value: 'none' } },
      { change: { case: 'deletedUser', value: { tenant: 'default', name: 'none' } } },
      { change: { case: 'deletedStreamId', value: 9 } },
      { change: { case: undefined } },
    ]),
  );
  expect(seen[1]).toBe('@6 nodeDeleted j1, userDeleted u, streamDeleted a');
  expect(view.user('default', 'u')).toBeUndefined();
});

it('turns a resync into the difference', () => {
  view.apply(snapshot(5, [node('j1', 7n), user('u'), stream(1, 'a'), config('k', 'v')]));
  view.apply(snapshot(9, [node('j2', 8n), stream(2, 'b')]));
  expect(seen[1]).toBe(
    '@9 nodeDeleted j1, streamDeleted a, userDeleted u, config k=undefined, node j2, stream b',
  );
  expect([...view.streams.keys()]).toEqual([2]);
});

it('forgets what broke off', () => {
  view.apply(message(5, [node('j1', 7n)], { snapshot: true }));
  view.abandonPart();
  view.apply(snapshot(6, [node('j2', 7n)]));
  view.apply(message(7, [node('j3', 8n)], { moreFollows: true }));
  view.abandonPart();
  view.apply(message(7, [node('j4', 9n)]));
  expect([...view.nodes.keys()]).toEqual(['j2', 'j4']);
});

it('I8: applies a revision that comes in parts at once', () => {
  view.apply(snapshot(5, []));
  view.apply(message(6, [config('a', '1')], { moreFollows: true }));
  expect([view.revision, view.config.size]).toEqual([5, 0]);
  view.apply(message(6, [config('b', '2')]));
  expect(seen.slice(1)).toEqual(['@6 config a=1, config b=2']);
});

describe('N2: a snapshot that cannot follow what is known', () => {
  const topicId = (text: string) => Buffer.from(text.padStart(16, '0'));
  beforeEach(() => {
    view.apply(snapshot(9, [node('j1', 7n), stream(1, 'a'), stream(4, 'd'), user('u')], { nextStreamId: 5 }));
  });

  it.each<[string, ReturnType<typeof message>, RegExp]>([
    ['an older revision', snapshot(8, [node('j1', 7n)], { nextStreamId: 5 }), /revision 8 after 9/],
    [
      'a stream id above the next one',
      snapshot(12, [stream(1, 'a')], { nextStreamId: 4 }),
      /stream id 4 is known/,
    ],
    [
      'a stream id that was given twice',
      snapshot(12, [stream(1, 'a'), stream(4, 'e', { topicId: topicId('x') })], { nextStreamId: 7 }),
      /stream id 4 was given twice/,
    ],
    [
      'another cluster',
      snapshot(12, [stream(1, 'a')], { clusterId: 'other', nextStreamId: 9 }),
      /cluster other/,
    ],
  ])('is refused: %s; nothing counts as deleted', (_what, wrong, problem) => {
    const before = [...seen];
    expect(() => view.apply(wrong)).toThrow(expect.objectContaining({ code: 'conflict' }));
    expect(view.problem).toMatch(problem);
    expect([[...view.streams.keys()], view.revision, view.clusterId, seen]).toEqual([[1, 4], 9, 'c', before]);
    expect(view.user('default', 'u')).toBeDefined();
  });

  it('is forgiven by one that can: what is missing in that one was deleted', () => {
    expect(() => view.apply(snapshot(3, [], { nextStreamId: 2 }))).toThrow('went back');
    view.apply(snapshot(9, [node('j1', 7n), stream(4, 'd'), user('u')], { nextStreamId: 5 }));
    expect(view.problem).toBeNull();
    expect(seen.at(-1)).toContain('streamDeleted a');
  });
});

describe('F1: whether an incarnation is over', () => {
  beforeEach(() => {
    view.apply(snapshot(5, [node('g1', 7n), node('g2', 8n, { live: false }), node('g3', 9n)]));
    view.apply(message(6, [{ change: { case: 'deletedNodeId', value: 'g3' } }]));
  });

  it.each([
    ['a live one', 'g1', 7, false],
    ['the one before a live one', 'g1', 6, true],
    ['one whose lease has ended', 'g2', 8, true],
    ['one whose row is gone', 'g3', 9, true],
    ['one of a node that nobody knows', 'g4', 5, true],
    ['the next one of a node, not yet in this view', 'g1', 10, false],
    ['the first one of a node, not yet in this view', 'g5', 10, false],
  ])('%s', (_what, nodeId, incarnation, expected) => {
    expect(view.hasEnded(nodeId, incarnation)).toBe(expected);
  });
});

describe('N2: whether a stream was deleted', () => {
  it('tells it from one that this view has not come to yet', () => {
    view.apply(snapshot(9, [stream(1, 'a'), stream(4, 'd')], { nextStreamId: 7 }));
    expect([1, 2, 4, 6, 7].map((id) => view.hasDeleted(id))).toEqual([false, true, false, true, false]);
    view.apply(message(10, [stream(7, 'g')]));
    view.apply(message(11, [{ change: { case: 'deletedStreamId', value: 7 } }]));
    expect([6, 7, 8].map((id) => view.hasDeleted(id))).toEqual([true, true, false]);
  });

  it('also where the snapshot does not say which id is given next', () => {
    view.apply(snapshot(9, [stream(1, 'a'), stream(4, 'd')]));
    expect([3, 4, 5].map((id) => view.hasDeleted(id))).toEqual([true, false, false]);
  });
});

it('says that it has no view before the first snapshot', () => {
  expect(view.problem).toBe('no view of the cluster yet');
  view.apply(snapshot(5, []));
  expect(view.problem).toBeNull();
});

it('lets a caller wait for a revision, bounded', async () => {
  const reached = view.waitForRevision(5, 10_000);
  const never = view.waitForRevision(6, 20);
  view.apply(snapshot(5, []));
  await reached;
  await view.waitForRevision(3, 0);
  await expect(never).rejects.toMatchObject({ code: 'deadline_exceeded' });
});

it('stops telling a listener that left', () => {
  const calls: number[] = [];
  const leave = view.onChange((_changes, revision) => calls.push(revision));
  view.apply(snapshot(5, []));
  leave();
  view.apply(message(6, []));
  expect(calls).toEqual([5]);
});

it('refuses ids that a number cannot hold', () => {
  expect(() => view.apply(snapshot(5, [node('j1', 2n ** 60n)]))).toThrow(
    expect.objectContaining({ code: 'out_of_range' }),
  );
});

test('N2: it knows from which run of meta-service its revision comes: only that one may tell it what has changed since', () => {
  const view = new ClusterView();
  expect(view.history).toBe('');
  view.apply(message(5, [], { snapshot: true, snapshotComplete: true, history: 'first' }));
  view.apply(message(6, []));
  expect(view.history).toBe('first');
  view.apply(message(6, [], { snapshot: true, snapshotComplete: true, history: 'second' }));
  expect(view.history).toBe('second');
});
