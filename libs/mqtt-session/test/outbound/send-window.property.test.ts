// The window against a plain Map, under any order of messages and acknowledgements.

import fc from 'fast-check';
import { SendWindow } from '../../src/outbound/send-window.ts';

/** A place is known by its key; each message may name it by an object of its own. */
interface Log {
  readonly key: number;
}

const log = (key: number): Log => ({ key });

const step = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ kind: 'take' as const, pick: 0 }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('acknowledge' as const), pick: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('foreign' as const), pick: fc.nat(65_535) }) },
);

/** In flight by the model: identifier → [place, offset]. */
type Model = Map<number, [number, number]>;

function expectSame(window: SendWindow<Log>, model: Model): void {
  expect(window.size).toBe(model.size);
  const held = [...window.inFlight()].map(({ packetId, place, offset }) => [packetId, [place.key, offset]]);
  expect(new Map(held as [number, [number, number]][])).toEqual(model);
  for (const place of [0, 1]) {
    const offsets = [...model.values()].filter(([each]) => each === place).map(([, offset]) => offset);
    expect(window.lowestOffset(log(place))).toBe(offsets.length === 0 ? undefined : Math.min(...offsets));
  }
}

test('[MQTT-3.3.4-9] [MQTT-2.2.1-4]: never over the maximum, never an identifier twice', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), fc.array(step, { maxLength: 200 }), (maximum, steps) => {
      const window = new SendWindow<Log>(maximum);
      const model: Model = new Map();
      steps.forEach(({ kind, pick }, offset) => {
        if (kind === 'take') {
          const place = offset % 2;
          const packetId = window.take(log(place), offset);
          expect(packetId === 0).toBe(model.size === maximum);
          if (packetId === 0) return;
          expect(model.has(packetId)).toBe(false);
          expect(packetId).toBeLessThanOrEqual(65_535);
          model.set(packetId, [place, offset]);
        } else if (kind === 'acknowledge' && model.size > 0) {
          const packetId = [...model.keys()][pick % model.size]!;
          expect(window.acknowledge(packetId)).toBe(model.delete(packetId));
        } else {
          expect(window.acknowledge(pick)).toBe(model.delete(pick));
        }
        expect(window.room).toBe(maximum - model.size);
      });
      expectSame(window, model);
    }),
    { numRuns: 400 },
  );
});

test('[MQTT-4.4.0-1]: what was in flight comes back under its own identifier, and none of them is given out again', () => {
  const ids = fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { maxLength: 40 });
  fc.assert(
    fc.property(ids, fc.nat(40), (restored, taken) => {
      const window = new SendWindow<Log>(100);
      const model: Model = new Map();
      restored.forEach((packetId, offset) => {
        window.restore(packetId, log(0), offset);
        model.set(packetId, [0, offset]);
      });
      for (let offset = 1000; offset < 1000 + taken; offset++) {
        const packetId = window.take(log(1), offset);
        expect(model.has(packetId)).toBe(false);
        model.set(packetId, [1, offset]);
      }
      expectSame(window, model);
    }),
    { numRuns: 300 },
  );
});

test('[MQTT-3.3.4-9]: what is restored counts once it is sent again, or is acknowledged', () => {
  const window = new SendWindow<Log>(2);
  for (const packetId of [7, 8, 9]) window.restore(packetId, log(0), packetId);
  expect([window.room, window.resendRoom]).toEqual([-1, 2]);
  expect(window.take(log(1), 1)).toBe(0);
  expect([window.resend(7), window.resend(8), window.resend(9)]).toEqual([true, true, false]);
  expect(window.acknowledge(9)).toBe(true);
  expect([window.holds(9), window.holds(8), window.holds(0)]).toEqual([false, true, false]);
  expect(window.resendRoom).toBe(0);
  expect(window.acknowledge(7)).toBe(true);
  expect([window.room, window.resendRoom]).toEqual([1, 1]);
  expect(window.take(log(1), 1)).toBeGreaterThan(9);
});

test('identifiers wrap at 65,535 and skip 0 and what is still in flight', () => {
  const window = new SendWindow<Log>(2);
  const stuck = window.take(log(0), 0);
  const seen = new Set<number>();
  for (let offset = 1; offset < 140_000; offset++) {
    const packetId = window.take(log(0), offset);
    if (packetId === stuck || packetId < 1 || packetId > 65_535) throw new Error(`identifier ${packetId}`);
    seen.add(packetId);
    window.acknowledge(packetId);
  }
  // Identifiers that share a slot with the one in flight are passed over: the window stays small instead of growing.
  expect(seen.size).toBeGreaterThan(61_000);
});

test('all 65,535 identifiers can be in flight at once', () => {
  const window = new SendWindow<Log>(65_535);
  let taken = 0;
  while (window.take(log(0), taken) !== 0) taken++;
  expect(taken).toBe(65_535);
  expect(window.take(log(0), 65_535)).toBe(0);
  expect(window.acknowledge(4711)).toBe(true);
  expect(window.take(log(0), 65_536)).toBe(4711);
});

test('restoring an identifier twice, or none, is a bug of the caller', () => {
  const window = new SendWindow<Log>(10);
  window.restore(5, log(0), 1);
  expect(() => window.restore(5, log(0), 2)).toThrow(/restored once/);
  expect(() => window.restore(0, log(0), 2)).toThrow(/1..65535/);
});
