import fc from 'fast-check';
import { KafkaFramer } from '../src/index.ts';

function frame(body: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}

function drain(framer: KafkaFramer): Buffer[] {
  const frames: Buffer[] = [];
  for (let next = framer.next(); next !== undefined; next = framer.next()) frames.push(Buffer.from(next));
  return frames;
}

describe('KafkaFramer', () => {
  test('cuts the same frames however the bytes arrive', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 8, maxLength: 50 }), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
        (bodies, cuts) => {
          const stream = Buffer.concat(bodies.map((body) => frame(Buffer.from(body))));
          const framer = new KafkaFramer({ maxFrameBytes: 100 });
          const frames: Buffer[] = [];
          for (let at = 0, turn = 0; at < stream.length; turn += 1) {
            const next = at + (cuts[turn % cuts.length] ?? 1);
            framer.push(stream.subarray(at, next));
            frames.push(...drain(framer));
            at = next;
          }
          expect(frames.map((body) => body.toString('hex'))).toEqual(
            bodies.map((body) => Buffer.from(body).toString('hex')),
          );
          expect(framer.bufferedBytes).toBe(0);
        },
      ),
    );
  });

  test('a frame in one piece is a view, not a copy', () => {
    const chunk = frame(Buffer.alloc(20, 3));
    const framer = new KafkaFramer({ maxFrameBytes: 100 });
    framer.push(chunk);
    expect(framer.next()?.buffer).toBe(chunk.buffer);
  });

  test.each([
    ['negative', -1, /frame of -1/],
    ['too short for a header', 7, /frame of 7/],
    ['over the limit', 101, /limit is 100/],
  ])('a size that is %s is refused at once (I8)', (_name, size, message) => {
    const framer = new KafkaFramer({ maxFrameBytes: 100 });
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(size);
    framer.push(bytes);
    expect(() => framer.next()).toThrow(message);
  });

  test('the limit of one API applies before its frame is complete', () => {
    const framer = new KafkaFramer({
      maxFrameBytes: 1000,
      maxFrameBytesOf: (apiKey) => (apiKey === 0 ? 1000 : 50),
    });
    framer.push(frame(Buffer.alloc(500)));
    expect(framer.next()).toHaveLength(500);
    framer.push(Buffer.from([0, 0, 2, 0]));
    expect(framer.next()).toBeUndefined();
    framer.push(Buffer.from([0]));
    expect(framer.next()).toBeUndefined();
    framer.push(Buffer.from([3]));
    expect(() => framer.next()).toThrow(/limit is 50/);
  });

  test('many small chunks cost linear time', () => {
    const sizeBytes = 4 * 1024 * 1024;
    const framer = new KafkaFramer({ maxFrameBytes: sizeBytes });
    const stream = frame(Buffer.alloc(sizeBytes, 1));
    for (let at = 0; at < stream.length; at += 64) {
      framer.push(stream.subarray(at, at + 64));
      if (at + 64 < stream.length) expect(framer.next()).toBeUndefined();
    }
    expect(framer.next()).toHaveLength(sizeBytes);
  });

  test('a drip of bytes holds no memory but its own: small chunks are joined as they come (I8)', () => {
    const body = Buffer.from(Array.from({ length: 5_000 }, (_, at) => at & 0xff));
    const framer = new KafkaFramer({ maxFrameBytes: 5_000 });
    framer.push(frame(body).subarray(0, 5));
    expect(framer.next()).toBeUndefined();
    const byte = Buffer.alloc(1);
    for (let at = 1; at < body.length; at += 1) {
      // The same memory again: whoever still looked at it would see the last byte everywhere.
      byte[0] = body[at]!;
      framer.push(byte);
      expect(framer.bufferedBytes).toBe(at + 1);
      if (at + 1 < body.length) expect(framer.next()).toBeUndefined();
    }
    expect(framer.next()).toEqual(body);
    expect([framer.bufferedBytes, framer.hasFrame]).toEqual([0, false]);
  });

  test('frames cut from joined chunks keep their bytes while more are joined', () => {
    const bodies = Array.from({ length: 300 }, (_, n) => Buffer.alloc(8 + (n % 40), n));
    const framer = new KafkaFramer({ maxFrameBytes: 2_000 });
    const stream = Buffer.concat([frame(Buffer.alloc(1_500, 7)), ...bodies.map(frame)]);
    const cut: Buffer[] = [];
    for (let at = 0; at < stream.length; at += 13) {
      framer.push(stream.subarray(at, at + 13));
      for (let next = framer.next(); next !== undefined; next = framer.next()) cut.push(next);
    }
    expect(cut.slice(1)).toEqual(bodies);
  });
});
