import { KafkaReader, KafkaWriter, ZERO_UUID } from '../src/index.ts';
import { kafkaErrorName } from '../src/error-codes.ts';
import { readFetchRequest } from '../src/generated/fetch-request.ts';
import { readFetchResponse, writeFetchResponse } from '../src/generated/fetch-response.ts';
import { writeFindCoordinatorRequest } from '../src/generated/find-coordinator-request.ts';
import { writeHeartbeatRequest } from '../src/generated/heartbeat-request.ts';
import { writeMetadataRequest } from '../src/generated/metadata-request.ts';

function written(write: (writer: KafkaWriter) => void): Buffer {
  const writer = new KafkaWriter(8);
  write(writer);
  return writer.finish();
}

describe('int64', () => {
  test.each([
    ['7fffffffffffffff', Number.MAX_SAFE_INTEGER],
    ['8000000000000000', Number.MIN_SAFE_INTEGER],
    ['ffffffffffffffff', -1],
    ['0000000000000000', 0],
    ['001ffffffffffffe', Number.MAX_SAFE_INTEGER - 1],
  ])('%s is %d and is written back as it came', (hex, value) => {
    const bytes = Buffer.from(hex, 'hex');
    expect(new KafkaReader(bytes).int64()).toBe(value);
    expect(written((writer) => writer.int64(value)).toString('hex')).toBe(hex);
  });
});

describe('encodings', () => {
  test.each([
    ['compact string', (w: KafkaWriter) => w.string('ab', true), '036162'],
    ['string', (w: KafkaWriter) => w.string('ab', false), '00026162'],
    ['null compact string', (w: KafkaWriter) => w.nullableString(null, true), '00'],
    ['null string', (w: KafkaWriter) => w.nullableString(null, false), 'ffff'],
    ['null bytes', (w: KafkaWriter) => w.nullableBytes(null, false), 'ffffffff'],
    ['null compact bytes', (w: KafkaWriter) => w.nullableBytes(null, true), '00'],
    ['null array', (w: KafkaWriter) => w.nullableArray(null, true, () => undefined), '00'],
    ['null struct', (w: KafkaWriter) => w.nullableStruct(null, () => undefined), 'ff'],
    ['struct', (w: KafkaWriter) => w.nullableStruct(5, (item) => w.int8(item)), '0105'],
    ['uuid', (w: KafkaWriter) => w.uuid(ZERO_UUID), '00'.repeat(16)],
    ['uint16', (w: KafkaWriter) => w.uint16(0xfffe), 'fffe'],
    ['float64', (w: KafkaWriter) => w.float64(1), '3ff0000000000000'],
    ['bool', (w: KafkaWriter) => w.bool(true), '01'],
  ])('%s', (_name, write, hex) => {
    expect(written(write).toString('hex')).toBe(hex);
  });

  test('a UUID that is none is an error of the caller', () => {
    expect(() => written((writer) => writer.uuid('abc'))).toThrow(/is not a UUID/);
  });

  test('a string beyond int16 does not fit the old encoding', () => {
    expect(() => written((writer) => writer.string('x'.repeat(40_000), false))).toThrow(/40000/);
  });

  test('floats, unsigned shorts and varints are read back', () => {
    const bytes = written((writer) => {
      writer.float64(-2.5);
      writer.uint16(65_000);
      writer.uvarint(300);
    });
    const reader = new KafkaReader(bytes);
    expect([reader.float64(), reader.uint16(), reader.uvarint()]).toEqual([-2.5, 65_000, 300]);
  });
});

describe('tagged fields (KIP-482)', () => {
  test('unknown tags are skipped, known ones after them are still read', () => {
    const bytes = written((writer) => {
      writeFetchResponse(writer, 16, { responses: [], nodeEndpoints: [{ nodeId: 3, host: 'h', port: 9 }] });
    });
    // Body: throttle 4, error 2, session 4, responses 1, then the tag section with one field.
    const at = 11;
    expect(bytes[at]).toBe(1);
    const unknown = Buffer.concat([
      bytes.subarray(0, at),
      Buffer.from([2]),
      bytes.subarray(at + 1),
      Buffer.from([9, 2, 1, 1]),
    ]);
    expect(readFetchResponse(new KafkaReader(unknown), 16).nodeEndpoints).toEqual([
      { nodeId: 3, host: 'h', port: 9, rack: null },
    ]);
  });

  test('a known tag that is longer than its size is malformed', () => {
    const bytes = written((writer) => {
      writer.int32(0);
      writer.int16(0);
      writer.int32(0);
      writer.uvarint(1);
      writer.uvarint(1);
      writer.uvarint(0);
      writer.uvarint(0);
      writer.uvarint(1);
    });
    expect(() => readFetchResponse(new KafkaReader(bytes), 16)).toThrow(/tag/);
  });

  test('defaults are not written', () => {
    const plain = written((writer) => writeFetchResponse(writer, 16, { responses: [] }));
    const spelled = written((writer) => writeFetchResponse(writer, 16, { responses: [], nodeEndpoints: [] }));
    expect(spelled.equals(plain)).toBe(true);
  });

  test('the high watermark of a follower defaults to the end of int64', () => {
    const bytes = Buffer.from('ffffffff00000000000000010100000000' + '0000', 'hex');
    expect(() => readFetchRequest(new KafkaReader(bytes), 18)).toThrow();
  });
});

describe('what a version cannot carry', () => {
  test('is an error instead of lost', () => {
    expect(() =>
      written((writer) =>
        writeHeartbeatRequest(writer, 2, {
          groupId: 'g',
          memberId: 'm',
          generationId: 1,
          groupInstanceId: 'i',
        }),
      ),
    ).toThrow(/version 2 cannot carry/);
    expect(() =>
      written((writer) => writeFindCoordinatorRequest(writer, 3, { coordinatorKeys: ['a'] })),
    ).toThrow(/cannot carry/);
    expect(() => written((writer) => writeMetadataRequest(writer, 0, { topics: null }))).toThrow(
      /cannot be null/,
    );
  });
});

describe('records', () => {
  test('large ones are referenced, not copied, and come out in place', () => {
    const records = Buffer.alloc(10_000, 1);
    const writer = new KafkaWriter();
    writer.int8(5);
    writer.nullableRecords(records, true);
    writer.int8(6);
    const chunks = writer.chunks();
    expect(chunks).toHaveLength(3);
    expect(chunks[1]).toBe(records);
    expect(writer.sizeBytes).toBe(10_004);
    expect(Buffer.concat(chunks).subarray(-1)[0]).toBe(6);
    const reader = new KafkaReader(writer.finish());
    expect(reader.int8()).toBe(5);
    expect(reader.bytes(true).equals(records)).toBe(true);
  });
});

test('error codes have names', () => {
  expect(kafkaErrorName(35)).toBe('UNSUPPORTED_VERSION');
  expect(kafkaErrorName(12345)).toBe('12345');
});

test('N8: the elements of all arrays of a request are bounded together, tagged fields too', () => {
  const bytes = written((writer) => {
    for (let n = 0; n < 3; n += 1) writer.array([1, 2, 3, 4], false, (item) => writer.int8(item));
  });
  const read = (maxItems: number): void => {
    const reader = new KafkaReader(bytes, { maxItems });
    for (let n = 0; n < 3; n += 1) reader.array(false, 1, () => reader.int8());
  };
  expect(() => read(12)).not.toThrow();
  expect(() => read(11)).toThrow(expect.objectContaining({ code: 'too_large' }));
  const tags = Buffer.from([3, 0, 0, 1, 0, 2, 0]);
  expect(() => new KafkaReader(tags, { maxItems: 3 }).skipTaggedFields()).not.toThrow();
  expect(() => new KafkaReader(tags, { maxItems: 2 }).skipTaggedFields()).toThrow(
    expect.objectContaining({ code: 'too_large' }),
  );
});

test.each([
  [32_767, true],
  [32_768, false],
])('N1: a string of %i bytes is read, however it is encoded: %s', (sizeBytes, isRead) => {
  const read = () =>
    new KafkaReader(written((writer) => writer.string('x'.repeat(sizeBytes), true))).string(true);
  if (isRead) expect(read()).toHaveLength(sizeBytes);
  else expect(read).toThrow(expect.objectContaining({ code: 'malformed' }));
});
