// Attacks on kafka-gateway by a client that may do everything, and does it as often as it can.
import { type Attack, inParallel, type Targets } from './attack.ts';
import { flood } from './flood-socket.ts';
import { bomb, kafkaRequest, tinyRecords } from './kafka-bytes.ts';

const [PRODUCE, FETCH, LIST_OFFSETS, METADATA, OFFSET_COMMIT, OFFSET_FETCH] = [0, 1, 2, 3, 8, 9] as const;
const [COORDINATOR, JOIN, CREATE_TOPICS, PRODUCER_ID] = [10, 11, 19, 22] as const;
const MiB = 1024 * 1024;
/** The topic that the suite made, with this many partitions. */
export const ATTACKED = { topic: 'attacked', partitions: 100 } as const;

/** Names of this run that no other request has. */
function names(prefix: string, count: number): string[] {
  const first = unique;
  unique += count;
  return Array.from({ length: count }, (_, n) => `${prefix}-${process.pid}-${first + n}`);
}

let unique = 0;

/** The same kind of request on some connections, pipelined. */
function requests(connections: number, next: (n: number) => Buffer): Attack {
  return ({ kafkaPort }: Targets, over) =>
    inParallel(connections, () => flood({ port: kafkaPort, over, next }));
}

function produce(records: Buffer): Buffer {
  const topicData = [{ name: ATTACKED.topic, partitionData: [{ index: 0, records }] }];
  return kafkaRequest(PRODUCE, 9, { transactionalId: null, acks: 1, timeoutMs: 5_000, topicData });
}

const partitions = <T>(make: (partition: number) => T): T[] =>
  Array.from({ length: ATTACKED.partitions }, (_, partition) => make(partition));

function joins(): Attack {
  const protocols = [{ name: 'range', metadata: Buffer.alloc(64) }];
  // Version 5 answers at once that a member needs an id; version 3 makes members, and waits for others of their groups.
  return requests(400, (n) => {
    const [groupId = ''] = names('group', 1);
    return kafkaRequest(JOIN, n % 4 === 0 ? 3 : 5, {
      groupId,
      sessionTimeoutMs: 6_000,
      rebalanceTimeoutMs: 6_000,
      memberId: '',
      protocolType: 'consumer',
      protocols,
    });
  });
}

function offsets(): Attack {
  const committed = partitions((partitionIndex) => ({
    partitionIndex,
    committedOffset: 0,
    committedMetadata: 'x'.repeat(100),
  }));
  const known = names('offsets', 200);
  return requests(8, (n) => {
    if (n % 10 < 9) {
      const topics = [{ name: ATTACKED.topic, partitions: committed }];
      return kafkaRequest(OFFSET_COMMIT, 8, { groupId: known[n % known.length] ?? '', topics });
    }
    return kafkaRequest(OFFSET_FETCH, 8, { groups: known.map((groupId) => ({ groupId, topics: null })) });
  });
}

function listOffsets(): Buffer {
  const asked = Array.from({ length: 10_000 }, (_, n) => ({ partitionIndex: 0, timestamp: n }));
  return kafkaRequest(LIST_OFFSETS, 7, {
    replicaId: -1,
    topics: [{ name: ATTACKED.topic, partitions: asked }],
  });
}

function fetchOfMany(): Buffer {
  const asked = Array.from({ length: 20_000 }, (_, n) => ({
    partition: n % (2 * ATTACKED.partitions),
    fetchOffset: n % 7,
    partitionMaxBytes: MiB,
  }));
  return kafkaRequest(FETCH, 11, {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 64 * MiB,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{ topic: ATTACKED.topic, partitions: asked }],
  });
}

const bombs = (): readonly Buffer[] => [
  // Just what one batch may hold, and far more.
  produce(bomb(15 * MiB, 'gzip')),
  produce(bomb(64 * MiB, 'gzip')),
  produce(bomb(15 * MiB, 'zstd')),
  produce(bomb(64 * MiB, 'zstd')),
];

const tiny = (): readonly Buffer[] => [
  produce(tinyRecords(100_000, false)),
  produce(tinyRecords(200_000, true)),
];

/** Made when it is first asked for, then sent again and again. */
function repeated(make: () => readonly Buffer[]): (n: number) => Buffer {
  let made: readonly Buffer[] | undefined;
  return (n) => {
    made ??= make();
    return made[n % made.length] ?? Buffer.alloc(0);
  };
}

/** By name. */
export const KAFKA_ATTACKS = {
  'metadata of unknown topics': requests(4, () =>
    kafkaRequest(METADATA, 9, {
      topics: names('auto', 4_000).map((name) => ({ name })),
      allowAutoTopicCreation: true,
    }),
  ),
  'creation of thousands of topics': requests(4, () =>
    kafkaRequest(CREATE_TOPICS, 7, {
      topics: names('made', 5_000).map((name) => ({
        name,
        numPartitions: 3,
        replicationFactor: 1,
        assignments: [],
        configs: [],
      })),
    }),
  ),
  'new groups': joins(),
  'coordinators of thousands of groups': requests(4, () =>
    kafkaRequest(COORDINATOR, 4, { keyType: 0, coordinatorKeys: names('asked', 10_000) }),
  ),
  'commits and fetches of offsets': offsets(),
  'producer ids': requests(8, () =>
    kafkaRequest(PRODUCER_ID, 4, { transactionalId: null, transactionTimeoutMs: 1_000 }),
  ),
  'compressed bombs': requests(4, repeated(bombs)),
  'batches of tiny records': requests(4, repeated(tiny)),
  'offsets by thousands of times': requests(
    4,
    repeated(() => [listOffsets()]),
  ),
  'fetches of thousands of partitions': requests(
    4,
    repeated(() => [fetchOfMany()]),
  ),
} satisfies Record<string, Attack>;
