// I8, I10: what all clients together keep by what they send.

import fc from 'fast-check';
import { FREE_BYTES, InputMemory, type UnfinishedInput } from '../src/transport/input-memory.ts';
import { MessageMeter } from '../src/transport/message-meter.ts';

const KiB = 1024;

/** A connection's part, as those who count have it. */
class Part implements UnfinishedInput {
  keptBytes = 0;
  isEnded = false;
  readonly #memory: InputMemory;

  constructor(memory: InputMemory) {
    this.#memory = memory;
  }

  keep(sizeBytes: number, isAnother = false): void {
    const before = this.keptBytes;
    this.keptBytes = sizeBytes;
    this.#memory.unfinished(this, before, sizeBytes, isAnother);
  }

  overdrawn(): void {
    this.isEnded = true;
    this.keep(0);
  }
}

describe('memory for input', () => {
  const parts = (memory: InputMemory, count: number): Part[] =>
    Array.from({ length: count }, () => new Part(memory));
  const ended = (all: readonly Part[]): number[] =>
    all.flatMap(({ isEnded }, index) => (isEnded ? [index] : []));

  test('I8: beyond one half, what has been unfinished for longest ends', () => {
    const memory = new InputMemory(20 * KiB);
    const all = parts(memory, 4);
    for (const part of all.slice(0, 3)) part.keep(3 * KiB + FREE_BYTES);
    expect(memory.usedBytes).toBe(9 * KiB);
    all[3]!.keep(5 * KiB + FREE_BYTES);
    expect(ended(all)).toEqual([0, 1]);
    expect(memory).toMatchObject({ usedBytes: 8 * KiB, refused: 2 });
  });

  test('I10: who goes on to another packet outlives who drips; of one alone, it ends itself', () => {
    const memory = new InputMemory(20 * KiB);
    const [sender, drip, late] = parts(memory, 3) as [Part, Part, Part];
    sender.keep(4 * KiB);
    drip.keep(4 * KiB);
    drip.keep(5 * KiB);
    sender.keep(4 * KiB, true);
    late.keep(6 * KiB);
    expect(ended([sender, drip, late])).toEqual([1]);
    late.keep(40 * KiB);
    expect(ended([sender, drip, late])).toEqual([0, 1, 2]);
    expect(memory.usedBytes).toBe(0);
  });

  test('I10: a little is free, whatever others keep', () => {
    const memory = new InputMemory(4 * KiB);
    const [large, ...small] = parts(memory, 100) as [Part, ...Part[]];
    large.keep(2 * KiB + FREE_BYTES);
    expect(memory.takeAliases(0, 2 * KiB + FREE_BYTES)).toBe(true);
    for (const part of small) part.keep(FREE_BYTES);
    expect(ended([large, ...small])).toEqual([]);
    expect(memory.hasAliasRoom(0, FREE_BYTES)).toBe(true);
    expect(memory.takeAliases(0, FREE_BYTES)).toBe(true);
    expect(memory.usedBytes).toBe(4 * KiB);
  });

  test('I8: aliases have the other half, and who wants more of them is refused', () => {
    const memory = new InputMemory(20 * KiB);
    expect(memory.takeAliases(0, 9 * KiB)).toBe(true);
    expect(memory.hasAliasRoom(9 * KiB, 2 * KiB)).toBe(true);
    expect(memory.hasAliasRoom(9 * KiB, 2 * KiB + 1)).toBe(false);
    expect(memory.takeAliases(9 * KiB, 2 * KiB + 1)).toBe(false);
    expect(memory).toMatchObject({ refused: 1, usedBytes: 8 * KiB });
    expect(memory.takeAliases(9 * KiB, 2 * KiB)).toBe(true);
    expect(memory.hasAliasRoom(FREE_BYTES, 0)).toBe(false);
    expect(memory.hasAliasRoom(FREE_BYTES - 1, 0)).toBe(true);
    // What is unfinished has its own.
    const part = new Part(memory);
    part.keep(10 * KiB + FREE_BYTES);
    expect(part.isEnded).toBe(false);
    memory.takeAliases(11 * KiB, -11 * KiB);
    part.keep(0);
    expect(memory.usedBytes).toBe(0);
  });

  test('I8: whatever comes and goes, no more than the half is in use, and all is given back', () => {
    const step = fc.record({ at: fc.nat(7), keep: fc.nat(6 * KiB), isAnother: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const memory = new InputMemory(16 * KiB);
        const all = parts(memory, 8);
        for (const { at, keep, isAnother } of steps) {
          const part = all[at]!;
          part.isEnded = false;
          part.keep(keep, isAnother);
          const used = all.reduce((sum, { keptBytes }) => sum + Math.max(0, keptBytes - FREE_BYTES), 0);
          expect(memory.usedBytes).toBe(used);
          expect(used).toBeLessThanOrEqual(8 * KiB);
        }
        for (const part of all) part.keep(0);
        expect(memory.usedBytes).toBe(0);
      }),
    );
  });
});

describe('what a WebSocket message keeps', () => {
  const BINARY = 2;
  const CONTINUATION = 0;
  const PING = 9;

  const frame = (opcode: number, payloadBytes: number, isFinal: boolean): Buffer => {
    const first = (isFinal ? 0x80 : 0) | opcode;
    const length =
      payloadBytes < 126
        ? Buffer.of(first, 0x80 | payloadBytes)
        : payloadBytes < 65_536
          ? Buffer.of(first, 0x80 | 126, payloadBytes >> 8, payloadBytes & 0xff)
          : Buffer.of(
              first,
              0x80 | 127,
              0,
              0,
              0,
              0,
              0,
              payloadBytes >> 16,
              (payloadBytes >> 8) & 0xff,
              payloadBytes & 0xff,
            );
    // Mask and payload look like headers of frames.
    return Buffer.concat([length, Buffer.alloc(4 + payloadBytes, 0x82)]);
  };

  test.each([0, 1, 125, 126, 65_535, 65_536])('nothing of a whole one of %d bytes', (payloadBytes) => {
    const meter = new MessageMeter();
    const bytes = frame(BINARY, payloadBytes, true);
    meter.read(Buffer.concat([bytes, bytes]));
    expect(meter).toMatchObject({ bytes: 0, messages: 2 });
    meter.read(bytes.subarray(0, -1));
    expect(meter.bytes > 0).toBe(payloadBytes > 0);
    meter.read(bytes.subarray(-1));
    expect(meter).toMatchObject({ bytes: 0, messages: 3 });
  });

  test('I8: a drip costs more than its bytes: each piece, and each fragment', () => {
    const meter = new MessageMeter();
    for (let index = 0; index < 100; index++) meter.read(frame(BINARY * Number(index === 0), 1, false));
    expect(meter.bytes).toBeGreaterThan(100 * 2 * 200);
    const whole = new MessageMeter();
    whole.read(Buffer.concat(Array.from({ length: 100 }, () => frame(CONTINUATION, 1, false))));
    expect(whole.bytes).toBeGreaterThan(100 * 200);
    expect(whole.bytes).toBeLessThan(meter.bytes);
  });

  test('I8: a byte that comes with many control frames keeps all that came with it', () => {
    const meter = new MessageMeter();
    const pings = Array.from({ length: 100 }, () => frame(PING, 125, true));
    meter.read(Buffer.concat([frame(BINARY, 1, false), ...pings]));
    expect(meter.bytes).toBeGreaterThan(100 * 125);
    const before = meter.bytes;
    meter.read(Buffer.concat(pings));
    expect(meter.bytes).toBe(before);
  });

  test('control frames between fragments change nothing', () => {
    const meter = new MessageMeter();
    meter.read(frame(BINARY, 500, false));
    const before = meter.bytes;
    meter.read(frame(PING, 100, true).subarray(0, 50));
    meter.read(frame(PING, 100, true).subarray(50));
    expect(meter).toMatchObject({ bytes: before, messages: 0 });
    meter.read(frame(CONTINUATION, 0, true));
    expect(meter).toMatchObject({ bytes: 0, messages: 1 });
  });

  test('however frames are cut: no less than the payload that is kept, and nothing of complete messages', () => {
    const fragment = fc.record({ payloadBytes: fc.oneof(fc.nat(300), fc.nat(70_000)), ping: fc.boolean() });
    const message = fc.array(fragment, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 9_000 }), { minLength: 1, maxLength: 20 }),
        (messages, cuts) => {
          const meter = new MessageMeter();
          // Where each message ends, and the payload that is kept before each frame's end.
          const frames: { bytes: Buffer; keptBytes: number; isEnd: boolean }[] = [];
          for (const fragments of messages) {
            let keptBytes = 0;
            fragments.forEach(({ payloadBytes, ping }, index) => {
              const isEnd = index === fragments.length - 1;
              const opcode = index === 0 ? BINARY : CONTINUATION;
              if (ping && index > 0) frames.push({ bytes: frame(PING, 3, true), keptBytes, isEnd: false });
              keptBytes = isEnd ? 0 : keptBytes + payloadBytes;
              frames.push({ bytes: frame(opcode, payloadBytes, isEnd), keptBytes, isEnd });
            });
          }
          const stream = Buffer.concat(frames.map(({ bytes }) => bytes));
          const ends = new Map<number, { keptBytes: number; isEnd: boolean }>();
          let end = 0;
          for (const { bytes, ...rest } of frames) ends.set((end += bytes.length), rest);
          for (let at = 0, turn = 0; at < stream.length; turn++) {
            const next = Math.min(stream.length, at + cuts[turn % cuts.length]!);
            meter.read(stream.subarray(at, next));
            const { keptBytes = 0, isEnd = false } = ends.get(next) ?? {};
            expect(meter.bytes).toBeGreaterThanOrEqual(keptBytes);
            if (isEnd) expect(meter.bytes).toBe(0);
            at = next;
          }
          expect(meter).toMatchObject({ bytes: 0, messages: messages.length });
        },
      ),
      { numRuns: 100 },
    );
  });
});
