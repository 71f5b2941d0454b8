import { deflateBatch } from '@robustmq/batch-compression/testing';
import { BrokerError } from '@robustmq/errors';
import { KAFKA_ERRORS, ZERO_UUID, type ProduceRequestInput } from '@robustmq/kafka-codec';
import { kafkaErrorName } from '@robustmq/kafka-codec/testing';
import { RecordBatchBuilder } from '@robustmq/record-batch';
import { batchOf, tampered, zstdBatch } from './fakes/batches.ts';
import { RunningGateway } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';

const PRODUCE = 0;

describe('Produce', () => {
  let running: RunningGateway;
  let client: WireClient;

  beforeEach(async () => {
    ({ running, client } = await RunningGateway.withClient());
  });
  afterEach(() => running.stop());

  const request = (
    records: Buffer | null,
    options: Partial<ProduceRequestInput> = {},
    name = 't',
    index = 0,
  ): ProduceRequestInput => ({
    transactionalId: null,
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name, partitionData: [{ index, records }] }],
    ...options,
  });

  async function outcome(
    records: Buffer | null,
    version = 9,
    options: Partial<ProduceRequestInput> = {},
    name = 't',
    index = 0,
  ) {
    const response = await client.call(PRODUCE, version, request(records, options, name, index));
    const result = response.responses[0]?.partitionResponses[0];
    return { ...result, error: kafkaErrorName(result?.errorCode ?? -99) };
  }

  test.each([3, 4, 5, 6, 7, 8, 9, 10, 11, 12])(
    'version %i appends and answers the offset',
    async (version) => {
      running.meta.add('t');
      expect(await outcome(batchOf(['a', 'b']), version)).toMatchObject({ error: 'NONE', baseOffset: 0 });
      expect(await outcome(batchOf(['c']), version)).toMatchObject({ error: 'NONE', baseOffset: 2 });
    },
  );

  test('version 13 names the topic by its id (KIP-516)', async () => {
    const { topicId } = running.meta.add('t');
    const partitionData = [{ index: 0, records: batchOf(['a']) }];
    const byId = (id: string) =>
      client.call(PRODUCE, 13, { ...request(null), topicData: [{ topicId: id, partitionData }] });
    expect((await byId(topicId)).responses[0]).toMatchObject({
      topicId,
      partitionResponses: [{ errorCode: 0, baseOffset: 0 }],
    });
    for (const id of [ZERO_UUID, Buffer.alloc(16, 9).toString('base64url')]) {
      expect((await byId(id)).responses[0]?.partitionResponses[0]?.errorCode).toBe(
        KAFKA_ERRORS.UNKNOWN_TOPIC_ID,
      );
    }
  });

  test('a batch passes through byte for byte, whatever its compression', async () => {
    const { streamId } = running.meta.add('t');
    const batch = zstdBatch(['a'.repeat(1000), 'b'.repeat(1000)]);
    expect((await outcome(batch)).error).toBe('NONE');
    expect(running.journal.contentOf(streamId, 0).equals(batch)).toBe(true);
    expect(running.journal.produced[0]).toMatchObject({ acks: -1, shard: 0, streamId });
  });

  const good = batchOf(['a', 'b']);
  const CRC_AT = 17;
  const MAGIC_AT = 16;
  const ATTRIBUTES_AT = 22;
  test.each<[string, Buffer | null, string]>([
    ['null', null, 'INVALID_RECORD'],
    ['nothing', Buffer.alloc(0), 'INVALID_RECORD'],
    ['noise', Buffer.from('x'.repeat(100)), 'CORRUPT_MESSAGE'],
    ['a batch that is cut off', good.subarray(0, good.length - 1), 'INVALID_RECORD'],
    [
      'a wrong CRC',
      Buffer.concat([good.subarray(0, CRC_AT), Buffer.from([1]), good.subarray(CRC_AT + 1)]),
      'CORRUPT_MESSAGE',
    ],
    [
      'magic 1',
      Buffer.concat([good.subarray(0, MAGIC_AT), Buffer.from([1]), good.subarray(MAGIC_AT + 1)]),
      'INVALID_RECORD',
    ],
    ['two batches', Buffer.concat([good, good]), 'INVALID_RECORD'],
    ['no records', tampered(batchOf([]), () => undefined), 'INVALID_RECORD'],
    [
      'a codec that nobody knows',
      tampered(good, (b) => (b[ATTRIBUTES_AT] = 5)),
      'UNSUPPORTED_COMPRESSION_TYPE',
    ],
    ['a control batch', tampered(good, (b) => (b[ATTRIBUTES_AT] = 0x20)), 'INVALID_RECORD'],
    ['a transactional batch', tampered(good, (b) => (b[ATTRIBUTES_AT] = 0x10)), 'INVALID_TXN_STATE'],
    ['LogAppendTime set by a client', tampered(good, (b) => (b[ATTRIBUTES_AT] = 0x08)), 'INVALID_TIMESTAMP'],
    ['a record count that lies', tampered(good, (b) => b.writeInt32BE(7, 57)), 'INVALID_RECORD'],
    ['offsets that lie', tampered(good, (b) => b.writeInt32BE(-1, 23)), 'INVALID_RECORD'],
    ['records that are damaged under a good CRC', tampered(good, (b) => (b[61] = 99)), 'INVALID_RECORD'],
    ...[2 ** 40, 2 ** 41 + 7, Number.MAX_SAFE_INTEGER].map((producerId): [string, Buffer, string] => [
      `O7: producer id ${producerId}, a gateway's own now or later,`,
      batchOf(['a'], { producerId, producerEpoch: 0, baseSequence: 0 }),
      'INVALID_PRODUCER_ID_MAPPING',
    ]),
    ['a base offset of its own', tampered(good, (b) => b.writeBigInt64BE(5n, 0)), 'INVALID_RECORD'],
    ['a producer without a sequence', batchOf(['a'], { producerId: 5, producerEpoch: 0 }), 'INVALID_RECORD'],
    ['more than max.message.bytes', batchOf(['x'.repeat(1_100_000)]), 'MESSAGE_TOO_LARGE'],
  ])('%s is refused and never reaches the journal', async (_name, records, error) => {
    running.meta.add('t');
    expect((await outcome(records)).error).toBe(error);
    expect(running.journal.produced).toEqual([]);
  });

  test('max.message.bytes of the topic counts', async () => {
    running.meta.add('t', 1, { 'max.message.bytes': '200' });
    expect((await outcome(batchOf(['x'.repeat(100)]))).error).toBe('NONE');
    expect((await outcome(batchOf(['x'.repeat(200)]))).error).toBe('MESSAGE_TOO_LARGE');
  });

  describe('timestamps', () => {
    const HOUR_MS = 3_600_000;
    const at = (timestampMs: number) => batchOf(['a'], { timestampMs });
    const compressedAt = (timestampMs: number) => Buffer.from(deflateBatch(at(timestampMs), 0, 'gzip'));

    test.each([
      ['an hour ahead', {}, HOUR_MS / 2, 'NONE'],
      ['more than an hour ahead', {}, 2 * HOUR_MS, 'INVALID_TIMESTAMP'],
      ['long ago', {}, -1000 * HOUR_MS, 'NONE'],
      ['ahead of a wider limit', { 'message.timestamp.after.max.ms': `${3 * HOUR_MS}` }, 2 * HOUR_MS, 'NONE'],
      ['before a limit', { 'message.timestamp.before.max.ms': '1000' }, -HOUR_MS, 'INVALID_TIMESTAMP'],
      ['within a limit', { 'message.timestamp.before.max.ms': `${2 * HOUR_MS}` }, -HOUR_MS, 'NONE'],
      [
        'that the broker replaces',
        { 'message.timestamp.type': 'LogAppendTime', 'message.timestamp.before.max.ms': '1' },
        -HOUR_MS,
        'NONE',
      ],
    ])('%s', async (_name, config, offsetMs, error) => {
      running.meta.add('t', 1, config);
      expect((await outcome(at(Date.now() + offsetMs))).error).toBe(error);
      expect((await outcome(compressedAt(Date.now() + offsetMs))).error).toBe(error);
    });

    test('the earliest record counts, and none at all is no time', async () => {
      running.meta.add('t', 1, { 'message.timestamp.before.max.ms': '1000' });
      const builder = new RecordBatchBuilder({});
      builder.append(Date.now(), null, Buffer.from('now'));
      builder.append(Date.now() - HOUR_MS, null, Buffer.from('then'));
      expect((await outcome(builder.finishCopy({}))).error).toBe('INVALID_TIMESTAMP');
      expect((await outcome(at(-1))).error).toBe('NONE');
    });

    test('the end of time is refused as such, not as damage that clients send again without end', async () => {
      running.meta.add('t');
      const endOfTime = tampered(at(1_000), (b) => {
        b.writeBigInt64BE(2n ** 63n - 1n, 27);
        b.writeBigInt64BE(2n ** 63n - 1n, 35);
      });
      expect((await outcome(endOfTime)).error).toBe('INVALID_TIMESTAMP');
    });
  });

  test('zstd needs version 7 (KIP-110)', async () => {
    running.meta.add('t');
    const batch = zstdBatch(['a'.repeat(500)]);
    expect((await outcome(batch, 6)).error).toBe('UNSUPPORTED_COMPRESSION_TYPE');
    expect((await outcome(batch, 7)).error).toBe('NONE');
  });

  test.each([
    ['an unknown topic', 'nope', 0, 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['an unknown partition', 't', 7, 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['topic mqtt', 'mqtt', 0, 'TOPIC_AUTHORIZATION_FAILED'],
  ])('%s', async (_name, name, index, error) => {
    running.meta.add('t');
    running.meta.add('mqtt');
    expect((await outcome(batchOf(['a']), 9, {}, name, index)).error).toBe(error);
  });

  test.each([
    ['acks=2', { acks: 2 }, 'INVALID_REQUIRED_ACKS'],
    ['a transactional id', { transactionalId: 'tx' }, 'INVALID_TXN_STATE'],
  ])('%s is refused', async (_name, options, error) => {
    running.meta.add('t');
    expect((await outcome(batchOf(['a']), 9, options)).error).toBe(error);
  });

  test.each([
    ['fenced', 'INVALID_PRODUCER_EPOCH'],
    ['out_of_order', 'OUT_OF_ORDER_SEQUENCE_NUMBER'],
    ['duplicate', 'DUPLICATE_SEQUENCE_NUMBER'],
    ['not_leader', 'NOT_LEADER_OR_FOLLOWER'],
    ['not_enough_replicas', 'NOT_ENOUGH_REPLICAS'],
    ['deadline_exceeded', 'REQUEST_TIMED_OUT'],
    ['storage_full', 'KAFKA_STORAGE_ERROR'],
  ] as const)('the journal says %s: the client hears %s, once, without a retry (K1)', async (code, error) => {
    running.meta.add('t');
    running.journal.produceError = new BrokerError(code, 'so it is');
    const result = await outcome(batchOf(['a']));
    expect(result).toMatchObject({ error, errorMessage: `${error}: so it is` });
    expect(running.journal.produced).toHaveLength(1);
  });

  test('an idempotent producer appends in sequence, a gap is an error', async () => {
    running.meta.add('t');
    const batch = (baseSequence: number) =>
      batchOf(['a', 'b'], { producerId: 5, producerEpoch: 0, baseSequence });
    expect((await outcome(batch(0))).error).toBe('NONE');
    expect((await outcome(batch(2))).error).toBe('NONE');
    expect((await outcome(batch(9))).error).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
  });

  test('one bad partition does not spoil the others', async () => {
    running.meta.add('t', 3);
    const partitionData = [0, 1, 9].map((index) => ({
      index,
      records: index === 1 ? Buffer.alloc(3) : batchOf(['a']),
    }));
    const response = await client.call(PRODUCE, 9, {
      ...request(null),
      topicData: [{ name: 't', partitionData }],
    });
    const codes = response.responses[0]?.partitionResponses.map(({ errorCode }) => kafkaErrorName(errorCode));
    expect(codes).toEqual(['NONE', 'INVALID_RECORD', 'UNKNOWN_TOPIC_OR_PARTITION']);
  });
});

describe('InitProducerId', () => {
  const INIT = 22;
  const plain = { transactionalId: null, transactionTimeoutMs: 1000 };

  test.each([0, 1, 2, 3, 4, 5])('version %i gives an id of its own, with epoch 0', async (version) => {
    const running = await RunningGateway.start();
    const client = await running.client();
    const first = await client.call(INIT, version, plain);
    const second = await client.call(INIT, version, plain);
    expect(first).toMatchObject({ errorCode: 0, producerEpoch: 0 });
    expect(second.producerId).toBe(first.producerId + 1);
    expect(running.meta.allocations).toBe(1);
    await running.stop();
  });

  test.each([3, 4, 5])('version %i refuses half of an identity', async (version) => {
    const running = await RunningGateway.start();
    const client = await running.client();
    const errorOf = async (half: object) =>
      (await client.call(INIT, version, { ...plain, ...half })).errorCode;
    expect(await errorOf({ producerId: 5 })).toBe(KAFKA_ERRORS.INVALID_REQUEST);
    expect(await errorOf({ producerEpoch: 5 })).toBe(KAFKA_ERRORS.INVALID_REQUEST);
    expect(await errorOf({ producerId: 5, producerEpoch: 5 })).toBe(KAFKA_ERRORS.NONE);
    await running.stop();
  });

  test('a transactional id gets a fatal error, not one to retry for ever', async () => {
    const running = await RunningGateway.start();
    const client = await running.client();
    expect((await client.call(INIT, 4, { ...plain, transactionalId: 'x' })).errorCode).toBe(
      KAFKA_ERRORS.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    );
    expect((await client.call(INIT, 4, { ...plain, transactionalId: '' })).errorCode).toBe(
      KAFKA_ERRORS.INVALID_REQUEST,
    );
    running.meta.commandError = new BrokerError('unavailable', 'meta is away');
    expect((await client.call(INIT, 4, plain)).errorCode).toBe(KAFKA_ERRORS.COORDINATOR_NOT_AVAILABLE);
    await running.stop();
  });
});
