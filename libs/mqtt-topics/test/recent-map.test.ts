// RecentMap against a plain Map: what it keeps is right, it keeps what is used, and it stays within its bounds.
import fc from 'fast-check';
import { RecentMap } from '../src/index.ts';

test('what it answers is what was set last, and it never keeps more than its capacity', () => {
  const step = fc.record({ key: fc.integer({ min: 0, max: 30 }), isSet: fc.boolean() });
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 20 }), fc.array(step, { maxLength: 300 }), (capacity, steps) => {
      const map = new RecentMap<number, number>(capacity);
      const model = new Map<number, number>();
      steps.forEach(({ key, isSet }, index) => {
        if (isSet) {
          map.set(key, index);
          model.set(key, index);
          expect(map.get(key)).toBe(index);
        } else {
          const found = map.get(key);
          if (found !== undefined) expect(found).toBe(model.get(key));
        }
        expect(map.size).toBeLessThanOrEqual(capacity);
        expect([...map.values()]).toHaveLength(map.size);
      });
    }),
  );
});

test('what is used stays, whatever comes and goes; what leaves is told once', () => {
  const forgotten: number[] = [];
  const map = new RecentMap<number, number>(10, (value) => forgotten.push(value));
  map.set(-1, -1);
  for (let key = 0; key < 1000; key++) {
    map.set(key, key);
    expect(map.get(-1)).toBe(-1);
  }
  expect(forgotten).not.toContain(-1);
  expect(new Set(forgotten).size).toBe(forgotten.length);
  expect(forgotten.length + map.size).toBe(1001);
  map.clear();
  expect([map.size, map.get(-1)]).toEqual([0, undefined]);
});

test('a replaced value is not told as forgotten, wherever it lies', () => {
  const forgotten: string[] = [];
  const map = new RecentMap<string, string>(4, (value) => forgotten.push(value));
  map.set('a', 'first');
  map.set('b', 'b');
  map.set('c', 'c');
  map.set('a', 'second');
  map.set('a', 'third');
  expect([map.get('a'), map.size, forgotten]).toEqual(['third', 3, []]);
});
