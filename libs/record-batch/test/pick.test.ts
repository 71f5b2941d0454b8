import fc from 'fast-check';
import { ByteWriter } from '@robustmq/bytes';
import { batchHeader, RecordBatchBuilder, RecordCursor, pickRecords, validateBatch } from '../src/index.ts';
import { validateRecords } from '../src/validate.ts';
import { pickRecordsInto } from '../src/pick.ts';

const limits = { maxBatchBytes: 1 << 20, sparse: true };

function batchOf(count: number): Buffer {
  const builder = new RecordBatchBuilder();
  for (let index = 0; index < count; index++) builder.append(1000 + index, `k${index}`, Buffer.alloc(index));
  return builder.finishCopy({ baseOffset: 500, producerId: 4, producerEpoch: 0, baseSequence: 9 });
}

function offsets(batch: Buffer): number[] {
  const cursor = new RecordCursor().reset(batch, 0);
  const found: number[] = [];
  while (cursor.next()) found.push(cursor.offset);
  return found;
}

describe('pickRecords', () => {
  it('keeps the picked records at their offsets, in a valid sparse batch', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.uint8Array({ minLength: 20, maxLength: 20 }),
        (count, dice) => {
          const batch = batchOf(count);
          const indices = Array.from({ length: count }, (_, index) => index).filter(
            (index) => dice[index]! < 100,
          );
          const picked = pickRecords(batch, 0, Int32Array.from(indices));
          expect(validateBatch(picked, 0, picked.length, limits)).toBe(picked.length);
          validateRecords(picked, 0, true);
          expect(offsets(picked)).toEqual(indices.map((index) => 500 + index));
          expect([
            batchHeader.baseOffset(picked, 0),
            batchHeader.lastOffsetDelta(picked, 0),
            batchHeader.producerId(picked, 0),
          ]).toEqual([500, count - 1, 4]);
          expect(batchHeader.recordCount(picked, 0)).toBe(indices.length);
          const last = indices.at(-1);
          expect(batchHeader.maxTimestampMs(picked, 0)).toBe(1000 + (last ?? count - 1));
          const byFunction = pickRecords(batch, 0, (record) => dice[record.index]! < 100);
          expect(byFunction).toEqual(picked);
        },
      ),
    );
  });

  it('picks from a sparse batch again', () => {
    const once = pickRecords(batchOf(10), 0, [1, 4, 7, 9]);
    expect(offsets(pickRecords(once, 0, [0, 2]))).toEqual([501, 507]);
  });

  it('keeps the append time of a LogAppendTime batch', () => {
    const batch = batchOf(3);
    batchHeader.stampLogAppendTime(batch, 0, 77_000);
    expect(batchHeader.maxTimestampMs(pickRecords(batch, 0, [0]), 0)).toBe(77_000);
  });

  it('writes behind what a frame already holds', () => {
    const writer = new ByteWriter({ initialBytes: 4 });
    writer.writeString('frame');
    const sizeBytes = pickRecordsInto(writer, batchOf(4), 0, [3]);
    const frame = writer.finish();
    expect(frame.length).toBe(5 + sizeBytes);
    expect(validateBatch(frame, 5, frame.length, limits)).toBe(sizeBytes);
  });
});
