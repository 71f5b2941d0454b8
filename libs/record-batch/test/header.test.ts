import {
  BATCH_HEADER_BYTES,
  batchHeader,
  RecordBatchBuilder,
  RecordCursor,
  validateBatch,
} from '../src/index.ts';
import { ATTRIBUTE_CONTROL, ATTRIBUTE_TRANSACTIONAL } from '../src/layout.ts';
import { buildMarkerBatch, readMarker } from '../src/control.ts';

const limits = { maxBatchBytes: 1 << 20 };

function sample(): Buffer {
  const builder = new RecordBatchBuilder();
  builder.append(1_700_000_000_000, 'a', Buffer.from('1'));
  builder.append(1_700_000_000_007, null, null);
  builder.append(1_700_000_000_003, 'c', Buffer.from('3'));
  return builder.finishCopy({
    producerId: 2 ** 40,
    producerEpoch: 3,
    baseSequence: 2 ** 31 - 2,
    leaderEpoch: 9,
  });
}

describe('batch header', () => {
  it('reads every field where Kafka puts it', () => {
    const prefixed = Buffer.concat([Buffer.alloc(5, 0xee), sample()]);
    const at = 5;
    expect(batchHeader.baseOffset(prefixed, at)).toBe(0);
    expect(batchHeader.batchSizeBytes(prefixed, at)).toBe(prefixed.length - at);
    expect(prefixed.readInt32BE(at + 8)).toBe(prefixed.length - at - 12);
    expect(batchHeader.leaderEpoch(prefixed, at)).toBe(9);
    expect([batchHeader.magic(prefixed, at), batchHeader.isMagicV2(prefixed, at)]).toEqual([2, true]);
    expect(batchHeader.crc(prefixed, at)).toBe(prefixed.readUInt32BE(at + 17));
    expect(batchHeader.attributes(prefixed, at)).toBe(0);
    expect(batchHeader.codec(prefixed, at)).toBe(0);
    expect(batchHeader.lastOffsetDelta(prefixed, at)).toBe(2);
    expect(batchHeader.baseTimestampMs(prefixed, at)).toBe(1_700_000_000_000);
    expect(batchHeader.maxTimestampMs(prefixed, at)).toBe(1_700_000_000_007);
    expect(batchHeader.producerId(prefixed, at)).toBe(2 ** 40);
    expect(batchHeader.producerEpoch(prefixed, at)).toBe(3);
    expect(batchHeader.baseSequence(prefixed, at)).toBe(2 ** 31 - 2);
    expect(batchHeader.recordCount(prefixed, at)).toBe(3);
    expect(validateBatch(prefixed, at, prefixed.length, limits)).toBe(prefixed.length - at);
  });

  it('KIP-98: sequences wrap behind 2^31 - 1', () => {
    expect(batchHeader.lastSequence(sample(), 0)).toBe(0);
    const builder = new RecordBatchBuilder();
    builder.append(0, null, null);
    expect(batchHeader.lastSequence(builder.finish(), 0)).toBe(-1);
  });

  it('stamps offset and leader epoch outside of the CRC', () => {
    const batch = sample();
    batchHeader.stampBaseOffset(batch, 0, 123_456_789_012);
    batchHeader.stampLeaderEpoch(batch, 0, 77);
    expect([
      batchHeader.baseOffset(batch, 0),
      batchHeader.lastOffset(batch, 0),
      batchHeader.leaderEpoch(batch, 0),
    ]).toEqual([123_456_789_012, 123_456_789_014, 77]);
    expect(validateBatch(batch, 0, batch.length, limits)).toBe(batch.length);
  });

  it('stamps LogAppendTime with a new CRC, which then is the time of every record', () => {
    const batch = sample();
    const before = batchHeader.crc(batch, 0);
    batchHeader.stampLogAppendTime(batch, 0, 1_800_000_000_000);
    expect(batchHeader.isLogAppendTime(batch, 0)).toBe(true);
    expect(batchHeader.crc(batch, 0)).not.toBe(before);
    expect(batchHeader.crc(batch, 0)).toBe(batchHeader.computeCrc(batch, 0));
    expect(batchHeader.baseTimestampMs(batch, 0)).toBe(1_700_000_000_000);
    const cursor = new RecordCursor().reset(batch, 0);
    while (cursor.next()) expect(cursor.timestampMs).toBe(1_800_000_000_000);
    expect(cursor.index).toBe(2);
  });
});

describe('control batches', () => {
  it.each(['commit', 'abort'] as const)('a %s marker is recognised and takes one offset', (kind) => {
    const batch = buildMarkerBatch({ kind, coordinatorEpoch: 12 }, { producerId: 5, producerEpoch: 1 }, 1000);
    expect(batchHeader.attributes(batch, 0)).toBe(ATTRIBUTE_CONTROL | ATTRIBUTE_TRANSACTIONAL);
    expect([
      batchHeader.isControl(batch, 0),
      batchHeader.isTransactional(batch, 0),
      batchHeader.recordCount(batch, 0),
    ]).toEqual([true, true, 1]);
    expect(readMarker(batch, 0)).toEqual({ kind, coordinatorEpoch: 12 });
    expect(validateBatch(batch, 0, batch.length, limits)).toBe(batch.length);
  });

  it('skips kinds of later releases and refuses damaged markers', () => {
    const build = (key: Buffer, value: Buffer): Buffer => {
      const builder = new RecordBatchBuilder();
      builder.append(0, key, value);
      return builder.finish({ attributes: ATTRIBUTE_CONTROL });
    };
    expect(readMarker(build(Buffer.from('00000007', 'hex'), Buffer.alloc(6)), 0)).toBeNull();
    expect(() => readMarker(build(Buffer.alloc(3), Buffer.alloc(6)), 0)).toThrow(/no kind/);
    expect(() => readMarker(build(Buffer.alloc(4), Buffer.alloc(5)), 0)).toThrow(/cut off/);
    expect(readMarker(new RecordBatchBuilder().finish(), 0)).toBeNull();
  });

  it('an ordinary batch is none', () => {
    expect([batchHeader.isControl(sample(), 0), batchHeader.isTransactional(sample(), 0)]).toEqual([
      false,
      false,
    ]);
    expect(sample().length).toBeGreaterThan(BATCH_HEADER_BYTES);
  });
});
