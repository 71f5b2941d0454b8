import fc from 'fast-check';
import { CredentialCache } from '../src/credential-cache.ts';
import { FairQueue } from '../src/fair-queue.ts';
import { loginSourceOf } from '../src/login-source.ts';

const take = (queue: FairQueue<string>): string[] => {
  const taken: string[] = [];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) taken.push(item);
  return taken;
};

describe('FairQueue', () => {
  it('N14: takes turns over sources, within one over names, within one in order', () => {
    const queue = new FairQueue<string>(100);
    for (const item of ['a/x1', 'a/x2', 'a/x3', 'a/y1', 'b/x1', 'a/x4', 'c/z1', 'b/x2']) {
      queue.push({ source: item[0]!, name: item[2]! }, item);
    }
    expect(take(queue)).toEqual(['a/x1', 'b/x1', 'c/z1', 'a/y1', 'b/x2', 'a/x2', 'a/x3', 'a/x4']);
    expect(queue.size).toBe(0);
  });

  it('I8: over its capacity the youngest of the largest source leaves, never one of a small source', () => {
    const queue = new FairQueue<string>(4);
    const push = (source: string, item: string): string | undefined =>
      queue.push({ source, name: 'n' }, item);
    for (const item of ['f1', 'f2', 'f3', 'f4']) expect(push('flood', item)).toBeUndefined();
    expect(push('flood', 'f5')).toBe('f5');
    expect(push('small', 's1')).toBe('f4');
    expect(push('other', 'o1')).toBe('f3');
    expect(take(queue)).toEqual(['f1', 's1', 'o1', 'f2']);
  });

  it('loses and invents nothing, whatever comes and goes', () => {
    const step = fc.oneof(
      fc.record({ source: fc.constantFrom('a', 'b', 'c'), name: fc.constantFrom('x', 'y') }),
      fc.constant(null),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 20 }), (steps, capacity) => {
        const queue = new FairQueue<number>(capacity);
        const inside = new Set<number>();
        steps.forEach((lane, id) => {
          if (lane === null) {
            const item = queue.shift();
            expect(item === undefined ? inside.size === 0 : inside.delete(item)).toBe(true);
            return;
          }
          inside.add(id);
          const dropped = queue.push(lane, id);
          if (dropped !== undefined) expect(inside.delete(dropped)).toBe(true);
          expect(queue.size).toBe(inside.size);
          expect(queue.size).toBeLessThanOrEqual(capacity);
        });
      }),
    );
  });
});

describe('CredentialCache', () => {
  const password = (text: string): Buffer => Buffer.from(text);

  it('I8: keeps within its capacity; what was not asked for longest leaves', () => {
    const cache = new CredentialCache(2);
    cache.add('hash', password('a'));
    cache.add('hash', password('b'));
    expect(cache.has('hash', password('a'))).toBe(true);
    cache.add('hash', password('c'));
    expect(['a', 'b', 'c'].map((text) => cache.has('hash', password(text)))).toEqual([true, false, true]);
    expect(cache.size).toBe(2);
  });

  it('knows a password by the hash that it was verified against', () => {
    const cache = new CredentialCache(2);
    cache.add('hash', password('a'));
    expect(cache.has('other hash', password('a'))).toBe(false);
  });
});

describe('source of a login', () => {
  it.each([
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['2001:DB8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['', ''],
  ])('%s counts for %s', (address, source) => {
    expect(loginSourceOf(address)).toBe(source);
  });
});
