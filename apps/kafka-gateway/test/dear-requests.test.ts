// The dearest frames of each API: whatever a client writes into arrays, no turn of the loop takes more of it than its share, and
// the request is answered all the same (I8, N8). Time is counted in looks at the clock, each worth 1 ms of 5.
import { KAFKA_ERRORS, ZERO_UUID, type ApiKey } from '@robustmq/kafka-codec';
import { TurnShare } from '@robustmq/runtime';
import { batchOf } from './fakes/batches.ts';
import { RunningGateway } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';

const COUNT = 6_000;
const many = <T>(of: (index: number) => T): T[] => Array.from({ length: COUNT }, (_, index) => of(index));
const EMPTY = Buffer.alloc(0);

let running: RunningGateway;
let client: WireClient;
/** How often somebody had to wait for another turn. */
let waits: number;
beforeEach(async () => {
  let looks = 0;
  waits = 0;
  // Each look costs 1 ms, so that slices end by what is done and not by how fast the machine is.
  jest.spyOn(TurnShare.prototype, 'isSpent', 'get').mockImplementation(() => (looks += 1) % 6 === 5);
  const { wait } = TurnShare.prototype;
  jest.spyOn(TurnShare.prototype, 'wait').mockImplementation(function (this: TurnShare, callback) {
    waits += 1;
    wait.call(this, callback);
  });
  running = await RunningGateway.start({ limits: { maxControlFrameBytes: 4 * 1024 * 1024 } });
  running.meta.add('t', COUNT);
  client = await running.client();
});
afterEach(async () => {
  await running.stop();
  jest.restoreAllMocks();
});

type Case = readonly [name: string, apiKey: ApiKey, version: number, request: object, minimumWaits: number];

/** Slices of reading alone: a look comes with every 65th element, and the sixth ends the turn. */
const READ = Math.floor(COUNT / 65 / 6);
/** Slices of what is done for each element besides. */
const EACH = Math.floor(COUNT / 6);

const CASES: readonly Case[] = [
  [
    'Produce',
    0,
    9,
    {
      acks: 1,
      timeoutMs: 1,
      topicData: [{ name: 't', partitionData: many((index) => ({ index, records: null })) }],
    },
    EACH,
  ],
  [
    'Produce, topics',
    0,
    9,
    { acks: 1, timeoutMs: 1, topicData: many((n) => ({ name: `t${n}`, partitionData: [] })) },
    EACH,
  ],
  [
    'Fetch',
    1,
    12,
    {
      maxWaitMs: 0,
      minBytes: 0,
      sessionEpoch: -1,
      topics: [
        {
          topic: 'u',
          partitions: many((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1 })),
        },
      ],
    },
    EACH,
  ],
  [
    'ListOffsets',
    2,
    7,
    {
      replicaId: -1,
      topics: [{ name: 't', partitions: many((partitionIndex) => ({ partitionIndex, timestamp: -1 })) }],
    },
    EACH,
  ],
  ['Metadata, names', 3, 12, { topics: many((n) => ({ name: `t/${n}` })) }, EACH],
  ['Metadata, partitions', 3, 12, { topics: null }, EACH],
  [
    'OffsetCommit',
    8,
    8,
    {
      groupId: 'g',
      memberId: '',
      generationIdOrMemberEpoch: -1,
      topics: [
        {
          name: 't',
          partitions: many((partitionIndex) => ({
            partitionIndex,
            committedOffset: 1,
            committedMetadata: null,
          })),
        },
      ],
    },
    EACH,
  ],
  [
    'OffsetFetch',
    9,
    8,
    { groups: [{ groupId: 'g', topics: [{ name: 't', partitionIndexes: many((n) => n) }] }] },
    EACH,
  ],
  ['FindCoordinator', 10, 4, { keyType: 0, coordinatorKeys: many((n) => `g${n}`) }, EACH],
  [
    'JoinGroup',
    11,
    7,
    {
      groupId: 'g',
      sessionTimeoutMs: 10_000,
      memberId: '',
      groupInstanceId: 'i',
      protocolType: 'consumer',
      protocols: many((n) => ({ name: `p${n}`, metadata: EMPTY })),
    },
    READ,
  ],
  [
    'LeaveGroup',
    13,
    4,
    { groupId: 'g', members: many((n) => ({ memberId: `m${n}`, groupInstanceId: null })) },
    READ,
  ],
  [
    'SyncGroup',
    14,
    5,
    {
      groupId: 'g',
      generationId: 1,
      memberId: 'm',
      protocolType: null,
      protocolName: null,
      assignments: many((n) => ({ memberId: `m${n}`, assignment: EMPTY })),
    },
    READ,
  ],
  ['DescribeGroups', 15, 5, { groups: many((n) => `g${n}`) }, EACH],
  ['ListGroups', 16, 5, { statesFilter: many((n) => `s${n}`), typesFilter: [] }, READ],
  [
    'CreateTopics',
    19,
    7,
    {
      timeoutMs: 1,
      topics: many((n) => ({
        name: `/${n}`,
        numPartitions: 1,
        replicationFactor: 1,
        assignments: [],
        configs: [],
      })),
    },
    EACH,
  ],
  [
    'CreateTopics, configs',
    19,
    7,
    {
      timeoutMs: 1,
      topics: [
        {
          name: 'n',
          numPartitions: 1,
          replicationFactor: 1,
          assignments: [],
          configs: many((n) => ({ name: `c${n}`, value: '' })),
        },
      ],
    },
    READ,
  ],
  [
    'DeleteTopics',
    20,
    6,
    { topics: many((n) => ({ name: `none-${n}`, topicId: ZERO_UUID })), timeoutMs: 1 },
    EACH,
  ],
  [
    'DeleteRecords',
    21,
    2,
    {
      timeoutMs: 1,
      topics: [{ name: 'u', partitions: many((partitionIndex) => ({ partitionIndex, offset: 0 })) }],
    },
    EACH,
  ],
  [
    'OffsetForLeaderEpoch',
    23,
    4,
    {
      replicaId: -1,
      topics: [
        {
          topic: 't',
          partitions: many((partition) => ({ partition, currentLeaderEpoch: -1, leaderEpoch: 0 })),
        },
      ],
    },
    EACH,
  ],
  [
    'DescribeConfigs',
    32,
    4,
    { resources: many((n) => ({ resourceType: 2, resourceName: `none-${n}`, configurationKeys: null })) },
    EACH,
  ],
  [
    'AlterConfigs',
    33,
    2,
    {
      resources: many((n) => ({ resourceType: 2, resourceName: `none-${n}`, configs: [] })),
      validateOnly: true,
    },
    EACH,
  ],
  [
    'CreatePartitions',
    37,
    3,
    {
      timeoutMs: 1,
      validateOnly: true,
      topics: many((n) => ({ name: `none-${n}`, count: 1, assignments: null })),
    },
    EACH,
  ],
  ['DeleteGroups', 42, 2, { groupsNames: many((n) => `g${n}`) }, EACH],
  [
    'IncrementalAlterConfigs',
    44,
    1,
    {
      resources: many((n) => ({ resourceType: 2, resourceName: `none-${n}`, configs: [] })),
      validateOnly: true,
    },
    EACH,
  ],
  [
    'ListPartitionReassignments',
    46,
    0,
    { timeoutMs: 1, topics: [{ name: 't', partitionIndexes: many((n) => n) }] },
    READ,
  ],
  [
    'OffsetDelete',
    47,
    0,
    { groupId: 'kept', topics: [{ name: 't', partitions: many((partitionIndex) => ({ partitionIndex })) }] },
    READ,
  ],
  [
    'DescribeTopicPartitions',
    75,
    0,
    { topics: many((n) => ({ name: `none-${n}` })), responsePartitionLimit: 2_000, cursor: null },
    EACH,
  ],
];

test.each(CASES)(
  'N8: %s of 6,000 elements leaves the loop again and again',
  async (_name, apiKey, version, request, minimumWaits) => {
    await client.call(apiKey, version, request);
    expect(waits).toBeGreaterThanOrEqual(minimumWaits);
  },
);

test('K1: what comes behind a long Produce does not pass it', async () => {
  const records = running.journal.produced;
  const empty = many((index) => ({ index, records: null }));
  const last = { index: 3, records: batchOf(['long']) };
  client.send(0, 9, {
    acks: 1,
    timeoutMs: 1_000,
    topicData: [{ name: 't', partitionData: [...empty, last] }],
  });
  client.send(0, 9, {
    acks: 1,
    timeoutMs: 1_000,
    topicData: [{ name: 't', partitionData: [{ index: 3, records: batchOf(['next one']) }] }],
  });
  const [first] = (await client.receive(0, 9)).responses;
  await client.receive(0, 9);
  expect(first?.partitionResponses.at(-1)?.errorCode).toBe(KAFKA_ERRORS.NONE);
  expect(records.map(({ batch }) => batch.includes('long'))).toEqual([true, false]);
});

test('F1: forty connections with 3,000 protocols each share one turn, and a heartbeat comes through meanwhile', async () => {
  const clients = await Promise.all(Array.from({ length: 40 }, () => running.client()));
  const protocols = Array.from({ length: 3_000 }, (_, n) => ({ name: `p${n}`, metadata: EMPTY }));
  const request = {
    groupId: 'g',
    sessionTimeoutMs: 10_000,
    memberId: '',
    protocolType: 'consumer',
    protocols,
  };
  let answered = 0;
  for (const each of clients) each.send(11, 3, request);
  const all = Promise.all(
    clients.map(async (each) => {
      const { errorCode } = await each.receive(11, 3);
      answered += 1;
      return errorCode;
    }),
  );
  const beat = { groupId: 'other', generationId: 1, memberId: 'm' };
  expect((await client.call(12, 3, beat)).errorCode).toBe(KAFKA_ERRORS.UNKNOWN_MEMBER_ID);
  expect(answered).toBeLessThan(40);
  expect(new Set(await all)).toEqual(new Set([KAFKA_ERRORS.INCONSISTENT_GROUP_PROTOCOL]));
});
