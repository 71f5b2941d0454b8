// Committed offsets over the wire, and the versions of their APIs.

import { BrokerError } from '@robustmq/errors';
import { KAFKA_ERRORS } from '@robustmq/kafka-codec';
import { kafkaErrorName } from '@robustmq/kafka-codec/testing';
import { RunningGateway, type TestOptions } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';
import { member } from './fakes/members.ts';

const COMMIT = 8;
const OFFSETS = 9;
const OFFSET_DELETE = 47;

let running: RunningGateway;
let client: WireClient;

async function start(options: TestOptions = {}): Promise<void> {
  ({ running, client } = await RunningGateway.withClient(options));
  running.meta.add('t', 3);
}

afterEach(() => running.stop());

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
    const { memberId, generationId } = await member(client);
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
    await member(client);
    expect(kafkaErrorName((await remove('g', 't')).topics[0]?.partitions[0]?.errorCode ?? 0)).toBe(
      'GROUP_SUBSCRIBED_TO_TOPIC',
    );
    expect((await remove('g', 'u', 0)).topics[0]?.partitions[0]?.errorCode).toBe(0);
    expect(kafkaErrorName((await remove('g', 'nope')).topics[0]?.partitions[0]?.errorCode ?? 0)).toBe(
      'UNKNOWN_TOPIC_OR_PARTITION',
    );
    expect(kafkaErrorName((await remove('never', 't')).errorCode)).toBe('GROUP_ID_NOT_FOUND');
    await member(client, 9, { groupId: 'c', protocolType: 'connect' });
    expect(kafkaErrorName((await remove('c', 't')).errorCode)).toBe('NON_EMPTY_GROUP');
    running.store.writeError = new BrokerError('unavailable', '');
    expect(kafkaErrorName((await remove('empty', 't')).errorCode)).toBe('COORDINATOR_NOT_AVAILABLE');
  });
});
