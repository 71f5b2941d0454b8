import fc from 'fast-check';
import {
  readUVarint,
  readVarint,
  readVarlong,
  sizeOfUVarint,
  sizeOfVarint,
  sizeOfVarlong,
  writeUVarint,
  writeVarint,
  writeVarlong,
} from '../src/index.ts';
import { readUVarlong, writeUVarlong } from '../src/varint.ts';

const scratch = Buffer.alloc(16);

function roundTrip(
  write: (buffer: Uint8Array, at: number, value: number) => number,
  read: (buffer: Uint8Array, cursor: { position: number }, limit: number) => number,
  value: number,
): { value: number; size: number } {
  scratch.fill(0xff);
  const end = write(scratch, 2, value);
  const cursor = { position: 2 };
  const got = read(scratch, cursor, end);
  expect(cursor.position).toBe(end);
  return { value: got, size: end - 2 };
}

// From the protobuf encoding guide and Kafka's ByteUtilsTest.
const UNSIGNED: [number, string][] = [
  [0, '00'],
  [1, '01'],
  [127, '7f'],
  [128, '8001'],
  [150, '9601'],
  [300, 'ac02'],
  [16_383, 'ff7f'],
  [16_384, '808001'],
  [2_097_151, 'ffff7f'],
  [268_435_455, 'ffffff7f'],
  [4_294_967_295, 'ffffffff0f'],
];

const SIGNED: [number, string][] = [
  [0, '00'],
  [-1, '01'],
  [1, '02'],
  [63, '7e'],
  [-64, '7f'],
  [64, '8001'],
  [-65, '8101'],
  [8191, 'fe7f'],
  [2_147_483_647, 'feffffff0f'],
  [-2_147_483_648, 'ffffffff0f'],
];

const LONG: [number, string][] = [
  [0, '00'],
  [-1, '01'],
  [1, '02'],
  [17_179_869_183, 'feffffff7f'],
  [-17_179_869_184, 'ffffffff7f'],
  [17_179_869_184, '808080808001'],
  [2_199_023_255_551, 'feffffffff7f'],
  [Number.MAX_SAFE_INTEGER, 'feffffffffffff1f'],
  [Number.MIN_SAFE_INTEGER, 'fdffffffffffff1f'],
];

describe('varints, known bytes', () => {
  it.each(UNSIGNED)('unsigned %d is %s', (value, hex) => {
    const end = writeUVarint(scratch, 0, value);
    expect(scratch.toString('hex', 0, end)).toBe(hex);
    expect(sizeOfUVarint(value)).toBe(end);
    expect(readUVarint(Buffer.from(hex, 'hex'), { position: 0 }, end)).toBe(value);
    expect(writeUVarlong(scratch, 0, value)).toBe(end);
    expect(scratch.toString('hex', 0, end)).toBe(hex);
  });

  it.each(SIGNED)('zigzag %d is %s', (value, hex) => {
    const end = writeVarint(scratch, 0, value);
    expect(scratch.toString('hex', 0, end)).toBe(hex);
    expect(sizeOfVarint(value)).toBe(end);
    expect(readVarint(Buffer.from(hex, 'hex'), { position: 0 }, end)).toBe(value);
    expect(sizeOfVarlong(value)).toBe(end);
  });

  it.each(LONG)('zigzag long %d is %s', (value, hex) => {
    const end = writeVarlong(scratch, 0, value);
    expect(scratch.toString('hex', 0, end)).toBe(hex);
    expect(sizeOfVarlong(value)).toBe(end);
    expect(readVarlong(Buffer.from(hex, 'hex'), { position: 0 }, end)).toBe(value);
  });

  it('takes padded encodings, as Kafka does', () => {
    expect(readUVarint(Buffer.from('8000', 'hex'), { position: 0 }, 2)).toBe(0);
    expect(readVarlong(Buffer.from('82808080808080808000', 'hex'), { position: 0 }, 10)).toBe(1);
  });
});

describe('varints, hostile bytes', () => {
  it.each([
    ['empty', '', 'malformed'],
    ['cut after one byte', '80', 'malformed'],
    ['cut after four bytes', 'ffffffff', 'malformed'],
    ['33 bits', 'ffffffff1f', 'malformed'],
    ['six bytes', '808080808001', 'malformed'],
  ])('unsigned: %s', (_name, hex, code) => {
    const bytes = Buffer.from(hex, 'hex');
    const cursor = { position: 0 };
    expect(() => readUVarint(bytes, cursor, bytes.length)).toThrow(expect.objectContaining({ code }));
    expect(cursor.position).toBe(0);
  });

  it.each([
    ['empty', '', 'malformed'],
    ['cut', 'ffffffffff', 'malformed'],
    ['eleven bytes', '8080808080808080808000', 'malformed'],
    ['2^53', 'ffffffffffffff1f', 'out_of_range'],
    ['Long.MAX_VALUE', 'feffffffffffffffff01', 'out_of_range'],
  ])('long: %s', (_name, hex, code) => {
    const bytes = Buffer.from(hex, 'hex');
    expect(() => readVarlong(bytes, { position: 0 }, bytes.length)).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it('stops at the limit, not at the end of the buffer', () => {
    expect(() => readUVarint(Buffer.from('8001', 'hex'), { position: 0 }, 1)).toThrow(/past the end/);
  });
});

describe('varints, properties', () => {
  it('every value comes back in the size foretold', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (value) => {
        expect(roundTrip(writeUVarint, readUVarint, value)).toEqual({ value, size: sizeOfUVarint(value) });
      }),
    );
    fc.assert(
      fc.property(fc.integer(), (value) => {
        expect(roundTrip(writeVarint, readVarint, value)).toEqual({ value, size: sizeOfVarint(value) });
      }),
    );
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        expect(roundTrip(writeVarlong, readVarlong, value)).toEqual({ value, size: sizeOfVarlong(value) });
      }),
    );
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        expect(roundTrip(writeUVarlong, readUVarlong, value).value).toBe(value);
      }),
    );
  });

  it('agrees with bigint arithmetic', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        let zigzag = value >= 0 ? BigInt(value) * 2n : -BigInt(value) * 2n - 1n;
        const bytes: number[] = [];
        for (; zigzag >= 128n; zigzag >>= 7n) bytes.push(Number(zigzag & 127n) | 128);
        bytes.push(Number(zigzag));
        const end = writeVarlong(scratch, 0, value);
        expect([...scratch.subarray(0, end)]).toEqual(bytes);
      }),
    );
  });

  it('random bytes give a value or a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        for (const read of [readUVarint, readVarint, readUVarlong, readVarlong]) {
          const cursor = { position: 0 };
          try {
            expect(Number.isSafeInteger(read(bytes, cursor, bytes.length))).toBe(true);
            expect(cursor.position).toBeLessThanOrEqual(bytes.length);
          } catch (error) {
            expect(error).toMatchObject({ name: 'BrokerError' });
          }
        }
      }),
    );
  });
});
