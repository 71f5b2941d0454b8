// Keys of a data group: no name reaches another's rows, and rows sort as their names do (I10).
import { Random } from '@robustmq/testkit';
import {
  afterPrefix,
  cursorKey,
  expiryKey,
  filterKey,
  groupKey,
  inboundKey,
  KEY_SPACE,
  offsetKey,
  outboundKey,
  ownerKey,
  partsOf,
  SESSION_ROW,
  sessionHeads,
  sessionKey,
  sessionRows,
  startKey,
} from '../src/data/keys.ts';

const PARTS = ['', 'a', '\u0000', '\u0001', '\u0002', 'ab', '\u00e9'];

function randomText(random: Random): string {
  return Array.from({ length: random.below(4) }, () => random.pick(PARTS)).join('');
}

describe('keys', () => {
  test('I10: two names never have the same key, nor does one reach into the rows of another', () => {
    const random = new Random(1);
    const seen = new Map<string, string>();
    for (let i = 0; i < 2_000; i++) {
      const [tenant, clientId] = [randomText(random), randomText(random)];
      const key = sessionKey(tenant, clientId);
      expect(partsOf(key)).toEqual([KEY_SPACE.sessionHead, tenant, clientId]);
      const name = JSON.stringify([tenant, clientId]);
      expect(seen.get(key.toString('latin1')) ?? name).toBe(name);
      seen.set(key.toString('latin1'), name);
    }
    const names = [...seen.values()].map((name) => JSON.parse(name) as [string, string]).slice(0, 80);
    for (const [tenant, clientId] of names) {
      const prefix = sessionRows(tenant, clientId);
      for (const [otherTenant, otherId] of names) {
        if (tenant === otherTenant && clientId === otherId) continue;
        expect(filterKey(otherTenant, otherId, 'f').subarray(0, prefix.length).equals(prefix)).toBe(false);
      }
    }
  });

  test('rows sort in byte order of their names', () => {
    const random = new Random(2);
    for (let i = 0; i < 2_000; i++) {
      const [a, b] = [randomText(random), randomText(random)];
      const byName = Buffer.compare(Buffer.from(a), Buffer.from(b));
      expect(Buffer.compare(sessionKey('t', a), sessionKey('t', b))).toBe(byName);
    }
  });

  test('a prefix of client ids finds those that begin with it', () => {
    const random = new Random(3);
    for (let i = 0; i < 2_000; i++) {
      const [start, id] = [randomText(random), randomText(random)];
      const prefix = sessionHeads('t', start);
      expect(sessionKey('t', id).subarray(0, prefix.length).equals(prefix)).toBe(id.startsWith(start));
    }
  });

  test('everything of a session lies under its prefix, and nothing else does', () => {
    const prefix = sessionRows('t', 'c');
    const own = [
      filterKey('t', 'c', 'f'),
      startKey('t', 'c', 1),
      cursorKey('t', 'c', 0xffff_ffff, 0xffff_ffff),
      inboundKey('t', 'c', 65_535),
      outboundKey('t', 'c', 1),
    ];
    const others = [
      sessionKey('t', 'c'),
      filterKey('t', 'c2', 'f'),
      filterKey('t', '', 'f'),
      ownerKey('t', 1n, 't', 'c'),
      expiryKey(1n, 't', 'c'),
      groupKey('t', 'c'),
      offsetKey('t', 'c', 1, 1),
    ];
    const isInside = (key: Buffer): boolean =>
      Buffer.compare(key, prefix) >= 0 && Buffer.compare(key, afterPrefix(prefix)) < 0;
    expect(own.map(isInside)).toEqual(own.map(() => true));
    expect(others.map(isInside)).toEqual(others.map(() => false));
    expect(new Set(own.map((key) => key.toString('hex'))).size).toBe(own.length);
  });

  test('letters are given once, also to what does not exist yet', () => {
    for (const letters of [Object.values(KEY_SPACE), Object.values(SESSION_ROW)]) {
      expect(new Set(letters).size).toBe(letters.length);
      // `a`, `i` and `r` are rows of every family.
      expect(letters.every((letter) => /^[a-z]$/.test(letter))).toBe(true);
    }
    for (const taken of ['a', 'i', 'r']) expect(Object.values(KEY_SPACE)).not.toContain(taken);
  });

  test('the key after a prefix', () => {
    expect(afterPrefix(Buffer.from([1, 2]))).toEqual(Buffer.from([1, 3]));
    expect(afterPrefix(Buffer.from([1, 0xff]))).toEqual(Buffer.from([2]));
    expect(afterPrefix(Buffer.from([0xff, 0xff]))).toEqual(Buffer.from([0xff]));
  });
});
