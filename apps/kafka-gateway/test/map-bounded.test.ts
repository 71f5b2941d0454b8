import { mapBounded } from '../src/map-bounded.ts';
import { mapInTurns } from '../src/map-in-turns.ts';

const OPEN = { isSpent: false, yield: () => Promise.resolve() };

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test.each([0, 1, 31, 32, 33, 1_000])('%i items: all results, in order, few at a time (I8)', async (count) => {
  let underWay = 0;
  let most = 0;
  const results = await mapBounded(
    Array.from({ length: count }, (_, n) => n),
    OPEN,
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
  await expect(mapBounded([1, 5, 9], OPEN, work)).rejects.toThrow('five');
});

test.each<[string, (items: readonly number[], turns: typeof OPEN) => Promise<number[]>]>([
  ['one after the other', (items, turns) => mapInTurns(items, turns, (n) => n * 2)],
  ['some at once', (items, turns) => mapBounded(items, turns, (n) => n * 2)],
])(
  'N8: what is answered from memory, %s, leaves the loop as soon as the turn is spent',
  async (_name, map) => {
    // Each look is worth 1 ms of 5.
    let looks = 0;
    let yields = 0;
    const turns = {
      get isSpent() {
        looks += 1;
        return looks >= 5;
      },
      yield: async () => {
        yields += 1;
        await turn();
        looks = 0;
      },
    };
    const items = Array.from({ length: 200 }, (_, n) => n);
    expect(await map(items, turns)).toEqual(items.map((n) => n * 2));
    expect(yields).toBeGreaterThanOrEqual(200 / 5 - 1);
  },
);
