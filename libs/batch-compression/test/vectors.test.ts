import { zstdCompressSync, gzipSync } from 'node:zlib';
import { SECTION_CODECS } from '../src/batch.ts';
import { CountingTurn, FREE } from './turns.ts';

const TEXT = 'robustmq robustmq robustmq robustmq robustmq 0123456789';
const LIMIT = 1024;

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

const XERIAL_HEADER = '82534e4150505900 00000001 00000001';

async function inflated(codec: keyof typeof SECTION_CODECS, section: Buffer, limit: number): Promise<Buffer> {
  return Buffer.concat(await SECTION_CODECS[codec].inflateInTurns(section, limit, FREE));
}

/** Made with the reference tools (lz4 1.9, zstd 1.5, gzip 1.12) or by hand from the format's description. */
const VECTORS: [string, keyof typeof SECTION_CODECS, string, string][] = [
  [
    'gzip',
    'gzip',
    '1f8b08000000000000032bca4f2a2d2ec92d54282282616068646c626a666e610900d891bba437000000',
    TEXT,
  ],
  [
    'zstd with checksum',
    'zstd',
    '28b52ffd2437cd000098726f627573746d71203031323334353637383901004996230401654f',
    TEXT,
  ],
  [
    'lz4, linked blocks, content checksum',
    'lz4',
    '04224d186440a7180000009f726f627573746d7120090011a03031323334353637383900000000862be9e0',
    TEXT,
  ],
  [
    'lz4, independent blocks, no checksum',
    'lz4',
    '04224d18604082180000009f726f627573746d7120090011a03031323334353637383900000000',
    TEXT,
  ],
  [
    'lz4, block checksums, content size',
    'lz4',
    '04224d187c40370000000000000045180000009f726f627573746d7120090011a0303132333435363738391dac357000000000862be9e0',
    TEXT,
  ],
  ['snappy, raw literal', 'snappy', '03 08 616263', 'abc'],
  ['snappy, raw with a copy', 'snappy', '0a 00 61 15 01', 'aaaaaaaaaa'],
  [
    'snappy, xerial with two blocks',
    'snappy',
    `${XERIAL_HEADER} 00000005 03 08 616263 00000005 0a 00 61 15 01`,
    'abcaaaaaaaaaa',
  ],
  ['snappy, xerial without blocks', 'snappy', XERIAL_HEADER, ''],
  [
    'snappy, two xerial streams',
    'snappy',
    `${XERIAL_HEADER} 00000005 03 08 616263 ${XERIAL_HEADER} 00000005 0a 00 61 15 01`,
    'abcaaaaaaaaaa',
  ],
];

describe('known bytes', () => {
  it.each(VECTORS)('%s', async (_name, codec, bytes, text) => {
    expect(SECTION_CODECS[codec].inflate(hex(bytes), LIMIT).toString()).toBe(text);
    expect((await inflated(codec, hex(bytes), LIMIT)).toString()).toBe(text);
  });

  it.each(VECTORS.filter(([, , , text]) => text.length > 1))(
    '%s: bounded',
    async (_name, codec, bytes, text) => {
      const expected = expect.objectContaining({ code: 'too_large' });
      expect(() => SECTION_CODECS[codec].inflate(hex(bytes), text.length - 1)).toThrow(expected);
      await expect(inflated(codec, hex(bytes), text.length - 1)).rejects.toEqual(expected);
      expect(SECTION_CODECS[codec].inflate(hex(bytes), text.length).toString()).toBe(text);
    },
  );

  it.each<[string, keyof typeof SECTION_CODECS, string, string]>([
    ['lz4: no magic', 'lz4', '04224d19604082', 'corrupt'],
    ['lz4: short', 'lz4', '04224d18', 'corrupt'],
    ['lz4: version 2', 'lz4', '04224d18a0408200000000', 'unsupported'],
    ['lz4: dictionary', 'lz4', '04224d186140820000000000000000', 'unsupported'],
    ['lz4: block size code 3', 'lz4', '04224d1860308200000000', 'corrupt'],
    ['lz4: no end mark', 'lz4', '04224d18604082', 'corrupt'],
    ['lz4: block longer than the section', 'lz4', '04224d18604082 ffffff7f 00000000', 'corrupt'],
    ['lz4: bytes behind the frame', 'lz4', '04224d18604082 00000000 00', 'corrupt'],
    ['lz4: wrong header checksum', 'lz4', '04224d18604083 00000000', 'corrupt'],
    ['snappy: nothing', 'snappy', '', 'corrupt'],
    ['snappy: endless size', 'snappy', 'ffffffffffff', 'corrupt'],
    ['snappy: size that does not match', 'snappy', '04 08 616263', 'corrupt'],
    ['snappy: xerial length cut off', 'snappy', `${XERIAL_HEADER} 0000`, 'corrupt'],
    ['snappy: xerial length too long', 'snappy', `${XERIAL_HEADER} 00000009 03`, 'corrupt'],
    ['snappy: xerial negative length', 'snappy', `${XERIAL_HEADER} 80000000 03`, 'corrupt'],
    ['snappy: xerial of a later version', 'snappy', '82534e4150505900 00000002 00000002', 'unsupported'],
    ['snappy: too many blocks', 'snappy', XERIAL_HEADER + '0000000100'.repeat(16_385), 'too_large'],
    ['gzip: noise', 'gzip', '00112233', 'corrupt'],
    ['gzip: cut off', 'gzip', '1f8b08000000000000032bca4f', 'corrupt'],
    ['zstd: noise', 'zstd', '00112233', 'corrupt'],
  ])('refuses %s', async (_name, codec, bytes, code) => {
    const expected = expect.objectContaining({ name: 'BrokerError', code });
    expect(() => SECTION_CODECS[codec].inflate(hex(bytes), LIMIT)).toThrow(expected);
    await expect(inflated(codec, hex(bytes), LIMIT)).rejects.toEqual(expected);
  });

  it('reads snappy blocks on the thread pool as well', async () => {
    const text = Buffer.alloc(100_000, 'robust');
    const section = SECTION_CODECS.snappy.deflate(text);
    expect(section.subarray(0, 8)).toEqual(hex('82534e4150505900'));
    expect((await inflated('snappy', section, text.length)).equals(text)).toBe(true);
    section[30]! ^= 0xff;
    section.fill(0xff, 40, 60);
    await expect(inflated('snappy', section, text.length)).rejects.toMatchObject({
      code: 'corrupt',
    });
  });

  it('lz4: refuses more blocks than any client writes', () => {
    const section = hex(`04224d18604082 ${'01000080 61'.repeat(16_385)} 00000000`);
    expect(() => SECTION_CODECS.lz4.inflate(section, 2 ** 30)).toThrow(
      expect.objectContaining({ code: 'too_large' }),
    );
  });
});

describe('zstd data of several frames, as Apache Kafka reads it', () => {
  const one = zstdCompressSync(Buffer.from('one '));
  const two = zstdCompressSync(Buffer.from('two'));
  const skippable = (content: string, kind = 0): Buffer => {
    const head = hex(`5${kind.toString(16)}2a4d18 00000000`);
    head.writeUInt32LE(content.length, 4);
    return Buffer.concat([head, Buffer.from(content)]);
  };

  it.each<[string, Buffer[], string]>([
    ['two frames', [one, two], 'one two'],
    ['a skippable frame before', [skippable('x'), one], 'one '],
    [
      'skippable frames between and behind',
      [one, skippable(''), skippable('yy', 15), two, skippable('z')],
      'one two',
    ],
    ['an empty frame between', [one, zstdCompressSync(Buffer.alloc(0)), two], 'one two'],
    ['nothing but a skippable frame', [skippable('xyz')], ''],
    ['eight frames', Array.from({ length: 8 }, () => one), 'one '.repeat(8)],
  ])('%s', async (_name, frames, text) => {
    const section = Buffer.concat(frames);
    expect(SECTION_CODECS.zstd.inflate(section, LIMIT).toString()).toBe(text);
    expect((await inflated('zstd', section, LIMIT)).toString()).toBe(text);
    const exact = Math.max(1, text.length);
    expect((await inflated('zstd', section, exact)).toString()).toBe(text);
    if (text.length < 2) return;
    const expected = expect.objectContaining({ code: 'too_large' });
    expect(() => SECTION_CODECS.zstd.inflate(section, exact - 1)).toThrow(expected);
    await expect(inflated('zstd', section, exact - 1)).rejects.toEqual(expected);
  });

  it.each<[string, Buffer[]]>([
    ['a frame that is cut off', [one, two.subarray(0, -1)]],
    ['a magic that is cut off', [one, Buffer.from([0x28, 0xb5, 0x2f])]],
    ['junk behind', [one, Buffer.from('junk')]],
    ['a skippable frame that is longer than the section', [one, skippable('abc').subarray(0, -1)]],
    ['the head of a skippable frame, cut off', [one, skippable('').subarray(0, -1)]],
  ])('refuses %s', async (_name, frames) => {
    const section = Buffer.concat(frames);
    const expected = expect.objectContaining({ name: 'BrokerError', code: 'corrupt' });
    expect(() => SECTION_CODECS.zstd.inflate(section, LIMIT)).toThrow(expected);
    await expect(inflated('zstd', section, LIMIT)).rejects.toEqual(expected);
  });

  it('N8: many frames are inflated in turns only, and no more than any client writes', async () => {
    const frames = (count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => one));
    const tooMany = expect.objectContaining({ code: 'too_large' });
    expect(() => SECTION_CODECS.zstd.inflate(frames(9), LIMIT)).toThrow(tooMany);
    const turn = new CountingTurn();
    const parts = await SECTION_CODECS.zstd.inflateInTurns(frames(100), LIMIT, turn);
    expect(Buffer.concat(parts).toString()).toBe('one '.repeat(100));
    expect(turn.yields).toBeGreaterThanOrEqual(20);
    const skippables = Buffer.concat(Array.from({ length: 1_025 }, () => skippable('')));
    await expect(inflated('zstd', skippables, LIMIT)).rejects.toEqual(tooMany);
  });
});

test('gzip of several members is one section, as in Apache Kafka', async () => {
  const section = Buffer.concat([gzipSync('one '), gzipSync('two')]);
  expect(SECTION_CODECS.gzip.inflate(section, LIMIT).toString()).toBe('one two');
  expect((await inflated('gzip', section, LIMIT)).toString()).toBe('one two');
});

describe('N8: no step is long, whatever the bytes are', () => {
  it('snappy: many small blocks', async () => {
    const text = Buffer.alloc(900, 'robust');
    const block = SECTION_CODECS.snappy.deflate(text).subarray(16);
    const section = Buffer.concat([hex(XERIAL_HEADER), ...Array.from({ length: 16_000 }, () => block)]);
    const turn = new CountingTurn();
    const parts = await SECTION_CODECS.snappy.inflateInTurns(section, 16_000_000, turn);
    expect(parts).toHaveLength(16_000);
    expect(parts.every((part) => part.equals(text))).toBe(true);
    expect(turn.yields).toBe(16_000 / CountingTurn.LOOKS);
    // At once that many would hold up the loop.
    expect(() => SECTION_CODECS.snappy.inflate(section, 16_000_000)).toThrow(
      expect.objectContaining({ code: 'too_large' }),
    );
  });

  const lz4Frame = (...blocks: Buffer[]): Buffer => {
    const sized = blocks.flatMap((block) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(block.length);
      return [length, block];
    });
    // Blocks of up to 4 MiB, so that a few of them are more than the bound and have to be walked.
    return Buffer.concat([hex('04224d18607073'), ...sized, Buffer.alloc(4)]);
  };

  it.each<[string, Buffer, number]>([
    ['many sequences', Buffer.alloc(4_000_000, hex('10 01 0100')), 4_000_000 / 16_384],
    [
      'one endless literal length',
      Buffer.concat([hex('f0'), Buffer.alloc(4_000_000, 0xff)]),
      4_000_000 / 16_384,
    ],
    [
      'one endless match length',
      Buffer.concat([hex('1f 00 0100'), Buffer.alloc(4_000_000, 0xff)]),
      4_000_000 / 16_384,
    ],
  ])('lz4: a block of %s', async (_name, block, steps) => {
    const turn = new CountingTurn();
    const result = SECTION_CODECS.lz4.inflateInTurns(lz4Frame(block, block), 2_000_000, turn);
    await expect(result).rejects.toMatchObject({ name: 'BrokerError' });
    expect(turn.looks).toBeGreaterThanOrEqual(Math.floor(steps));
  });

  it('lz4: many blocks', async () => {
    const section = lz4Frame(...Array.from({ length: 16_000 }, () => hex('10 61')));
    const turn = new CountingTurn();
    const parts = await SECTION_CODECS.lz4.inflateInTurns(section, 16_000, turn);
    expect(Buffer.concat(parts).equals(Buffer.alloc(16_000, 'a'))).toBe(true);
    expect(turn.looks).toBeGreaterThanOrEqual(2 * 16_000);
  });
});
