import { Harness, RANGE, subscription } from './harness.ts';

describe('the first rebalance', () => {
  test('a single member leads generation 1 and is stable after its own sync', () => {
    const h = new Harness();
    const token = h.join();
    expect(h.joins.get(token)).toMatchObject({
      error: 'NONE',
      memberId: 'm1',
      leaderId: 'm1',
      generationId: 1,
      protocolType: 'consumer',
      protocolName: RANGE,
      members: [{ memberId: 'm1', metadata: subscription(['t']) }],
    });
    expect(h.group.state).toBe('CompletingRebalance');
    const sync = h.sync({
      memberId: 'm1',
      assignments: [{ memberId: 'm1', assignment: Buffer.from('all') }],
    });
    expect(h.syncs.get(sync)).toMatchObject({ error: 'NONE', assignment: Buffer.from('all') });
    expect(h.group.state).toBe('Stable');
  });

  test('waits the initial delay, and longer while members keep coming, but not past the rebalance timeout', () => {
    const h = new Harness({ initialRebalanceDelayMs: 3_000 });
    const first = h.join({ rebalanceTimeoutMs: 7_000 });
    h.advance(2_000);
    const second = h.join({ rebalanceTimeoutMs: 7_000 });
    h.advance(2_000);
    expect(h.joins.size).toBe(0);
    const third = h.join({ rebalanceTimeoutMs: 7_000 });
    h.advance(2_500);
    const fourth = h.join({ rebalanceTimeoutMs: 7_000 });
    h.advance(500);
    for (const token of [first, second, third, fourth]) expect(h.joins.get(token)?.generationId).toBe(1);
    expect(h.joins.get(first)?.members).toHaveLength(4);
    expect(h.joins.get(second)?.members).toHaveLength(0);
  });

  test('ends at the first delay when nobody else comes', () => {
    const h = new Harness({ initialRebalanceDelayMs: 3_000 });
    const token = h.join();
    h.advance(2_999);
    expect(h.joins.has(token)).toBe(false);
    h.advance(1);
    expect(h.joins.get(token)?.error).toBe('NONE');
  });
});

describe('member ids (KIP-394)', () => {
  test('a client gets its id first and joins with it', () => {
    const h = new Harness();
    const asked = h.join({ requireKnownMemberId: true });
    expect(h.joins.get(asked)).toMatchObject({
      error: 'MEMBER_ID_REQUIRED',
      memberId: 'm1',
      generationId: -1,
    });
    expect(h.group.state).toBe('Empty');
    expect(h.group.memberCount).toBe(1);
    const joined = h.join({ memberId: 'm1', requireKnownMemberId: true });
    expect(h.joins.get(joined)?.error).toBe('NONE');
  });

  test('an id that was never used expires with the session timeout', () => {
    const h = new Harness();
    h.join({ requireKnownMemberId: true, sessionTimeoutMs: 6_000 });
    h.advance(6_000);
    expect(h.group.memberCount).toBe(0);
    const late = h.join({ memberId: 'm1' });
    expect(h.joins.get(late)?.error).toBe('UNKNOWN_MEMBER_ID');
  });

  test('a pending id holds up the rebalance, and leaving ends that', () => {
    const h = new Harness();
    const [leader = ''] = h.stable(1);
    h.join({ requireKnownMemberId: true, newMemberId: 'late' });
    const again = h.join({ memberId: leader });
    expect(h.joins.has(again)).toBe(false);
    expect(h.group.leave({ memberId: 'late', groupInstanceId: null }, h.nowMs)).toBe('NONE');
    expect(h.joins.get(again)?.error).toBe('NONE');
  });

  test('an id that was made up is unknown', () => {
    const h = new Harness();
    h.stable(1);
    expect(h.joins.get(h.join({ memberId: 'nobody' }))?.error).toBe('UNKNOWN_MEMBER_ID');
  });
});

describe('who may enter', () => {
  test.each([
    ['a session timeout below the bound', { sessionTimeoutMs: 5_999 }, 'INVALID_SESSION_TIMEOUT'],
    ['a session timeout above the bound', { sessionTimeoutMs: 1_800_001 }, 'INVALID_SESSION_TIMEOUT'],
    ['no protocol', { protocols: [] }, 'INCONSISTENT_GROUP_PROTOCOL'],
    ['no protocol type', { protocolType: '' }, 'INCONSISTENT_GROUP_PROTOCOL'],
  ])('%s is refused', (_name, options, error) => {
    const h = new Harness();
    expect(h.joins.get(h.join(options))?.error).toBe(error);
    expect(h.group.memberCount).toBe(0);
  });

  test.each([
    ['another protocol type', { protocolType: 'connect' }],
    ['no protocol in common', { protocols: [{ name: 'sticky', metadata: Buffer.alloc(0) }] }],
  ])('%s does not fit a group with members', (_name, options) => {
    const h = new Harness();
    h.stable(1);
    expect(h.joins.get(h.join(options))?.error).toBe('INCONSISTENT_GROUP_PROTOCOL');
  });

  test('a full group takes nobody else, but its own members', () => {
    const h = new Harness({ maxMembers: 2 });
    const [leader = '', follower = ''] = h.stable(2);
    expect(h.joins.get(h.join())?.error).toBe('GROUP_MAX_SIZE_REACHED');
    const again = h.join({ memberId: leader });
    h.join({ memberId: follower });
    expect(h.joins.get(again)?.error).toBe('NONE');
  });

  test('pending ids count for the bound (I8)', () => {
    const h = new Harness({ maxMembers: 1 });
    h.join({ requireKnownMemberId: true });
    expect(h.joins.get(h.join({ requireKnownMemberId: true }))?.error).toBe('GROUP_MAX_SIZE_REACHED');
    expect(h.joins.get(h.join({ memberId: 'm1' }))?.error).toBe('NONE');
  });

  test('the protocol with the most first votes among the common ones is selected', () => {
    const h = new Harness({ initialRebalanceDelayMs: 1_000 });
    const named = (...names: string[]) => names.map((name) => ({ name, metadata: Buffer.from(name) }));
    const first = h.join({ protocols: named('a', 'b', 'c') });
    h.join({ protocols: named('b', 'c') });
    h.join({ protocols: named('c', 'b') });
    h.join({ protocols: named('x', 'c', 'b') });
    h.advance(3_000);
    expect(h.joins.get(first)).toMatchObject({ protocolName: 'b' });
    expect(h.joins.get(first)?.members.map(({ metadata }) => String(metadata))).toEqual(['b', 'b', 'b', 'b']);
  });
});

describe('joining again', () => {
  test('a follower with nothing new gets the current generation, a leader starts a rebalance', () => {
    const h = new Harness();
    const [leader = '', follower = ''] = h.stable(2);
    const { generationId } = h.group;
    expect(h.joins.get(h.join({ memberId: follower }))).toMatchObject({
      error: 'NONE',
      generationId,
      members: [],
    });
    expect(h.group.state).toBe('Stable');
    h.join({ memberId: leader });
    expect(h.group.state).toBe('PreparingRebalance');
    expect(h.heartbeat(follower)).toBe('REBALANCE_IN_PROGRESS');
  });

  test('a follower with another subscription starts a rebalance', () => {
    const h = new Harness();
    const [, follower = ''] = h.stable(2);
    h.join({ memberId: follower, topics: ['other'] });
    expect(h.group.state).toBe('PreparingRebalance');
  });

  test('while assignments are awaited an unchanged member gets the same answer again', () => {
    const h = new Harness();
    const first = h.join();
    const again = h.join({ memberId: 'm1' });
    expect(h.joins.get(again)).toEqual(h.joins.get(first));
  });

  test('a second question replaces the first, which gets an answer', () => {
    const h = new Harness();
    const [leader = ''] = h.stable(2);
    const first = h.join({ memberId: leader });
    const second = h.join({ memberId: leader });
    expect(h.joins.get(first)?.error).toBe('REBALANCE_IN_PROGRESS');
    expect(h.joins.has(second)).toBe(false);
  });

  test('a member that does not come back by the rebalance timeout is out', () => {
    const h = new Harness();
    const [leader = '', follower = ''] = h.stable(2, { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 5_000 });
    const again = h.join({ memberId: leader, sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 5_000 });
    h.advance(4_999);
    expect(h.joins.has(again)).toBe(false);
    h.advance(1);
    expect(h.joins.get(again)?.members).toHaveLength(1);
    expect(h.heartbeat(follower)).toBe('UNKNOWN_MEMBER_ID');
  });

  test('when the leader stays away another member leads', () => {
    const h = new Harness();
    const [, follower = ''] = h.stable(2, { rebalanceTimeoutMs: 5_000 });
    const again = h.join({ memberId: follower, topics: ['new'], rebalanceTimeoutMs: 5_000 });
    h.advance(5_000);
    expect(h.joins.get(again)).toMatchObject({ leaderId: follower, error: 'NONE' });
  });
});

describe('static members (KIP-345)', () => {
  const stay = { groupInstanceId: 'i1' };
  const known = { name: RANGE, metadata: subscription(['t']) };

  test('a restarted member takes its place without a rebalance, its old self is fenced', () => {
    const h = new Harness();
    const [oldId = ''] = h.stable(1, stay);
    const { generationId } = h.group;
    const records = h.records.length;
    const token = h.join(stay);
    const result = h.joins.get(token);
    // KIP-814: the leader is told to keep the assignment it made.
    expect(result).toMatchObject({
      error: 'NONE',
      generationId,
      skipAssignment: true,
      leaderId: result?.memberId,
    });
    expect(result?.memberId).not.toBe(oldId);
    expect(h.heartbeat(oldId, generationId, 'i1')).toBe('FENCED_INSTANCE_ID');
    expect(h.heartbeat(result?.memberId ?? '', generationId, 'i1')).toBe('NONE');
    // The new id must survive a restart of the coordinator.
    expect(h.records).toHaveLength(records + 1);
  });

  test('a restarted member is answered once its new id is stored, and is its old self when that fails', () => {
    const h = new Harness();
    const [oldId = ''] = h.stable(1, stay);
    const { generationId } = h.group;
    h.autoPersist = false;
    const refused = h.join(stay);
    expect(h.joins.has(refused)).toBe(false);
    h.store('COORDINATOR_NOT_AVAILABLE');
    expect(h.joins.get(refused)?.error).toBe('COORDINATOR_NOT_AVAILABLE');
    expect(h.heartbeat(oldId, generationId, 'i1')).toBe('NONE');
    const taken = h.join(stay);
    expect(h.joins.has(taken)).toBe(false);
    h.store();
    expect(h.joins.get(taken)).toMatchObject({ error: 'NONE', generationId });
    expect(h.heartbeat(oldId, generationId, 'i1')).toBe('FENCED_INSTANCE_ID');
  });

  test('a client before KIP-814 is kept from assigning by the name of its old self', () => {
    const h = new Harness();
    const old = { ...stay, supportSkippingAssignment: false };
    const [oldId = ''] = h.stable(1, old);
    expect(h.joins.get(h.join(old))).toMatchObject({ leaderId: oldId, skipAssignment: false, members: [] });
  });

  test('what a restarted consumer forgot of its old self is no reason to rebalance', () => {
    const h = new Harness();
    // Java sends owned partitions, generation and rack behind the topics: those of the old self are of another generation.
    const metadata = (generation: number) => [
      {
        name: RANGE,
        metadata: Buffer.concat([subscription(['t', 'u']), Buffer.from([0, 0, 0, generation])]),
      },
    ];
    h.stable(1, { ...stay, protocols: metadata(7) });
    const { generationId } = h.group;
    const token = h.join({ ...stay, protocols: metadata(255) });
    expect(h.joins.get(token)).toMatchObject({ error: 'NONE', generationId, skipAssignment: true });
    expect(h.group.state).toBe('Stable');
  });

  test.each([
    ['another protocol', 'consumer', [{ name: 'sticky', metadata: subscription(['t']) }, known]],
    ['metadata that nobody can read', 'consumer', [{ name: RANGE, metadata: Buffer.from([1]) }]],
    [
      'other metadata of another kind of group',
      'connect',
      [{ name: RANGE, metadata: subscription(['t', 't']) }],
    ],
  ])('with %s it rebalances', (_name, protocolType, protocols) => {
    const h = new Harness();
    h.stable(1, { ...stay, protocolType, protocols: [known] });
    h.join({ ...stay, protocolType, protocols });
    expect(h.group.state).toBe('CompletingRebalance');
  });

  test('with another subscription it rebalances', () => {
    const h = new Harness();
    h.stable(1, stay);
    h.join({ ...stay, topics: ['other'] });
    expect(h.group.state).toBe('CompletingRebalance');
  });

  test('it stays a member through a rebalance that it misses, until its session ends', () => {
    const h = new Harness();
    h.stable(1, { ...stay, rebalanceTimeoutMs: 5_000, sessionTimeoutMs: 30_000 });
    const token = h.join({ rebalanceTimeoutMs: 5_000, sessionTimeoutMs: 30_000 });
    h.advance(5_000);
    expect(h.joins.get(token)?.members.map(({ groupInstanceId }) => groupInstanceId)).toEqual(['i1', null]);
    expect(h.joins.get(token)?.leaderId).toBe(h.joins.get(token)?.memberId);
  });

  test('a waiting join of its old self is fenced', () => {
    const h = new Harness();
    h.stable(2);
    const waiting = h.join(stay);
    h.join(stay);
    expect(h.joins.get(waiting)?.error).toBe('FENCED_INSTANCE_ID');
  });

  test('an instance nobody knows is unknown', () => {
    const h = new Harness();
    const [memberId = ''] = h.stable(1);
    expect(h.joins.get(h.join({ memberId, groupInstanceId: 'i9' }))?.error).toBe('UNKNOWN_MEMBER_ID');
  });

  test('it leaves by its instance id alone', () => {
    const h = new Harness();
    h.stable(1, stay);
    expect(h.group.leave({ memberId: '', groupInstanceId: 'i1' }, h.nowMs)).toBe('NONE');
    expect(h.group.state).toBe('Empty');
    expect(h.group.leave({ memberId: '', groupInstanceId: 'i1' }, h.nowMs)).toBe('UNKNOWN_MEMBER_ID');
  });
});

describe('what members hold', () => {
  test('I8: it is counted as long as the group has it, ids that may still join included', () => {
    const h = new Harness();
    const heldBytes: number[] = [];
    const note = (): void => void heldBytes.push(h.group.memberBytes);
    const said = { clientId: 'four', sessionTimeoutMs: 10_000 };
    const protocols = (sizeBytes: number) => [{ name: RANGE, metadata: Buffer.alloc(sizeBytes) }];
    h.join({ ...said, newMemberId: 'id', protocols: protocols(100) });
    note();
    h.sync({ memberId: 'id', assignments: [{ memberId: 'id', assignment: Buffer.alloc(50) }] });
    note();
    h.join({ ...said, memberId: 'id', protocols: protocols(30) });
    note();
    h.join({ ...said, newMemberId: 'another', requireKnownMemberId: true });
    note();
    h.advance(60_000);
    note();
    const nameBytes = 'id'.length + 'four'.length + RANGE.length;
    const rejoinedBytes = nameBytes + 30 + 50;
    expect(heldBytes).toEqual([
      nameBytes + 100,
      nameBytes + 100 + 50,
      rejoinedBytes,
      rejoinedBytes + 'another'.length,
      0,
    ]);
  });

  test('N8: who may join is known without a look at everybody: what all support follows who comes, changes and goes', () => {
    const h = new Harness();
    const named = (...names: string[]) => names.map((name) => ({ name, metadata: Buffer.alloc(0) }));
    const answer = (token: number) => h.joins.get(token)?.error;
    h.join({ newMemberId: 'one', protocols: named('a', 'b', 'b') });
    h.join({ newMemberId: 'two', protocols: named('b', 'c') });
    // Refused at once, or waiting for the others.
    expect(answer(h.join({ protocols: named('a') }))).toBe('INCONSISTENT_GROUP_PROTOCOL');
    expect(answer(h.join({ newMemberId: 'three', protocols: named('b') }))).toBeUndefined();
    h.group.leave({ memberId: 'three', groupInstanceId: null }, h.nowMs);
    h.join({ memberId: 'one', protocols: named('c', 'b') });
    expect(answer(h.join({ newMemberId: 'four', protocols: named('c') }))).toBeUndefined();
    for (const memberId of ['two', 'four']) h.group.leave({ memberId, groupInstanceId: null }, h.nowMs);
    expect(answer(h.join({ protocols: named('a') }))).toBe('INCONSISTENT_GROUP_PROTOCOL');
    h.group.leave({ memberId: 'one', groupInstanceId: null }, h.nowMs);
    expect(answer(h.join({ newMemberId: 'five', protocols: named('a') }))).not.toBe(
      'INCONSISTENT_GROUP_PROTOCOL',
    );
  });

  test('N8: a member with more protocols than clients name is refused, for each join looks at all of everybody', () => {
    const h = new Harness();
    const protocols = (count: number) =>
      Array.from({ length: count }, (_, n) => ({ name: `p${n}`, metadata: Buffer.alloc(0) }));
    expect(h.joins.get(h.join({ protocols: protocols(33) }))?.error).toBe('INCONSISTENT_GROUP_PROTOCOL');
    expect(h.joins.get(h.join({ protocols: protocols(32) }))?.error).toBe('NONE');
  });
});
