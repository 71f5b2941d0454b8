import fc from 'fast-check';
import { intersects, OwnerTable, topicName } from '../src/index.ts';
import { compareSpecificity, contains, overlapsWithoutContainment } from '../src/filter-algebra.ts';
import { allTopics, naiveMatches, topicFilter } from './arbitrary-topics.ts';

const shallowFilter = topicFilter.filter((filter) => filter.split('/').length <= 3);
/** One level more than the deepest filter, so that `#` shows, and the empty topic, which the relations count. */
const TOPICS = ['', ...allTopics(4)];

function topicsOf(filter: string): Set<string> {
  return new Set(TOPICS.filter((topic) => naiveMatches(filter, topic)));
}

function isSubset(inner: Set<string>, outer: Set<string>): boolean {
  return [...inner].every((topic) => outer.has(topic));
}

function meet(one: Set<string>, other: Set<string>): boolean {
  return [...one].some((topic) => other.has(topic));
}

test('relations are those of the sets of topics', () => {
  fc.assert(
    fc.property(shallowFilter, shallowFilter, (one, other) => {
      const a = topicsOf(one);
      const b = topicsOf(other);
      expect(intersects(one, other)).toBe(meet(a, b));
      expect(contains(one, other)).toBe(isSubset(b, a));
      expect(overlapsWithoutContainment(one, other)).toBe(meet(a, b) && !isSubset(a, b) && !isSubset(b, a));
    }),
    { numRuns: 600 },
  );
});

test('specificity is a total order that follows containment', () => {
  fc.assert(
    fc.property(topicFilter, topicFilter, topicFilter, (a, b, c) => {
      if (contains(a, b) && !contains(b, a)) expect(compareSpecificity(b, a)).toBeLessThan(0);
      expect(Math.sign(compareSpecificity(a, b))).toBe(-Math.sign(compareSpecificity(b, a)) + 0);
      if (compareSpecificity(a, b) < 0 && compareSpecificity(b, c) < 0) {
        expect(compareSpecificity(a, c)).toBeLessThan(0);
      }
    }),
    { numRuns: 3000 },
  );
});

test.each([
  ['a/+/c', 'a/b/#', true],
  ['+/b', 'a/+', true],
  ['a/#', 'a/b', false],
  ['#', '$SYS/#', false],
  ['a/+', 'b/+', false],
  ['#', '+/#', false],
])('%s and %s overlap without containment: %s (O1)', (one, other, expected) => {
  expect(overlapsWithoutContainment(one, other)).toBe(expected);
});

test('a subscription can be held by every stream that intersects it, the most specific first (O2)', () => {
  const table = new OwnerTable<string>();
  for (const filter of ['a/#', 'a/b', 'b']) table.set(filter, filter);
  expect(table.intersecting('a/+').map((owned) => owned.owner)).toEqual(['a/b', 'a/#']);
  expect(table.intersecting('c')).toEqual([]);
  expect(table.intersecting('#').map((owned) => owned.owner)).toEqual(['a/b', 'a/#', 'b']);
});

test('knows the topics of the broker itself (O5)', () => {
  expect(['$SYS', '$SYS/a', '$SYS/#'].every(topicName.isSystem)).toBe(true);
  expect(['$SYSTEM', 'a/$SYS', '$sys/a'].some(topicName.isSystem)).toBe(false);
});
