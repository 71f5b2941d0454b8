// I8: what keeps the answer of each API small, or counted. A request of a few bytes must not make one that nobody has claimed
// memory for, so each API says what its answer is bounded by, and what it says is held against the largest answers there are.
import { AnswerMemory } from '../src/answer-memory.ts';
import type { AnswerBound } from '../src/api.ts';
import { API_TABLE } from '../src/api-table.ts';
import { RunningGateway } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';

const KIB = 1024;
/** Of an answer beside what it has for each item. */
const ENVELOPE_BYTES = 512;

/** An API that is new needs a row: what its answer may hold, and why that is bounded. */
const BOUNDS: Readonly<Record<string, AnswerBound>> = {
  Produce: 'claimed',
  Fetch: 'claimed',
  ListOffsets: 2,
  Metadata: 'claimed',
  OffsetCommit: 1,
  OffsetFetch: 'claimed',
  FindCoordinator: 64,
  // The members of a group and what they brought are bounded with the group.
  JoinGroup: 'kept',
  SyncGroup: 'kept',
  Heartbeat: 'fixed',
  LeaveGroup: 2,
  DescribeGroups: 'claimed',
  ListGroups: 'claimed',
  ApiVersions: 'fixed',
  CreateTopics: 'claimed',
  DeleteTopics: 16,
  DeleteRecords: 2,
  InitProducerId: 'fixed',
  OffsetForLeaderEpoch: 3,
  DescribeConfigs: 'claimed',
  AlterConfigs: 24,
  CreatePartitions: 16,
  DeleteGroups: 4,
  IncrementalAlterConfigs: 24,
  // None is ever under way.
  ListPartitionReassignments: 'fixed',
  OffsetDelete: 2,
  // The gateways of the cluster.
  DescribeCluster: 'fixed',
  DescribeTopicPartitions: 'claimed',
};

test('I8: every API that is served says what bounds its answer', () => {
  const served = [...API_TABLE.values()].map(({ name, answer }) => [name, answer]);
  expect(Object.fromEntries(served)).toEqual(BOUNDS);
});

let running: RunningGateway;
let client: WireClient;
beforeEach(async () => {
  running = await RunningGateway.start();
  client = await running.client();
});
afterEach(async () => {
  jest.restoreAllMocks();
  await running.stop();
});

const many = <T>(count: number, item: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => item(n));
const named = (count: number): string[] => many(count, (n) => n.toString(36));

/** The shortest requests with the longest answers: frames with so many items. */
const DEAREST: Readonly<Record<string, (count: number) => Buffer>> = {
  ListOffsets: (count) =>
    client.frame(2, 1, {
      replicaId: -1,
      topics: [{ name: 'n', partitions: many(count, (n) => ({ partitionIndex: n, timestamp: -1 })) }],
    }),
  OffsetCommit: (count) =>
    client.frame(8, 9, {
      groupId: 'g',
      generationIdOrMemberEpoch: -1,
      memberId: '',
      topics: [
        {
          name: 'n',
          partitions: many(count, (n) => ({
            partitionIndex: n,
            committedOffset: 1,
            committedMetadata: null,
          })),
        },
      ],
    }),
  FindCoordinator: (count) => client.frame(10, 4, { keyType: 0, coordinatorKeys: many(count, () => '') }),
  'FindCoordinator of transactions': (count) =>
    client.frame(10, 4, { keyType: 1, coordinatorKeys: many(count, () => '') }),
  LeaveGroup: (count) =>
    client.frame(13, 5, { groupId: 'g', members: many(count, () => ({ memberId: '' })) }),
  DeleteTopics: (count) => client.frame(20, 5, { topicNames: named(count), timeoutMs: 100 }),
  DeleteRecords: (count) =>
    client.frame(21, 2, {
      topics: [{ name: 'n', partitions: many(count, (n) => ({ partitionIndex: n, offset: 1 })) }],
      timeoutMs: 100,
    }),
  OffsetForLeaderEpoch: (count) =>
    client.frame(23, 2, {
      topics: [{ topic: 'n', partitions: many(count, (n) => ({ partition: n, leaderEpoch: 1 })) }],
    }),
  AlterConfigs: (count) =>
    client.frame(33, 2, {
      resources: named(count).map((resourceName) => ({ resourceType: 9, resourceName, configs: [] })),
      validateOnly: true,
    }),
  IncrementalAlterConfigs: (count) =>
    client.frame(44, 1, {
      resources: named(count).map((resourceName) => ({ resourceType: 9, resourceName, configs: [] })),
      validateOnly: true,
    }),
  CreatePartitions: (count) =>
    client.frame(37, 2, {
      topics: named(count).map((name) => ({ name, count: 2, assignments: null })),
      timeoutMs: 100,
      validateOnly: true,
    }),
  DeleteGroups: (count) => client.frame(42, 2, { groupsNames: named(count) }),
  OffsetDelete: (count) =>
    client.frame(47, 0, {
      groupId: 'g',
      topics: [{ name: 'n', partitions: many(count, (n) => ({ partitionIndex: n })) }],
    }),
};

const boundOf = (name: string): number => BOUNDS[name.split(' ')[0]!] as number;

test('I8: each number is tried', () => {
  const numbers = Object.keys(BOUNDS).filter((name) => typeof BOUNDS[name] === 'number');
  const tried = Object.keys(DEAREST).filter((name) => name in BOUNDS);
  expect(tried.sort()).toEqual(numbers.sort());
});

describe.each(Object.keys(DEAREST))('%s', (name) => {
  test('I8: its largest answers are within what it says, and are claimed', async () => {
    const claim = jest.spyOn(AnswerMemory.prototype, 'claim');
    const frame = DEAREST[name]!(1_000);
    client.socket.write(frame);
    const answer = await client.receiveFrame();
    expect(answer.length).toBeLessThanOrEqual(boundOf(name) * frame.length + ENVELOPE_BYTES);
    const claimed = claim.mock.calls.map(([sizeBytes]) => sizeBytes);
    if (answer.length > 64 * KIB) expect(claimed[0]).toBeGreaterThan(answer.length - ENVELOPE_BYTES);
    expect(running.gateway.claimedAnswerBytes).toBe(0);
  });

  test('I8: a large one ends its connection while there is no room, a small one waits for nobody', async () => {
    jest.spyOn(AnswerMemory.prototype, 'claim').mockResolvedValue(false);
    client.socket.write(DEAREST[name]!(2));
    await client.receiveFrame();
    const count = Math.ceil((64 * KIB) / boundOf(name));
    client.socket.write(DEAREST[name]!(count));
    await client.closed();
    expect(client.pendingFrames).toBe(0);
  });
});

describe('DescribeTopicPartitions', () => {
  const ask = () => client.frame(75, 0, { topics: [], responsePartitionLimit: 2_000, cursor: null });

  test('I8: claims for the topics that are there', async () => {
    for (const name of named(400)) running.meta.add(`topic-${name}`, 10);
    const claim = jest.spyOn(AnswerMemory.prototype, 'claim');
    client.socket.write(ask());
    const answer = await client.receiveFrame();
    const [[claimed] = [0]] = claim.mock.calls;
    expect(claimed).toBeGreaterThan(answer.length);
    expect(claimed).toBeLessThan(4 * answer.length);
    claim.mockResolvedValue(false);
    client.socket.write(ask());
    await client.closed();
  });

  test('I8: for a few it waits for nobody', async () => {
    running.meta.add('t', 10);
    jest.spyOn(AnswerMemory.prototype, 'claim').mockResolvedValue(false);
    client.socket.write(ask());
    expect((await client.receiveFrame()).length).toBeGreaterThan(100);
  });
});

describe('Produce', () => {
  const ask = (count: number) =>
    client.frame(0, 9, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 100,
      topicData: [{ name: 't', partitionData: many(count, (index) => ({ index, records: null })) }],
    });

  test('I8, K1: one that names thousands of partitions claims for what is wrong with each; one of a producer claims nothing', async () => {
    running.meta.add('t', 1);
    const claim = jest.spyOn(AnswerMemory.prototype, 'claim');
    client.socket.write(ask(100));
    await client.receiveFrame();
    expect(claim).not.toHaveBeenCalled();
    client.socket.write(ask(5_000));
    const answer = await client.receiveFrame();
    expect(claim.mock.calls[0]?.[0]).toBeGreaterThan(answer.length);
    claim.mockResolvedValue(false);
    client.socket.write(ask(5_000));
    await client.closed();
    expect(client.pendingFrames).toBe(0);
  });
});
