import fc from 'fast-check';
import { batchHeader, CODECS, RecordBatchBuilder, validateBatch } from '@robustmq/record-batch';
import { validateRecords } from '@robustmq/record-batch/testing';
import { inflateForReading, inflateSmall } from '../src/index.ts';
import { SECTION_CODECS, deflateBatch } from '../src/batch.ts';
import { CountingTurn, FREE } from './turns.ts';

const LIMIT = 64 * 1024 * 1024;
const NAMES = Object.keys(SECTION_CODECS) as (keyof typeof SECTION_CODECS)[];

/** What was inflated for reading with the CRC that its content has. */
function withCrc(batch: Buffer): Buffer {
  batchHeader.stampCrc(batch, 0);
  return batch;
}

function batchOf(values: readonly Uint8Array[]): Buffer {
  const builder = new RecordBatchBuilder({ maxBatchBytes: LIMIT });
  for (const value of values) builder.append(1000, 'key', value);
  return builder.finishCopy({
    baseOffset: 42,
    leaderEpoch: 3,
    producerId: 9,
    producerEpoch: 1,
    baseSequence: 5,
  });
}

describe.each(NAMES)('%s', (codec) => {
  it('gives back the same batch, synchronous or not', async () => {
    const anyValues = fc.array(fc.uint8Array({ maxLength: 3000 }), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(anyValues, async (values) => {
        const batch = batchOf(values);
        const deflated = deflateBatch(batch, 0, codec);
        expect(CODECS[batchHeader.codec(deflated, 0)]).toBe(codec);
        expect(validateBatch(deflated, 0, deflated.length, { maxBatchBytes: LIMIT })).toBe(deflated.length);
        expect([
          batchHeader.baseOffset(deflated, 0),
          batchHeader.leaderEpoch(deflated, 0),
          batchHeader.producerId(deflated, 0),
        ]).toEqual([42, 3, 9]);
        expect(withCrc(inflateSmall(deflated, 0, batch.length)).equals(batch)).toBe(true);
        const shifted = Buffer.concat([Buffer.alloc(3), deflated, Buffer.alloc(9)]);
        const inflated = await inflateForReading(shifted, 3, batch.length, FREE);
        validateRecords(inflated, 0);
        expect(withCrc(inflated).equals(batch)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  it('inflates what is small into the same memory, however sizes change', () => {
    const sizes = [10, 9_000, 200_000, 50, 9_000, 9_000, 1];
    const answers = sizes.map((sizeBytes) => {
      const batch = batchOf([Buffer.alloc(sizeBytes, 'ab')]);
      const inflated = inflateSmall(deflateBatch(batch, 0, codec), 0, LIMIT);
      expect(withCrc(inflated).equals(batch)).toBe(true);
      return inflated.buffer;
    });
    // It grew with the first three, and with nothing after them.
    expect(new Set(answers.slice(2)).size).toBe(1);
  });

  it('inflates for reading: the same records, and no CRC is computed (N8)', async () => {
    const batch = batchOf([Buffer.from('a'), Buffer.alloc(9000, 'b')]);
    const deflated = deflateBatch(batch, 0, codec);
    for (const inflated of [
      await inflateForReading(deflated, 0, batch.length, FREE),
      inflateSmall(deflated, 0, batch.length),
    ]) {
      expect(inflated.subarray(21)).toEqual(batch.subarray(21));
      expect(inflated.readUInt32BE(17)).toBe(deflated.readUInt32BE(17));
    }
    expect(await inflateForReading(batch, 0, batch.length, FREE)).toEqual(batch);
    await expect(inflateForReading(deflated, 0, 1000, FREE)).rejects.toMatchObject({ code: 'too_large' });
  });

  it('I8: a bomb is refused before memory is taken for it', async () => {
    const batch = batchOf([Buffer.alloc(32 * 1024 * 1024)]);
    const bomb = deflateBatch(batch, 0, codec);
    expect(bomb.length).toBeLessThan(batch.length / 15);
    const expected = expect.objectContaining({ code: 'too_large' });
    expect(() => inflateSmall(bomb, 0, 1024 * 1024)).toThrow(expected);
    await expect(inflateForReading(bomb, 0, 1024 * 1024, FREE)).rejects.toEqual(expected);
    await expect(inflateForReading(bomb, 0, batch.length - 1, FREE)).rejects.toEqual(expected);
    expect((await inflateForReading(bomb, 0, batch.length, FREE)).length).toBe(batch.length);
  });

  it('N8: megabytes are laid end to end in slices', async () => {
    const batch = batchOf([Buffer.alloc(12 * 1024 * 1024, 'robust ')]);
    const turn = new CountingTurn();
    const inflated = await inflateForReading(deflateBatch(batch, 0, codec), 0, batch.length, turn);
    expect(inflated.subarray(61).equals(batch.subarray(61))).toBe(true);
    // 256 KiB between two looks at the clock.
    expect(turn.looks).toBeGreaterThanOrEqual(48);
    expect(turn.yields).toBe(Math.floor(turn.looks / CountingTurn.LOOKS));
  });

  it('damage is an error or other bytes, never a crash or more than the limit', async () => {
    const batch = batchOf([Buffer.alloc(2000, 'robust'), Buffer.from('tail')]);
    const section = deflateBatch(batch, 0, codec).subarray(61);
    const anyDamage = fc.tuple(
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 5 }),
      fc.option(fc.nat()),
    );
    await fc.assert(
      fc.asyncProperty(anyDamage, async ([changes, cut]) => {
        const bytes = Buffer.from(cut === null ? section : section.subarray(0, cut % section.length));
        if (bytes.length > 0) for (const [at, value] of changes) bytes[at % bytes.length] = value;
        const act = (): Buffer => SECTION_CODECS[codec].inflate(bytes, 4096);
        try {
          expect(act().length).toBeLessThanOrEqual(4096);
        } catch (error) {
          expect(error).toMatchObject({ name: 'BrokerError' });
        }
        const outcome = await SECTION_CODECS[codec]
          .inflateInTurns(bytes, 4096, FREE)
          .catch((error: unknown) => error);
        if (Array.isArray(outcome)) expect(Buffer.concat(outcome).length).toBeLessThanOrEqual(4096);
        else expect(outcome).toMatchObject({ name: 'BrokerError' });
      }),
      { numRuns: 300 },
    );
  });
});

describe('batches without compression', () => {
  it('are views of themselves', async () => {
    const batch = batchOf([Buffer.from('x')]);
    expect(inflateSmall(batch, 0, 10).buffer).toBe(batch.buffer);
    expect((await inflateForReading(batch, 0, 10, FREE)).buffer).toBe(batch.buffer);
  });

  it('unknown codecs are unsupported, and nothing is compressed twice', async () => {
    const batch = batchOf([Buffer.from('x')]);
    batch[22] = 7;
    const unsupported = expect.objectContaining({ code: 'unsupported' });
    expect(() => inflateSmall(batch, 0, LIMIT)).toThrow(unsupported);
    await expect(inflateForReading(batch, 0, LIMIT, FREE)).rejects.toEqual(unsupported);
    expect(() => deflateBatch(batch, 0, 'gzip')).toThrow(/uncompressed/);
  });
});

test.each(['gzip', 'zstd'] as const)(
  '%s with something behind it is damage, not half a section',
  async (name) => {
    const section = SECTION_CODECS[name].deflate(Buffer.from('records'));
    for (const tail of [Buffer.alloc(1), Buffer.from('junk')]) {
      const bytes = Buffer.concat([section, tail]);
      const expected = expect.objectContaining({ code: 'corrupt' });
      expect(() => SECTION_CODECS[name].inflate(bytes, 4096)).toThrow(expected);
      await expect(SECTION_CODECS[name].inflateInTurns(bytes, 4096, FREE)).rejects.toEqual(expected);
    }
    expect(SECTION_CODECS[name].inflate(section, 4096).toString()).toBe('records');
  },
);
