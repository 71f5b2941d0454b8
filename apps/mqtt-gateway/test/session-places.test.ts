// What rows say of where a session stands.

import { placesAfterCrash, storedPlaceOf } from '../src/session/session-places.ts';
import type { StoredPlaces } from '../src/store/session-rows.ts';

const SHARD = { streamId: 1, shard: 0 };

const storedWith = (places: Partial<StoredPlaces>): StoredPlaces => ({
  cursors: [],
  outbound: [],
  doubtful: false,
  ...places,
});
const cursor = (offset: number, sentBelow: number) => ({ ...SHARD, leaderEpoch: 0, offset, sentBelow });
const inFlight = (offset: number) => ({
  ...SHARD,
  leaderEpoch: 0,
  offset,
  packetId: 7,
  qos: 1 as const,
  state: 'sent' as const,
  departures: 0,
});

describe('storedPlaceOf', () => {
  test.each([
    ['nothing is said', {}, { from: undefined, committed: null }],
    ['a cursor alone', { cursors: [cursor(5, 0)] }, { from: 5, committed: 5 }],
    ['more was sent than acknowledged', { cursors: [cursor(5, 9)] }, { from: 9, committed: 5 }],
    [
      'the last one in flight',
      { cursors: [cursor(5, 0)], outbound: [inFlight(8)] },
      { from: 9, committed: 5 },
    ],
    ['something in flight and no cursor', { outbound: [inFlight(8)] }, { from: 9, committed: -1 }],
    ['a cursor at the very start', { cursors: [cursor(0, 0)] }, { from: 0, committed: 0 }],
  ])('%s', (_name, places, expected) => {
    expect(storedPlaceOf(storedWith(places), SHARD)).toEqual(expected);
  });

  test('a cursor that has passed what an earlier release had sent counts: nothing acknowledged comes again (I5)', () => {
    expect(storedPlaceOf(storedWith({ cursors: [cursor(21, 15)] }), SHARD)).toEqual({
      from: 21,
      committed: 21,
    });
  });

  test('after a crash the cursor alone is believed (S3)', () => {
    const places = placesAfterCrash(storedWith({ cursors: [cursor(5, 9)], outbound: [inFlight(8)] }));
    expect([storedPlaceOf(places, SHARD), places.doubtful]).toEqual([{ from: 5, committed: 5 }, true]);
  });
});
