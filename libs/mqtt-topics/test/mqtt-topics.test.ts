import fc from 'fast-check';
import { FilterTrie, intersects, OwnerTable, TopicCache, topicFilter, topicName } from '../src/index.ts';
import { matchesFilter } from '../src/filter-match.ts';
import { contains, overlapsWithoutContainment } from '../src/filter-algebra.ts';

/** The specification's rules word by word, over split levels: slow and plain. */
function referenceMatch(filter: string, topic: string): boolean {
  const f = filter.split('/');
  const t = topic.split('/');
  if (topic.startsWith('$') && (f[0] === '+' || f[0] === '#')) return false;
  for (let i = 0; i < f.length; i++) {
    if (f[i] === '#') return t.length >= i;
    if (i >= t.length) return false;
    if (f[i] !== '+' && f[i] !== t[i]) return false;
  }
  return f.length === t.length;
}

const level = fc.constantFrom('a', 'b', 'c', '', '$s');
const topic = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((text) => topicName.problem(text) === undefined);
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 4 }), fc.boolean())
  .map(([levels, multi]) => [...levels, ...(multi ? ['#'] : [])].join('/'))
  .filter((text) => topicFilter.problem(text) === undefined);
/** Every topic that can tell the filters above apart. */
const universe: string[] = [];
for (let depth = 1; depth <= 5; depth++) {
  const grow = (prefix: string[]): void => {
    if (prefix.length === depth) {
      const text = prefix.join('/');
      if (topicName.problem(text) === undefined) universe.push(text);
      return;
    }
    for (const next of ['a', 'b', 'c', '', '$s', 'z']) grow([...prefix, next]);
  };
  if (depth <= 4) grow([]);
}

describe('matchesFilter', () => {
  it.each([
    ['sport/tennis/player1/#', 'sport/tennis/player1', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
    ['sport/#', 'sport', true],
    ['#', 'a/b', true],
    ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true],
    ['+/+', '/finance', true],
    ['/+', '/finance', true],
    ['+', '/finance', false],
    ['#', '$SYS/monitor/Clients', false], // [MQTT-4.7.2-1]
    ['+/monitor/Clients', '$SYS/monitor/Clients', false],
    ['$SYS/#', '$SYS/monitor/Clients', true],
    ['$SYS/monitor/+', '$SYS/monitor/Clients', true],
    ['ACCOUNTS', 'Accounts', false],
    ['/finance', 'finance', false],
    ['a/b', 'a', false],
    ['a', 'a/b', false],
    ['ab', 'a', false],
    ['a', 'ab', false],
    ['a/+/#', 'a/b', true],
    ['a/+/#', 'a', false],
  ])('[MQTT-4.7] %s and %s: %s', (f, t, expected) => {
    expect(matchesFilter(f, t)).toBe(expected);
    expect(referenceMatch(f, t)).toBe(expected);
  });

  it('agrees with the specification written out', () => {
    fc.assert(
      fc.property(filter, topic, (f, t) => matchesFilter(f, t) === referenceMatch(f, t)),
      { numRuns: 5_000 },
    );
  });
});

describe('validity', () => {
  it.each([
    ['', 'empty'],
    ['a\u0000b', 'null_character'],
    ['a/+', 'wildcard'],
    ['a#', 'wildcard'],
    ['x'.repeat(65_536), 'too_long'],
    ['é'.repeat(32_768), 'too_long'],
    ['/'.repeat(128), 'too_deep'],
    ['/', undefined],
    ['x'.repeat(65_535), undefined],
    ['/'.repeat(127), undefined],
    ['a b/c', undefined],
  ])('[MQTT-4.7.3] topic name %#', (text, problem) => {
    expect(topicName.problem(text)).toBe(problem);
  });

  it.each([
    ['sport/tennis#', 'misplaced_wildcard'],
    ['sport/#/ranking', 'misplaced_wildcard'],
    ['sport+', 'misplaced_wildcard'],
    ['+a', 'misplaced_wildcard'],
    ['##', 'misplaced_wildcard'],
    ['', 'empty'],
    ['+', undefined],
    ['#', undefined],
    ['+/tennis/#', undefined],
    ['sport/+/player1', undefined],
  ])('[MQTT-4.7.1] filter %s: %s', (text, problem) => {
    expect(topicFilter.problem(text)).toBe(problem);
  });

  it.each([
    ['$share/g/a/b', { group: 'g', filter: 'a/b' }],
    ['$share/g//a', { group: 'g', filter: '/a' }],
    ['$share/g', 'bad_share'],
    ['$share//a', 'bad_share'],
    ['$share/+/a', 'bad_share'],
    ['$share/g/', 'bad_share'],
    ['$share', 'bad_share'],
    ['$shared/g/a', undefined],
    ['a/$share/g', undefined],
  ])('[MQTT-4.8.2] %s', (text, parts) => {
    expect(topicFilter.parseShared(text)).toEqual(parts);
  });

  it('knows wildcards', () => {
    expect([
      topicFilter.hasWildcard('a/+'),
      topicFilter.hasWildcard('#'),
      topicFilter.hasWildcard('a/b'),
    ]).toEqual([true, true, false]);
  });
});

describe('FilterTrie', () => {
  it('answers as matching one by one, through adds and removes', () => {
    const pair = fc.record({ filter, value: fc.nat(3), remove: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(pair, { maxLength: 30 }),
        fc.array(topic, { minLength: 1, maxLength: 5 }),
        (steps, topics) => {
          const trie = new FilterTrie<number>();
          const model = new Set<string>();
          for (const step of steps) {
            const key = `${step.value} ${step.filter}`;
            const before = trie.generation;
            const changed = step.remove
              ? trie.remove(step.filter, step.value)
              : trie.add(step.filter, step.value);
            expect(changed).toBe(step.remove ? model.delete(key) : !model.has(key));
            if (!step.remove) model.add(key);
            expect(trie.generation > before).toBe(changed);
            expect(trie.size).toBe(model.size);
          }
          for (const name of topics) {
            const seen: number[] = [];
            trie.match(name, (value) => seen.push(value));
            const expected = [...model]
              .map((key) => ({ value: Number(key[0]), filter: key.slice(2) }))
              .filter((entry) => matchesFilter(entry.filter, name))
              .map((entry) => entry.value);
            expect(seen.sort()).toEqual(expected.sort());
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('removes what it added down to nothing', () => {
    const trie = new FilterTrie<string>();
    for (const text of ['a/b/c', 'a/+/c', 'a/#', '#', 'a//']) trie.add(text, 'x');
    expect(trie.remove('a/b', 'x')).toBe(false);
    expect(trie.remove('a/b/c', 'y')).toBe(false);
    for (const text of ['a/b/c', 'a/+/c', 'a/#', '#', 'a//']) expect(trie.remove(text, 'x')).toBe(true);
    expect(trie.size).toBe(0);
    trie.match('a/b/c', () => {
      throw new TypeError('nothing should match');
    });
  });
});

describe('filter algebra', () => {
  it('intersects: some topic matches both', () => {
    fc.assert(
      fc.property(filter, filter, (a, b) => {
        const witness = universe.some((name) => matchesFilter(a, name) && matchesFilter(b, name));
        if (witness) expect(intersects(a, b)).toBe(true);
        expect(intersects(a, b)).toBe(intersects(b, a));
      }),
      { numRuns: 400 },
    );
  });

  it('contains: no topic matches only the inner one', () => {
    fc.assert(
      fc.property(filter, filter, (outer, inner) => {
        if (contains(outer, inner)) {
          const counterexample = universe.find(
            (name) => matchesFilter(inner, name) && !matchesFilter(outer, name),
          );
          expect(counterexample).toBeUndefined();
        }
      }),
      { numRuns: 400 },
    );
  });

  it.each([
    ['#', 'a/b', true, true],
    ['#', '$SYS/x', false, false],
    ['+/b', '$SYS/b', false, false],
    ['a/#', 'a', true, true],
    ['a/+', 'a', false, false],
    ['a/+/c', 'a/b/+', true, false],
    ['a/+', 'a/b', true, true],
    ['a/b', 'a/+', true, false],
    ['sensors/+/temp', 'sensors/1/temp', true, true],
    ['a/#', 'a/#', true, true],
    ['a/+', 'a/#', true, false],
  ])('%s and %s: intersect %s, contains %s', (a, b, meet, holds) => {
    expect(intersects(a, b)).toBe(meet);
    expect(contains(a, b)).toBe(holds);
  });

  it('O1: an overlap without containment is what owners may not have', () => {
    expect(overlapsWithoutContainment('a/+/c', 'a/b/+')).toBe(true);
    expect(overlapsWithoutContainment('a/#', 'a/b')).toBe(false);
    expect(overlapsWithoutContainment('a', 'b')).toBe(false);
  });
});

describe('OwnerTable', () => {
  it('O1: the most specific filter owns a topic, whatever the order of creation', () => {
    const filters = ['a/#', 'a/+/t', 'a/1/t', 'orders'];
    fc.assert(
      fc.property(fc.shuffledSubarray(filters, { minLength: 4 }), (order) => {
        const table = new OwnerTable<string>();
        for (const text of order) {
          expect(table.conflict(text)).toBeUndefined();
          table.set(text, text);
        }
        expect(table.ownerOf('a/1/t')).toBe('a/1/t');
        expect(table.ownerOf('a/2/t')).toBe('a/+/t');
        expect(table.ownerOf('a/2')).toBe('a/#');
        expect(table.ownerOf('a')).toBe('a/#');
        expect(table.ownerOf('orders')).toBe('orders');
        expect(table.ownerOf('orders/1')).toBeUndefined();
        expect([...table.entries()]).toHaveLength(4);
      }),
    );
  });

  it('names the filter in the way', () => {
    const table = new OwnerTable<string>();
    table.set('a/+/c', 'one');
    expect(table.conflict('a/b/+')).toMatchObject({ filter: 'a/+/c', owner: 'one' });
    expect(table.conflict('a/+/c')).toMatchObject({ owner: 'one' });
    expect(table.conflict('a/b/c')).toBeUndefined();
  });

  it('forgets a removed owner at once, cached or not', () => {
    const table = new OwnerTable<string>();
    table.set('a/#', 'wide');
    table.set('a/b', 'narrow');
    expect(table.ownerOf('a/b')).toBe('narrow');
    expect(table.delete('a/b')).toBe(true);
    expect(table.delete('a/b')).toBe(false);
    expect(table.ownerOf('a/b')).toBe('wide');
    table.set('a/b', 'again');
    expect(table.ownerOf('a/b')).toBe('again');
    expect(table.ownerOf('z')).toBeUndefined();
    expect(table.ownerOf('z')).toBeUndefined();
  });
});

describe('TopicCache', () => {
  it('I8: stays within its capacity and drops a stale generation', () => {
    const cache = new TopicCache<number>(2);
    expect(cache.get('a', 1)).toBeUndefined();
    cache.set('a', 1);
    cache.set('b', 2);
    cache.set('c', 3);
    expect(cache.size).toBe(2);
    expect(cache.get('a', 1)).toBeUndefined();
    expect(cache.get('c', 1)).toBe(3);
    expect(cache.get('c', 2)).toBeUndefined();
    expect(cache.size).toBe(0);
  });

  it('I8: does not keep the longest topics, of which a full table would take gigabytes', () => {
    const cache = new TopicCache<number>(16);
    const long = 'x'.repeat(TopicCache.maxTopicChars);
    cache.get(long, 1);
    cache.set(long, 1);
    cache.set(`${long}y`, 2);
    expect([cache.get(long, 1), cache.get(`${long}y`, 1), cache.size]).toEqual([1, undefined, 1]);
  });
});
