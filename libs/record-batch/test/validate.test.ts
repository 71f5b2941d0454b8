import fc from 'fast-check';
import {
  BATCH_HEADER_BYTES,
  MAX_INFLATED_BATCH_BYTES,
  RecordBatchBuilder,
  RecordCursor,
  RecordsCheck,
  completeBatchBytes,
  validateBatch,
  checkRecordCount,
} from '../src/index.ts';
import { validateRecords } from '../src/validate.ts';
import { batchHeader } from '../src/header.ts';
import { maxRecordsIn } from '../src/layout.ts';

const limits = { maxBatchBytes: 4096 };

function sample(count = 3): Buffer {
  const builder = new RecordBatchBuilder();
  for (let index = 0; index < count; index++) {
    builder.append(1000 + index, `key-${index}`, Buffer.from('value'), [['name', 'value']]);
  }
  return builder.finishCopy({ producerId: 7, producerEpoch: 0, baseSequence: 0 });
}

function patched(patch: (batch: Buffer) => void, resign = true): Buffer {
  const batch = sample();
  patch(batch);
  if (resign) batchHeader.stampCrc(batch, 0);
  return batch;
}

describe('validateBatch', () => {
  it('takes a sound batch anywhere in a buffer', () => {
    const batch = sample();
    const padded = Buffer.concat([Buffer.alloc(9), batch, Buffer.alloc(30)]);
    expect(validateBatch(padded, 9, padded.length, limits)).toBe(batch.length);
    expect(completeBatchBytes(padded, 9, padded.length)).toBe(batch.length);
  });

  it.each<[string, Buffer, string]>([
    ['nothing', Buffer.alloc(0), 'corrupt'],
    ['half a header', sample().subarray(0, 40), 'corrupt'],
    ['cut off records', sample().subarray(0, 100), 'corrupt'],
    ['magic 0', patched((batch) => (batch[16] = 0)), 'unsupported'],
    ['magic 1', patched((batch) => (batch[16] = 1)), 'unsupported'],
    ['magic 3', patched((batch) => (batch[16] = 3)), 'unsupported'],
    ['magic of noise', patched((batch) => (batch[16] = 0x9c)), 'corrupt'],
    ['negative length', patched((batch) => batch.writeInt32BE(-5, 8), false), 'corrupt'],
    ['tiny length', patched((batch) => batch.writeInt32BE(20, 8), false), 'corrupt'],
    ['huge length', patched((batch) => batch.writeInt32BE(2 ** 31 - 1, 8), false), 'too_large'],
    ['unknown codec', patched((batch) => (batch[22] = 5)), 'unsupported'],
    ['wrong CRC', patched((batch) => (batch[70]! ^= 1), false), 'corrupt'],
    ['count below offsets', patched((batch) => batch.writeInt32BE(2, 57)), 'corrupt'],
    ['count above offsets', patched((batch) => batch.writeInt32BE(4, 57)), 'corrupt'],
    ['negative count', patched((batch) => batch.writeInt32BE(-1, 57)), 'corrupt'],
    ['negative last delta', patched((batch) => batch.writeInt32BE(-1, 23)), 'corrupt'],
    [
      'more records than bytes',
      patched((batch) => {
        batch.writeInt32BE(1_000_000, 57);
        batch.writeInt32BE(999_999, 23);
      }),
      'corrupt',
    ],
    ['unsafe offset', patched((batch) => batch.writeBigInt64BE(2n ** 60n, 0)), 'corrupt'],
    ['unsafe timestamp', patched((batch) => batch.writeBigInt64BE(2n ** 60n, 27)), 'corrupt'],
    ['producer id -2', patched((batch) => batch.writeBigInt64BE(-2n, 43)), 'corrupt'],
    ['unsafe producer id', patched((batch) => batch.writeBigInt64BE(2n ** 62n, 43)), 'corrupt'],
    ['producer id without epoch', patched((batch) => batch.writeInt16BE(-1, 51)), 'corrupt'],
    ['sequence -2', patched((batch) => batch.writeInt32BE(-2, 53)), 'corrupt'],
  ])('refuses %s', (_name, bytes, code) => {
    expect(() => validateBatch(bytes, 0, bytes.length, limits)).toThrow(expect.objectContaining({ code }));
  });

  it('says that it is the timestamp that cannot be', () => {
    for (const position of [27, 35]) {
      const bytes = patched((batch) => batch.writeBigInt64BE(2n ** 63n - 1n, position));
      expect(() => validateBatch(bytes, 0, bytes.length, limits)).toThrow(
        expect.objectContaining({ code: 'corrupt', details: { field: 'timestamp' } }),
      );
    }
  });

  it.each([
    [1, 'gzip', 12_384],
    [2, 'snappy', 264],
    [3, 'lz4', 3_060],
    [4, 'zstd', 393_216],
  ])(
    'N1: 12 compressed bytes claim no more records than they can inflate to (codec %i, %s)',
    (codec, _name, mostBytes) => {
      const claiming = (recordCount: number): Buffer => {
        const bytes = Buffer.alloc(BATCH_HEADER_BYTES + 12, 1);
        const header = {
          baseOffset: 0,
          leaderEpoch: -1,
          producerId: -1,
          producerEpoch: -1,
          baseSequence: -1,
        };
        const times = { baseTimestampMs: 1, maxTimestampMs: 1 };
        const counts = { attributes: codec, lastOffsetDelta: recordCount - 1, recordCount };
        batchHeader.write(bytes, 0, bytes.length, { ...header, ...times, ...counts });
        return bytes;
      };
      const most = Math.floor(mostBytes / 7);
      expect(validateBatch(claiming(most), 0, BATCH_HEADER_BYTES + 12, limits)).toBe(BATCH_HEADER_BYTES + 12);
      for (const count of [most + 1, 30_000_000, 2 ** 31 - 1]) {
        expect(() => validateBatch(claiming(count), 0, BATCH_HEADER_BYTES + 12, limits)).toThrow(
          /more records than bytes/,
        );
      }
    },
  );

  it('N1: no batch claims more records than the largest inflated batch holds', () => {
    expect(maxRecordsIn(4, 1 << 20)).toBe(Math.floor(MAX_INFLATED_BATCH_BYTES / 7));
    // What is not compressed, or not by much, is bounded by its own bytes.
    expect(maxRecordsIn(0, 700)).toBe(100);
    expect(maxRecordsIn(1, 70 << 20)).toBe(10 << 20);
  });

  it('takes sparse batches only where they may be', () => {
    const bytes = patched((batch) => batch.writeInt32BE(9, 23));
    expect(() => validateBatch(bytes, 0, bytes.length, limits)).toThrow(/10 offsets holds 3/);
    expect(validateBatch(bytes, 0, bytes.length, { ...limits, sparse: true })).toBe(bytes.length);
  });

  it('I9: any single flipped bit behind the length is seen, but in the fields that the leader stamps', () => {
    const batch = sample();
    for (let bit = 16 * 8; bit < batch.length * 8; bit++) {
      const damaged = Buffer.from(batch);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => validateBatch(damaged, 0, damaged.length, limits)).toThrow(
        expect.objectContaining({ name: 'BrokerError' }),
      );
    }
  });

  it('random bytes give a size or a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 150 }), (array) => {
        const bytes = Buffer.from(array);
        if (bytes.length > 16) bytes[16] = 2;
        expect(() => validateBatch(bytes, 0, bytes.length, limits)).toThrow(
          expect.objectContaining({ name: 'BrokerError' }),
        );
      }),
    );
  });
});

describe('completeBatchBytes', () => {
  it('is 0 until the whole batch is there', () => {
    const batch = sample();
    for (let limit = 0; limit < batch.length; limit++) expect(completeBatchBytes(batch, 0, limit)).toBe(0);
    expect(completeBatchBytes(batch, 0, batch.length)).toBe(batch.length);
  });

  it('is 0 for a length that can be none', () => {
    const bytes = patched((batch) => batch.writeInt32BE(-1, 8), false);
    expect(completeBatchBytes(bytes, 0, bytes.length)).toBe(0);
  });
});

describe('validateRecords', () => {
  it('refuses offset deltas that are not 0..n-1', () => {
    const batch = sample();
    const cursor = new RecordCursor().reset(batch, 0);
    cursor.next();
    const offsetDeltaAt = cursor.recordStart + 3;
    expect(batch[offsetDeltaAt]).toBe(0);
    batch[offsetDeltaAt] = 2;
    expect(() => validateRecords(batch, 0)).toThrow(/offset deltas/);
    expect(() => validateRecords(batch, 0, true)).toThrow(/offset deltas/);
  });

  it('refuses bytes left over behind the last record', () => {
    const batch = Buffer.concat([sample(), Buffer.alloc(2)]);
    batch.writeInt32BE(batch.length - 12, 8);
    expect(() => validateRecords(batch, 0)).toThrow(/left over/);
  });

  it('refuses bytes left over behind the headers', () => {
    const builder = new RecordBatchBuilder();
    builder.append(0, 'k', Buffer.from('abc'), [['n', 'v']]);
    const batch = builder.finishCopy();
    batch[batch.length - 2] = 0; // the header's value becomes empty, one byte stays
    expect(() => validateRecords(batch, 0)).toThrow(/left over behind the headers/);
  });

  it.each<[string, (batch: Buffer, record: RecordCursor) => void]>([
    ['record length', (batch, record) => (batch[record.recordStart] = 0x7e)],
    ['record length below the least', (batch, record) => (batch[record.recordStart] = 2)],
    ['key length', (batch, record) => (batch[record.keyStart - 1] = 0x7e)],
    ['key length -2', (batch, record) => (batch[record.keyStart - 1] = 3)],
    ['value length', (batch, record) => (batch[record.valueStart - 1] = 0x7e)],
    ['header count', (batch, record) => (batch[record.headersStart - 1] = 0x7e)],
    ['negative header count', (batch, record) => (batch[record.headersStart - 1] = 1)],
    ['header name length', (batch, record) => (batch[record.headersStart] = 0x7e)],
    ['null header name', (batch, record) => (batch[record.headersStart] = 1)],
    ['endless varint', (batch, record) => batch.fill(0xff, record.recordStart, record.recordStart + 6)],
    ['endless header varint', (batch, record) => batch.fill(0xff, record.headersStart, record.headersEnd)],
  ])('refuses a damaged %s', (_name, damage) => {
    const batch = sample(1);
    const record = new RecordCursor().reset(batch, 0);
    record.next();
    damage(batch, record);
    expect(() => validateRecords(batch, 0)).toThrow(expect.objectContaining({ code: 'corrupt' }));
  });

  it('never reads outside, whatever the records section holds', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 6 }), (changes) => {
        const batch = sample();
        for (const [at, value] of changes) batch[61 + (at % (batch.length - 61))] = value;
        try {
          validateRecords(batch, 0);
        } catch (error) {
          expect(error).toMatchObject({ name: 'BrokerError', code: 'corrupt' });
        }
        const cursor = new RecordCursor().reset(batch, 0);
        try {
          while (cursor.next()) {
            expect(cursor.recordEnd).toBeLessThanOrEqual(batch.length);
            cursor.findHeader(Buffer.from('absent'));
          }
        } catch (error) {
          expect(error).toMatchObject({ name: 'BrokerError', code: 'corrupt' });
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('RecordsCheck', () => {
  it('N8: any step size comes to the verdict of one walk', () => {
    const sound = sample(7);
    const damaged = patched((batch) => (batch[61]! ^= 2));
    for (const units of [1, 2, 3, 1000, Infinity]) {
      const walk = (batch: Buffer): void => {
        const check = new RecordsCheck().begin(batch, 0);
        let steps = 1;
        while (!check.step(units)) steps += 1;
        expect(steps).toBe(Math.floor((7 * 2) / units) + 1);
        expect([check.minTimestampMs, check.maxTimestampMs]).toEqual([1000, 1006]);
      };
      walk(sound);
      expect(() => {
        const check = new RecordsCheck().begin(damaged, 0);
        while (!check.step(units));
      }).toThrow(expect.objectContaining({ code: 'corrupt' }));
    }
  });

  it('a record without a time is neither early nor late', () => {
    const builder = new RecordBatchBuilder();
    builder.append(-1, null, null);
    const check = new RecordsCheck().begin(builder.finishCopy({}), 0);
    expect(check.step(Infinity)).toBe(true);
    expect([check.minTimestampMs, check.maxTimestampMs]).toEqual([Infinity, -1]);
  });
});

it('N1: a batch that claims more records than its bytes can hold is refused before one is looked at', () => {
  const batch = sample();
  batch.writeInt32BE(30_000_000, 57);
  expect(() => checkRecordCount(batch, 0)).toThrow(/more records than bytes/);
  batch.writeInt32BE(-1, 57);
  expect(() => checkRecordCount(batch, 0)).toThrow(expect.objectContaining({ code: 'corrupt' }));
});
