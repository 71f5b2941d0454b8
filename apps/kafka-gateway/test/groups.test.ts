// Groups over the wire: the coordinator, its claims and the versions of its APIs. The core's rules have their own tests.
import { BrokerError } from '@robustmq/errors';
import { KAFKA_ERRORS, type JoinGroupRequestInput } from '@robustmq/kafka-codec';
import { kafkaErrorName } from '@robustmq/kafka-codec/testing';
import { RunningGateway, type TestOptions } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';

const COMMIT = 8;
const OFFSETS = 9;
const FIND = 10;
const JOIN = 11;
const HEARTBEAT = 12;
const LEAVE = 13;
const SYNC = 14;
const DESCRIBE = 15;
const LIST = 16;
const DELETE = 42;
const OFFSET_DELETE = 47;

let running: RunningGateway;
let client: WireClient;

async function start(options: TestOptions = {}): Promise<void> {
  running = await RunningGateway.start(options);
  client = await running.client();
  running.meta.add('t', 3);
}
afterEach(() => running.stop());

const joinOf = (options: Partial<JoinGroupRequestInput> = {}): JoinGroupRequestInput => ({
  groupId: 'g',
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 30_000,
  memberId: '',
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: Buffer.from([0, 0, 0, 0, 0, 1, 0, 1, 0x74]) }],
  ...options,
});

/** A stable group of one; answers the member's id. */
async function member(
  version = 9,
  options: Partial<JoinGroupRequestInput> = {},
): Promise<{ memberId: string; generationId: number }> {
  let joined = await client.call(JOIN, version, joinOf(options));
  if (joined.errorCode === KAFKA_ERRORS.MEMBER_ID_REQUIRED) {
    joined = await client.call(JOIN, version, joinOf({ ...options, memberId: joined.memberId }));
  }
  expect(kafkaErrorName(joined.errorCode)).toBe('NONE');
  const { memberId, generationId } = joined;
  expect(joined.leader).toBe(memberId);
  const assignments = [{ memberId, assignment: Buffer.from('mine') }];
  const synced = await client.call(SYNC, Math.min(version, 5), {
    groupId: options.groupId ?? 'g',
    generationId,
    memberId,
    assignments,
  });
  expect([kafkaErrorName(synced.errorCode), String(synced.assignment)]).toEqual(['NONE', 'mine']);
  return { memberId, generationId };
}

describe('members', () => {
  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])(
    'JoinGroup version %i to a stable group, heartbeat and leave',
    async (version) => {
      await start();
      const { memberId, generationId } = await member(version);
      expect(memberId.startsWith('wire-client-')).toBe(true);
      const beat = () =>
        client.call(HEARTBEAT, Math.min(version, 4), { groupId: 'g', generationId, memberId });
      expect((await beat()).errorCode).toBe(0);
      const leaveVersion = Math.min(version, 5);
      const left = await client.call(LEAVE, leaveVersion, {
        groupId: 'g',
        ...(leaveVersion < 3
          ? { memberId }
          : {
              members: [
                { memberId, groupInstanceId: null },
                { memberId: 'nobody', groupInstanceId: null },
              ],
            }),
      });
      expect(left.errorCode).toBe(0);
      if (leaveVersion >= 3)
        expect(left.members.map(({ errorCode }) => kafkaErrorName(errorCode))).toEqual([
          'NONE',
          'UNKNOWN_MEMBER_ID',
        ]);
      expect(kafkaErrorName((await beat()).errorCode)).toBe('UNKNOWN_MEMBER_ID');
    },
  );

  test('from version 4 on a member gets its id first (KIP-394)', async () => {
    await start();
    const first = await client.call(JOIN, 4, joinOf());
    expect([kafkaErrorName(first.errorCode), first.generationId]).toEqual(['MEMBER_ID_REQUIRED', -1]);
    expect((await client.call(JOIN, 3, joinOf({ groupId: 'old' }))).errorCode).toBe(0);
  });

  test('a static member keeps its place over a restart (KIP-345, KIP-814)', async () => {
    await start();
    const { memberId, generationId } = await member(9, { groupInstanceId: 'i1' });
    expect(memberId.startsWith('i1-')).toBe(true);
    const again = await client.call(JOIN, 9, joinOf({ groupInstanceId: 'i1' }));
    expect(again).toMatchObject({ errorCode: 0, generationId, skipAssignment: true });
    const stale = await client.call(HEARTBEAT, 4, {
      groupId: 'g',
      generationId,
      memberId,
      groupInstanceId: 'i1',
    });
    expect(kafkaErrorName(stale.errorCode)).toBe('FENCED_INSTANCE_ID');
  });

  test('silence ends a session by the clock of the gateway', async () => {
    await start();
    const { memberId, generationId } = await member(9, { sessionTimeoutMs: 150 });
    let error = 'NONE';
    while (error === 'NONE') {
      await new Promise((resolve) => setTimeout(resolve, 300));
      error = kafkaErrorName(
        (await client.call(HEARTBEAT, 4, { groupId: 'g', generationId, memberId })).errorCode,
      );
    }
    expect(error).toBe('UNKNOWN_MEMBER_ID');
    expect(running.store.puts.at(-1)).toBe('g Empty');
  });

  test('a waiting member whose connection ends is not waited for without end', async () => {
    await start();
    const { memberId } = await member(9, { sessionTimeoutMs: 300, rebalanceTimeoutMs: 20_000 });
    const other = await running.client();
    // A second member starts a rebalance and waits for the first; then its connection is gone.
    const id = (await other.call(JOIN, 9, joinOf())).memberId;
    other.send(JOIN, 9, joinOf({ memberId: id, sessionTimeoutMs: 300 }));
    while (running.gateway.groups.loaded('g')?.group.state === 'Stable')
      await new Promise((resolve) => setImmediate(resolve));
    other.close();
    const joined = await client.call(
      JOIN,
      9,
      joinOf({ memberId, sessionTimeoutMs: 300, rebalanceTimeoutMs: 20_000 }),
    );
    expect(joined.members.map((one) => one.memberId)).toEqual([memberId]);
  });

  test.each([
    ['JoinGroup', JOIN, joinOf({ groupId: '' }), 'INVALID_GROUP_ID'],
    ['JoinGroup of an unknown group', JOIN, joinOf({ groupId: 'new', memberId: 'm' }), 'UNKNOWN_MEMBER_ID'],
    ['JoinGroup with a short session', JOIN, joinOf({ sessionTimeoutMs: 1 }), 'INVALID_SESSION_TIMEOUT'],
  ] as const)('%s is refused', async (_name, _api, request, error) => {
    await start();
    const refused = await client.call(JOIN, 9, request);
    expect([kafkaErrorName(refused.errorCode), refused.protocolName]).toEqual([error, null]);
    expect((await client.call(JOIN, 6, request)).protocolName).toBe('');
  });

  test('requests for a group that never was make none', async () => {
    await start();
    const identity = { groupId: 'x', generationId: 1, memberId: 'm' };
    expect(kafkaErrorName((await client.call(HEARTBEAT, 4, identity)).errorCode)).toBe('UNKNOWN_MEMBER_ID');
    expect(kafkaErrorName((await client.call(SYNC, 5, { ...identity, assignments: [] })).errorCode)).toBe(
      'UNKNOWN_MEMBER_ID',
    );
    const members = [{ memberId: 'm' }, { memberId: '', groupInstanceId: 'i' }];
    const left = await client.call(LEAVE, 5, { groupId: 'x', members });
    expect(left.errorCode).toBe(0);
    expect(left.members.map(({ errorCode }) => kafkaErrorName(errorCode))).toEqual([
      'UNKNOWN_MEMBER_ID',
      'UNKNOWN_MEMBER_ID',
    ]);
    expect(kafkaErrorName((await client.call(LEAVE, 2, { groupId: 'x', memberId: 'm' })).errorCode)).toBe(
      'UNKNOWN_MEMBER_ID',
    );
    expect(running.store.groups.size).toBe(0);
  });
});

describe('coordination (K2, F1)', () => {
  const other = { nodeId: 'kafka-2', coordinatorEpoch: 7, live: true };

  test.each([0, 1, 2, 3, 4, 5, 6])('FindCoordinator version %i', async (version) => {
    await start();
    const found = await client.call(
      FIND,
      version,
      version < 4 ? { key: 'g' } : { coordinatorKeys: ['g', ''] },
    );
    const mine = { nodeId: 1, host: '127.0.0.1', port: running.port, errorCode: 0 };
    if (version < 4) expect(found).toMatchObject(mine);
    else
      expect(found.coordinators).toMatchObject([
        { key: 'g', ...mine },
        { key: '', ...mine },
      ]);
    // librdkafka repeats the question after any other code, without end.
    const errorCode = KAFKA_ERRORS.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    const transactional = await client.call(
      FIND,
      version,
      version < 4 ? { key: 'x', keyType: version === 0 ? 0 : 1 } : { coordinatorKeys: ['x'], keyType: 1 },
    );
    if (version >= 4) expect(transactional.coordinators[0]).toMatchObject({ errorCode });
    else if (version > 0) expect(transactional.errorCode).toBe(errorCode);
  });

  test('the live claim is answered, the hint only when there is none', async () => {
    await start();
    running.meta.live.push({ nodeId: 'kafka-2', incarnation: 1, number: 2, address: 'two:9092', rack: null });
    running.store.group('g').claim = other;
    const find = async () => (await client.call(FIND, 4, { coordinatorKeys: ['g'] })).coordinators[0];
    expect(await find()).toMatchObject({ nodeId: 2, host: 'two', port: 9092 });
    running.store.group('g').claim = { ...other, live: false };
    const hint = await find();
    running.store.groups.delete('g');
    expect(await find()).toEqual(hint);
    running.store.error = new BrokerError('unavailable', '');
    expect(kafkaErrorName((await find())?.errorCode ?? 0)).toBe('COORDINATOR_NOT_AVAILABLE');
  });

  test('a group that another live gateway holds is refused', async () => {
    await start();
    running.store.group('g').claim = other;
    const refused = 'NOT_COORDINATOR';
    expect(kafkaErrorName((await client.call(JOIN, 9, joinOf())).errorCode)).toBe(refused);
    expect(
      kafkaErrorName(
        (await client.call(HEARTBEAT, 4, { groupId: 'g', generationId: 1, memberId: 'm' })).errorCode,
      ),
    ).toBe(refused);
    expect(
      kafkaErrorName((await client.call(DESCRIBE, 5, { groups: ['g'] })).groups[0]?.errorCode ?? 0),
    ).toBe(refused);
    expect(
      kafkaErrorName((await client.call(DELETE, 2, { groupsNames: ['g'] })).results[0]?.errorCode ?? 0),
    ).toBe(refused);
  });

  test('a restarted gateway takes the group up where it was: no rebalance', async () => {
    await start();
    const { memberId, generationId } = await member();
    running.gateway.groups.resignAll();
    expect(running.gateway.groups.groupCount).toBe(0);
    expect((await client.call(HEARTBEAT, 4, { groupId: 'g', generationId, memberId })).errorCode).toBe(0);
    expect(running.store.group('g').claim.coordinatorEpoch).toBe(2);
    const described = (await client.call(DESCRIBE, 5, { groups: ['g'] })).groups[0];
    expect(described).toMatchObject({ groupState: 'Stable', protocolData: 'range' });
    expect(String(described?.members[0]?.memberAssignment)).toBe('mine');
  });

  test('the loss of the lease sends waiting members away', async () => {
    await start({ groups: { initialRebalanceDelayMs: 10_000 } });
    const waiting = client.call(JOIN, 3, joinOf());
    while (running.gateway.groups.loaded('g')?.group.state !== 'PreparingRebalance')
      await new Promise((resolve) => setImmediate(resolve));
    running.gateway.groups.resignAll();
    expect(kafkaErrorName((await waiting).errorCode)).toBe('NOT_COORDINATOR');
  });

  test('a coordinator that was fenced lets the group go', async () => {
    await start();
    const { memberId, generationId } = await member();
    running.store.group('g').claim = other;
    const commit = {
      groupId: 'g',
      generationIdOrMemberEpoch: generationId,
      memberId,
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] }],
    };
    const response = await client.call(COMMIT, 9, commit);
    expect(kafkaErrorName(response.topics[0]?.partitions[0]?.errorCode ?? 0)).toBe('NOT_COORDINATOR');
    expect(running.gateway.groups.loaded('g')).toBeUndefined();
  });

  test('an assignment that cannot be stored is given to nobody', async () => {
    await start();
    const joined = await client.call(JOIN, 3, joinOf());
    running.store.writeError = new BrokerError('deadline_exceeded', '');
    const { memberId, generationId } = joined;
    const synced = await client.call(SYNC, 3, {
      groupId: 'g',
      generationId,
      memberId,
      assignments: [{ memberId, assignment: Buffer.from('x') }],
    });
    expect(kafkaErrorName(synced.errorCode)).toBe('COORDINATOR_NOT_AVAILABLE');
  });

  test('a store that is away is an error to retry, and the next request tries again', async () => {
    await start();
    running.store.error = new BrokerError('unavailable', '');
    expect(kafkaErrorName((await client.call(JOIN, 9, joinOf())).errorCode)).toBe(
      'COORDINATOR_NOT_AVAILABLE',
    );
    running.store.error = undefined;
    await member();
  });

  test('groups are bounded (I8)', async () => {
    await start({ maxGroups: 1 });
    await member();
    expect(kafkaErrorName((await client.call(JOIN, 9, joinOf({ groupId: 'h' }))).errorCode)).toBe(
      'COORDINATOR_NOT_AVAILABLE',
    );
  });
});

describe('offsets', () => {
  const commitOf = (options: object = {}, partition: object = {}, topic: object = {}) => ({
    groupId: 'g',
    topics: [
      {
        name: 't',
        ...topic,
        partitions: [{ partitionIndex: 1, committedOffset: 42, committedMetadata: 'note', ...partition }],
      },
    ],
    ...options,
  });
  const commit = async (version: number, ...args: Parameters<typeof commitOf>) =>
    kafkaErrorName(
      (await client.call(COMMIT, version, commitOf(...args))).topics[0]?.partitions[0]?.errorCode ?? -99,
    );

  test.each([2, 3, 4, 5, 6, 7, 8, 9, 10])(
    'OffsetCommit version %i of a consumer without a group',
    async (version) => {
      await start();
      const topicId = running.meta.topicByName('t')?.topicId ?? '';
      expect(await commit(version, {}, {}, version >= 10 ? { name: undefined, topicId } : {})).toBe('NONE');
      expect(running.store.group('g').offsets.get('1/1')).toMatchObject({ offset: 42, metadata: 'note' });
    },
  );

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])('OffsetFetch version %i', async (version) => {
    await start();
    const topicId = running.meta.topicByName('t')?.topicId ?? '';
    await commit(9);
    const topics = [
      { name: version >= 10 ? '' : 't', ...(version >= 8 ? { topicId } : {}), partitionIndexes: [0, 1] },
    ];
    const response = await client.call(
      OFFSETS,
      version,
      version < 8
        ? { groupId: 'g', topics: [{ name: 't', partitionIndexes: [0, 1] }] }
        : {
            groups: [
              {
                groupId: 'g',
                topics: topics.map(({ topicId: id, ...rest }) =>
                  version >= 10 ? { ...rest, topicId: id } : rest,
                ),
              },
            ],
          },
    );
    const partitions = (version < 8 ? response.topics : response.groups[0]?.topics)?.[0]?.partitions;
    expect(partitions).toMatchObject([
      { partitionIndex: 0, committedOffset: -1, metadata: '', errorCode: 0 },
      { partitionIndex: 1, committedOffset: 42, metadata: 'note', errorCode: 0 },
    ]);
  });

  test('all offsets of a group, without those of deleted topics', async () => {
    await start();
    await commit(9);
    const all = async () =>
      (await client.call(OFFSETS, 9, { groups: [{ groupId: 'g', topics: null }] })).groups[0]?.topics;
    expect(await all()).toMatchObject([
      { name: 't', partitions: [{ partitionIndex: 1, committedOffset: 42 }] },
    ]);
    running.meta.all.delete('t');
    expect(await all()).toEqual([]);
  });

  test('I8: an answer has a bound, and the groups beyond it are to be asked for again', async () => {
    await start();
    const metadata = 'x'.repeat(32 * 1024 - 1);
    const rows = Array.from({ length: 160 }, (_, shard) => {
      return { streamId: 1, shard, offset: 1, leaderEpoch: 1, metadata, committedAtMs: 0 };
    });
    const groups = Array.from({ length: 8 }, (_, n) => ({ groupId: `g${n}`, topics: null }));
    for (const { groupId } of groups) {
      await running.store.claim(groupId);
      await running.store.commitOffsets(groupId, 1, rows);
    }
    const errorsOf = async (asked: typeof groups): Promise<string[]> => {
      const answer = await client.call(OFFSETS, 8, { groups: asked });
      return answer.groups.map(({ errorCode }) => kafkaErrorName(errorCode));
    };
    const errors = await errorsOf(groups);
    expect([errors[0], errors[1], errors.at(-1)]).toEqual(['NONE', 'NONE', 'COORDINATOR_LOAD_IN_PROGRESS']);
    expect(await errorsOf(groups.slice(-1))).toEqual(['NONE']);
  });

  test.each([9, -1, -(2 ** 31)])(
    'N12: partition %i that is not there leaves the others of an OffsetFetch',
    async (none) => {
      await start();
      await commit(9);
      const fetchOffsets = jest.spyOn(running.store, 'fetchOffsets');
      const asked = { groupId: 'g', topics: [{ name: 't', partitionIndexes: [1, none] }] };
      const { groups } = await client.call(OFFSETS, 9, { groups: [asked] });
      expect(groups[0]?.topics[0]?.partitions).toMatchObject([
        { partitionIndex: 1, committedOffset: 42, errorCode: 0 },
        { partitionIndex: none, committedOffset: -1, errorCode: 0 },
      ]);
      // Meta takes no such number.
      expect(fetchOffsets.mock.calls[0]?.[1]).toEqual([{ streamId: 1, shard: 1 }]);
    },
  );

  test('errors of OffsetFetch', async () => {
    await start();
    const unknown = await client.call(OFFSETS, 10, {
      groups: [
        {
          groupId: 'g',
          topics: [{ topicId: Buffer.alloc(16, 1).toString('base64url'), partitionIndexes: [0] }],
        },
      ],
    });
    expect(unknown.groups[0]?.topics[0]?.partitions[0]?.errorCode).toBe(KAFKA_ERRORS.UNKNOWN_TOPIC_ID);
    running.store.error = new BrokerError('unavailable', '');
    expect((await client.call(OFFSETS, 7, { groupId: 'g', topics: null })).errorCode).toBe(
      KAFKA_ERRORS.COORDINATOR_NOT_AVAILABLE,
    );
    // Version 1 has no room for it but at the partitions: an answer without them would mean that nothing was committed.
    const asked = { groupId: 'g', topics: [{ name: 't', partitionIndexes: [0, 1] }] };
    const errorCode = KAFKA_ERRORS.COORDINATOR_NOT_AVAILABLE;
    expect((await client.call(OFFSETS, 1, asked)).topics).toMatchObject([
      {
        name: 't',
        partitions: [
          { partitionIndex: 0, committedOffset: -1, errorCode },
          { partitionIndex: 1, committedOffset: -1, errorCode },
        ],
      },
    ]);
  });

  test.each([
    ['an unknown topic', {}, {}, { name: 'nope' }, 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['an unknown partition', {}, { partitionIndex: 9 }, {}, 'UNKNOWN_TOPIC_OR_PARTITION'],
    [
      'metadata that is too long',
      {},
      { committedMetadata: 'x'.repeat(5000) },
      {},
      'OFFSET_METADATA_TOO_LARGE',
    ],
    ['the longest metadata', {}, { committedMetadata: 'x'.repeat(4096) }, {}, 'NONE'],
    [
      'metadata of as many characters, each of several bytes',
      {},
      { committedMetadata: '錄'.repeat(4096) },
      {},
      'NONE',
    ],
    [
      'metadata of a character more',
      {},
      { committedMetadata: '錄'.repeat(4097) },
      {},
      'OFFSET_METADATA_TOO_LARGE',
    ],
    [
      'a generation of a group that never was',
      { groupId: 'new', generationIdOrMemberEpoch: 1, memberId: 'm' },
      {},
      {},
      'GROUP_ID_NOT_FOUND',
    ],
    ['the empty group id of simple consumers', { groupId: '' }, {}, {}, 'NONE'],
  ])('OffsetCommit: %s', async (_name, options, partition, topic, error) => {
    await start();
    expect(await commit(9, options, partition, topic)).toBe(error);
  });

  test('a member commits in its generation only', async () => {
    await start();
    const { memberId, generationId } = await member();
    expect(await commit(9, { memberId, generationIdOrMemberEpoch: generationId })).toBe('NONE');
    expect(await commit(9, { memberId, generationIdOrMemberEpoch: generationId + 1 })).toBe(
      'ILLEGAL_GENERATION',
    );
    expect(await commit(9)).toBe('UNKNOWN_MEMBER_ID');
    for (const code of ['unavailable', 'storage_full'] as const) {
      running.store.writeError = new BrokerError(code, '');
      expect(await commit(9, { memberId, generationIdOrMemberEpoch: generationId })).toBe(
        'COORDINATOR_NOT_AVAILABLE',
      );
    }
  });

  test('OffsetDelete: not of topics that are read', async () => {
    await start();
    running.meta.add('u');
    await commit(9, { groupId: 'empty' });
    const remove = (groupId: string, name: string, partitionIndex = 1) =>
      client.call(OFFSET_DELETE, 0, { groupId, topics: [{ name, partitions: [{ partitionIndex }] }] });
    expect((await remove('empty', 't')).topics[0]?.partitions[0]?.errorCode).toBe(0);
    expect(running.store.group('empty').offsets.size).toBe(0);
    await member();
    expect(kafkaErrorName((await remove('g', 't')).topics[0]?.partitions[0]?.errorCode ?? 0)).toBe(
      'GROUP_SUBSCRIBED_TO_TOPIC',
    );
    expect((await remove('g', 'u', 0)).topics[0]?.partitions[0]?.errorCode).toBe(0);
    expect(kafkaErrorName((await remove('g', 'nope')).topics[0]?.partitions[0]?.errorCode ?? 0)).toBe(
      'UNKNOWN_TOPIC_OR_PARTITION',
    );
    expect(kafkaErrorName((await remove('never', 't')).errorCode)).toBe('GROUP_ID_NOT_FOUND');
    await member(9, { groupId: 'c', protocolType: 'connect' });
    expect(kafkaErrorName((await remove('c', 't')).errorCode)).toBe('NON_EMPTY_GROUP');
    running.store.writeError = new BrokerError('unavailable', '');
    expect(kafkaErrorName((await remove('empty', 't')).errorCode)).toBe('COORDINATOR_NOT_AVAILABLE');
  });
});

describe('operators', () => {
  test.each([0, 1, 2, 3, 4, 5, 6])('DescribeGroups version %i', async (version) => {
    await start();
    const { memberId } = await member();
    const response = await client.call(DESCRIBE, version, { groups: ['g', 'never'] });
    expect(response.groups[0]).toMatchObject({
      errorCode: 0,
      groupState: 'Stable',
      protocolType: 'consumer',
      members: [{ memberId, clientHost: '/127.0.0.1' }],
    });
    expect(response.groups[1]).toMatchObject({
      groupState: 'Dead',
      errorCode: version >= 6 ? KAFKA_ERRORS.GROUP_ID_NOT_FOUND : 0,
    });
    expect((await client.call(DESCRIBE, version, { groups: ['g', 'g', 'g'] })).groups).toHaveLength(1);
  });

  test.each([0, 1, 2, 3, 4, 5])('ListGroups version %i: what this gateway coordinates', async (version) => {
    await start();
    await member();
    running.store.group('elsewhere').claim = { nodeId: 'kafka-2', coordinatorEpoch: 1, live: true };
    running.store.group('orphan').claim = { nodeId: 'kafka-2', coordinatorEpoch: 1, live: false };
    const { groups } = await client.call(LIST, version, {});
    expect(groups.map(({ groupId }) => groupId)).toEqual(['g', 'orphan']);
    expect(groups[0]).toMatchObject({
      protocolType: 'consumer',
      ...(version >= 4 ? { groupState: 'Stable' } : {}),
    });
  });

  test('ListGroups filters by state and type', async () => {
    await start();
    await member();
    running.store.group('orphan').claim = { nodeId: 'x', coordinatorEpoch: 1, live: false };
    const list = async (filter: object) =>
      (await client.call(LIST, 5, filter)).groups.map(({ groupId }) => groupId);
    expect(await list({ statesFilter: ['stable'] })).toEqual(['g']);
    expect(await list({ statesFilter: ['Empty'] })).toEqual(['orphan']);
    expect(await list({ typesFilter: ['Classic'] })).toEqual(['g', 'orphan']);
    expect(await list({ typesFilter: ['consumer'] })).toEqual([]);
    running.store.error = new BrokerError('unavailable', '');
    expect((await client.call(LIST, 5, {})).errorCode).toBe(KAFKA_ERRORS.COORDINATOR_NOT_AVAILABLE);
  });

  test('N12: the group with the empty id that a simple consumer made is listed, described and deleted', async () => {
    await start();
    const topics = [
      { name: 't', partitions: [{ partitionIndex: 1, committedOffset: 42, committedMetadata: '' }] },
    ];
    await client.call(COMMIT, 9, { groupId: '', topics });
    const { groups } = await client.call(LIST, 5, {});
    expect(groups.map(({ groupId }) => groupId)).toEqual(['']);
    const described = await client.call(DESCRIBE, 6, { groups: [''] });
    expect(described.groups).toMatchObject([{ groupId: '', errorCode: 0, groupState: 'Empty' }]);
    const deleted = await client.call(DELETE, 2, { groupsNames: [''] });
    expect(deleted.results).toMatchObject([{ groupId: '', errorCode: 0 }]);
    expect((await client.call(LIST, 5, {})).groups).toEqual([]);
  });

  test('DeleteGroups only of empty groups', async () => {
    await start();
    const { memberId } = await member();
    const remove = async (groupId: string) =>
      kafkaErrorName((await client.call(DELETE, 2, { groupsNames: [groupId] })).results[0]?.errorCode ?? 0);
    expect(await remove('g')).toBe('NON_EMPTY_GROUP');
    expect(await remove('never')).toBe('GROUP_ID_NOT_FOUND');
    expect(await remove('')).toBe('GROUP_ID_NOT_FOUND');
    await client.call(LEAVE, 5, { groupId: 'g', members: [{ memberId, groupInstanceId: null }] });
    running.store.writeError = new BrokerError('unavailable', '');
    expect(await remove('g')).toBe('COORDINATOR_NOT_AVAILABLE');
    running.store.writeError = undefined;
    expect(await remove('g')).toBe('NONE');
    expect(running.store.groups.has('g')).toBe(false);
    await member();
  });
});
