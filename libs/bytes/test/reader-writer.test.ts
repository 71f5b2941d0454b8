import fc from 'fast-check';
import { ByteReader, ByteWriter, readInt16, readInt32, readInt64 } from '../src/index.ts';

type Field =
  | {
      kind: 'int8' | 'int16' | 'int32' | 'int64' | 'uvarint' | 'varint' | 'uvarlong' | 'varlong';
      value: number;
    }
  | { kind: 'float64'; value: number }
  | { kind: 'bytes'; value: Uint8Array }
  | { kind: 'string'; value: string };

const field: fc.Arbitrary<Field> = fc.oneof(
  fc.record({ kind: fc.constant('int8' as const), value: fc.integer({ min: -128, max: 127 }) }),
  fc.record({ kind: fc.constant('int16' as const), value: fc.integer({ min: -32_768, max: 32_767 }) }),
  fc.record({ kind: fc.constantFrom('int32' as const, 'varint' as const), value: fc.integer() }),
  fc.record({ kind: fc.constantFrom('int64' as const, 'varlong' as const), value: fc.maxSafeInteger() }),
  fc.record({ kind: fc.constant('uvarint' as const), value: fc.integer({ min: 0, max: 0xffff_ffff }) }),
  fc.record({ kind: fc.constant('uvarlong' as const), value: fc.maxSafeNat() }),
  fc.record({ kind: fc.constant('float64' as const), value: fc.double({ noNaN: true }) }),
  fc.record({ kind: fc.constant('bytes' as const), value: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ kind: fc.constant('string' as const), value: fc.string({ unit: 'grapheme', maxLength: 40 }) }),
);

function write(writer: ByteWriter, field: Field): void {
  if (field.kind === 'bytes') return writer.writeBytes(field.value);
  if (field.kind === 'string') return void writer.writeString(field.value);
  const { kind, value } = field;
  if (kind === 'int8') writer.writeInt8(value);
  else if (kind === 'int16') writer.writeInt16(value);
  else if (kind === 'int32') writer.writeInt32(value);
  else if (kind === 'int64') writer.writeInt64(value);
  else if (kind === 'uvarint') writer.writeUVarint(value);
  else if (kind === 'varint') writer.writeVarint(value);
  else if (kind === 'uvarlong') writer.writeUVarlong(value);
  else if (kind === 'varlong') writer.writeVarlong(value);
  else writer.writeFloat64(value);
}

function read(reader: ByteReader, field: Field): unknown {
  if (field.kind === 'bytes') return new Uint8Array(reader.readBytes(field.value.length));
  if (field.kind === 'string') return reader.readString(Buffer.byteLength(field.value));
  const { kind } = field;
  if (kind === 'int8') return reader.readInt8();
  if (kind === 'int16') return reader.readInt16();
  if (kind === 'int32') return reader.readInt32();
  if (kind === 'int64') return reader.readInt64();
  if (kind === 'uvarint') return reader.readUVarint();
  if (kind === 'varint') return reader.readVarint();
  if (kind === 'uvarlong') return reader.readUVarlong();
  if (kind === 'varlong') return reader.readVarlong();
  return reader.readFloat64();
}

describe('ByteReader and ByteWriter', () => {
  it('read back what was written, whatever the growth', () => {
    fc.assert(
      fc.property(
        fc.array(field, { maxLength: 40 }),
        fc.integer({ min: 1, max: 64 }),
        (fields, initialBytes) => {
          const writer = new ByteWriter({ initialBytes });
          for (const item of fields) write(writer, item);
          const reader = new ByteReader(writer.finish());
          for (const item of fields) expect(read(reader, item)).toEqual(item.value);
          expect(reader.remaining).toBe(0);
        },
      ),
    );
  });

  it('agree with Buffer on fixed-width integers', () => {
    const bytes = Buffer.from('fffe80017fffffffc0ffee', 'hex');
    const reader = new ByteReader(bytes);
    expect(reader.readUInt8()).toBe(255);
    expect(reader.readUInt16()).toBe(bytes.readUInt16BE(1));
    reader.position = 1;
    expect(reader.readInt16()).toBe(bytes.readInt16BE(1));
    reader.position = 2;
    expect(reader.readUInt32()).toBe(bytes.readUInt32BE(2));
    expect(readInt16(bytes, 0)).toBe(bytes.readInt16BE(0));
    expect(readInt32(bytes, 7)).toBe(bytes.readInt32BE(7));
  });
});

describe('ByteReader bounds', () => {
  const bytes = Buffer.alloc(16);
  it.each<[string, number, (reader: ByteReader) => unknown]>([
    ['int8', 1, (reader) => reader.readInt8()],
    ['uint8', 1, (reader) => reader.readUInt8()],
    ['int16', 2, (reader) => reader.readInt16()],
    ['int32', 4, (reader) => reader.readInt32()],
    ['int64', 8, (reader) => reader.readInt64()],
    ['float64', 8, (reader) => reader.readFloat64()],
    ['bytes', 5, (reader) => reader.readBytes(5)],
    ['string', 5, (reader) => reader.readString(5)],
    ['varint', 1, (reader) => reader.readVarint()],
  ])('%s stops at the limit', (_name, sizeBytes, act) => {
    expect(() => act(new ByteReader(bytes, 3, 3 + sizeBytes))).not.toThrow();
    expect(() => act(new ByteReader(bytes, 3, 3 + sizeBytes - 1))).toThrow(
      expect.objectContaining({ code: 'malformed' }),
    );
  });

  it.each([-1, Number.NaN, 17, Number.POSITIVE_INFINITY])('refuses a length of %d', (length) => {
    const reader = new ByteReader(bytes);
    expect(() => reader.readBytes(length)).toThrow(expect.objectContaining({ code: 'malformed' }));
    expect(reader.position).toBe(0);
  });

  it.each([
    [-1, 4],
    [5, 4],
    [0, 17],
  ])('refuses the range %d..%d', (position, limit) => {
    expect(() => new ByteReader(bytes, position, limit)).toThrow(
      expect.objectContaining({ code: 'malformed' }),
    );
  });

  it('says out_of_range for 64-bit values beyond safe integers, or rounds when asked', () => {
    const extreme = Buffer.from('7fffffffffffffff', 'hex');
    expect(() => new ByteReader(extreme).readInt64()).toThrow(
      expect.objectContaining({ code: 'out_of_range' }),
    );
    expect(new ByteReader(extreme).readInt64Rounded()).toBe(2 ** 63);
    expect(readInt64(Buffer.from('ffffffffffffffff', 'hex'), 0)).toBe(-1);
    expect(() => readInt64(Buffer.from('ffe0000000000000', 'hex'), 0)).toThrow(/safe range/);
  });
});

describe('ByteWriter', () => {
  it('keeps its bound', () => {
    const writer = new ByteWriter({ initialBytes: 4, maxBytes: 10 });
    writer.writeBytes(Buffer.from('12345678'));
    expect(() => writer.writeInt32(1)).toThrow(expect.objectContaining({ code: 'too_large' }));
    writer.writeInt16(0x3930);
    expect(writer.finish().toString()).toBe('1234567890');
  });

  it('patches what was left open, and only that', () => {
    const writer = new ByteWriter();
    const hole = writer.skip(15);
    writer.writeString('x');
    writer.patchInt8(hole, -1);
    writer.patchInt16(hole + 1, 0x0102);
    writer.patchInt32(hole + 3, 0x03040506);
    writer.patchInt64(hole + 7, 0x0708);
    expect(writer.finish().toString('hex')).toBe('ff010203040506000000000000070878');
    expect(() => writer.patchInt32(13, 1)).toThrow(/inside/);
  });

  it.each([2 ** 53, -(2 ** 53), 2 ** 63, Infinity, NaN])(
    'R7: refuses to write %d as 64 bits: rounded, it would be another number',
    (value) => {
      const writer = new ByteWriter();
      const outOfRange = { code: 'out_of_range' };
      expect(() => writer.writeInt64(value)).toThrow(expect.objectContaining(outOfRange));
      writer.reset();
      const hole = writer.skip(8);
      expect(() => writer.patchInt64(hole, value)).toThrow(expect.objectContaining(outOfRange));
      expect(readInt64(writer.buffer, hole)).toBe(0);
    },
  );

  it('is used again without keeping old content, and copies when asked', () => {
    const writer = new ByteWriter({ initialBytes: 8 });
    writer.writeString('first');
    const copy = writer.finishCopy();
    writer.reset();
    writer.writeString('2');
    expect(writer.finish().toString()).toBe('2');
    expect(copy.toString()).toBe('first');
  });

  it('copies ranges of buffers and plain arrays', () => {
    const writer = new ByteWriter({ initialBytes: 1 });
    writer.writeBytes(Buffer.from('abcdef'), 1, 3);
    writer.writeBytes(new Uint8Array([1, 2, 3]), 2, 3);
    expect(writer.finish().toString('hex')).toBe('626303');
    expect(writer.buffer.length).toBeGreaterThanOrEqual(3);
  });
});
