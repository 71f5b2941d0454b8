import fc from 'fast-check';
import { isUtf8 } from 'node:buffer';
import { isMqttString, TopicCache, userProperty } from '../src/index.ts';
import { isMqttUtf8 } from '../src/utf8.ts';

test('agrees with the runtime on random bytes, apart from U+0000 [MQTT-1.5.4-1] [MQTT-1.5.4-2]', () => {
  // Bytes around the edges of table 3-7, so that valid and almost valid sequences are common.
  const byte = fc.constantFrom(
    ...[0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf],
    ...[0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff],
  );
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 8 }), (array) => {
      const bytes = Buffer.from(array);
      expect(isMqttUtf8(bytes, 0, bytes.length)).toBe(isUtf8(bytes) && !bytes.includes(0));
    }),
    { numRuns: 20_000 },
  );
});

test('judges long strings as short ones, wherever what is wrong with them lies', () => {
  const wrongs = [[0], [0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]];
  for (const size of [126, 127, 128, 129, 1_000]) {
    const good = Buffer.alloc(size, 'aé€😀');
    const whole = Buffer.from(good.toString('utf8').replaceAll('\ufffd', ''));
    expect(isMqttUtf8(whole, 0, whole.length)).toBe(true);
    for (const wrong of wrongs) {
      for (const at of [0, size >> 1, size]) {
        const text = Buffer.concat([Buffer.alloc(at, 'a'), Buffer.from(wrong), Buffer.alloc(size - at, 'a')]);
        expect(isMqttUtf8(text, 0, text.length)).toBe(false);
      }
    }
  }
});

test('looks only at its range', () => {
  const bytes = Buffer.of(0xff, 0x41, 0xff);
  expect(isMqttUtf8(bytes, 1, 2)).toBe(true);
  expect(isMqttUtf8(bytes, 1, 3)).toBe(false);
  expect(isMqttUtf8(bytes, 1, 1)).toBe(true);
  const long = Buffer.concat([Buffer.of(0), Buffer.alloc(500, 'a'), Buffer.of(0)]);
  expect(isMqttUtf8(long, 1, 501)).toBe(true);
  expect(isMqttUtf8(long, 1, 502)).toBe(false);
});

describe('topic cache', () => {
  test('gives back what was kept, and nothing else', () => {
    const cache = new TopicCache();
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 300 }), { maxLength: 20 }), (texts) => {
        for (const text of texts) {
          const bytes = Buffer.from(text);
          const known = cache.lookup(bytes, 0, bytes.length);
          if (known !== undefined) expect(known).toBe(text);
          cache.keep(bytes, 0, bytes.length, text);
        }
      }),
    );
  });

  test('keeps short ASCII only', () => {
    const cache = new TopicCache();
    for (const [text, kept] of [
      ['a/b', true],
      ['ä', false],
      ['x'.repeat(256), true],
      ['x'.repeat(257), false],
    ] as const) {
      const bytes = Buffer.from(text);
      cache.keep(bytes, 0, bytes.length, text);
      expect(cache.lookup(bytes, 0, bytes.length)).toBe(kept ? text : undefined);
    }
  });
});

test('N12: what may leave as a string is well-formed, without U+0000, and of a length that two bytes can say', () => {
  const inBounds = Buffer.alloc(65_535, 'x');
  expect(isMqttString(inBounds, 0, inBounds.length)).toBe(true);
  const tooLong = Buffer.alloc(65_536, 'x');
  expect(isMqttString(tooLong, 0, tooLong.length)).toBe(false);
  expect(isMqttString(Buffer.from([0, 0, 0, 1]), 0, 4)).toBe(false);
  expect(isMqttString(Buffer.from([0xff, 0xfe]), 0, 2)).toBe(false);
  expect(isMqttString(Buffer.from('\ufffd'), 0, 3)).toBe(true);
});

test('a user property from bytes is what the packet encoder writes for its strings', () => {
  const source = Buffer.from('..näme!välue');
  const target = Buffer.alloc(userProperty.sizeOf(5, 6) + 2);
  const end = userProperty.write(target, 1, source, 2, 7, 8, 14);
  expect(end).toBe(target.length - 1);
  expect(target.subarray(1, end)).toEqual(
    Buffer.concat([
      Buffer.from([0x26, 0, 5]),
      Buffer.from('näme'),
      Buffer.from([0, 6]),
      Buffer.from('välue'),
    ]),
  );
  // A null value: its range lies nowhere.
  expect(userProperty.write(target, 0, source, 2, 3, -1, -1)).toBe(6);
});
