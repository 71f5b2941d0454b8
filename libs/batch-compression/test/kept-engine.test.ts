import {
  constants,
  createZstdCompress,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib';
import fc from 'fast-check';
import { Gunzip, ZstdDecompress } from 'minizlib';
import { KeptEngine, type EngineRoom } from '../src/kept-engine.ts';
import { SECTION_CODECS } from '../src/testing.ts';
import { FREE } from './turns.ts';

const LIMIT = 4_096;

/** An engine of the format, and how many the library was asked for. */
function counted(format: 'gzip' | 'zstd'): { readonly subject: KeptEngine; made(): number } {
  let count = 0;
  const make = (room: EngineRoom): Gunzip | ZstdDecompress => {
    count += 1;
    return format === 'gzip'
      ? new Gunzip({ ...room, flush: constants.Z_FINISH })
      : new ZstdDecompress({ ...room, flush: constants.ZSTD_e_end });
  };
  const subject =
    format === 'gzip' ? new KeptEngine(make, (engine) => void engine.reset()) : new KeptEngine(make);
  return { subject, made: () => count };
}

/** What an engine of its own makes of the input. */
function alone(format: 'gzip' | 'zstd', input: Buffer, maxOutputLength: number): string {
  try {
    const inflate = format === 'gzip' ? gunzipSync : zstdDecompressSync;
    return inflate(input, { maxOutputLength }).toString('hex');
  } catch (error) {
    return `refused: ${(error as NodeJS.ErrnoException).code}`;
  }
}

function kept(subject: KeptEngine, input: Buffer, maxOutputLength: number): string {
  try {
    return subject.inflate(input, maxOutputLength).inflated.toString('hex');
  } catch (error) {
    return `refused: ${(error as NodeJS.ErrnoException).code}`;
  }
}

describe.each(['gzip', 'zstd'] as const)('%s', (format) => {
  const deflate = format === 'gzip' ? gzipSync : zstdCompressSync;

  /** Sound sections, and such as are cut off or have one bit turned. */
  const inputs = fc
    .record({
      text: fc.uint8Array({ maxLength: 2 * LIMIT }),
      repeats: fc.integer({ min: 1, max: 3 }),
      fate: fc.constantFrom('sound', 'sound', 'cut', 'turned'),
      place: fc.nat(),
      limit: fc.constantFrom(LIMIT, LIMIT, 3 * LIMIT),
    })
    .map(({ text, repeats, fate, place, limit }) => {
      const section = deflate(Buffer.concat(Array.from({ length: repeats }, () => text)));
      const at = place % section.length;
      if (fate === 'cut') return { input: section.subarray(0, Math.max(1, at)), limit };
      if (fate === 'turned') section[at]! ^= 1 << (place % 8);
      return { input: section, limit };
    });

  it('N1: answers each section as an engine of its own would, whatever came before', () => {
    fc.assert(
      fc.property(fc.array(inputs, { minLength: 2, maxLength: 8 }), (sections) => {
        const { subject } = counted(format);
        for (const { input, limit } of sections)
          expect(kept(subject, input, limit)).toBe(alone(format, input, limit));
      }),
      { numRuns: 300 },
    );
  });

  it('makes one engine for all sections, and another only behind a failure or for another bound', () => {
    const { subject, made } = counted(format);
    const section = deflate(Buffer.alloc(1_000, 'robust'));
    for (let count = 0; count < 50; count += 1)
      expect(subject.inflate(section, LIMIT)).toEqual({
        inflated: Buffer.alloc(1_000, 'robust'),
        takenBytes: section.length,
      });
    expect(made()).toBe(1);
    expect(() => subject.inflate(section.subarray(0, -1), LIMIT)).toThrow();
    subject.inflate(section, LIMIT);
    expect(made()).toBe(2);
    subject.inflate(section, LIMIT + 1);
    expect(made()).toBe(3);
  });

  it('what was answered is not written over by the next section', () => {
    const { subject } = counted(format);
    const first = subject.inflate(deflate(Buffer.from('first')), LIMIT).inflated;
    subject.inflate(deflate(Buffer.from('other')), LIMIT);
    expect(first.toString()).toBe('first');
  });
});

test('I8: a frame with a window that is not kept is inflated in turns only', async () => {
  const ofWindow = async (windowLog: number): Promise<Buffer> => {
    const engine = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: windowLog } });
    // In two writes, since the size of what is written at once would bound the window.
    engine.write('rec');
    engine.end('ords');
    return Buffer.concat(await engine.toArray());
  };
  const kept = await ofWindow(23);
  expect(SECTION_CODECS.zstd.inflate(kept, LIMIT).toString()).toBe('records');
  const larger = await ofWindow(24);
  expect(() => SECTION_CODECS.zstd.inflate(larger, LIMIT)).toThrow(
    expect.objectContaining({ code: 'too_large' }),
  );
  const parts = await SECTION_CODECS.zstd.inflateInTurns(larger, LIMIT, FREE);
  expect(Buffer.concat(parts).toString()).toBe('records');
});

test('N1: a window that nobody could hold is damage, though it is too large for what is kept as well', async () => {
  // One segment, whose size is the window, and eight bytes that say it: 2^62.
  const claim = Buffer.from('28b52ffde00000000000000040010000', 'hex');
  expect(() => SECTION_CODECS.zstd.inflate(claim, LIMIT)).toThrow(
    expect.objectContaining({ code: 'too_large' }),
  );
  await expect(SECTION_CODECS.zstd.inflateInTurns(claim, LIMIT, FREE)).rejects.toEqual(
    expect.objectContaining({ code: 'corrupt' }),
  );
});
