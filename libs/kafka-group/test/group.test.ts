import { subscribedTopics } from '../src/subscription.ts';
import { Harness, RANGE, subscription } from './harness.ts';

describe('SyncGroup', () => {
  test('everyone waits until the assignment of the leader is stored (K2)', () => {
    const h = new Harness({ initialRebalanceDelayMs: 100 });
    h.autoPersist = false;
    const [a, b] = [h.join(), h.join()];
    h.advance(200);
    const leader = h.joins.get(a)?.memberId ?? '';
    const follower = h.joins.get(b)?.memberId ?? '';
    const waiting = h.sync({ memberId: follower });
    const leading = h.sync({
      memberId: leader,
      assignments: [{ memberId: follower, assignment: Buffer.from('x') }],
    });
    expect(h.syncs.size).toBe(0);
    expect(h.group.state).toBe('CompletingRebalance');
    h.store();
    expect(h.syncs.get(waiting)).toMatchObject({ error: 'NONE', assignment: Buffer.from('x') });
    // Whom the leader forgot has nothing.
    expect(h.syncs.get(leading)).toMatchObject({ error: 'NONE', assignment: Buffer.alloc(0) });
    expect(h.records.map(({ record }) => record.head.state)).toEqual(['Stable']);
  });

  test('an assignment that cannot be stored is given to nobody, and the group starts over', () => {
    const h = new Harness();
    h.autoPersist = false;
    h.join();
    const token = h.sync({ memberId: 'm1' });
    h.store('COORDINATOR_NOT_AVAILABLE');
    expect(h.syncs.get(token)?.error).toBe('COORDINATOR_NOT_AVAILABLE');
    expect(h.group.state).toBe('PreparingRebalance');
  });

  test('the outcome of an older record changes nothing', () => {
    const h = new Harness();
    h.autoPersist = false;
    h.join();
    const token = h.sync({ memberId: 'm1' });
    const [old] = h.records;
    h.join({ newMemberId: 'm9' });
    expect(h.syncs.get(token)?.error).toBe('REBALANCE_IN_PROGRESS');
    h.group.persisted(old?.id ?? 0, 'NONE', h.nowMs);
    expect(h.group.state).toBe('PreparingRebalance');
  });

  test.each([
    ['another generation', { generationId: 99 }, 'ILLEGAL_GENERATION'],
    ['another protocol type', { protocolType: 'connect' }, 'INCONSISTENT_GROUP_PROTOCOL'],
    ['another protocol', { protocolName: 'sticky' }, 'INCONSISTENT_GROUP_PROTOCOL'],
    ['an unknown member', { memberId: 'nobody' }, 'UNKNOWN_MEMBER_ID'],
    ['an unknown instance', { groupInstanceId: 'i' }, 'UNKNOWN_MEMBER_ID'],
  ])('%s is refused', (_name, options, error) => {
    const h = new Harness();
    const [memberId = ''] = h.stable(1);
    expect(h.syncs.get(h.sync({ memberId, ...options }))?.error).toBe(error);
  });

  test('clients before version 5 name no protocol', () => {
    const h = new Harness();
    const [memberId = ''] = h.stable(1);
    const token = h.sync({ memberId, protocolType: null, protocolName: null });
    expect(h.syncs.get(token)).toMatchObject({ error: 'NONE', protocolName: RANGE });
  });

  test('while a rebalance is prepared there is nothing to sync', () => {
    const h = new Harness();
    const [leader = '', follower = ''] = h.stable(2);
    h.join({ memberId: leader });
    expect(h.syncs.get(h.sync({ memberId: follower }))?.error).toBe('REBALANCE_IN_PROGRESS');
  });

  test('who never asks for its assignment is out after the rebalance timeout, in Stable too', () => {
    const h = new Harness({ initialRebalanceDelayMs: 100 });
    const options = { rebalanceTimeoutMs: 5_000, sessionTimeoutMs: 60_000 };
    const [a, b] = [h.join(options), h.join(options)];
    h.advance(200);
    const leader = h.joins.get(a)?.memberId ?? '';
    const silent = h.joins.get(b)?.memberId ?? '';
    h.sync({ memberId: leader });
    expect(h.group.state).toBe('Stable');
    h.advance(5_000);
    expect(h.group.state).toBe('PreparingRebalance');
    expect(h.heartbeat(silent)).toBe('UNKNOWN_MEMBER_ID');
    expect(h.heartbeat(leader)).toBe('REBALANCE_IN_PROGRESS');
  });

  test('a second question replaces the first, which gets an answer', () => {
    const h = new Harness();
    h.autoPersist = false;
    h.join();
    const first = h.sync({ memberId: 'm1' });
    const second = h.sync({ memberId: 'm1' });
    expect(h.syncs.get(first)?.error).toBe('REBALANCE_IN_PROGRESS');
    h.store();
    expect(h.syncs.get(second)?.error).toBe('NONE');
  });
});

describe('sessions', () => {
  test('heartbeats keep a member, silence ends it', () => {
    const h = new Harness();
    const [leader = '', follower = ''] = h.stable(2);
    for (let round = 0; round < 5; round += 1) {
      h.advance(9_000);
      expect(h.heartbeat(leader)).toBe('NONE');
      expect(h.heartbeat(follower)).toBe('NONE');
    }
    h.advance(9_000);
    expect(h.heartbeat(leader)).toBe('NONE');
    h.advance(1_000);
    expect(h.group.state).toBe('PreparingRebalance');
    expect(h.heartbeat(follower)).toBe('UNKNOWN_MEMBER_ID');
  });

  test('the last member that falls silent leaves an empty group behind, stored', () => {
    const h = new Harness();
    h.stable(1);
    h.advance(10_000);
    expect(h.group.state).toBe('Empty');
    expect(h.records.at(-1)?.record.head.state).toBe('Empty');
    expect(h.group.nextDeadlineMs()).toBe(Infinity);
  });

  test.each([
    ['the current generation', 0, 'NONE'],
    ['an older generation', -1, 'ILLEGAL_GENERATION'],
  ])('a heartbeat of %s', (_name, delta, error) => {
    const h = new Harness();
    const [memberId = ''] = h.stable(1);
    expect(h.heartbeat(memberId, h.group.generationId + delta)).toBe(error);
  });

  test('a member that waits for the others does not fall silent', () => {
    const h = new Harness();
    const [leader = ''] = h.stable(2, { rebalanceTimeoutMs: 60_000 });
    const again = h.join({ memberId: leader, rebalanceTimeoutMs: 60_000 });
    h.advance(30_000);
    // The other one did, which ends the rebalance.
    expect(h.joins.get(again)).toMatchObject({ error: 'NONE', memberId: leader });
  });

  test('a waiting member whose connection is gone counts as silent', () => {
    const h = new Harness();
    const [leader = '', follower = ''] = h.stable(2, {
      rebalanceTimeoutMs: 60_000,
      sessionTimeoutMs: 20_000,
    });
    const waiting = h.join({ memberId: leader, rebalanceTimeoutMs: 60_000 });
    h.group.disconnected(new Set([waiting]), h.nowMs);
    h.heartbeat(follower);
    h.advance(10_000);
    expect(h.joins.has(waiting)).toBe(false);
    expect(h.heartbeat(leader)).toBe('UNKNOWN_MEMBER_ID');
    const again = h.join({ memberId: follower });
    expect(h.joins.get(again)?.members).toHaveLength(1);
  });

  test('a SyncGroup whose connection is gone is not answered any more', () => {
    const h = new Harness();
    h.autoPersist = false;
    h.join();
    const waiting = h.sync({ memberId: 'm1' });
    h.group.disconnected(new Set([waiting]), h.nowMs);
    h.store();
    expect(h.syncs.has(waiting)).toBe(false);
    expect(h.group.state).toBe('Stable');
  });
});

describe('leaving', () => {
  test('the others rebalance at once', () => {
    const h = new Harness();
    const [leader = '', follower = ''] = h.stable(2);
    expect(h.group.leave({ memberId: leader, groupInstanceId: null }, h.nowMs)).toBe('NONE');
    expect(h.group.state).toBe('PreparingRebalance');
    expect(h.joins.get(h.join({ memberId: follower }))).toMatchObject({ leaderId: follower, error: 'NONE' });
  });

  test('a waiting member that leaves is answered', () => {
    const h = new Harness();
    const [leader = ''] = h.stable(2);
    const waiting = h.join({ memberId: leader });
    h.group.leave({ memberId: leader, groupInstanceId: null }, h.nowMs);
    expect(h.joins.get(waiting)?.error).toBe('UNKNOWN_MEMBER_ID');
  });

  test('of the wrong instance is fenced', () => {
    const h = new Harness();
    h.stable(1, { groupInstanceId: 'i' });
    expect(h.group.leave({ memberId: 'other', groupInstanceId: 'i' }, h.nowMs)).toBe('FENCED_INSTANCE_ID');
  });
});

describe('offset commits', () => {
  const simple = { memberId: '', groupInstanceId: null };

  test('a consumer without group management commits to an empty group only', () => {
    const h = new Harness();
    expect(h.group.checkCommit(simple, -1, h.nowMs)).toBe('NONE');
    h.stable(1);
    expect(h.group.checkCommit(simple, -1, h.nowMs)).toBe('UNKNOWN_MEMBER_ID');
  });

  test('a member commits in its generation, and is heard from by that', () => {
    const h = new Harness();
    const [memberId = ''] = h.stable(1);
    const identity = { memberId, groupInstanceId: null };
    h.advance(9_000);
    expect(h.group.checkCommit(identity, h.group.generationId, h.nowMs)).toBe('NONE');
    h.advance(9_000);
    expect(h.heartbeat(memberId)).toBe('NONE');
    expect(h.group.checkCommit(identity, h.group.generationId - 1, h.nowMs)).toBe('ILLEGAL_GENERATION');
    expect(h.group.checkCommit({ memberId: 'x', groupInstanceId: null }, 1, h.nowMs)).toBe(
      'UNKNOWN_MEMBER_ID',
    );
    expect(h.group.checkCommit({ memberId, groupInstanceId: 'i' }, 1, h.nowMs)).toBe('UNKNOWN_MEMBER_ID');
  });

  test('members may commit while a rebalance is prepared, not while assignments are handed out', () => {
    const h = new Harness();
    const [leader = '', follower = ''] = h.stable(2);
    const identity = { memberId: follower, groupInstanceId: null };
    h.join({ memberId: leader });
    expect(h.group.checkCommit(identity, h.group.generationId, h.nowMs)).toBe('NONE');
    h.join({ memberId: follower });
    expect(h.group.checkCommit(identity, h.group.generationId, h.nowMs)).toBe('REBALANCE_IN_PROGRESS');
  });
});

describe('operators', () => {
  test('a group that rebalances is described without subscriptions, with the assignments that its members still have', () => {
    const h = new Harness();
    h.join();
    expect(h.group.describe()).toMatchObject({ state: 'CompletingRebalance', protocolName: '' });
    h.finish([1]);
    expect(h.group.describe()).toEqual({
      state: 'Stable',
      protocolType: 'consumer',
      protocolName: RANGE,
      members: [
        {
          memberId: 'm1',
          groupInstanceId: null,
          clientId: 'client',
          clientHost: '/127.0.0.1',
          metadata: subscription(['t']),
          assignment: Buffer.from('a:m1'),
        },
      ],
    });
    h.join();
    const [old, added] = h.group.describe().members;
    expect(h.group.state).toBe('PreparingRebalance');
    expect(old).toMatchObject({ metadata: Buffer.alloc(0), assignment: Buffer.from('a:m1') });
    expect(added).toMatchObject({ metadata: Buffer.alloc(0), assignment: Buffer.alloc(0) });
    h.join({ memberId: 'm1' });
    expect(h.group.state).toBe('CompletingRebalance');
    expect(h.group.describe().members[0]?.assignment).toEqual(Buffer.from('a:m1'));
  });

  test('only an empty group is deleted, and serves nobody afterwards', () => {
    const h = new Harness();
    const [memberId = ''] = h.stable(1);
    expect(h.group.delete()).toBe('NON_EMPTY_GROUP');
    h.group.leave({ memberId, groupInstanceId: null }, h.nowMs);
    expect(h.group.delete()).toBe('NONE');
    expect(h.group.delete()).toBe('NONE');
    expect(h.joins.get(h.join())?.error).toBe('COORDINATOR_NOT_AVAILABLE');
    expect(h.syncs.get(h.sync({ memberId }))?.error).toBe('COORDINATOR_NOT_AVAILABLE');
    expect(h.heartbeat(memberId)).toBe('COORDINATOR_NOT_AVAILABLE');
    expect(h.group.leave({ memberId, groupInstanceId: null }, h.nowMs)).toBe('COORDINATOR_NOT_AVAILABLE');
    expect(h.group.checkCommit({ memberId: '', groupInstanceId: null }, -1, h.nowMs)).toBe(
      'COORDINATOR_NOT_AVAILABLE',
    );
  });

  test('offsets of a topic that is read are not deleted', () => {
    const h = new Harness();
    expect([...h.group.subscriptions()]).toEqual([]);
    h.stable(1, { topics: ['t', 'u'] });
    expect(h.group.checkOffsetDelete()).toBe('NONE');
    expect([...h.group.subscriptions()]).toEqual([new Set(['t', 'u'])]);
  });

  test('what cannot be read protects everything', () => {
    const other = new Harness();
    other.stable(1, { protocolType: 'connect' });
    expect(other.group.checkOffsetDelete()).toBe('NON_EMPTY_GROUP');
    const broken = new Harness();
    broken.stable(1, { protocols: [{ name: RANGE, metadata: Buffer.from([1]) }] });
    expect([...broken.group.subscriptions()]).toEqual([undefined]);
  });

  test.each([
    [10_000, true],
    [10_001, false],
  ])('N8: a subscription to %i topics is read: %s', (count, isRead) => {
    const h = new Harness();
    h.stable(1, { topics: Array.from({ length: count }, (_, n) => `t${n}`) });
    expect([...h.group.subscriptions()].map((topics) => topics?.size)).toEqual([isRead ? count : undefined]);
  });

  test.each([
    ['cut off', Buffer.from([0, 0, 0, 0, 0, 1, 0, 9, 65])],
    ['a hostile count', Buffer.from([0, 0, 0x7f, 0xff, 0xff, 0xff])],
    ['a negative count', Buffer.from([0, 0, 0xff, 0xff, 0xff, 0xff])],
    ['a negative version', Buffer.from([0xff, 0xff, 0, 0, 0, 0])],
  ])('a subscription that is %s is none', (_name, bytes) => {
    expect(subscribedTopics(bytes)).toBeUndefined();
  });
});

describe('a new coordinator', () => {
  test('knows the members and their assignments, and gives each a full session (K2)', () => {
    const first = new Harness();
    const members = first.stable(2, { groupInstanceId: null });
    const h = new Harness({}, first.stored(), 1_000_000);
    expect(h.group.describe()).toEqual(first.group.describe());
    expect(h.group.generationId).toBe(first.group.generationId);
    expect(h.group.nextDeadlineMs()).toBe(1_010_000);
    for (const memberId of members) expect(h.heartbeat(memberId)).toBe('NONE');
    // No rebalance: an unchanged follower that asks gets its place.
    expect(h.joins.get(h.join({ memberId: members[1] ?? '' }))?.generationId).toBe(first.group.generationId);
  });

  test('an empty group is restored as such', () => {
    const first = new Harness();
    first.stable(1, { groupInstanceId: 'i' });
    first.advance(10_000);
    const h = new Harness({}, first.stored());
    expect(h.group.state).toBe('Empty');
    expect(h.group.protocolType).toBe('consumer');
    expect(h.group.groupId).toBe('g');
  });

  test('K2: rows of which only some were changed give nobody an assignment: the members rebalance', () => {
    const first = new Harness();
    const [leader = '', follower = ''] = first.stable(2);
    const { members, targets, ...rest } = first.stored();
    const half = { ...rest, members: members.slice(1), targets: targets.slice(0, 1), isComplete: false };
    const h = new Harness({}, half);
    expect(h.group.state).toBe('PreparingRebalance');
    expect([h.heartbeat(leader), h.heartbeat(follower)]).toEqual([
      'UNKNOWN_MEMBER_ID',
      'REBALANCE_IN_PROGRESS',
    ]);
    expect(h.syncs.get(h.sync({ memberId: follower }))?.error).toBe('REBALANCE_IN_PROGRESS');
    // Who is left leads, whoever led before.
    const token = h.join({ memberId: follower });
    expect(h.joins.get(token)).toMatchObject({ error: 'NONE', leaderId: follower });
    h.finish([token]);
    expect(h.group.state).toBe('Stable');
  });

  test('a half-written record without members is an empty group', () => {
    const first = new Harness();
    first.stable(1);
    const h = new Harness({}, { ...first.stored(), members: [], targets: [], isComplete: false });
    expect(h.group.state).toBe('Empty');
  });

  test('knows the order of the members, in whatever order their rows are read', () => {
    const first = new Harness();
    first.stable(3);
    const stored = first.stored();
    const h = new Harness({}, { ...stored, members: [...stored.members].reverse() });
    expect(h.group.describe()).toEqual(first.group.describe());
  });

  test('an old coordinator that resigns sends everyone away (F1)', () => {
    const h = new Harness();
    const [leader = ''] = h.stable(2);
    const joining = h.join({ memberId: leader });
    h.group.resign(h.nowMs);
    expect(h.joins.get(joining)?.error).toBe('NOT_COORDINATOR');
    const other = new Harness();
    other.autoPersist = false;
    other.join();
    const syncing = other.sync({ memberId: 'm1' });
    other.group.resign(other.nowMs);
    expect(other.syncs.get(syncing)?.error).toBe('NOT_COORDINATOR');
  });
});
