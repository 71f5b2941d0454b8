import { mapBounded } from '../src/map-bounded.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test.each([0, 1, 31, 32, 33, 1_000])('%i items: all results, in order, few at a time (I8)', async (count) => {
  let underWay = 0;
  let most = 0;
  const results = await mapBounded(
    Array.from({ length: count }, (_, n) => n),
    async (n) => {
      underWay += 1;
      most = Math.max(most, underWay);
      for (let turns = n % 3; turns >= 0; turns -= 1) await turn();
      underWay -= 1;
      return n * 2;
    },
  );
  expect(results).toEqual(Array.from({ length: count }, (_, n) => n * 2));
  expect(most).toBe(Math.min(count, 32));
});

test('one that fails fails all, as with Promise.all', async () => {
  const work = (n: number): number => {
    if (n === 5) throw new RangeError('five');
    return n;
  };
  await expect(mapBounded([1, 5, 9], work)).rejects.toThrow('five');
});
