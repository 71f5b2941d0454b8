// Batches written by Apache Kafka 4.3.1 (MemoryRecords): whatever we do, these bytes stay what they are.

import { batchHeader, RecordBatchBuilder, validateBatch } from '../src/index.ts';
import { validateRecords } from '../src/validate.ts';
import { buildMarkerBatch, readMarker } from '../src/control.ts';

const TWO_RECORDS = Buffer.from(
  '00000000000000640000006c00000005020b476fdc0000000000010000018bcfe568000000018bcfe568070000000000' +
    '0000070001000000030000000266000000066b657946726f627573746d7120726f627573746d7120726f627573746d71' +
    '20726f627573746d710402680278026e010c000e02010100',
  'hex',
);

const COMMIT_MARKER = Buffer.from(
  '000000000000000900000042ffffffff0213e6a5cc0030000000000000018bcfe568000000018bcfe568000000000000' +
    '0000070001ffffffff000000012000000008000000010c00000000000c00',
  'hex',
);

const limits = { maxBatchBytes: 1000 };

describe('bytes of Apache Kafka', () => {
  it('a batch with headers, nulls and a producer is built byte for byte', () => {
    expect(validateBatch(TWO_RECORDS, 0, TWO_RECORDS.length, limits)).toBe(TWO_RECORDS.length);
    validateRecords(TWO_RECORDS, 0);
    const builder = new RecordBatchBuilder();
    builder.append(1_700_000_000_000, 'key', Buffer.from('robustmq robustmq robustmq robustmq'), [
      ['h', 'x'],
      ['n', null],
    ]);
    builder.append(1_700_000_000_007, null, null);
    const fields = { baseOffset: 100, producerId: 7, producerEpoch: 1, baseSequence: 3, leaderEpoch: 5 };
    expect(builder.finish(fields)).toEqual(TWO_RECORDS);
  });

  it('a transaction marker is read, and built byte for byte', () => {
    expect(batchHeader.isControl(COMMIT_MARKER, 0)).toBe(true);
    expect(readMarker(COMMIT_MARKER, 0)).toEqual({ kind: 'commit', coordinatorEpoch: 12 });
    const producer = { producerId: 7, producerEpoch: 1 };
    const marker = buildMarkerBatch({ kind: 'commit', coordinatorEpoch: 12 }, producer, 1_700_000_000_000);
    batchHeader.stampBaseOffset(marker, 0, 9);
    expect(marker).toEqual(COMMIT_MARKER);
  });
});
