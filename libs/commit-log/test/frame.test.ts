import fc from 'fast-check';
import { crc32c } from '@robustmq/bytes';
import { FrameBuffer, sectionBytes } from '../src/frame-buffer.ts';
import {
  BLOCK_BYTES,
  HEADER_BYTES,
  paddedFrameBytes,
  readHeader,
  readTable,
  sectionIntact,
  type Section,
} from '../src/frame.ts';

const IDENTITY = Buffer.from('0123456789abcdef', 'hex');

const section: fc.Arbitrary<Section> = fc.record({
  kind: fc.integer({ min: 0, max: 0xffff }),
  key: fc.integer({ min: 0, max: 0xffffffff }),
  subKey: fc.integer({ min: 0, max: 0xffffffff }),
  buffers: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }),
});

const place = fc.record({
  generation: fc.integer({ min: 1, max: 0xffffffff }),
  block: fc.nat(100_000),
  generationStart: fc.nat(2 ** 31 - 1),
  durableSequence: fc.maxSafeNat(),
});

function build(
  sections: readonly Section[],
  at: { generation: number; block: number; generationStart: number; durableSequence: number },
): Buffer {
  const lengthBytes = sections.reduce((sum, each) => sum + sectionBytes(each), HEADER_BYTES);
  const frame = new FrameBuffer().build(
    IDENTITY,
    { ...at, sequence: at.generationStart + 5 },
    sections,
    0,
    sections.length,
    lengthBytes,
  );
  expect(frame.length).toBe(paddedFrameBytes(lengthBytes));
  return Buffer.from(frame);
}

test('a frame reads back as it was built (L1)', () => {
  fc.assert(
    fc.property(fc.array(section, { maxLength: 20 }), place, (sections, at) => {
      const frame = build(sections, at);
      const header = readHeader(frame, 0, IDENTITY, at.block)!;
      expect(header).toMatchObject({
        ...at,
        sequence: at.generationStart + 5,
        sectionCount: sections.length,
      });
      const table = readTable(frame, header)!;
      expect(
        table.map((entry) => ({
          kind: entry.kind,
          key: entry.key,
          subKey: entry.subKey,
          bytes: frame.toString('hex', entry.start, entry.start + entry.lengthBytes),
        })),
      ).toEqual(
        sections.map(({ kind, key, subKey, buffers }) => ({
          kind,
          key,
          subKey,
          bytes: Buffer.concat(buffers).toString('hex'),
        })),
      );
      expect(table.every((entry) => sectionIntact(frame, entry))).toBe(true);
      expect(readHeader(frame, 0, IDENTITY, at.block + 1)).toBeUndefined();
      expect(readHeader(frame, 0, Buffer.alloc(8), at.block)).toBeUndefined();
    }),
  );
});

test('any flipped bit of a frame is seen where it lies (L2)', () => {
  const sections: Section[] = [
    { kind: 1, key: 2, subKey: 3, buffers: [Buffer.alloc(500, 7)] },
    { kind: 1, key: 2, subKey: 4, buffers: [Buffer.alloc(5000, 9)] },
  ];
  const good = build(sections, { generation: 1, block: 0, generationStart: 1, durableSequence: 0 });
  fc.assert(
    fc.property(fc.nat(HEADER_BYTES + 2 * 20 + 5500 - 1), fc.nat(7), (position, bit) => {
      const bytes = Buffer.from(good);
      bytes[position]! ^= 1 << bit;
      const header = readHeader(bytes, 0, IDENTITY, 0);
      // Bytes 6 and 7 are reserved but under the CRC as well.
      if (position < HEADER_BYTES) return expect(header).toBeUndefined();
      const table = readTable(bytes, header!);
      if (position < HEADER_BYTES + 40) return expect(table).toBeUndefined();
      expect(table!.map((entry) => sectionIntact(bytes, entry))).toEqual([position >= 604, position < 604]);
    }),
    { numRuns: 500 },
  );
});

test('cut frames and impossible headers are no frames', () => {
  const good = build([{ kind: 1, key: 2, subKey: 3, buffers: [Buffer.alloc(500, 7)] }], {
    generation: 1,
    block: 0,
    generationStart: 1,
    durableSequence: 0,
  });
  const header = readHeader(good, 0, IDENTITY, 0)!;
  expect(readHeader(good.subarray(0, 63), 0, IDENTITY, 0)).toBeUndefined();
  expect(readTable(good.subarray(0, 70), header)).toBeUndefined();
  expect(sectionIntact(good.subarray(0, 100), readTable(good, header)![0]!)).toBe(false);
  expect(good.length % BLOCK_BYTES).toBe(0);
});

test('a sound header of another version is refused in words: passed over, its frame would seem never written (N17)', () => {
  const place = { generation: 1, block: 0, generationStart: 1, durableSequence: 0 };
  const bytes = build([], place);
  bytes.writeUInt16BE(2, 4);
  // Damage, or a later version: the CRC tells.
  expect(readHeader(bytes, 0, IDENTITY, 0)).toBeUndefined();
  bytes.writeUInt32BE(crc32c(bytes, 0, 60) >>> 0, 60);
  expect(() => readHeader(bytes, 0, IDENTITY, 0)).toThrow(
    expect.objectContaining({
      code: 'unsupported',
      message: expect.stringContaining('version: 2') as unknown,
    }),
  );
});

test('hostile bytes never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 64, maxLength: 300 }), (noise) => {
      const bytes = Buffer.from(noise);
      bytes.write('RMCL', 0, 'latin1');
      bytes.writeUInt16BE(1, 4);
      IDENTITY.copy(bytes, 8);
      expect(readHeader(bytes, 0, IDENTITY, 0)).toBeUndefined();
    }),
  );
});
