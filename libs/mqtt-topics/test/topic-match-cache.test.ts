import fc from 'fast-check';
import { FilterTrie, matchesFilter, TopicMatchCache } from '../src/index.ts';
import { topicFilter } from './arbitrary-topics.ts';

const step = fc.record({ filter: topicFilter, value: fc.nat(2), add: fc.boolean(), ask: topicFilter });

test('answers as a list of pairs does, under any changes, within its bound (I8)', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const trie = new FilterTrie<number>();
      const cache = new TopicMatchCache<number, number[]>(trie, {
        maxTopics: 3,
        build: (matches) => matches.sort(),
      });
      const pairs = new Map<string, [string, number]>();
      for (const { filter, value, add, ask } of steps) {
        const key = `${filter} ${value}`;
        if (add) {
          expect(trie.add(filter, value)).toBe(!pairs.has(key));
          pairs.set(key, [filter, value]);
        } else {
          expect(trie.remove(filter, value)).toBe(pairs.delete(key));
        }
        const topic = ask.replaceAll('+', 'a').replaceAll('#', 'b');
        const expected = [...pairs.values()]
          .filter(([held]) => matchesFilter(held, topic))
          .map(([, each]) => each);
        expect(cache.get(topic)).toEqual(expected.sort());
        expect(cache.size).toBeLessThanOrEqual(3);
      }
    }),
    { numRuns: 800 },
  );
});

test('builds once per topic until something changes, and drops the oldest', () => {
  const trie = new FilterTrie<string>();
  const built: string[] = [];
  const cache = new TopicMatchCache<string, number>(trie, {
    maxTopics: 2,
    build: (matches, topic) => {
      built.push(topic);
      return matches.length;
    },
  });
  for (const topic of ['a', 'b', 'a', 'c', 'b', 'a']) cache.get(topic);
  expect(built).toEqual(['a', 'b', 'c', 'a']);
  trie.add('#', 'x');
  expect(cache.get('a')).toBe(1);
});
