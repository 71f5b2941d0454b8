// What rows of a session say beyond the end of their leader epoch (rule X4).

import { InvariantViolation, invariant, Random } from '@robustmq/testkit';
import { epochReset, KeptReach, type KeptCursor } from '../../src/outbound/kept-reach.ts';
import { Outbound } from '../../src/outbound/outbound.ts';
import type { Place } from '../../src/outbound/place.ts';
import { SendWindow } from '../../src/outbound/send-window.ts';
import type { StartOffset } from '../../src/outbound/start-positions.ts';

const SHARD = { streamId: 1, shard: 0 };
const KEY = 7;
const at = (leaderEpoch: number, offset: number): StartOffset => ({ ...SHARD, leaderEpoch, offset });
const cursor = (leaderEpoch: number, offset: number, sentBelow = 0): KeptCursor => ({
  ...at(leaderEpoch, offset),
  sentBelow,
});
const isOf = ({ shard }: StartOffset): boolean => shard === 0;
const ends = new Map([[3, 100]]);

describe('KeptReach', () => {
  test('names the epochs that are over, of its shard alone', () => {
    const reach = new KeptReach();
    reach.add(KEY, 3, 10);
    reach.add(KEY, 4, 10);
    reach.add(8, 1, 10);
    expect(reach.epochsBefore(KEY, 4)).toEqual([3]);
    expect(reach.epochsBefore(KEY, 5)).toEqual([3, 4]);
    expect(reach.epochsBefore(9, 5)).toEqual([]);
  });

  test('a row without an epoch is asked for nowhere', () => {
    const reach = new KeptReach();
    reach.add(KEY, -1, 10);
    expect(reach.epochsBefore(KEY, 5)).toEqual([]);
  });

  test.each([
    [100, false],
    [101, true],
  ])('rows below %i: beyond an end at 100 %s', (below, expected) => {
    const reach = new KeptReach();
    reach.add(KEY, 3, below);
    reach.add(KEY, 3, 5);
    reach.add(KEY, 4, 1_000);
    expect(reach.exceeds(KEY, ends)).toBe(expected);
    reach.forget(KEY);
    expect(reach.exceeds(KEY, ends)).toBe(false);
  });
});

describe('X4: what lies beyond the end of its epoch is reset to it', () => {
  test.each([
    ['a cursor beyond', cursor(3, 150, 180), cursor(3, 100, 100)],
    ['a cursor at the end, and more that was sent', cursor(3, 100, 101), cursor(3, 100, 100)],
    ['a cursor within', cursor(3, 99, 100), cursor(3, 99, 100)],
    ['a cursor of the present epoch', cursor(4, 150), cursor(4, 150)],
    ['a cursor of another shard', { ...cursor(3, 150), shard: 1 }, { ...cursor(3, 150), shard: 1 }],
  ])('%s', (_name, kept, expected) => {
    expect(epochReset.places([kept], [], isOf, ends).cursors).toEqual([expected]);
  });

  test('messages in flight that the log has no more are owed no more', () => {
    const rows = [at(3, 99), at(3, 100), at(4, 100), { ...at(3, 100), shard: 1 }];
    const { inFlight, lost } = epochReset.places([], rows, isOf, ends);
    expect([inFlight, lost]).toEqual([[rows[0], rows[2], rows[3]], [rows[1]]]);
  });

  test.each([
    [at(3, 150), at(3, 100)],
    [at(3, 100), at(3, 100)],
    [at(4, 150), at(4, 150)],
  ])('a start vector', (start, expected) => {
    const starts = new Map([[KEY, start]]);
    epochReset.start(starts, KEY, ends);
    epochReset.start(starts, 8, ends);
    expect([...starts]).toEqual([[KEY, expected]]);
  });
});

describe('Outbound: a shard whose place has to be found out', () => {
  test('is followed live from where it begins, and not before', () => {
    const outbound = new Outbound<Place>(new SendWindow(8));
    const tail = { key: KEY, nextOffset: 20, deliveredBelow: 20 };
    outbound.resume();
    outbound.resumed({ places: [], inFlight: [], isUncertain: false, awaited: [] });
    outbound.awaitPlace({ place: { ...tail, nextOffset: 0, deliveredBelow: 0 }, committed: null });
    expect([outbound.awaits(KEY), outbound.isLiveAt(KEY, 20)]).toEqual([true, false]);
    expect([outbound.awaits(8), outbound.isLiveAt(8, 20)]).toEqual([false, true]);
    expect(outbound.cursors()).toEqual([]);
    outbound.begin({ place: tail, from: 20, ringFrom: 0, committed: null });
    expect([outbound.awaits(KEY), outbound.isLiveAt(KEY, 20)]).toEqual([false, true]);
  });

  test('keeps the cursor that its row has', () => {
    const outbound = new Outbound<Place>(new SendWindow(8));
    const place = { key: KEY, nextOffset: 12, deliveredBelow: 12 };
    outbound.awaitPlace({ place, committed: 9 });
    expect(outbound.cursors()).toEqual([{ place, offset: 12 }]);
  });
});

/** One shard whose journal is set back now and then to an older state, and a session that comes and goes meanwhile. */
class Restores {
  readonly #random: Random;
  readonly #isReset: boolean;
  #log: { readonly id: number; readonly epoch: number }[] = [];
  #epochs: { readonly epoch: number; readonly start: number }[] = [{ epoch: 1, start: 0 }];
  #lastId = 0;
  readonly #delivered = new Set<number>();
  #row = cursor(1, 0);

  constructor(seed: number, isReset: boolean) {
    this.#random = new Random(seed);
    this.#isReset = isReset;
  }

  run(): void {
    for (let step = 0; step < 60; step++) {
      const roll = this.#random.below(10);
      if (roll < 6) this.#log.push({ id: ++this.#lastId, epoch: this.#epoch });
      else if (roll < 7) this.#setBack();
      else this.#serve();
    }
    this.#serve();
    for (const { id } of this.#log) invariant(this.#delivered.has(id), `I5: record ${id} was never sent`);
  }

  get #epoch(): number {
    return this.#epochs.at(-1)!.epoch;
  }

  #setBack(): void {
    const end = this.#random.between(0, this.#log.length);
    const next = this.#epoch + 1;
    this.#log = this.#log.slice(0, end);
    this.#epochs = this.#epochs.filter(({ start }) => start < end);
    this.#epochs.push({ epoch: next, start: end });
  }

  #endOf(epoch: number): number {
    return this.#epochs.find((other) => other.epoch > epoch)?.start ?? this.#log.length;
  }

  /** A connection that reads to the end, or not so far, and leaves. */
  #serve(): void {
    const tail = { key: KEY, nextOffset: this.#log.length, deliveredBelow: this.#log.length };
    const reach = new KeptReach();
    reach.add(KEY, this.#row.leaderEpoch, Math.max(this.#row.offset, this.#row.sentBelow));
    const asked = reach.epochsBefore(KEY, this.#epoch).map((epoch) => [epoch, this.#endOf(epoch)] as const);
    if (this.#isReset && reach.exceeds(KEY, new Map(asked)))
      this.#row = epochReset.places([this.#row], [], isOf, new Map(asked)).cursors[0]!;
    const outbound = new Outbound<Place>(new SendWindow(1_000));
    outbound.resume();
    outbound.resumed({ places: [], inFlight: [], isUncertain: false, awaited: [] });
    outbound.begin({ place: tail, from: this.#row.offset, ringFrom: 0, committed: this.#row.offset });
    const lag = outbound.lags?.get(KEY);
    for (; lag !== undefined && lag.nextOffset < tail.nextOffset; lag.nextOffset++)
      this.#delivered.add(this.#log[lag.nextOffset]!.id);
    outbound.caughtUp(tail);
    this.#row = cursor(this.#epoch, outbound.cursorOf(tail));
  }
}

const SEEDS = Array.from({ length: 300 }, (_each, index) => index + 1);

test('X4, I5: a log that goes back and grows again has nothing that a session misses', () => {
  for (const seed of SEEDS) new Restores(seed, true).run();
});

test('the simulation finds a session that is not reset', () => {
  expect(() => {
    for (const seed of SEEDS) new Restores(seed, false).run();
  }).toThrow(InvariantViolation);
});
