// QoS 2 publishes between PUBLISH and PUBCOMP (rules S2, R7).

import fc from 'fast-check';
import { InboundLedger, type InboundEntry } from '../../src/inbound/inbound-ledger.ts';

const SHARD = { streamId: 3, shard: 1 };

test('S2: a repeat goes to the shard of the first copy under its sequence, whoever owns the topic by then', () => {
  const ledger = new InboundLedger();
  ledger.begin(1n, []);
  const first = ledger.take(7, SHARD);
  expect(ledger.take(7, { streamId: 9, shard: 0 })).toBe(first);
  expect(ledger.size).toBe(1);
});

test('S2: a PUBLISH behind PUBREL is a new one, also under the same identifier', () => {
  const ledger = new InboundLedger();
  ledger.begin(1n, []);
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
  expect(() => new InboundLedger().take(1, SHARD)).toThrow(/begin with the epoch/);
});

test('R7: over owners that come and go, no sequence is given twice, and none below the lowest unreleased again', () => {
  const step = fc.oneof(
    fc.record({ take: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ release: fc.integer({ min: 1, max: 9 }) }),
    fc.constant('next owner' as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let epoch = 1n;
      let ledger = new InboundLedger();
      ledger.begin(epoch, []);
      const model = new Map<number, InboundEntry>();
      const given = new Set<bigint>();
      let forgottenBelow = 0n;
      for (const each of steps) {
        if (each === 'next owner') {
          const rows = [...ledger.entries()];
          ledger = new InboundLedger();
          ledger.begin(++epoch, rows);
        } else if ('take' in each) {
          const entry = ledger.take(each.take, SHARD);
          const known = model.get(each.take);
          if (known !== undefined) expect(entry).toEqual(known);
          else {
            expect(given).not.toContain(entry.sequence);
            expect(entry.sequence).toBeGreaterThanOrEqual(forgottenBelow);
            given.add(entry.sequence);
            model.set(each.take, entry);
          }
        } else expect(ledger.release(each.release)).toBe(model.delete(each.release));
        expect(ledger.size).toBe(model.size);
        const { lowestUnreleased } = ledger;
        for (const { sequence } of model.values()) expect(sequence).toBeGreaterThanOrEqual(lowestUnreleased);
        expect(lowestUnreleased).toBeGreaterThanOrEqual(forgottenBelow);
        forgottenBelow = lowestUnreleased;
      }
    }),
    { numRuns: 300 },
  );
});
