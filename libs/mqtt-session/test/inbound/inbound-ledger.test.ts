// QoS 2 publishes between PUBLISH and PUBCOMP (rules S2, R7).

import fc from 'fast-check';
import { InboundLedger, type InboundEntry } from '../../src/inbound/inbound-ledger.ts';

const SHARD = { streamId: 3, shard: 1 };

test('S2: a repeat goes to the shard of the first copy under its sequence, whoever owns the topic by then', () => {
  const ledger = new InboundLedger();
  ledger.begin(0, []);
  const first = ledger.take(7, SHARD);
  expect(ledger.take(7, { streamId: 9, shard: 0 })).toBe(first);
  expect(ledger.size).toBe(1);
});

test('S2: a PUBLISH behind PUBREL is a new one, also under the same identifier', () => {
  const ledger = new InboundLedger();
  ledger.begin(0, []);
  const { sequence } = ledger.take(7, SHARD);
  expect(ledger.release(7)).toBe(true);
  expect(ledger.release(7)).toBe(false);
  expect(ledger.take(7, SHARD).sequence).toBeGreaterThan(sequence);
});

test('nothing is known of an identifier before the first publish', () => {
  const ledger = new InboundLedger();
  expect(ledger.release(1)).toBe(false);
  expect(ledger.size).toBe(0);
  expect([...ledger.entries()]).toEqual([]);
});

test('a ledger that was not begun gives no sequence', () => {
  expect(() => new InboundLedger().take(1, SHARD)).toThrow(/go on from those/);
});

test('R7: an owner goes on behind the highest sequence that was ever stored, up to the largest number', () => {
  const ledger = new InboundLedger();
  const row = { packetId: 3, sequence: 2 ** 32 + 1, ...SHARD };
  ledger.begin(Number.MAX_SAFE_INTEGER - 2, [row]);
  expect(ledger.lowestUnreleased).toBe(2 ** 32 + 1);
  expect(ledger.take(7, SHARD).sequence).toBe(Number.MAX_SAFE_INTEGER - 1);
  expect(ledger.take(8, SHARD).sequence).toBe(Number.MAX_SAFE_INTEGER);
  expect(() => ledger.take(9, SHARD)).toThrow(expect.objectContaining({ code: 'out_of_range' }));
  expect(ledger.take(3, SHARD)).toBe(row);
  expect(ledger.size).toBe(3);
});

test('R7: over owners that come and go, no sequence is stored twice, and none below the lowest unreleased again', () => {
  const step = fc.oneof(
    fc.record({ take: fc.integer({ min: 1, max: 9 }), isStored: fc.boolean() }),
    fc.record({ release: fc.integer({ min: 1, max: 9 }) }),
    fc.constant('next owner' as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 2 ** 52 }), (steps, before) => {
      // What meta has: rows, and the highest sequence of all that it ever had.
      const rows = new Map<number, InboundEntry>();
      let last = before;
      const stored = new Set<number>();
      let ledger = new InboundLedger();
      ledger.begin(last, []);
      // What the owner has: rows, and publishes whose rows have not got there.
      const model = new Map<number, InboundEntry>();
      let forgottenBelow = 0;
      for (const each of steps) {
        if (each === 'next owner') {
          ledger = new InboundLedger();
          ledger.begin(last, [...rows.values()]);
          model.clear();
          for (const row of rows.values()) model.set(row.packetId, row);
        } else if ('take' in each) {
          const entry = ledger.take(each.take, SHARD);
          const known = model.get(each.take);
          if (known !== undefined) expect(entry).toEqual(known);
          model.set(each.take, entry);
          if (each.isStored && !rows.has(each.take)) {
            expect(stored).not.toContain(entry.sequence);
            expect(entry.sequence).toBeGreaterThanOrEqual(forgottenBelow);
            stored.add(entry.sequence);
            rows.set(each.take, entry);
            last = Math.max(last, entry.sequence);
          }
        } else {
          expect(ledger.release(each.release)).toBe(model.delete(each.release));
          rows.delete(each.release);
        }
        expect(ledger.size).toBe(model.size);
        const { lowestUnreleased } = ledger;
        for (const { sequence } of model.values()) expect(sequence).toBeGreaterThanOrEqual(lowestUnreleased);
        // Told to leaders with records alone, whose rows are stored.
        for (const { sequence } of rows.values()) expect(sequence).toBeGreaterThanOrEqual(forgottenBelow);
        forgottenBelow = Math.max(forgottenBelow, Math.min(lowestUnreleased, last + 1));
      }
    }),
    { numRuns: 300 },
  );
});
