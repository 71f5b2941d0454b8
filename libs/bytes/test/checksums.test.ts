import fc from 'fast-check';
import { TopicHash, crc32c, murmur2, partitionForTopic } from '../src/index.ts';
import { partitionForKey } from '../src/murmur2.ts';

describe('crc32c', () => {
  // RFC 3720 B.4, and the check value of the CRC catalogue.
  it.each([
    ['32 zeroes', Buffer.alloc(32), 0x8a9136aa],
    ['32 ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['ascending', Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
    ['descending', Buffer.from(Array.from({ length: 32 }, (_, index) => 31 - index)), 0x113fdb5c],
    ['check', Buffer.from('123456789'), 0xe3069283],
    ['nothing', Buffer.alloc(0), 0],
  ])('%s', (_name, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  it('can be computed over ranges and pieces', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), (array, cut) => {
        const bytes = Buffer.from(array);
        const middle = bytes.length === 0 ? 0 : cut % bytes.length;
        const whole = crc32c(bytes);
        expect(crc32c(bytes, middle, bytes.length, crc32c(bytes, 0, middle))).toBe(whole);
        expect(crc32c(Buffer.concat([Buffer.from('x'), bytes]), 1)).toBe(whole);
      }),
    );
  });
});

describe('murmur2', () => {
  // Kafka's UtilsTest.testMurmur2.
  it.each([
    ['21', -973_932_308],
    ['foobar', -790_332_482],
    ['a-little-bit-long-string', -985_981_536],
    ['a-little-bit-longer-string', -1_486_304_829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
    ['abc', 479_470_107],
  ])('of %s', (text, expected) => {
    expect(murmur2(Buffer.from(text))).toBe(expected);
    expect(murmur2(Buffer.from(`<${text}>`), 1, 1 + text.length)).toBe(expected);
  });

  it('O4: gives the partition of Kafka’s default partitioner, for strings as for bytes', () => {
    expect(partitionForKey(Buffer.from('foobar'), 10)).toBe((-790_332_482 & 0x7fffffff) % 10);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 1000 }), (topic, count) => {
        const partition = partitionForTopic(topic, count);
        expect(partition).toBe(partitionForKey(Buffer.from(topic), count));
        expect(partition).toBeGreaterThanOrEqual(0);
        expect(partition).toBeLessThan(count);
      }),
    );
  });

  it('hashes strings longer than its scratch memory', () => {
    const topic = 'ä'.repeat(40_000);
    expect(partitionForTopic(topic, 97)).toBe(partitionForKey(Buffer.from(topic), 97));
  });
});

describe('TopicHash', () => {
  it('X2: stays what it is on disk', () => {
    const hash = new TopicHash();
    const hex = (topic: string): string => {
      hash.ofString(topic);
      return hash.high.toString(16).padStart(8, '0') + hash.low.toString(16).padStart(8, '0');
    };
    expect(['', 'a', 'sensors/1/temp', 'größe/ü'].map(hex)).toMatchInlineSnapshot(`
     [
       "baf0b8000e17fa48",
       "46cefd51a834b23b",
       "189da571b34b02a4",
       "00543b80ef5c443d",
     ]
    `);
  });

  it('is the same for a string and its bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (topic) => {
        const ofString = new TopicHash().ofString(topic);
        const ofBytes = new TopicHash().ofBytes(Buffer.from(`_${topic}_`), 1, 1 + Buffer.byteLength(topic));
        expect([ofString.high, ofString.low]).toEqual([ofBytes.high, ofBytes.low]);
        expect(Number.isSafeInteger(ofString.toMapKey())).toBe(true);
      }),
    );
  });

  it('spreads a fleet of topics: no collision of the whole, few of the halves', () => {
    const hash = new TopicHash();
    const keys = new Set<number>();
    const highs = new Set<number>();
    const lows = new Set<number>();
    const count = 200_000;
    for (let index = 0; index < count; index++) {
      hash.ofString(`tenant/${index % 10}/device/${index}/state`);
      keys.add(hash.toMapKey());
      highs.add(hash.high);
      lows.add(hash.low);
    }
    expect(keys.size).toBe(count);
    // The birthday bound expects five collisions in 32 bits.
    expect(count - highs.size).toBeLessThan(40);
    expect(count - lows.size).toBeLessThan(40);
  });

  it('flips about half of the bits for one changed byte', () => {
    const bits = (left: number, right: number): number =>
      ((left ^ right) >>> 0).toString(2).replaceAll('0', '').length;
    let flipped = 0;
    const rounds = 2000;
    for (let index = 0; index < rounds; index++) {
      const one = new TopicHash().ofString(`d/${index}/x`);
      const other = new TopicHash().ofString(`d/${index}/y`);
      flipped += bits(one.high, other.high) + bits(one.low, other.low);
    }
    expect(flipped / rounds).toBeGreaterThan(30);
    expect(flipped / rounds).toBeLessThan(34);
  });
});
