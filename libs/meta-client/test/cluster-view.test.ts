import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { ServiceKind, WatchClusterResponseSchema, type ClusterChangeSchema } from '@robustmq/rpc';
import { ClusterView, type ViewChange } from '../src/index.ts';

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
          isr: ['j1'],
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
const snapshot = (revision: number, changes: Row[]) =>
  message(revision, changes, { snapshot: true, snapshotComplete: true });

const summary = (changes: readonly ViewChange[]): string[] =>
  changes.map((change) => {
    if (change.kind === 'node' || change.kind === 'nodeDeleted')
      return `${change.kind} ${change.node.nodeId}`;
    if (change.kind === 'stream' || change.kind === 'streamDeleted')
      return `${change.kind} ${change.stream.name}`;
    if (change.kind === 'user' || change.kind === 'userDeleted') return `${change.kind} ${change.user.name}`;
    return change.kind === 'config'
      ? `config ${change.key}=${change.value}`
      : `epoch ${change.ownershipEpoch}`;
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

it('forgets a snapshot that broke off', () => {
  view.apply(message(5, [node('j1', 7n)], { snapshot: true }));
  view.abandonSnapshot();
  view.apply(snapshot(6, [node('j2', 7n)]));
  expect([...view.nodes.keys()]).toEqual(['j2']);
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
