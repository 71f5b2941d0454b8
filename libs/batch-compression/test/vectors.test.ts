import { SECTION_CODECS } from '../src/index.ts';

const TEXT = 'robustmq robustmq robustmq robustmq robustmq 0123456789';
const LIMIT = 1024;

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

const XERIAL_HEADER = '82534e4150505900 00000001 00000001';

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
];

describe('known bytes', () => {
  it.each(VECTORS)('%s', async (_name, codec, bytes, text) => {
    expect(SECTION_CODECS[codec].inflate(hex(bytes), LIMIT).toString()).toBe(text);
    expect((await SECTION_CODECS[codec].inflateAsync(hex(bytes), LIMIT)).toString()).toBe(text);
  });

  it.each(VECTORS.filter(([, , , text]) => text.length > 1))(
    '%s: bounded',
    async (_name, codec, bytes, text) => {
      const expected = expect.objectContaining({ code: 'too_large' });
      expect(() => SECTION_CODECS[codec].inflate(hex(bytes), text.length - 1)).toThrow(expected);
      await expect(SECTION_CODECS[codec].inflateAsync(hex(bytes), text.length - 1)).rejects.toEqual(expected);
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
    await expect(SECTION_CODECS[codec].inflateAsync(hex(bytes), LIMIT)).rejects.toEqual(expected);
  });

  it('reads snappy blocks on the thread pool as well', async () => {
    const text = Buffer.alloc(100_000, 'robust');
    const section = SECTION_CODECS.snappy.deflate(text);
    expect(section.subarray(0, 8)).toEqual(hex('82534e4150505900'));
    expect(await SECTION_CODECS.snappy.inflateAsync(section, text.length)).toEqual(text);
    section[30]! ^= 0xff;
    section.fill(0xff, 40, 60);
    await expect(SECTION_CODECS.snappy.inflateAsync(section, text.length)).rejects.toMatchObject({
      code: 'corrupt',
    });
  });

  it('N8: yields while it inflates many small snappy blocks', async () => {
    const text = Buffer.alloc(4_000, 'robust');
    const block = SECTION_CODECS.snappy.deflate(text).subarray(16);
    const section = Buffer.concat([hex(XERIAL_HEADER), ...Array.from({ length: 1_000 }, () => block)]);
    const { result, turns } = await withTurns(SECTION_CODECS.snappy.inflateAsync(section, 4_000_000));
    expect((await result).equals(Buffer.concat(Array.from({ length: 1_000 }, () => text)))).toBe(true);
    expect(turns).toBeGreaterThan(25);
    // At once that many would hold up the loop.
    expect(() => SECTION_CODECS.snappy.inflate(section, 4_000_000)).toThrow(
      expect.objectContaining({ code: 'too_large' }),
    );
  });

  it('N8: yields while it measures an lz4 frame of many sequences', async () => {
    const block = Buffer.alloc(1_200_000, hex('10 01 0100'));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(block.length);
    const blocks = Array.from({ length: 5 }, () => [length, block]).flat();
    const section = Buffer.concat([hex('04224d18604082'), ...blocks, Buffer.alloc(4)]);
    const { result, turns } = await withTurns(SECTION_CODECS.lz4.inflateAsync(section, 200_000));
    await expect(result).rejects.toMatchObject({ code: 'too_large' });
    expect(turns).toBeGreaterThan(50);
  });

  it('lz4: refuses more blocks than any client writes', () => {
    const section = hex(`04224d18604082 ${'01000080 61'.repeat(16_385)} 00000000`);
    expect(() => SECTION_CODECS.lz4.inflate(section, 2 ** 30)).toThrow(
      expect.objectContaining({ code: 'too_large' }),
    );
  });
});

/** Turns that others got on the loop until the work was over. */
async function withTurns<T>(work: Promise<T>): Promise<{ result: Promise<T>; turns: number }> {
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await work.catch(() => undefined);
  isOver = true;
  return { result: work, turns };
}
