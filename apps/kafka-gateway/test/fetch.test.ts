import { BrokerError } from '@robustmq/errors';
import { KAFKA_ERRORS, ZERO_UUID, type FetchRequestInput } from '@robustmq/kafka-codec';
import { FetchSessionCache, type SessionPartition } from '../src/fetch-session-cache.ts';
import { batchOf, zstdBatch } from './fakes/batches.ts';
import { RunningGateway } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';

const FETCH = 1;
const MIB = 1024 * 1024;

describe('Fetch', () => {
  let running: RunningGateway;
  let client: WireClient;

  beforeEach(async () => {
    ({ running, client } = await RunningGateway.withClient());
  });
  afterEach(() => running.stop());

  interface Asked {
    readonly topic?: string;
    readonly topicId?: string;
    readonly partition?: number;
    readonly fetchOffset?: number;
    readonly partitionMaxBytes?: number;
  }

  const request = (asked: readonly Asked[], options: Partial<FetchRequestInput> = {}): FetchRequestInput => ({
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: MIB,
    topics: asked.map(
      ({ topic = '', topicId = ZERO_UUID, partition = 0, fetchOffset = 0, partitionMaxBytes = MIB }) => ({
        topic,
        topicId,
        partitions: [{ partition, fetchOffset, partitionMaxBytes }],
      }),
    ),
    ...options,
  });

  const append = (streamId: number, batch: Buffer, shard = 0): Promise<void> =>
    new Promise((resolve) => {
      running.journal.produce({ streamId, shard, batch, acks: -1, timeoutMs: 0 }, () => resolve());
    });

  test.each([4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18])(
    'version %i returns whole batches',
    async (version) => {
      const { streamId, topicId } = running.meta.add('t');
      await append(streamId, batchOf(['a', 'b', 'c']));
      // An offset inside of a batch gets all of it.
      const asked = version >= 13 ? { topicId, fetchOffset: 1 } : { topic: 't', fetchOffset: 1 };
      const response = await client.call(FETCH, version, request([asked]));
      const partition = response.responses[0]?.partitions[0];
      expect(partition).toMatchObject({
        errorCode: 0,
        highWatermark: 3,
        lastStableOffset: 3,
        abortedTransactions: null,
      });
      expect(partition?.records?.equals(running.journal.contentOf(streamId, 0))).toBe(true);
    },
  );

  test('at least one batch, however small the limits (KIP-74)', async () => {
    const { streamId } = running.meta.add('t');
    await append(streamId, batchOf(['x'.repeat(5000)]));
    await append(streamId, batchOf(['y']));
    const response = await client.call(
      FETCH,
      11,
      request([{ topic: 't', partitionMaxBytes: 1 }], { maxBytes: 1 }),
    );
    expect(response.responses[0]?.partitions[0]?.records?.length).toBeGreaterThan(5000);
    expect(response.responses[0]?.partitions[0]?.records?.length).toBeLessThan(5200);
  });

  test('the bound of the gateway holds, whatever the client asks for (I8)', async () => {
    running.meta.add('t');
    const much = { minBytes: 2 ** 31 - 1, maxBytes: 2 ** 31 - 1, maxWaitMs: 0 };
    await client.call(FETCH, 11, request([{ topic: 't' }], much));
    expect(running.journal.fetched[0]?.maxBytes).toBe(16 * MIB);
  });

  test('N12: a partition that is named twice is answered once, as it was named last', async () => {
    running.meta.add('t');
    const partitions = [5, 0].map((fetchOffset) => ({ partition: 0, fetchOffset, partitionMaxBytes: MIB }));
    const { responses } = await client.call(FETCH, 11, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ topic: 't', partitions }],
    });
    expect(responses[0]?.partitions).toHaveLength(1);
    expect(responses[0]?.partitions[0]).toMatchObject({ errorCode: 0, highWatermark: 0 });
  });

  test('nothing new is an empty section, never null', async () => {
    running.meta.add('t');
    const response = await client.call(FETCH, 12, request([{ topic: 't' }]));
    expect(response.responses[0]?.partitions[0]?.records).toEqual(Buffer.alloc(0));
  });

  test('a long poll is answered by the next append', async () => {
    const { streamId } = running.meta.add('t');
    const waiting = client.call(FETCH, 11, request([{ topic: 't' }], { maxWaitMs: 60_000, minBytes: 1 }));
    while (running.journal.fetched.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await append(streamId, batchOf(['a']));
    expect((await waiting).responses[0]?.partitions[0]?.highWatermark).toBe(1);
  });

  test('a long poll of a client that is gone is cancelled', async () => {
    running.meta.add('t');
    client.send(FETCH, 11, request([{ topic: 't' }], { maxWaitMs: 60_000, minBytes: 1 }));
    while (running.journal.fetched.length === 0) await new Promise((resolve) => setImmediate(resolve));
    client.close();
    while (running.journal.cancelled === 0) await new Promise((resolve) => setImmediate(resolve));
  });

  test('a partition that fails ends the long poll at once', async () => {
    running.meta.add('t');
    const asked = request([{ topic: 't' }, { topic: 'nope' }], { maxWaitMs: 60_000, minBytes: 1 });
    const response = await client.call(FETCH, 11, asked);
    expect(response.responses.map(({ partitions }) => partitions[0]?.errorCode)).toEqual([
      0,
      KAFKA_ERRORS.UNKNOWN_TOPIC_OR_PARTITION,
    ]);
    const byId = await client.call(
      FETCH,
      13,
      request([{ topicId: Buffer.alloc(16, 3).toString('base64url') }]),
    );
    expect(byId.responses[0]?.partitions[0]?.errorCode).toBe(KAFKA_ERRORS.UNKNOWN_TOPIC_ID);
  });

  test.each([
    ['out_of_range', 'OFFSET_OUT_OF_RANGE'],
    ['stale_epoch', 'FENCED_LEADER_EPOCH'],
    ['unknown_epoch', 'UNKNOWN_LEADER_EPOCH'],
    ['offset_not_available', 'OFFSET_NOT_AVAILABLE'],
    ['quarantined', 'KAFKA_STORAGE_ERROR'],
  ] as const)('the journal says %s: the client hears %s', async (code, error) => {
    running.meta.add('t');
    running.journal.fetchError = new BrokerError(code, '');
    const response = await client.call(FETCH, 12, request([{ topic: 't' }]));
    expect(response.responses[0]?.partitions[0]?.errorCode).toBe(KAFKA_ERRORS[error]);
  });

  test('KIP-320, X4: a consumer that read beyond the end of its epoch hears where that is, at once', async () => {
    running.meta.add('t');
    running.journal.diverging = { leaderEpoch: 2, endOffset: 7 };
    const asked = request([{ topic: 't' }], { maxWaitMs: 60_000, minBytes: 1 });
    const { responses } = await client.call(FETCH, 12, asked);
    expect(responses[0]?.partitions[0]).toMatchObject({
      errorCode: KAFKA_ERRORS.NONE,
      divergingEpoch: { epoch: 2, endOffset: 7 },
    });
  });

  test('zstd is not given to clients below version 10, which would take it for damage (KIP-110)', async () => {
    const { streamId } = running.meta.add('t');
    await append(streamId, batchOf(['plain']));
    await append(streamId, zstdBatch(['z'.repeat(1000)]));
    const code = async (version: number) =>
      (await client.call(FETCH, version, request([{ topic: 't' }]))).responses[0]?.partitions[0]?.errorCode;
    for (const pieceBytes of [Infinity, 100]) {
      running.journal.pieceBytes = pieceBytes;
      expect(await code(9)).toBe(KAFKA_ERRORS.UNSUPPORTED_COMPRESSION_TYPE);
      expect(await code(10)).toBe(KAFKA_ERRORS.NONE);
    }
  });

  test('read_committed is passed on and gets the list of aborted transactions', async () => {
    running.meta.add('t');
    const response = await client.call(FETCH, 12, request([{ topic: 't' }], { isolationLevel: 1 }));
    expect(running.journal.fetched[0]?.readCommitted).toBe(true);
    expect(response.responses[0]?.partitions[0]?.abortedTransactions).toEqual([]);
  });

  describe('sessions (KIP-227)', () => {
    const full = (asked: readonly Asked[]) => request(asked, { sessionId: 0, sessionEpoch: 0 });
    const next = (
      sessionId: number,
      sessionEpoch: number,
      asked: readonly Asked[] = [],
      options: Partial<FetchRequestInput> = {},
    ) => request(asked, { sessionId, sessionEpoch, ...options });

    test('after a full answer only what is new is told', async () => {
      const { streamId } = running.meta.add('t');
      running.meta.add('u');
      const first = await client.call(FETCH, 12, full([{ topic: 't' }, { topic: 'u' }]));
      expect(first.responses).toHaveLength(2);
      expect(first.sessionId).toBeGreaterThan(0);
      expect((await client.call(FETCH, 12, next(first.sessionId, 1))).responses).toEqual([]);
      await append(streamId, batchOf(['a']));
      const third = await client.call(FETCH, 12, next(first.sessionId, 2));
      expect(third.responses.map(({ topic }) => topic)).toEqual(['t']);
      // The client moves on; the partition has no news any more.
      const fourth = await client.call(FETCH, 12, next(first.sessionId, 3, [{ topic: 't', fetchOffset: 1 }]));
      expect(fourth.responses).toEqual([]);
    });

    test('forgotten partitions are not read', async () => {
      running.meta.add('t');
      running.meta.add('u');
      const { sessionId } = await client.call(FETCH, 12, full([{ topic: 't' }, { topic: 'u' }]));
      await client.call(
        FETCH,
        12,
        next(sessionId, 1, [], { forgottenTopicsData: [{ topic: 't', partitions: [0] }] }),
      );
      expect(running.journal.fetched.at(-1)?.sections).toHaveLength(1);
    });

    test.each([
      ['an unknown session', (_id: number) => next(123_456, 1), 'FETCH_SESSION_ID_NOT_FOUND'],
      ['a wrong epoch', (id: number) => next(id, 5), 'INVALID_FETCH_SESSION_EPOCH'],
    ])('%s starts over', async (_name, make, error) => {
      running.meta.add('t');
      const { sessionId } = await client.call(FETCH, 12, full([{ topic: 't' }]));
      const response = await client.call(FETCH, 12, make(sessionId));
      expect([response.errorCode, response.responses]).toEqual([
        KAFKA_ERRORS[error as keyof typeof KAFKA_ERRORS],
        [],
      ]);
    });

    test('a move from names to ids starts over', async () => {
      const { topicId } = running.meta.add('t');
      const { sessionId } = await client.call(FETCH, 12, full([{ topic: 't' }]));
      const response = await client.call(FETCH, 13, next(sessionId, 1, [{ topicId }]));
      expect(response.errorCode).toBe(KAFKA_ERRORS.FETCH_SESSION_TOPIC_ID_ERROR);
    });

    test('the final epoch ends a session', async () => {
      running.meta.add('t');
      const { sessionId } = await client.call(FETCH, 12, full([{ topic: 't' }]));
      const last = await client.call(FETCH, 12, next(sessionId, -1, [{ topic: 't' }]));
      expect(last.sessionId).toBe(0);
      expect(running.gateway.fetchSessionCount).toBe(0);
    });

    test('a partition with an error is told every time', async () => {
      running.meta.add('t');
      const { sessionId } = await client.call(FETCH, 12, full([{ topic: 't' }]));
      running.journal.fetchError = new BrokerError('not_leader', '');
      for (const epoch of [1, 2]) {
        expect((await client.call(FETCH, 12, next(sessionId, epoch))).responses).toHaveLength(1);
      }
      running.journal.fetchError = undefined;
      expect((await client.call(FETCH, 12, next(sessionId, 3))).responses).toHaveLength(1);
      expect((await client.call(FETCH, 12, next(sessionId, 4))).responses).toHaveLength(0);
    });
  });
});

describe('FetchSessionCache', () => {
  const entry = (partition: number): SessionPartition => ({
    topic: 't',
    topicId: ZERO_UUID,
    partition,
    currentLeaderEpoch: -1,
    fetchOffset: 0,
    lastFetchedEpoch: -1,
    maxBytes: 1,
    sentHighWatermark: -2,
    sentLogStartOffset: -2,
  });
  const full = (count: number) => ({
    sessionId: 0,
    sessionEpoch: 0,
    usesTopicIds: false,
    partitions: Array.from({ length: count }, (_, n) => entry(n)),
    forgotten: [],
  });
  let id = 0;
  const cache = (maxSessions: number, maxPartitions = 1000) =>
    new FetchSessionCache({ maxSessions, maxPartitions, nextId: () => (id += 1) });

  test('is bounded: new clients go without, until old sessions were idle for long (I8)', () => {
    const sessions = cache(2);
    expect([0, 1, 2].map((now) => sessions.use(full(1), now).kind)).toEqual(['full', 'full', 'sessionless']);
    expect(sessions.use(full(1), 200_000).kind).toBe('full');
    expect(sessions.size).toBe(2);
  });

  test('counts partitions, also those that a session takes up later', () => {
    const sessions = cache(10, 5);
    const use = sessions.use(full(4), 0);
    if (use.kind !== 'full') throw new RangeError(use.kind);
    expect(sessions.use(full(2), 0).kind).toBe('sessionless');
    const more = (count: number, sessionEpoch: number) => ({
      ...full(count),
      sessionId: use.session.id,
      sessionEpoch,
    });
    expect(sessions.use(more(5, 1), 0).kind).toBe('incremental');
    // One that is refused is told so: left out, its partitions would never be read.
    expect(sessions.use(more(6, 2), 0)).toEqual({ kind: 'error', error: 'FETCH_SESSION_ID_NOT_FOUND' });
    expect(sessions.size).toBe(0);
    expect(sessions.use(full(5), 0).kind).toBe('full');
  });

  test('N8: one session holds no more than a request can name', () => {
    const sessions = cache(10, 200_000);
    const use = sessions.use(full(50_000), 0);
    if (use.kind !== 'full') throw new RangeError(use.kind);
    const partitions = [entry(50_000)];
    const more = { ...full(0), partitions, sessionId: use.session.id, sessionEpoch: 1 };
    expect(sessions.use(more, 0).kind).toBe('error');
    expect(sessions.size).toBe(0);
  });
});
