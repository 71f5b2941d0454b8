// ListOffsets by time answers single records, also of compressed batches; DeleteRecords moves the log start.
import { deflateBatch, SECTION_CODECS } from '@robustmq/batch-compression/testing';
import { BrokerError } from '@robustmq/errors';
import { kafkaErrorName } from '@robustmq/kafka-codec/testing';
import { RecordBatchBuilder } from '@robustmq/record-batch';
import { batchOf } from './fakes/batches.ts';
import { RunningGateway } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';

const PRODUCE = 0;
const LIST_OFFSETS = 2;
const DELETE_RECORDS = 21;
const NAMES = Object.keys(SECTION_CODECS) as (keyof typeof SECTION_CODECS)[];
const MINUTE_MS = 60_000;

let running: RunningGateway;
let client: WireClient;
beforeEach(async () => {
  ({ running, client } = await RunningGateway.withClient());
});
afterEach(() => running.stop());

async function produce(records: Buffer): Promise<void> {
  const { responses } = await client.call(PRODUCE, 9, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
  });
  expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(0);
}

async function offsets(timestamps: readonly number[], version = 8) {
  const answers = [];
  for (const timestamp of timestamps) {
    const { topics } = await client.call(LIST_OFFSETS, version, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp }] }],
    });
    const [result] = topics[0]?.partitions ?? [];
    answers.push([result?.offset, result?.timestamp]);
  }
  return answers;
}

describe.each(NAMES)('60 records, one a minute, in one batch of %s', (codec) => {
  const t0 = Date.now() - 60 * MINUTE_MS;

  test('a time means the first record at or above it, -3 the newest, each with its own time', async () => {
    running.meta.add('t');
    await produce(batchOf(['before'], { timestampMs: t0 - MINUTE_MS }));
    const builder = new RecordBatchBuilder({});
    // The newest is not the last.
    const minutes = Array.from({ length: 60 }, (_, index) =>
      index === 59 ? 3 : index === 40 ? 59.5 : index,
    );
    for (const minute of minutes)
      builder.append(t0 + minute * MINUTE_MS, null, Buffer.from(`minute ${minute}`.repeat(20)));
    await produce(Buffer.from(deflateBatch(builder.finishCopy({}), 0, codec)));
    expect(await offsets([t0, t0 + 30_000, t0 + 49.5 * MINUTE_MS, t0 + 60 * MINUTE_MS, -3])).toEqual([
      [1, t0],
      [2, t0 + MINUTE_MS],
      [41, t0 + 59.5 * MINUTE_MS],
      [-1, -1],
      [41, t0 + 59.5 * MINUTE_MS],
    ]);
  });
});

test('what cannot be read any more leaves the answer of the journal', async () => {
  running.meta.add('t');
  await produce(Buffer.from(deflateBatch(batchOf(['a', 'b']), 0, 'gzip')));
  running.journal.fetchError = new BrokerError('out_of_range', 'deleted meanwhile');
  expect(await offsets([500])).toEqual([[0, 1_000]]);
});

test('N8: a partition that is named again and again asks the journal for nothing', async () => {
  running.meta.add('t', 2);
  const partitions = Array.from({ length: 10_000 }, (_, n) => ({ partitionIndex: 0, timestamp: n }));
  let asked = 0;
  const ask = running.journal.listOffsets.bind(running.journal);
  running.journal.listOffsets = (queries) => {
    asked += queries.length;
    return ask(queries);
  };
  const { topics } = await client.call(LIST_OFFSETS, 5, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name: 't', partitions: [...partitions, { partitionIndex: 1, timestamp: -1 }] }],
  });
  const codes = topics[0]?.partitions.map(({ errorCode }) => kafkaErrorName(errorCode));
  expect(codes?.length).toBe(10_001);
  expect(new Set(codes?.slice(0, -1))).toEqual(new Set(['INVALID_REQUEST']));
  expect([codes?.at(-1), asked]).toEqual(['NONE', 1]);
});

test.each([
  [4, 'LEADER_NOT_AVAILABLE'],
  [5, 'OFFSET_NOT_AVAILABLE'],
])('KIP-207: version %i hears %s from a leader that is not sure yet', async (version, error) => {
  running.meta.add('t');
  running.journal.queryError = new BrokerError('offset_not_available', 'not yet');
  const { topics } = await client.call(LIST_OFFSETS, version, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
  });
  expect(kafkaErrorName(topics[0]?.partitions[0]?.errorCode ?? -99)).toBe(error);
});

describe('DeleteRecords', () => {
  async function remove(name: string, asked: readonly (readonly [number, number])[], version = 2) {
    const { topics } = await client.call(DELETE_RECORDS, version, {
      timeoutMs: 1000,
      topics: [{ name, partitions: asked.map(([partitionIndex, offset]) => ({ partitionIndex, offset })) }],
    });
    return topics[0]?.partitions.map(({ errorCode, lowWatermark }) => [
      kafkaErrorName(errorCode),
      lowWatermark,
    ]);
  }

  test.each([0, 1, 2])('version %i: each partition has its own answer', async (version) => {
    running.meta.add('t', 3);
    await produce(batchOf(['a', 'b', 'c']));
    const asked = [
      [0, 2],
      [1, 5],
      [2, -1],
      [9, 0],
      [1, -7],
    ] as const;
    expect(await remove('t', asked, version)).toEqual([
      ['NONE', 2],
      ['OFFSET_OUT_OF_RANGE', -1],
      ['NONE', 0],
      ['UNKNOWN_TOPIC_OR_PARTITION', -1],
      ['OFFSET_OUT_OF_RANGE', -1],
    ]);
    expect(await remove('t', [[0, 1]])).toEqual([['NONE', 2]]);
    expect(await remove('t', [[0, -1]])).toEqual([['NONE', 3]]);
  });

  test('neither unknown topics nor what MQTT sessions are owed', async () => {
    running.meta.add('mqtt');
    expect(await remove('mqtt', [[0, 0]])).toEqual([['TOPIC_AUTHORIZATION_FAILED', -1]]);
    expect(await remove('nope', [[0, 0]])).toEqual([['UNKNOWN_TOPIC_OR_PARTITION', -1]]);
  });

  test('a journal that is away is an error of each partition', async () => {
    running.meta.add('t');
    running.journal.queryError = new BrokerError('unavailable', 'away');
    expect(await remove('t', [[0, 0]])).toEqual([['NOT_LEADER_OR_FOLLOWER', -1]]);
  });
});
