import { type StartOffset, startPositions } from '../../src/outbound/start-positions.ts';

const place = { key: 7, leaderEpoch: 3, nextOffset: 50, deliveredBelow: 50 };
const start = (offset: number): StartOffset => ({ streamId: 1, shard: 0, leaderEpoch: 3, offset });
const made = (offset: number | undefined, createdAtRevision = 5) => ({
  starts: offset === undefined ? new Map<number, StartOffset>() : new Map([[7, start(offset)]]),
  createdAtRevision,
});

describe('X3: where a new subscription starts', () => {
  test('where the tail has what it matches, or where this gateway is, whichever is later', () => {
    const starts = startPositions.ofNew(
      new Map([
        [7, start(40)],
        [8, start(9)],
      ]),
      (key) => (key === 7 ? place : undefined),
    );
    expect([...starts]).toEqual([
      [7, start(50)],
      [8, start(9)],
    ]);
  });

  test('X4: under the leader of both that is younger, whose epoch has it', () => {
    const under = (leaderEpoch: number) =>
      startPositions.ofNew(new Map([[7, start(40)]]), () => ({ ...place, leaderEpoch })).get(7);
    expect(under(4)).toEqual({ ...start(50), leaderEpoch: 4 });
    expect(under(2)).toEqual(start(50));
  });

  test('a shard that the vector does not name has no lower end', () => {
    expect(startPositions.of(new Map([[7, start(4)]]), 7)).toBe(4);
    expect(startPositions.of(new Map([[7, start(4)]]), 8)).toBe(0);
  });
});

describe('X4: where a resumed session reads on', () => {
  test('at its cursor, also below and beyond every start', () => {
    expect(startPositions.firstToRead(place, 3, [made(10)], 0)).toBe(3);
    expect(startPositions.firstToRead(place, 99, [made(10)], 0)).toBe(99);
  });

  test('without a cursor at the earliest start', () => {
    expect(startPositions.firstToRead(place, undefined, [made(30), made(10), made(20)], 0)).toBe(10);
  });

  test('a shard that a vector does not name: from 0 if its stream is younger, else from where the tail is', () => {
    expect(startPositions.firstToRead(place, undefined, [made(undefined)], 6)).toBe(0);
    expect(startPositions.firstToRead(place, undefined, [made(undefined)], 5)).toBe(50);
    expect(startPositions.firstToRead(place, undefined, [{ starts: null, createdAtRevision: 5 }], 6)).toBe(0);
    expect(startPositions.firstToRead(place, undefined, [], 6)).toBe(50);
  });

  test('a start beyond the tail does not move it there: it is the filter that waits', () => {
    expect(startPositions.firstToRead(place, undefined, [made(80)], 0)).toBe(50);
  });
});
