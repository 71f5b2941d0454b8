// What lies inside of a batch is checked before the log takes it, compressed or not (N1): nothing that a producer wrote is
// believed by anyone who reads it later.
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { deflateBatch, SECTION_CODECS } from '@robustmq/batch-compression/testing';
import { kafkaErrorName } from '@robustmq/kafka-codec/testing';
import {
  BATCH_HEADER_BYTES,
  batchHeader,
  CODECS,
  MAX_INFLATED_BATCH_BYTES,
  RecordBatchBuilder,
} from '@robustmq/record-batch';
import { batchOf, tampered } from './fakes/batches.ts';
import { RunningGateway } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';

const PRODUCE = 0;
const NAMES = Object.keys(SECTION_CODECS) as (keyof typeof SECTION_CODECS)[];
const HOUR_MS = 3_600_000;

/** The batch with another section behind its header, which promises `recordCount` records. */
function withSection(section: Buffer, codec: (typeof CODECS)[number], recordCount = 1): Buffer {
  const batch = Buffer.concat([batchOf(['x']).subarray(0, BATCH_HEADER_BYTES), section]);
  batch.writeInt32BE(recordCount - 1, 23);
  batchHeader.rewriteSection(batch, 0, batch.length, { codec: CODECS.indexOf(codec), recordCount });
  return batch;
}

/** One record, as bytes of a section; lengths below 64 take one byte. */
function record(offsetDelta: number[], headers = [0]): Buffer {
  const body = Buffer.from([0, 0, ...offsetDelta, 1, 2, 0x78, ...headers]);
  return Buffer.concat([Buffer.from([body.length << 1]), body]);
}

const ONE = record([0]);
/** The zigzag varint of 1,000,000. */
const FAR = [0x80, 0x89, 0x7a];

describe('N1: batches that only their header speaks well of', () => {
  let running: RunningGateway;
  let client: WireClient;

  beforeEach(async () => {
    ({ running, client } = await RunningGateway.withClient());
  });
  afterEach(() => running.stop());

  async function outcome(records: Buffer): Promise<string> {
    const answer = await client.call(PRODUCE, 9, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
    });
    return kafkaErrorName(answer.responses[0]?.partitionResponses[0]?.errorCode ?? -99);
  }

  describe.each(['none', ...NAMES] as const)('%s', (codec) => {
    const section = (plain: Buffer): Buffer =>
      codec === 'none' ? plain : SECTION_CODECS[codec].deflate(plain);

    test.each<[string, Buffer, number]>([
      ['five records promised, one inside', ONE, 5],
      ['30,000,000 records promised, one inside', ONE, 30_000_000],
      ['2^31 - 1 records promised, one inside', ONE, 2 ** 31 - 1],
      ['two records inside, one promised', Buffer.concat([ONE, record([2])]), 1],
      ['an offset delta of 1,000,000', record(FAR), 1],
      ['the same offset delta twice', Buffer.concat([ONE, ONE]), 2],
      ['offset deltas that go down', Buffer.concat([record([2]), ONE]), 2],
      ['a negative offset delta', record([1]), 1],
      ['bytes behind the last record', Buffer.concat([ONE, Buffer.from([0])]), 1],
      ['a record that is longer than the batch', Buffer.concat([Buffer.from([0x7e]), ONE.subarray(1)]), 1],
      ['a record of negative length', Buffer.concat([Buffer.from([1]), ONE.subarray(1)]), 1],
      ['a value that is longer than its record', Buffer.from([0x0e, 0, 0, 0, 1, 0x7e, 0x78, 0]), 1],
      ['more headers than bytes', record([0], [0x7e]), 1],
      ['a header without a name', record([0], [2, 1, 1]), 1],
      ['a record with bytes behind its headers', record([0], [0, 0]), 1],
      ['nothing inside', Buffer.alloc(0), 1],
    ])('%s: refused, and no offset is used', async (_name, plain, recordCount) => {
      running.meta.add('t');
      expect(await outcome(withSection(section(plain), codec, recordCount))).toBe('INVALID_RECORD');
      expect(running.journal.produced).toEqual([]);
      expect(await outcome(withSection(section(ONE), codec))).toBe('NONE');
    });

    test('a batch is passed on byte for byte', async () => {
      const { streamId } = running.meta.add('t');
      const plain = batchOf(Array.from({ length: 300 }, (_, index) => `value ${index} `.repeat(20)));
      const batch = codec === 'none' ? plain : Buffer.from(deflateBatch(plain, 0, codec));
      expect(await outcome(batch)).toBe('NONE');
      expect(running.journal.contentOf(streamId, 0).equals(batch)).toBe(true);
    });

    test('times are those of the records, not of the header', async () => {
      const { streamId } = running.meta.add('t');
      const now = Date.now();
      const sound = section(batchOf(['a'], { timestampMs: now }).subarray(BATCH_HEADER_BYTES));
      const timed = (baseMs: number, maxMs: number): Buffer =>
        tampered(withSection(sound, codec), (b) => {
          b.writeBigInt64BE(BigInt(baseMs), 27);
          b.writeBigInt64BE(BigInt(maxMs), 35);
        });
      expect(await outcome(timed(now + 2 * HOUR_MS, now))).toBe('INVALID_TIMESTAMP');
      expect(running.journal.produced).toEqual([]);
      // A header that is late or early would make the segment expire late or early.
      for (const claimed of [now + 1000 * HOUR_MS, 0, -1])
        expect(await outcome(timed(now, claimed))).toBe('NONE');
      const { batches } = running.journal.shard(streamId, 0);
      expect(batches.map((batch) => batchHeader.maxTimestampMs(batch, 0))).toEqual([now, now, now]);
    });
  });

  test.each<[string, Buffer, (typeof CODECS)[number]]>([
    ['no gzip', Buffer.from('plain text, no codec'), 'gzip'],
    ['no zstd', Buffer.from('plain text, no codec'), 'zstd'],
    ['no lz4', Buffer.from('plain text, no codec'), 'lz4'],
    ['no snappy', Buffer.from('plain text, no codec'), 'snappy'],
    ['gzip of gzip', gzipSync(gzipSync(ONE)), 'gzip'],
    ['zstd of gzip', zstdCompressSync(gzipSync(ONE)), 'zstd'],
    ['gzip that is cut off', gzipSync(ONE).subarray(0, -4), 'gzip'],
    ['gzip with garbage behind', Buffer.concat([gzipSync(ONE), Buffer.from('junk')]), 'gzip'],
    ['gzip with zeros behind', Buffer.concat([gzipSync(ONE), Buffer.alloc(4)]), 'gzip'],
    ['zstd with garbage behind', Buffer.concat([zstdCompressSync(ONE), Buffer.from('junk')]), 'zstd'],
  ])('%s: refused, and no offset is used', async (_name, section, codec) => {
    running.meta.add('t');
    for (const recordCount of [1, 2]) {
      expect(await outcome(withSection(section, codec, recordCount))).toBe('INVALID_RECORD');
    }
    expect(running.journal.produced).toEqual([]);
  });

  test.each<[string, Buffer[], (typeof CODECS)[number]]>([
    ['two frames of zstd', [zstdCompressSync(ONE), zstdCompressSync(record([2]))], 'zstd'],
    ['two members of gzip', [gzipSync(ONE), gzipSync(record([2]))], 'gzip'],
  ])('%s hold what lies in both, as in Apache Kafka', async (_name, pieces, codec) => {
    running.meta.add('t');
    expect(await outcome(withSection(Buffer.concat(pieces), codec, 1))).toBe('INVALID_RECORD');
    expect(await outcome(withSection(Buffer.concat(pieces), codec, 3))).toBe('INVALID_RECORD');
    expect(running.journal.produced).toEqual([]);
    expect(await outcome(withSection(Buffer.concat(pieces), codec, 2))).toBe('NONE');
  });

  test.each(NAMES)('I8: %s that inflates past the bound is refused, just below it is not', async (codec) => {
    running.meta.add('t', 1, { 'max.message.bytes': String(8 * 1024 * 1024) });
    const of = (sizeBytes: number): Buffer => {
      const builder = new RecordBatchBuilder({ maxBatchBytes: 2 * MAX_INFLATED_BATCH_BYTES });
      builder.append(1_000, null, Buffer.alloc(sizeBytes));
      return Buffer.from(deflateBatch(builder.finishCopy({}), 0, codec));
    };
    expect(await outcome(of(MAX_INFLATED_BATCH_BYTES))).toBe('MESSAGE_TOO_LARGE');
    expect(await outcome(of(MAX_INFLATED_BATCH_BYTES - 1000))).toBe('NONE');
  });

  test('a base offset other than 0 is refused, as by Kafka', async () => {
    running.meta.add('t');
    const batch = batchOf(['a']);
    batch.writeBigInt64BE(7n, 0);
    expect(await outcome(batch)).toBe('INVALID_RECORD');
  });
});
